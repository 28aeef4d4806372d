// The page's whole program: pictures go to POST predict/{model} one by one, a few at once; what comes back becomes text, never markup.
"use strict";

const AT_ONCE = 4, MOST_CARDS = 500, MOST_BARS = 5;
const get = id => document.getElementById(id);
const make = (tag, className, text) => {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text !== undefined) element.textContent = text;
  return element;
};
const pause = seconds => new Promise(resolve => setTimeout(resolve, 1000 * seconds));
const percent = share => (100 * share).toFixed(1) + " %";

let models = [], done = 0, failed = 0, asked = 0, running = 0, generation = 0;
const waiting = [];
let counts = new Map(), cells = new Map(); // "truth\nprediction" -> number, and where it stands

// ---- theme: the reader's choice, else the system's
const theme = get("theme");
const setTheme = dark => {
  document.documentElement.dataset.theme = dark ? "dark" : "light";
  theme.setAttribute("aria-pressed", String(dark));
};
let stored = null;
try { stored = localStorage.getItem("cifar3-theme"); } catch { /* private windows may have no storage */ }
setTheme(stored ? stored === "dark" : matchMedia("(prefers-color-scheme: dark)").matches);
theme.addEventListener("click", () => {
  const dark = document.documentElement.dataset.theme !== "dark";
  setTheme(dark);
  try { localStorage.setItem("cifar3-theme", dark ? "dark" : "light"); } catch { /* as above */ }
});

// ---- models
const chosen = () => models.find(model => model.name === get("model").value) ?? models[0];
const describe = () => {
  const model = chosen();
  if (model) get("about").textContent = `${model.name} tells ${model.classes.length} classes apart: ${model.classes.slice(0, 12).join(", ")}${model.classes.length > 12 ? ", …" : ""}. Version ${model.version}, ${model.device}.`;
};
const modelsFound = findModels(); // pictures wait for it: they are asked of a model by its name
async function findModels() {
  for (;;) {
    try {
      const answer = await fetch("models");
      if (answer.ok) {
        models = await answer.json();
        break;
      }
    } catch { /* it may be starting: asked again */ }
    get("about").textContent = "The service does not answer. Asking again …";
    await pause(2);
  }
  for (const model of models) get("model").append(new Option(model.name, model.name));
  get("model-choice").hidden = models.length < 2;
  describe();
}
get("model").addEventListener("change", () => { describe(); clear(); });

// ---- where pictures come from
get("choose").addEventListener("click", () => get("files").click());
get("choose-folder").addEventListener("click", () => get("folder").click());
for (const id of ["files", "folder"]) {
  get(id).addEventListener("change", event => {
    addAll([...event.target.files].map(file => ({ file, path: file.webkitRelativePath || file.name })));
    event.target.value = "";
  });
}
const drop = get("drop");
for (const name of ["dragenter", "dragover"]) document.addEventListener(name, event => { event.preventDefault(); drop.classList.add("over"); });
document.addEventListener("dragleave", event => { if (!event.relatedTarget) drop.classList.remove("over"); });
document.addEventListener("drop", async event => {
  event.preventDefault();
  drop.classList.remove("over");
  const entries = [...event.dataTransfer.items].map(item => item.webkitGetAsEntry && item.webkitGetAsEntry()).filter(entry => entry);
  if (entries.length === 0) return addAll([...event.dataTransfer.files].map(file => ({ file, path: file.name })));
  const found = [];
  for (const entry of entries) await walk(entry, found);
  addAll(found);
});
document.addEventListener("paste", event => {
  const files = [...event.clipboardData.files];
  if (files.length > 0) addAll(files.map(file => ({ file, path: file.name || "pasted picture" })));
});

