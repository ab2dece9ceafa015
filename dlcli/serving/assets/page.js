"use strict";
const SVG = "http://www.w3.org/2000/svg";
const PREVIEW_ROWS = 20;
const IMAGE_FILES = ".png,.jpg,.jpeg,.webp,.gif,.bmp";
const find = (id) => document.getElementById(id);
let token = null;
let about = null;
let row = null;
let record = null;
let level = null;
const fields = new Map();

function make(tag, settings = {}, ...content) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(settings)) {
    if (value === null || value === undefined) continue;
    if (name === "class") element.className = value;
    else if (name in element) element[name] = value;
    else element.setAttribute(name, value);
  }
  element.append(...content);
  return element;
}

function draw(tag, attributes, text = null) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  if (text !== null) element.textContent = text;
  return element;
}

function written(value) {
  if (typeof value !== "number") return value === null ? "none" : String(value);
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-4 || size >= 1e9)) return value.toExponential(3);
  const digits = size >= 1000 ? 1 : size >= 100 ? 2 : size >= 1 ? 3 : 4;
  return value.toLocaleString("en-US", { maximumFractionDigits: digits });
}

async function ask(path, options = {}) {
  const headers = { ...(options.headers || {}) };
  if (token !== null) headers.Authorization = `Bearer ${token}`;
  const response = await fetch(path, { ...options, headers });
  if (response.ok) return response;
  let told = null;
  try { told = (await response.json()).error; } catch { told = null; }
  const error = new Error(told ? told.message : `the server answered ${response.status}`);
  error.hint = told ? told.hint : null;
  error.column = told ? told.column : null;
  error.status = response.status;
  throw error;
}

function address() { return level === null ? "predict" : `predict?interval=${level}`; }

function sentence(error) {
  if (error instanceof TypeError) return "the server does not answer: is it still running?";
  return error.hint ? `${error.message}\n${error.hint}` : error.message;
}

/* The form: a control for each column, which starts in the middle of the training rows. */

function typesOf(schema) { return [].concat(schema.type || []); }

function numberField(name, schema) {
  const [low, high] = schema["x-training-range"];
  const start = schema.example ?? (low + high) / 2;
  const whole = [low, high, start].every(Number.isInteger) && high - low >= 4;
  const step = whole ? 1 : 10 ** Math.floor(Math.log10((high - low) / 200 || 1));
  const slider = make("input", { type: "range", min: low, max: high, step: whole ? 1 : "any", id: `slide-${fields.size}`, "aria-label": `${name}, slider`, disabled: low === high });
  const box = make("input", { type: "number", step: "any", id: `input-${fields.size}`, value: start });
  const note = make("p", { class: "note" });
  slider.value = start;
  const tell = () => {
    const value = box.value === "" ? null : Number(box.value);
    const beyond = value !== null && (value < low || value > high);
    note.classList.toggle("beyond", beyond);
    note.textContent = beyond ? `outside the training range, ${written(low)} to ${written(high)}` : `${written(low)} to ${written(high)}`;
  };
  slider.addEventListener("input", () => {
    box.value = whole ? slider.value : String(Number((Math.round(slider.value / step) * step).toPrecision(12)));
    tell();
    predictSoon();
  });
  box.addEventListener("input", () => { slider.value = box.value; tell(); predictSoon(); });
  tell();
  return { parts: [slider, box, note], id: box.id, read: () => (box.value === "" ? null : Number(box.value)) };
}

function choiceField(schema, choices) {
  const select = make("select", { id: `input-${fields.size}`, class: "wide" });
  for (const choice of choices) {
    const text = choice === null ? "(missing)" : String(choice);
    select.append(make("option", { value: text, textContent: text, selected: choice === schema.example }));
  }
  select.addEventListener("change", predictSoon);
  return { parts: [select], id: select.id, read: () => choices[select.selectedIndex] };
}

function suggestedField(schema) {
  const list = make("datalist", { id: `list-${fields.size}` });
  for (const name of schema["x-training-categories"]) list.append(make("option", { value: name }));
  const box = make("input", { type: "text", id: `input-${fields.size}`, class: "wide", value: schema.example ?? "" });
  box.setAttribute("list", list.id);
  box.addEventListener("input", predictSoon);
  return { parts: [box, list], id: box.id, read: () => (box.value === "" ? null : box.value) };
}

function textField(schema) {
  const isText = schema.description === "text" || (schema.description || "").startsWith("text;");
  const box = make(isText ? "textarea" : "input", { id: `input-${fields.size}`, class: "wide", value: schema.example ?? "" });
  box.addEventListener("input", predictSoon);
  const note = make("p", { class: "note", textContent: isText ? "" : schema.description || "" });
  return { parts: [box, note], id: box.id, read: () => (box.value === "" ? null : box.value) };
}

