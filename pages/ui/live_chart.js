// Keeps one Plotly chart alive through every update: Plotly.react changes what is new, and the figure's `uirevision`
// keeps the viewer's zoom and legend choices.

let plotly = null;

// An address of the dashboard: beside the folder from which the page took its own scripts, wherever a proxy has put that.
function addressOf(path) {
  const own = [...document.scripts].map((loaded) => loaded.src).find((address) => address.includes("/static/"));
  return new URL(path, (own ?? document.baseURI).replace(/\/static\/.*/, "/")).href;
}

function loadPlotly() {
  plotly ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = addressOf("assets/plotly.min.js");
    script.onload = () => resolve(window.Plotly);
    script.onerror = () => {
      plotly = null; // the next update tries again
      reject(new Error("the chart library could not be loaded"));
    };
    document.head.append(script);
  });
  return plotly;
}

// A figure is drawn for a light page and names the colours to take on a dark one.
function withDarkColors(data, darkColors) {
  const swap = (name, part) => (part ? { [name]: { ...part, color: darkColors[part.color] ?? part.color } } : {});
  return data.map((trace) => ({ ...trace, ...swap("line", trace.line), ...swap("marker", trace.marker) }));
}

function isDark(element) {
  const probe = document.createElement("canvas").getContext("2d");
  probe.fillStyle = getComputedStyle(element).getPropertyValue("--st-background-color").trim();
  probe.fillRect(0, 0, 1, 1);
  const [red, green, blue] = probe.getImageData(0, 0, 1, 1).data;
  return red + green + blue < 384;
}

// The page's own colours, so that light and dark need no second figure.
function withPageColors(layout, element) {
  const style = getComputedStyle(element);
  const color = (name) => style.getPropertyValue(name).trim();
  const axis = (settings) => ({
    ...settings,
    gridcolor: color("--st-border-color"),
    linecolor: color("--st-border-color"),
    automargin: true,
  });
  const dark = isDark(element) ? layout.meta.dark_colors : {};
  const shapes = layout.shapes?.map((shape) => {
    const { line } = shape;
    return { ...shape, line: { ...line, color: dark[line.color] ?? line.color } };
  });
  const axes = Object.entries(layout).filter(([name]) => /^[xy]axis\d*$/.test(name));
  return {
    ...layout,
    ...Object.fromEntries(axes.map(([name, settings]) => [name, axis(settings)])),
    ...(shapes && { shapes }),
    // Words that stand upon a line hide it, where there are any.
    annotations: layout.annotations?.map((note) => (note.text.trim() ? { ...note, bgcolor: color("--st-background-color") } : note)),
    font: { ...layout.font, color: color("--st-text-color") },
    paper_bgcolor: color("--st-background-color"), // a picture has it, too, and so has what is hovered over
    hoverlabel: {
      bgcolor: color("--st-secondary-background-color"),
      font: { color: color("--st-text-color") },
      namelength: -1, // or it would cut names after 15 characters
    },
    modebar: { bgcolor: "rgba(0,0,0,0)", color: color("--st-gray-text-color"), activecolor: color("--st-primary-color") },
    // A finger that drags over the chart wants to scroll the page.
    dragmode: matchMedia("(pointer: coarse)").matches ? false : "zoom",
  };
}

const config = () => ({
  responsive: true,
  showTips: false, // its own tip would lie over the buttons beside the chart; the line below the chart says more
  displaylogo: false,
  // On a phone the buttons would cover the legend; two taps reset the view there.
  displayModeBar: innerWidth < 600 ? false : "hover",
  modeBarButtons: [["zoom2d", "pan2d", "zoomIn2d", "zoomOut2d", "resetScale2d"]],
});

function withText(tag, text) {
  const element = document.createElement(tag);
  element.textContent = text;
  return element;
}

function number(label, value) {
  const entry = document.createElement("div");
  entry.append(withText("dt", label), withText("dd", value));
  return entry;
}

// The fields for how the chart is drawn. What is chosen stays until the page says something new: an update that was
// under way before says what stood there.
function drawChoices(chart) {
  for (const { name, label, value, options } of chart.data.choices) {
    chart.choices[name] ??= addChoice(chart, name, label, options);
    const field = chart.choices[name];
    if (field.said !== value) field.select.value = value;
    field.said = value;
  }
}

