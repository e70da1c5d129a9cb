// One page of photos, cut from one picture that the server makes of them. Tiles are kept through every update, and with
// them the focus; what is selected is kept while the same photos are shown.

const WAIT_MS = 150; // for further clicks, before Python hears of a selection
const HINTS = "Space selects · Shift+Space a range · Enter enlarges · arrows move";

function make(name, className, text = "") {
  const element = document.createElement(name);
  element.className = `photo-sheet${className && "-"}${className}`;
  if (name === "button") element.type = "button";
  element.textContent = text;
  return element;
}

// A colour of the page, as an address holds it: "f2f6f9".
function pageColor(element, name) {
  const probe = document.createElement("canvas").getContext("2d");
  probe.fillStyle = getComputedStyle(element).getPropertyValue(name).trim();
  probe.fillRect(0, 0, 1, 1);
  const bytes = [...probe.getImageData(0, 0, 1, 1).data].slice(0, 3);
  return bytes.map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

// Where the server makes a picture of some rows, each `side` wide on the page.
function addressOf(sheet, rows, side) {
  const { set, version, maxTile } = sheet.data;
  // Beside the folder from which the page took its own scripts, wherever a proxy has put that.
  const own = [...document.scripts].map((loaded) => loaded.src).find((address) => address.includes("/static/"));
  const base = (own ?? document.baseURI).replace(/\/static\/.*/, "/");
  const address = new URL(`photos/${encodeURIComponent(set)}/${rows}`, base);
  const size = Math.min(Math.round(side * Math.min(devicePixelRatio, 2)), maxTile);
  const ground = pageColor(sheet.root, "--st-secondary-background-color");
  address.search = new URLSearchParams({ v: version, size, ground });
  return address.href;
}

const nameOf = (data, index) => data.captions[index] || `Photo ${(data.rows[index] + 1).toLocaleString("en")}`;

function draw(sheet) {
  const { data, root, tiles, grid } = sheet;
  const isNew = data.showing !== sheet.showing;
  root.style.setProperty("--photo-sheet-tile", `${data.tile}px`);
  root.classList.toggle("photo-sheet-selectable", data.isSelectable);
  while (tiles.length < data.rows.length) tiles.push(makeTile(sheet, tiles.length));
  while (grid.children.length > data.rows.length) grid.lastChild.remove();
  grid.append(...tiles.slice(grid.children.length, data.rows.length).map((tile) => tile.cell));
  fitting(sheet).forEach((tile, index) => {
    tile.caption.textContent = data.captions[index];
    tile.mark.textContent = data.marks[index];
    tile.button.title = data.captions[index];
    tile.button.setAttribute("aria-label", [nameOf(data, index), data.marks[index]].filter(Boolean).join(", "));
    tile.enlarge.setAttribute("aria-label", `Enlarge ${nameOf(data, index)}`);
  });
  if (isNew) begin(sheet);
  drawSelection(sheet);
  loadPhotos(sheet);
}

const fitting = (sheet) => sheet.tiles.slice(0, sheet.data.rows.length);

// Other photos than before: nothing of what was chosen among those is meant for these.
function begin(sheet) {
  clearTimeout(sheet.timer);
  sheet.timer = null;
  sheet.showing = sheet.data.showing;
  sheet.selected = new Set(sheet.data.selected);
  sheet.anchor = null;
  if (sheet.large.open) sheet.large.close();
  setCurrent(sheet, 0);
}

function drawSelection(sheet) {
  const { data, selected } = sheet;
  fitting(sheet).forEach((tile, index) => {
    if (data.isSelectable) tile.button.setAttribute("aria-pressed", selected.has(data.rows[index]));
    else tile.button.removeAttribute("aria-pressed");
  });
  sheet.tools.hidden = !data.isSelectable || !data.rows.length;
  const said = selected.size ? `${selected.size} of ${data.rows.length} selected` : "None selected";
  if (sheet.status.textContent !== said) sheet.status.textContent = said;
}

// The picture is shown in all of the tiles at once; until it is there they are empty, so that none has another's name.
function loadPhotos(sheet) {
  const { data } = sheet;
  const address = data.rows.length ? addressOf(sheet, data.address, data.tile) : "";
  if (address === sheet.address) return;
  sheet.address = address;
  sheet.failure.textContent = "";
  sheet.tiles.forEach((tile) => (tile.photo.style.backgroundImage = ""));
  if (!address) return;
  const picture = new Image();
  picture.src = address;
  picture.decode().then(
    () => address === sheet.address && showPhotos(sheet, address),
    () => address === sheet.address && (sheet.failure.textContent = "The photos cannot be shown. Reload the page."),
  );
}

function showPhotos(sheet, address) {
  const { data } = sheet;
  const columns = Math.min(data.rows.length, data.columns);
  const lines = Math.ceil(data.rows.length / columns);
  fitting(sheet).forEach(({ photo }, index) => {
    photo.style.backgroundImage = `url("${address}")`;
    photo.style.backgroundSize = `${columns * data.tile}px ${lines * data.tile}px`;
    const [across, down] = [index % columns, Math.floor(index / columns)];
    photo.style.backgroundPosition = `${-across * data.tile}px ${-down * data.tile}px`;
  });
  sheet.root.dataset.shown = data.address;
}

function select(sheet, indices, isSelected) {
  for (const index of indices) sheet.selected[isSelected ? "add" : "delete"](sheet.data.rows[index]);
  drawSelection(sheet);
  clearTimeout(sheet.timer);
  sheet.timer = setTimeout(() => tell(sheet), WAIT_MS);
}

// Tell Python what is selected: when no more clicks come, or before something else is clicked.
function tell(sheet) {
  if (sheet.timer === null) return;
  clearTimeout(sheet.timer);
  sheet.timer = null;
  const rows = sheet.data.rows.filter((row) => sheet.selected.has(row));
  sheet.setStateValue("selected", { showing: sheet.showing, rows });
}

const everyIndex = (sheet) => sheet.data.rows.map((_, index) => index);

function onClick(sheet, index, event) {
  setCurrent(sheet, index);
  if (!sheet.data.isSelectable) return enlarge(sheet, index);
  const isSelected = !sheet.selected.has(sheet.data.rows[index]);
  if (!event.shiftKey || sheet.anchor === null) {
    sheet.anchor = index;
    return select(sheet, [index], isSelected);
  }
  const [first, last] = [Math.min(sheet.anchor, index), Math.max(sheet.anchor, index)];
  const range = everyIndex(sheet).slice(first, last + 1);
  // As the tile where the range begins, which the first click has selected or not.
  return select(sheet, range, sheet.selected.has(sheet.data.rows[sheet.anchor]));
}

// Tab leads to one tile, and the arrows from there to the others: 48 stops would be too many.
function setCurrent(sheet, index) {
  sheet.tiles.forEach((tile, other) => (tile.button.tabIndex = other === index ? 0 : -1));
}

function moveTo(sheet, index) {
  const to = Math.max(0, Math.min(index, sheet.data.rows.length - 1));
  setCurrent(sheet, to);
  sheet.tiles[to].button.focus();
}

function onKey(sheet, index, event) {
  const { tiles, data } = sheet;
  const isAll = event.key === "a" && (event.ctrlKey || event.metaKey) && data.isSelectable;
  if (!isAll && (event.ctrlKey || event.metaKey || event.altKey)) return;
  const top = tiles[0].cell.offsetTop;
  const columns = fitting(sheet).filter((tile) => tile.cell.offsetTop === top).length;
  const actions = {
    a: isAll && (() => select(sheet, everyIndex(sheet), true)),
    Enter: () => enlarge(sheet, index),
    ArrowLeft: () => moveTo(sheet, index - 1),
    ArrowRight: () => moveTo(sheet, index + 1),
    ArrowUp: () => index >= columns && moveTo(sheet, index - columns),
    ArrowDown: () => index + columns < data.rows.length && moveTo(sheet, index + columns),
    Home: () => moveTo(sheet, 0),
    End: () => moveTo(sheet, data.rows.length - 1),
  };
  if (!actions[event.key]) return;
  actions[event.key]();
  event.preventDefault();
}

function makeTile(sheet, index) {
  const [cell, button, enlargeButton] = [make("div", "cell"), make("button", "tile"), make("button", "enlarge", "⤢")];
  const [photo, mark, caption] = [make("span", "photo"), make("span", "mark"), make("span", "caption")];
  enlargeButton.tabIndex = -1; // Enter does the same
  enlargeButton.title = "Enlarge";
  photo.append(mark);
  button.append(photo, caption);
  cell.append(button, enlargeButton);
  button.addEventListener("click", (event) => onClick(sheet, index, event));
  button.addEventListener("dblclick", () => enlarge(sheet, index)); // its two clicks have undone each other
  button.addEventListener("keydown", (event) => onKey(sheet, index, event));
  enlargeButton.addEventListener("click", () => enlarge(sheet, index));
  return { cell, button, photo, mark, caption, enlarge: enlargeButton };
}

function enlarge(sheet, index) {
  const { data, large, picture, name } = sheet;
  if (index < 0 || index >= data.rows.length) return;
  sheet.enlarged = index;
  picture.removeAttribute("src"); // or the one before would be seen with this one's name
  picture.src = addressOf(sheet, data.rows[index], 512);
  picture.alt = nameOf(data, index);
  name.textContent = [nameOf(data, index), data.marks[index]].filter(Boolean).join(" · ");
  sheet.before.disabled = index === 0;
  sheet.after.disabled = index === data.rows.length - 1;
  setCurrent(sheet, index);
  if (large.open) return;
  sheet.tiles[index].button.focus(); // closing it gives the focus back
  large.showModal();
}

function makeLarge(sheet) {
  const [large, picture, name] = [make("dialog", "large"), make("img", "picture"), make("p", "name")];
  const [before, after, close] = ["← Previous", "Next →", "Close"].map((text) => make("button", "tool", text));
  const buttons = make("div", "buttons");
  buttons.append(before, after, close);
  large.append(picture, name, buttons);
  large.setAttribute("aria-label", "Photo");
  name.setAttribute("aria-live", "polite");
  before.addEventListener("click", () => enlarge(sheet, sheet.enlarged - 1));
  after.addEventListener("click", () => enlarge(sheet, sheet.enlarged + 1));
  close.addEventListener("click", () => large.close());
  large.addEventListener("click", (event) => event.target === large && large.close()); // beside it
  large.addEventListener("close", () => sheet.tiles[sheet.enlarged]?.button.focus());
  large.addEventListener("keydown", (event) => {
    if (event.key === "ArrowLeft") enlarge(sheet, sheet.enlarged - 1);
    if (event.key === "ArrowRight") enlarge(sheet, sheet.enlarged + 1);
  });
  return { large, picture, name, before, after };
}

function create(parentElement) {
  const root = make("div", "");
  const [tools, status, grid] = [make("div", "tools"), make("span", "status"), make("div", "grid")];
  const [all, none] = ["Select all", "Select none"].map((text) => make("button", "tool", text));
  const failure = make("p", "failure");
  const sheet = { root, tools, status, grid, failure, tiles: [], selected: new Set(), timer: null, draws: 0 };
  Object.assign(sheet, makeLarge(sheet));
  status.setAttribute("role", "status");
  grid.setAttribute("role", "group");
  grid.setAttribute("aria-label", "Photos");
  tools.append(status, all, none, make("span", "hints", HINTS));
  root.append(tools, failure, grid, sheet.large);
  parentElement.append(root);
  all.addEventListener("click", () => select(sheet, everyIndex(sheet), true));
  none.addEventListener("click", () => select(sheet, everyIndex(sheet), false));
  // What is clicked next may act on the selection, and must find it told.
  sheet.onElsewhere = (event) => root.contains(event.target) || tell(sheet);
  document.addEventListener("pointerdown", sheet.onElsewhere, true);
  root.addEventListener("focusout", (event) => root.contains(event.relatedTarget) || tell(sheet));
  return sheet;
}

function remove(sheet) {
  document.removeEventListener("pointerdown", sheet.onElsewhere, true);
  clearTimeout(sheet.timer);
  sheet.root.remove();
}

const sheets = new WeakMap();

export default function (component) {
  const { data, parentElement, setStateValue } = component;
  if (!sheets.has(parentElement)) sheets.set(parentElement, create(parentElement));
  const sheet = sheets.get(parentElement);
  Object.assign(sheet, { data, setStateValue });
  const number = ++sheet.draws;
  draw(sheet);
  return () => {
    if (number !== sheet.draws) return; // Streamlit also calls this for an update that another one has overtaken
    remove(sheet);
    sheets.delete(parentElement);
  };
}