function imageField(name, schema) {
  const box = make("input", { type: "file", id: `input-${fields.size}`, class: "wide", accept: IMAGE_FILES });
  const picture = make("img", { class: "chosen", alt: "", hidden: true });
  let content = null;
  box.addEventListener("change", () => {
    const file = box.files[0];
    if (!file) { content = null; picture.hidden = true; predictSoon(); return; }
    const reader = new FileReader();
    reader.addEventListener("load", () => {
      if (box.files[0] !== file) return;
      content = reader.result;
      picture.src = content;
      picture.alt = file.name;
      picture.hidden = false;
      predictSoon();
    });
    reader.addEventListener("error", () => showProblem(new Error(`${file.name} cannot be read`)));
    reader.readAsDataURL(file);
  });
  const needed = !typesOf(schema).includes("null");
  return { parts: [box, picture], id: box.id, read: () => content, lacks: () => (needed && content === null ? `choose an image for ${name}` : null) };
}

function fieldOf(name, schema) {
  if (schema["x-image"]) return imageField(name, schema);
  if (schema["x-training-range"]) return numberField(name, schema);
  if (schema.enum) return choiceField(schema, schema.enum);
  if (typesOf(schema).includes("boolean")) {
    return choiceField(schema, typesOf(schema).includes("null") ? [false, true, null] : [false, true]);
  }
  if (schema["x-training-categories"]) return suggestedField(schema);
  return textField(schema);
}

function buildForm() {
  for (const [name, schema] of Object.entries(row.properties)) {
    const field = fieldOf(name, schema);
    const label = make("label", { textContent: name });
    label.htmlFor = field.id;
    field.element = make("div", { class: "field" }, label, ...field.parts);
    fields.set(name, field);
    find("inputs").append(field.element);
  }
  find("inputs").addEventListener("submit", (event) => event.preventDefault());
}

/* One question at a time; what changes meanwhile is asked next. */

let asking = false;
let changed = false;

async function predictSoon() {
  changed = true;
  if (asking) return;
  asking = true;
  while (changed) {
    changed = false;
    const lacking = [...fields.values()].map((field) => field.lacks?.()).find(Boolean);
    if (lacking) { showProblem(null, lacking); continue; }
    const values = Object.fromEntries([...fields].map(([name, field]) => [name, field.read()]));
    try {
      const response = await ask(address(), {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify(values),
      });
      showPrediction((await response.json()).predictions[0]);
      showProblem(null);
    } catch (error) {
      showProblem(error);
      if (error.status === 401) askForToken(error);
    }
  }
  asking = false;
}

function showProblem(error, lacking = "") {
  find("problem").textContent = error === null ? "" : sentence(error);
  find("lacking").textContent = lacking;
  find("predictions").hidden = error !== null || lacking !== "";
  for (const [name, field] of fields) field.element.toggleAttribute("data-refused", error !== null && error.column === name);
}

function showPrediction(prediction) {
  const shown = [];
  const used = new Set();
  for (const [name, schema] of Object.entries(record.properties)) {
    if (!name.startsWith("predicted_") || used.has(name)) continue;
    const target = name.slice("predicted_".length);
    const value = prediction[name];
    const children = [make("p", { class: "name", textContent: target }), make("p", { class: "big", textContent: written(value) })];
    if (schema["x-training-range"] && typeof value === "number") {
      const low = prediction[`lower_${target}`];
      const high = prediction[`upper_${target}`];
      const ends = typeof low === "number" && typeof high === "number" ? [low, high] : null;
      if (ends) children.push(make("p", { class: "interval", textContent: `${written(low)} to ${written(high)}, ${Math.round(100 * level)} % interval` }));
      children.push(scale(value, ends, schema["x-training-range"]));
    }
    if (schema["x-probabilities"]) children.push(shares(schema["x-probabilities"], prediction));
    shown.push(make("div", { class: "target" }, ...children));
  }
  find("predictions").replaceChildren(...shown);
}

function scale(value, ends, [low, high]) {
  const first = Math.min(low, value, ...(ends || []));
  const last = Math.max(high, value, ...(ends || []));
  const place = (x) => `${3 + (94 * (x - first)) / (last - first || 1)}%`;
  const picture = draw("svg", { class: "scale", role: "img", "aria-label": `${written(value)} between ${written(low)} and ${written(high)}` });
  picture.append(draw("line", { class: "track", x1: place(low), x2: place(high), y1: 12, y2: 12 }));
  if (ends) picture.append(draw("line", { class: "reach", x1: place(ends[0]), x2: place(ends[1]), y1: 12, y2: 12 }));
  picture.append(draw("circle", { cx: place(value), cy: 12, r: 9 }));
  picture.append(draw("text", { x: place(low), y: 36 }, written(low)));
  picture.append(draw("text", { x: place(high), y: 36, "text-anchor": "end" }, written(high)));
  return picture;
}

function shares(columns, prediction) {
  const lines = Object.entries(columns).map(([label, column]) => [label, prediction[column]]);
  lines.sort((one, other) => other[1] - one[1]);
  const parts = lines.slice(0, 12).flatMap(([label, share]) => [
    make("span", { textContent: label }),
    make("progress", { max: 1, value: share ?? 0, "aria-label": label }),
    make("span", { class: "share", textContent: share === null ? "none" : `${(100 * share).toFixed(1)} %` }),
  ]);
  return make("div", { class: "classes" }, ...parts);
}