function addChoice(chart, name, label, options) {
  const field = withText("label", label);
  const select = document.createElement("select");
  for (const [value, words] of options) select.append(new Option(words, value));
  select.addEventListener("change", () => chart.setTriggerValue("choice", { name, value: select.value }));
  field.append(select);
  chart.tools.insertBefore(field, chart.downloads);
  return { select, said: null };
}

// A table of the numbers, from the server, and pictures of the chart as it stands there.
function drawDownloads(chart) {
  chart.downloads.hidden = !chart.data.downloads;
  if (!chart.data.downloads || chart.downloads.childElementCount) return;
  const table = withText("a", "CSV");
  table.title = "Every step, as a table";
  table.addEventListener("click", () => {
    const { name, csv } = chart.data.downloads;
    Object.assign(table, { href: addressOf(csv), download: `${name}.csv` });
  });
  table.href = addressOf(chart.data.downloads.csv);
  const pictures = ["png", "svg"].map((format) => {
    const button = withText("button", format.toUpperCase());
    button.type = "button";
    button.title = "The chart as it is shown, as a picture";
    button.addEventListener("click", () => savePicture(chart, format));
    return button;
  });
  chart.downloads.append(withText("span", "Download"), table, ...pictures);
}

async function savePicture(chart, format) {
  try {
    const Plotly = await loadPlotly();
    const { data, layout, clientWidth: width, clientHeight: height } = chart.plot;
    // A picture has none of the page's fonts: what is measured in another one would be cut off.
    const drawn = { data, layout: { ...layout, font: { ...layout.font, family: "Arial, Helvetica, sans-serif" } } };
    const link = document.createElement("a");
    link.href = await Plotly.toImage(drawn, { format, width, height, scale: format === "png" ? 2 : 1 });
    link.download = `${chart.data.downloads.name}.${format}`;
    link.click();
    chart.failure.replaceChildren();
  } catch (error) {
    chart.failure.textContent = `The picture cannot be made: ${error.message}. Try again.`;
  }
}

function draw(chart) {
  const { figure, numbers, height, description, notes } = chart.data;
  chart.notes.replaceChildren(...notes.map((note) => withText("p", note)));
  drawChoices(chart);
  drawDownloads(chart);
  chart.numbers.replaceChildren(...Object.entries(numbers).map(([label, value]) => number(label, value)));
  chart.root.setAttribute("aria-label", description);
  chart.plot.style.height = `${height}px`;
  const layout = withPageColors({ ...figure.layout, height }, chart.root);
  const data = isDark(chart.root) ? withDarkColors(figure.data, figure.layout.meta.dark_colors) : figure.data;
  return loadPlotly()
    .then((Plotly) => Plotly.react(chart.plot, data, layout, chart.config))
    .then(() => watchZoom(chart))
    .then(() => chart.failure.replaceChildren())
    .catch((error) => {
      chart.failure.textContent = `The chart cannot be drawn: ${error.message}. Reload the page.`;
    });
}

// A view that was zoomed into stays while more comes, so that there is more to see than is shown must be said.
function watchZoom(chart) {
  const differs = (now, own) => own.some((end, index) => Math.abs(end - now[index]) > 1e-9);
  const isZoomed = ([name, own]) => {
    const { range, autorange } = chart.plot.layout[name];
    return own ? differs(range, own) : autorange === false;
  };
  const show = () => (chart.everything.hidden = !axesOf(chart).some(isZoomed));
  if (!chart.isWatched) chart.plot.on("plotly_relayout", show);
  chart.isWatched = true;
  show();
}

// Each axis of the chart, with the range that its figure wants for it, if it wants one.
function axesOf(chart) {
  const names = Object.keys(chart.plot.layout).filter((name) => /^[xy]axis\d*$/.test(name));
  return names.map((name) => [name, chart.data.figure.layout[name]?.range]);
}

function showEverything(chart) {
  const views = axesOf(chart).map(([name, own]) => (own ? [`${name}.range`, [...own]] : [`${name}.autorange`, true]));
  window.Plotly.relayout(chart.plot, Object.fromEntries(views));
}

