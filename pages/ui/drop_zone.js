// Sends files to the server as they are dropped or chosen, and tells the page what has arrived. A large one goes from
// the disk of one computer to that of the other: neither holds it in memory. What a file is called is shown as text.

const AT_ONCE = 3; // uploads; more would not be faster, and would keep the page's own requests waiting
const ASK_FIRST_BYTES = 16e6; // a server that refuses a larger file cannot say so while it comes
const TOGETHER_BYTES = 4e6; // small files go together: a request costs more than they do
const TOGETHER_FILES = 50;
const MAX_FILES = 20_000; // as the server takes of one drop
const NO_MORE = [404, 409]; // answers after which every other file would be refused, too
const MOVED_WITHIN_MS = 1_000; // a zone that is not drawn again meanwhile is gone, and its uploads with it
const MAX_REFUSALS = 5; // that are shown
const NO_ANSWER = "the server does not answer. Drop what is missing again.";
const BROKEN_OFF = "was not sent: it cannot be read any more, or the server does not answer. Drop it again.";

// A name on one line, with nothing in it that cannot be seen or that turns its surroundings around.
function shown(name) {
  const line = name.replace(/\p{C}/gu, "").trim() || "(no name)";
  return `\u2068${line.length > 80 ? `${line.slice(0, 53)}…${line.slice(-26)}` : line}\u2069`;
}

function size(bytes) {
  for (const [unit, of] of [["GB", 1e9], ["MB", 1e6]]) {
    if (bytes >= of) return `${(bytes / of).toPrecision(3)} ${unit}`;
  }
  return `${Math.ceil(bytes / 1e3)} kB`;
}

const count = (number, one) => `${number.toLocaleString("en")} ${one}${number === 1 ? "" : "s"}`;

function element(tag, name, text = "") {
  const made = document.createElement(tag);
  if (name) made.className = `drop-zone-${name}`;
  made.textContent = text;
  if (tag === "button") made.type = "button";
  return made;
}

// Beside the folder from which the page took its own scripts, wherever a proxy has put that.
function address(path, query) {
  const own = [...document.scripts].map((loaded) => loaded.src).find((source) => source.includes("/static/"));
  const found = new URL(`incoming/${path}`, (own ?? document.baseURI).replace(/\/static\/.*/, "/"));
  found.search = new URLSearchParams(query); // which also mends halves of characters, as some systems' names have
  return found.href;
}

// ---- What was dropped: files as [name, file], where a name begins with the folders that it was in.

const entriesOf = (reader) => new Promise((resolve, reject) => reader.readEntries(resolve, reject));
const fileOf = (entry) => new Promise((resolve, reject) => entry.file(resolve, reject));

