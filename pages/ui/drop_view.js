// What a zone for dropped files is made of, and when it comes and goes. `drop_zone.js` sends what is dropped on it.

const zones = new Map(); // by token and slot: a zone that is drawn at another place keeps what it is doing

function chooser(zone, label, isFolder) {
  const [button, input] = [element("button", "button", label), element("input", "input")];
  Object.assign(input, { type: "file", hidden: true, tabIndex: -1, webkitdirectory: isFolder });
  button.addEventListener("click", () => input.click());
  input.addEventListener("change", () => onChoose(zone, input));
  zone.inputs.push({ button, input, isFolder });
  return [button, input];
}

function watchDrags(zone) {
  let depth = 0; // a drag enters each element within before it leaves the one around it
  const mark = (change) => zone.area.classList.toggle("drop-zone-over", (depth = change) > 0);
  const on = (name, act) =>
    zone.area.addEventListener(name, (event) => {
      if (![...event.dataTransfer.types].includes("Files")) return;
      event.preventDefault();
      act(event);
    });
  on("dragenter", () => mark(depth + 1));
  on("dragleave", () => mark(Math.max(0, depth - 1)));
  on("dragover", (event) => (event.dataTransfer.dropEffect = "copy"));
  on("drop", (event) => {
    mark(0);
    onDrop(zone, event.dataTransfer);
  });
}

function create(data) {
  const zone = { data, component: null, waiting: [], sending: new Set(), refusals: new Map(), inputs: [], said: "" };
  Object.assign(zone, { began: 0, numFiles: 0, numDone: 0, numBytes: 0, bytesDone: 0 });
  Object.assign(zone, { numArrived: 0, numTold: 0 });
  zone.warn = (event) => event.preventDefault(); // the browser asks whether to leave
  zone.root = element("div");
  zone.root.className = "drop-zone";
  zone.root.setAttribute("role", "group");
  zone.label = element("div", "label");
  zone.area = element("div", "area");
  zone.hint = element("div", "hint");
  zone.buttons = element("div", "buttons");
  zone.camera = element("div", "camera");
  zone.photos = element("button", "button", "Take photos");
  zone.photos.addEventListener("click", () => openCamera(zone));
  zone.buttons.append(...chooser(zone, "Browse files", false), ...chooser(zone, "Browse a folder", true), zone.photos);
  zone.area.append(zone.buttons, zone.hint);
  zone.progress = element("div", "progress");
  [zone.bar, zone.amount, zone.stop] = [element("progress"), element("span"), element("button", "button", "Cancel")];
  zone.stop.addEventListener("click", () => cancel(zone));
  zone.progress.append(zone.bar, zone.amount, zone.stop);
  [zone.status, zone.refused] = [element("div", "status"), element("ul", "refused")];
  zone.status.setAttribute("role", "status");
  zone.refused.setAttribute("role", "alert");
  zone.root.append(zone.label, zone.area, zone.camera, zone.progress, zone.refused, zone.status);
  watchDrags(zone);
  return zone;
}

function update(zone, data) {
  zone.data = data;
  zone.label.textContent = data.label;
  zone.root.setAttribute("aria-label", data.label);
  zone.hint.textContent = data.hint;
  zone.bar.setAttribute("aria-label", `${data.label}: sent`);
  zone.photos.hidden = !data.is_camera;
  for (const { button, input, isFolder } of zone.inputs) {
    button.hidden = isFolder && !(data.is_multiple && "webkitdirectory" in input); // some phones know no folders
    button.textContent = isFolder ? "Browse a folder" : data.is_multiple ? "Browse files" : "Browse for a file";
    Object.assign(input, { multiple: data.is_multiple, accept: data.accept });
  }
  show(zone);
}

function leave(parentElement, name) {
  const zone = zones.get(name);
  if (zone?.parent !== parentElement) return; // it is drawn at another place by now
  zone.root.remove();
  closeCamera(zone);
  zone.parent = null;
  setTimeout(() => {
    if (zone.parent) return;
    zone.component = null; // nobody would hear
    cancel(zone);
    zones.delete(name);
  }, MOVED_WITHIN_MS);
}

const drawn = new WeakMap(); // the name of the zone in each place

export default function (component) {
  const { data, parentElement } = component;
  const name = `${data.token}/${data.slot}`;
  const before = drawn.get(parentElement);
  if (before && before !== name) leave(parentElement, before);
  drawn.set(parentElement, name);
  if (!zones.has(name)) zones.set(name, create(data));
  const zone = zones.get(name);
  if (zone.parent !== parentElement) parentElement.append(zone.root);
  Object.assign(zone, { component, parent: parentElement });
  update(zone, data);
  return () => leave(parentElement, drawn.get(parentElement));
}