// Zoom by `factor` around the middle of the visible steps, and move by `shift` of their width.
function moveView(plot, factor, shift) {
  const [left, right] = plot.layout.xaxis.range;
  const middle = (left + right) / 2 + shift * (right - left);
  const half = ((right - left) / 2) * factor;
  window.Plotly.relayout(plot, { "xaxis.range": [middle - half, middle + half] });
}

// Hide or show what belongs to the legend's entry of that number, as a click on it would.
function toggleEntry(plot, number) {
  const entry = plot.data.filter((trace) => trace.showlegend !== false)[number];
  if (!entry) return;
  const isMember = (trace) => trace === entry || (entry.legendgroup && trace.legendgroup === entry.legendgroup);
  const members = plot.data.flatMap((trace, index) => (isMember(trace) ? [index] : []));
  window.Plotly.restyle(plot, { visible: entry.visible === "legendonly" ? true : "legendonly" }, members);
}

function onKey(chart, event) {
  if (!window.Plotly || !chart.plot.layout || event.ctrlKey || event.metaKey || event.altKey) return;
  const plot = chart.plot;
  const actions = {
    "+": () => moveView(plot, 0.5, 0),
    "-": () => moveView(plot, 2, 0),
    ArrowLeft: () => moveView(plot, 1, -0.2),
    ArrowRight: () => moveView(plot, 1, 0.2),
    0: () => showEverything(chart),
  };
  if (/^[1-9]$/.test(event.key)) actions[event.key] = () => toggleEntry(plot, Number(event.key) - 1);
  if (actions[event.key]) {
    actions[event.key]();
    event.preventDefault();
  }
}

function create(parentElement) {
  const root = document.createElement("div");
  root.className = "live-chart";
  root.tabIndex = 0;
  root.setAttribute("role", "figure");
  const plot = document.createElement("div");
  plot.className = "live-chart-plot";
  const keys = document.createElement("p");
  keys.className = "live-chart-keys";
  keys.innerHTML =
    "<kbd>+</kbd> <kbd>−</kbd> zoom · <kbd>←</kbd> <kbd>→</kbd> move · <kbd>0</kbd> everything · <kbd>1</kbd> <kbd>2</kbd> <kbd>3</kbd> … show or hide a line";
  const failure = document.createElement("p");
  failure.className = "live-chart-failure";
  const everything = document.createElement("button");
  everything.className = "live-chart-everything";
  everything.textContent = "Zoomed in · show everything";
  everything.hidden = true;
  root.append(failure, everything, plot, keys);
  const numbers = document.createElement("dl");
  numbers.className = "live-chart-numbers";
  const notes = document.createElement("div");
  notes.className = "live-chart-notes";
  const tools = document.createElement("div");
  tools.className = "live-chart-tools";
  const downloads = document.createElement("div");
  downloads.className = "live-chart-downloads";
  downloads.setAttribute("role", "group");
  downloads.setAttribute("aria-label", "Download");
  tools.append(downloads);
  parentElement.append(numbers, root, notes, tools);
  const parts = { root, numbers, plot, failure, everything, notes, tools, downloads };
  const chart = { ...parts, choices: {}, isWatched: false, data: null, config: config() };
  everything.addEventListener("click", () => showEverything(chart));
  root.addEventListener("keydown", (event) => onKey(chart, event));
  // A change of theme comes as new values of the page's colour variables.
  let background = null;
  chart.watch = setInterval(() => {
    const now = getComputedStyle(root).getPropertyValue("--st-background-color");
    if (background !== null && now !== background && chart.data) draw(chart);
    background = now;
  }, 500);
  return chart;
}

const charts = new WeakMap();

export default function (component) {
  const { data, parentElement, setTriggerValue } = component;
  if (!charts.has(parentElement)) charts.set(parentElement, create(parentElement));
  const chart = charts.get(parentElement);
  Object.assign(chart, { data, setTriggerValue });
  draw(chart);
  return () => {
    clearInterval(chart.watch);
    if (window.Plotly) window.Plotly.purge(chart.plot);
    for (const part of [chart.numbers, chart.root, chart.notes, chart.tools]) part.remove();
    charts.delete(parentElement);
  };
}