async function walk(zone, entry, found) {
  if (found.length >= MAX_FILES) return;
  if (entry.isFile) {
    found.push([entry.fullPath.replace(/^\//, ""), await fileOf(entry)]);
    if (found.length % 100 === 0) zone.status.textContent = `Looking for files: ${found.length.toLocaleString("en")}`;
    return;
  }
  const reader = entry.createReader();
  // A folder gives its files by the hundred, and none at its end.
  for (let some = await entriesOf(reader); some.length; some = await entriesOf(reader)) {
    for (const inner of some) await walk(zone, inner, found);
  }
}

async function onDrop(zone, transfer) {
  // Both lists are gone once this function waits.
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  const plain = [...transfer.files].map((file) => [file.name, file]);
  zone.refusals.clear();
  if (!entries.some((entry) => entry.isDirectory)) return add(zone, plain);
  const found = [];
  try {
    for (const entry of entries) await walk(zone, entry, found);
  } catch {
    refuse(zone, "A folder could not be read to its end. Drop it again, or put it into a zip file.");
  }
  if (found.length >= MAX_FILES) {
    refuse(zone, `Of a folder, at most ${count(MAX_FILES, "file")} are taken. Put it into a zip file, and drop that.`);
  }
  return add(zone, found);
}

function onChoose(zone, input) {
  zone.refusals.clear();
  add(zone, [...input.files].map((file) => [file.webkitRelativePath || file.name, file]));
  input.value = ""; // the same files can be chosen again
}

function isAccepted(file, accept) {
  const kinds = accept.split(",").map((kind) => kind.trim().toLowerCase()).filter(Boolean);
  const [name, type] = [file.name.toLowerCase(), file.type.toLowerCase()];
  const is = (kind) => (kind.endsWith("/*") ? type.startsWith(kind.slice(0, -1)) : type === kind);
  return !kinds.length || kinds.some((kind) => (kind.startsWith(".") ? name.endsWith(kind) : is(kind)));
}

// ---- Sending.

function add(zone, files) {
  const { accept, is_multiple } = zone.data;
  const accepted = files.filter(([, file]) => isAccepted(file, accept));
  const only = `only ${accept.split(",").join(", ")} is taken here.`;
  for (const [name, file] of files) {
    const what = files.length > 1 ? "Left out" : `${shown(name)} was left out`;
    if (!isAccepted(file, accept)) refuse(zone, `${what}: ${only}`);
  }
  if (!files.length) refuse(zone, "There is no file in what was dropped.");
  if (!is_multiple && accepted.length > 1) refuse(zone, "Only one file is taken here: the first one.");
  for (const [name, file] of is_multiple ? accepted : accepted.slice(0, 1)) {
    zone.waiting.push({ name, file });
    zone.numFiles += 1;
    zone.numBytes += file.size;
  }
  start(zone);
  if (!zone.began) show(zone); // all were refused
}

function start(zone) {
  if (!zone.began && zone.waiting.length) {
    zone.began = performance.now();
    zone.timer = setInterval(() => show(zone), 200);
    addEventListener("beforeunload", zone.warn);
    show(zone);
  }
  while (zone.sending.size < AT_ONCE && zone.waiting.length) {
    const upload = next(zone.waiting);
    zone.sending.add(upload);
    send(zone, upload)
      .catch((problem) => !upload.isCancelled && refuse(zone, problem.message))
      .then(() => settle(zone, upload));
  }
}

// What goes as one request: a file, or several small ones.
function next(waiting) {
  const parts = [waiting.shift()];
  let left = TOGETHER_BYTES - parts[0].file.size;
  while (waiting.length && parts.length < TOGETHER_FILES && waiting[0].file.size <= left) {
    left -= waiting[0].file.size;
    parts.push(waiting.shift());
  }
  return { parts, sent: 0, request: null };
}

const bytesOf = (parts) => parts.reduce((sum, { file }) => sum + file.size, 0);
const send = (zone, upload) => (upload.parts.length === 1 ? sendOne(zone, upload) : sendMany(zone, upload));

async function sendOne(zone, upload) {
  const { token, slot } = zone.data;
  const [{ name, file }] = upload.parts;
  const isLarge = file.size > ASK_FIRST_BYTES;
  if (isLarge) await ask(zone, name, file);
  const { status, answer } = await post(upload, address(`${token}/${slot}`, { name }), file);
  if (status === 200) {
    zone.numArrived += 1;
    return;
  }
  if (NO_MORE.includes(status)) drop(zone);
  if (status === 0 && !upload.isCancelled && isLarge) await ask(zone, name, file); // it may say why
  throw new Error(answer.problem ?? `${shown(name)} ${BROKEN_OFF}`);
}

async function sendMany(zone, upload) {
  const { token, slot } = zone.data;
  // Read here, a file that is not there any more is known by name, and costs the others nothing.
  const contents = await Promise.all(upload.parts.map(({ file }) => file.arrayBuffer().catch(() => null)));
  const isRead = (_, index) => contents[index] !== null;
  upload.parts.forEach(({ name }, index) => contents[index] ?? refuse(zone, `${shown(name)} ${BROKEN_OFF}`));
  const [parts, read] = [upload.parts.filter(isRead), contents.filter(isRead)];
  if (!parts.length) return;
  const list = JSON.stringify(parts.map(({ name }, index) => [name, read[index].byteLength]));
  const { status, answer } = await post(upload, address(`${token}/${slot}/many`, {}), new Blob([`${list}\n`, ...read]));
  const numTaken = answer.taken ?? 0;
  zone.numArrived += numTaken;
  if (status === 200 || upload.isCancelled) return;
  if (!answer.problem) throw new Error(`${count(parts.length, "file")} may be missing: ${NO_ANSWER}`);
  const others = parts.slice(numTaken + 1); // those after the one that was refused are sent again
  upload.parts = upload.parts.filter((part) => !others.includes(part));
  zone.waiting.unshift(...others);
  if (NO_MORE.includes(status)) drop(zone);
  throw new Error(answer.problem);
}

// Whether the server would take a file.
async function ask(zone, name, file) {
  const query = { name, bytes: file.size };
  const asked = await fetch(address(zone.data.token, query), { method: "POST" }).catch(() => null);
  const { problem } = (await asked?.json().catch(() => null)) ?? {};
  if (asked && NO_MORE.includes(asked.status)) drop(zone);
  if (!asked?.ok) throw new Error(problem ?? `${shown(name)} ${BROKEN_OFF}`);
}

// Send a body; `fetch` would not tell how much of it has gone. The status is 0 where there is no answer.
function post(upload, url, body) {
  return new Promise((resolve) => {
    const request = new XMLHttpRequest();
    upload.request = request;
    request.upload.onprogress = (event) => (upload.sent = event.loaded);
    request.responseType = "json";
    request.onloadend = () => resolve({ status: request.status, answer: request.response ?? {} });
    request.open("POST", url);
    request.setRequestHeader("Content-Type", "application/octet-stream");
    if (upload.isCancelled) resolve({ status: 0, answer: {} });
    else request.send(body);
  });
}

function settle(zone, upload) {
  if (!zone.sending.delete(upload)) return; // it was cancelled, and others may be on their way since
  zone.numDone += upload.parts.length;
  zone.bytesDone += bytesOf(upload.parts);
  if (zone.waiting.length) start(zone);
  else if (!zone.sending.size) finish(zone);
}

// Leave out what has not been begun.
function drop(zone) {
  const left = zone.waiting.splice(0);
  if (left.length) refuse(zone, `${count(left.length, "more file")} ${left.length === 1 ? "was" : "were"} not sent.`);
}

function cancel(zone) {
  zone.waiting.length = 0;
  for (const upload of zone.sending) {
    upload.isCancelled = true;
    upload.request?.abort();
  }
  zone.sending.clear();
  zone.numTold = -1; // one may have arrived, and not been answered
  if (zone.began) finish(zone);
}

function finish(zone) {
  clearInterval(zone.timer);
  removeEventListener("beforeunload", zone.warn);
  Object.assign(zone, { began: 0, numFiles: 0, numDone: 0, numBytes: 0, bytesDone: 0 });
  tell(zone);
  show(zone);
}

function refuse(zone, sentence) {
  zone.refusals.set(sentence, (zone.refusals.get(sentence) ?? 0) + 1);
}

// ---- What the page and the person hear.

// The page runs anew once all is there, since it looks through the files each time.
function tell(zone) {
  if (zone.numArrived === zone.numTold || !zone.component) return;
  zone.numTold = zone.numArrived;
  zone.component.setTriggerValue("arrived", zone.numArrived);
}

function show(zone) {
  const sent = [...zone.sending].reduce((sum, upload) => sum + upload.sent, zone.bytesDone);
  const share = zone.numBytes ? Math.min(1, sent / zone.numBytes) : 0;
  const seconds = (performance.now() - zone.began) / 1000;
  const speed = seconds > 1 ? ` · ${size(sent / seconds)}/s` : "";
  zone.progress.hidden = !zone.began;
  zone.bar.value = share;
  const done = `${zone.numDone.toLocaleString("en")} of ${count(zone.numFiles, "file")}`;
  const state = share === 1 ? "Writing to the disk …" : `${Math.floor(100 * share)}%${speed}`;
  zone.amount.textContent = `${done} · ${state}`;
  zone.status.textContent = zone.began ? "" : zone.data.summary;
  const times = (number) => (number > 1 ? ` (${count(number, "file")})` : "");
  const sentences = [...zone.refusals].map(([sentence, number]) => sentence + times(number));
  if (sentences.length > MAX_REFUSALS) {
    const others = [...zone.refusals.values()].slice(MAX_REFUSALS).reduce((sum, number) => sum + number, 0);
    sentences.splice(MAX_REFUSALS, Infinity, `And ${count(others, "more file")}.`);
  }
  if (zone.said !== sentences.join("\n")) {
    zone.said = sentences.join("\n"); // or a screen reader would say it again and again
    zone.refused.replaceChildren(...sentences.map((sentence) => element("li", "", sentence)));
  }
  zone.refused.hidden = !sentences.length;
}