/* Files: sent as they are, given back as CSV with the predictions. */

const KINDS = { csv: "text/csv", txt: "text/csv", data: "text/csv", tsv: "text/tab-separated-values", json: "application/json", png: "image/png", jpg: "image/jpeg", jpeg: "image/jpeg", webp: "image/webp", gif: "image/gif", bmp: "image/bmp" };

async function sendFile() {
  const file = find("file").files[0];
  if (!file) return;
  const suffix = file.name.toLowerCase().split(".").pop();
  const kind = KINDS[suffix];
  find("download").hidden = find("preview").hidden = true;
  find("file-problem").textContent = "";
  find("state").textContent = `predicting ${file.name} …`;
  try {
    if (!kind) throw new Error(`${file.name}: this page sends ${find("file").accept}`);
    const response = await ask(address(), { method: "POST", headers: { "Content-Type": kind }, body: file });
    const json = response.headers.get("content-type").startsWith("application/json");
    const text = json ? csvOf((await response.json()).predictions) : await response.text();
    showFile(file, text);
  } catch (error) {
    find("state").textContent = "";
    find("file-problem").textContent = sentence(error);
    if (error.status === 401) askForToken(error);
  }
}

function csvOf(records) {
  const names = Object.keys(records[0] || {});
  const cell = (value) => {
    const text = value === null ? "" : String(value);
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  return [names, ...records.map((each) => names.map((name) => each[name]))].map((line) => line.map(cell).join(",")).join("\n") + "\n";
}

let saved = null;

function showFile(file, text) {
  const separator = file.name.toLowerCase().endsWith(".tsv") ? "\t" : ",";
  const [header, ...rows] = cells(text, separator, PREVIEW_ROWS + 2);
  const link = find("download");
  if (saved !== null) URL.revokeObjectURL(saved);
  saved = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
  link.href = saved;
  link.download = `${file.name.replace(/\.[^.]*$/, "")}-predictions.${separator === "\t" ? "tsv" : "csv"}`;
  link.hidden = false;
  const lines = rows.slice(0, PREVIEW_ROWS).map((line) => make("tr", {}, ...line.map((cell) => make("td", { textContent: cell }))));
  const head = make("thead", {}, make("tr", {}, ...header.map((name) => make("th", { textContent: name, scope: "col" }))));
  find("preview").replaceChildren(make("table", {}, head, make("tbody", {}, ...lines)));
  find("preview").hidden = false;
  find("state").textContent = rows.length > PREVIEW_ROWS ? `the first ${PREVIEW_ROWS} rows of ${file.name}` : file.name;
}

function cells(text, separator, most) {
  const rows = [[""]];
  let quoted = false;
  for (let at = 0; at < text.length && rows.length <= most; at += 1) {
    const letter = text[at];
    const line = rows[rows.length - 1];
    if (quoted && letter === '"' && text[at + 1] === '"') { line[line.length - 1] += '"'; at += 1; }
    else if (letter === '"') quoted = !quoted;
    else if (!quoted && letter === separator) line.push("");
    else if (!quoted && letter === "\n") rows.push([""]);
    else line[line.length - 1] += letter;
  }
  return rows.slice(0, most).filter((line) => line.length > 1 || line[0] !== "");
}

/* Start: what the server says of its run; with a token where it asks for one. */

function askForToken(error) {
  find("work").hidden = true;
  find("access").hidden = false;
  find("refused").textContent = token === null ? "" : error.message;
  find("token").focus();
}

async function start() {
  let document_;
  try {
    document_ = await (await ask("openapi.json")).json();
  } catch (error) {
    if (error.status === 401) { askForToken(error); return; }
    find("about").textContent = sentence(error);
    return;
  }
  find("access").hidden = true;
  find("work").hidden = false;
  if (about !== null) { predictSoon(); return; }
  about = document_["x-about"];
  level = document_["x-level"] ?? null;
  row = document_.components.schemas.Row;
  record = document_.components.schemas.Predictions.properties.predictions.items;
  find("about").textContent = [about.run, ...(about.score || [])].join(" · ");
  const reads = document_["x-reads"];
  const hasForm = reads === "rows" || reads === "mixed";
  find("row").hidden = find("answer").hidden = !hasForm;
  find("file").accept = { images: IMAGE_FILES, mixed: ".json" }[reads] || ".csv,.tsv,.txt,.json";
  find("takes").textContent = {
    rows: "A table with the same columns comes back as CSV, with the predictions beside its own cells.",
    sequences: "A table of the past comes back as CSV with what follows every window of it.",
    images: "An image comes back as a table with its prediction.",
    mixed: "A JSON file of rows, with images as base64, comes back as a table with their predictions.",
  }[reads];
  if (hasForm) { buildForm(); await predictSoon(); }
  document.documentElement.dataset.ready = "";
}

find("theme").addEventListener("click", () => {
  const root = document.documentElement;
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
});
find("access").addEventListener("submit", (event) => { event.preventDefault(); token = find("token").value; start(); });
find("file").addEventListener("change", sendFile);
start();
