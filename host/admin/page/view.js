// Small help for the page: elements, numbers and times as people read them, tables that change without losing the focus.

export const byId = (id) => document.getElementById(id);

// el("td", {class: "number"}, "3", another): text is always text, never markup.
export function el(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "onclick") element.addEventListener("click", value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children.flat().filter((child) => child != null));
  return element;
}

// --- words ---

export function number(value) {
  if (value == null) return "–";
  if (value < 10 && !Number.isInteger(value)) return value.toFixed(value < 0.1 ? 2 : 1);
  return Math.round(value).toLocaleString("en");
}

export function duration(ms) {
  if (ms == null) return "–";
  if (ms < 1) return `${ms.toFixed(2)} ms`;
  if (ms < 10) return `${ms.toFixed(1)} ms`;
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  return span(ms);
}
export const seconds = (value) => duration(value == null ? null : value * 1000);

// 75 s → "1m 15s"; at most two units.
export function span(ms) {
  const units = [[86_400, "d"], [3_600, "h"], [60, "m"], [1, "s"]];
  let left = Math.max(0, Math.floor(ms / 1000));
  const words = [];
  for (const [size, unit] of units) {
    if (left >= size && words.length < 2) words.push(`${Math.floor(left / size)}${unit}`);
    left %= size;
  }
  return words.join(" ") || "0s";
}

export const clockTime = (iso) => new Date(iso).toLocaleTimeString("en-GB");

// Ages count on the host's clock: the page learns from each reply how far its own is off.
let host_ahead = 0;
export const learnNow = (iso) => { host_ahead = Date.parse(iso) - Date.now(); };
export const since = (iso) => Date.now() + host_ahead - Date.parse(iso);

// "3m 2s ago", which tickAges() keeps right.
export function age(iso) {
  return el("time", {datetime: iso, title: new Date(iso).toLocaleString("en-GB"), class: "age"}, span(since(iso)));
}
export function tickAges() {
  for (const time of document.querySelectorAll("time.age")) time.textContent = span(since(time.dateTime));
}

const kKinds = {
  good: ["ok", "done", "serving"],
  busy: ["running", "draining"],
  bad: ["dead", "failed", "overran", "rejected", "interrupted", "expired", "not_configured"],
  owed: ["retry", "closing", "still mapped"],
};
export const kindOf = (word) => Object.keys(kKinds).find((kind) => kKinds[kind].includes(word)) ?? "calm";
export const badge = (word, kind = kindOf(word)) => el("span", {class: `badge ${kind}`}, word.replaceAll("_", " "));

// --- tables ---

// A row is {key, cells: [content…], class?}; a column {title, class?}. What stays the same is not touched: the focus, a
// text that is selected and an open list survive.
export function fillTable(table, columns, rows) {
  if (!table.tHead) {
    table.append(el("thead", {}, el("tr", {}, columns.map(
        ({title, class: name}) => el("th", {scope: "col", class: name}, title)))), el("tbody"));
  }
  table.hidden = rows.length === 0;
  const body = table.tBodies[0];
  const known = new Map([...body.rows].map((row) => [row.dataset.key, row]));
  rows.forEach((wanted, index) => {
    const key = String(wanted.key);
    const fresh = el("tr", {"data-key": key, class: wanted.class}, wanted.cells.map((content, at) => el(
        "td", {"data-label": columns[at].title, class: columns[at].class}, content)));
    const row = known.get(key) ?? fresh;
    known.delete(key);
    if (row !== fresh) update(row, fresh);
    if (body.rows[index] !== row) body.insertBefore(row, body.rows[index] ?? null);
  });
  for (const gone of known.values()) gone.remove();
}

function update(row, fresh) {
  if (row.className !== fresh.className) row.className = fresh.className;
  [...row.cells].forEach((cell, at) => {
    const next = fresh.cells[at];
    if (cell.innerHTML === next.innerHTML || cell.contains(document.activeElement)) return;
    cell.replaceChildren(...next.childNodes);
  });
}

// --- words to the operator ---

export function say(id, text, kind = "") {
  const place = byId(id);
  if (place.textContent === text) return;
  place.replaceChildren();
  if (text) place.append(el("p", {class: `note ${kind}`}, text));
}

// Resolves true when the operator says yes.
export function confirmed(title, text, yes) {
  const dialog = byId("confirm");
  byId("confirm-title").textContent = title;
  byId("confirm-text").textContent = text;
  byId("confirm-yes").textContent = yes;
  return new Promise((resolve) => {
    byId("confirm-no").onclick = () => dialog.close("no");
    byId("confirm-yes").onclick = () => dialog.close("yes");
    dialog.onclose = () => resolve(dialog.returnValue === "yes");
    dialog.returnValue = "no";
    dialog.showModal();
  });
}