// All files below a dropped folder, whose reader gives them in pieces; those that cannot be read too: they are told, and the others asked.
async function walk(entry, found) {
  const path = entry.fullPath.replace(/^\//, "");
  try {
    if (entry.isFile) {
      found.push({ file: await new Promise((resolve, reject) => entry.file(resolve, reject)), path });
      return;
    }
    const reader = entry.createReader();
    for (;;) {
      const part = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
      if (part.length === 0) return;
      for (const inner of part) await walk(inner, found);
    }
  } catch {
    found.push({ file: null, path });
  }
}

// ---- asking
function addAll(pictures) {
  const kept = pictures.filter(picture => !/(^|\/)(\.|Thumbs\.db$|desktop\.ini$)/.test(picture.path));
  asked += kept.length;
  waiting.push(...kept.map(picture => ({ ...picture, generation })));
  get("clear").hidden = asked === 0;
  tell();
  next();
}

function next() {
  while (running < AT_ONCE && waiting.length > 0) {
    running++;
    ask(waiting.shift()).finally(() => { running--; next(); });
  }
}

async function ask(picture) {
  let answer = null, error = picture.file ? null : "The browser cannot read it: it is gone, or you may not.";
  await modelsFound;
  try {
    while (error === null) {
      if (picture.generation !== generation) return; // cleared while it waited
      const response = await fetch("predict/" + encodeURIComponent(chosen().name), { method: "POST", body: picture.file, headers: { "Content-Type": "application/octet-stream" } });
      if (response.status === 503) { // busy: it says when to come again, a proxy in front perhaps as a date or with 0
        const seconds = Number(response.headers.get("Retry-After"));
        await pause(seconds > 0 ? Math.min(seconds, 60) : 1);
        continue;
      }
      const json = await response.json();
      if (response.ok) {
        answer = json;
        break;
      }
      error = json.detail ?? json.title ?? "The picture was refused.";
    }
  } catch {
    error = "The service does not answer, or refused the picture before it was sent whole.";
  }
  if (picture.generation !== generation) return; // cleared meanwhile
  if (answer) done++; else failed++;
  if (answer) compare(picture.path, answer.label);
  if (get("cards").childElementCount < MOST_CARDS) get("cards").append(card(picture, answer, error));
  tell();
}

function card(picture, answer, error) {
  const element = make("article", answer ? "card" : "card failed");
  if (picture.file) element.append(thumbnail(picture.file));
  element.append(make("div", "label", answer ? answer.label : "not readable"));
  if (answer) {
    const known = truth(picture.path);
    if (known !== null) element.append(make("div", known === answer.label ? "right" : "wrong", known === answer.label ? "✓ as its folder" : `✗ its folder: ${known}`));
    for (const { name, probability } of [...answer.probabilities].sort((a, b) => b.probability - a.probability).slice(0, MOST_BARS)) {
      const bar = make("div", "bar"), progress = make("progress");
      progress.value = probability;
      progress.setAttribute("aria-label", name);
      bar.append(make("span", "", name), progress, make("span", "", percent(probability)));
      element.append(bar);
    }
    if (answer.isFamiliar === false) element.append(make("div", "note", "Unlike what the model was trained on: do not rely on the label."));
    else if (answer.isFamiliar === true) element.append(make("div", "right", "familiar"));
  } else {
    element.append(make("div", "note", error));
  }
  element.append(make("div", "file", picture.path));
  return element;
}

function thumbnail(file) {
  const image = make("img");
  image.alt = "";
  image.src = URL.createObjectURL(file);
  image.addEventListener("load", () => URL.revokeObjectURL(image.src), { once: true });
  image.addEventListener("error", () => { URL.revokeObjectURL(image.src); image.remove(); }, { once: true });
  return image;
}

// ---- confusion, where a folder's name is a class
function truth(path) {
  const parts = path.split("/"), folder = parts.length > 1 ? parts[parts.length - 2] : null;
  return folder === null ? null : chosen()?.classes.find(name => name.normalize() === folder.normalize()) ?? null; // old disks of Macs give accents apart
}

function compare(path, label) {
  const known = truth(path);
  if (known === null) return;
  const key = known + "\n" + label;
  counts.set(key, (counts.get(key) ?? 0) + 1);
  if (cells.size === 0) drawMatrix(chosen().classes);
  const cell = cells.get(key); // none where the model was replaced by one of other classes
  if (cell) cell.textContent = String(counts.get(key));
  get("truth").hidden = false;
}

// Once, for a hundred classes are ten thousand cells.
function drawMatrix(classes) {
  const head = make("tr");
  head.append(make("th"), ...classes.map(name => make("th", "", name)));
  get("matrix").replaceChildren(head, ...classes.map(row => {
    const line = make("tr");
    line.append(make("th", "", row), ...classes.map(column => {
      const cell = make("td", row === column ? "diagonal" : "", "0");
      cells.set(row + "\n" + column, cell);
      return cell;
    }));
    return line;
  }));
}

function tell() {
  const right = [...counts].filter(([key]) => key.split("\n")[0] === key.split("\n")[1]).reduce((sum, [, n]) => sum + n, 0);
  const known = [...counts.values()].reduce((sum, n) => sum + n, 0);
  get("status").textContent = asked === 0 ? "" : `${done} of ${asked} pictures told apart`
    + (failed > 0 ? `, ${failed} not readable` : "")
    + (known > 0 ? `; ${right} of ${known} as their folders say (${percent(right / known)})` : "")
    + (done + failed > MOST_CARDS ? `; the first ${MOST_CARDS} are shown` : "") + ".";
}

function clear() {
  generation++;
  done = failed = asked = 0;
  waiting.length = 0;
  counts = new Map();
  cells = new Map();
  get("cards").replaceChildren();
  get("truth").hidden = true;
  get("clear").hidden = true;
  tell();
}
get("clear").addEventListener("click", () => { clear(); get("choose").focus(); });
