// Keeps one Plotly chart alive through every update: Plotly.react changes what is new, and the figure's `uirevision`
// keeps the viewer's zoom and legend choices.

let plotly = null;

function loadPlotly() {
  plotly ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    // Beside the folder from which the page took its own scripts, wherever a proxy has put that.
    const own = [...document.scripts].map((loaded) => loaded.src).find((address) => address.includes("/static/"));
    script.src = new URL("assets/plotly.min.js", (own ?? document.baseURI).replace(/\/static\/.*/, "/")).href;
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
  const axes = Object.entries(layout).filter(([name]) => /^[xy]axis\d*$/.test(name));
  return {
    ...layout,
    ...Object.fromEntries(axes.map(([name, settings]) => [name, axis(settings)])),
    font: { ...layout.font, color: color("--st-text-color") },
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

function number(label, value) {
  const entry = document.createElement("div");
  const [term, definition] = [document.createElement("dt"), document.createElement("dd")];
  term.textContent = label;
  definition.textContent = value;
  entry.append(term, definition);
  return entry;
}

function draw(chart) {
  const { figure, numbers, height, description } = chart.data;
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
  parentElement.append(numbers, root);
  const chart = { root, numbers, plot, failure, everything, isWatched: false, data: null, config: config() };
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
  const { data, parentElement } = component;
  if (!charts.has(parentElement)) charts.set(parentElement, create(parentElement));
  const chart = charts.get(parentElement);
  chart.data = data;
  draw(chart);
  return () => {
    clearInterval(chart.watch);
    if (window.Plotly) window.Plotly.purge(chart.plot);
    chart.numbers.remove();
    chart.root.remove();
    charts.delete(parentElement);
  };
}
