// The few helpers that every part of the page uses. Text from outside becomes text nodes here, never markup.

export const byId = (id) => document.getElementById(id);

// el("p", {class: "hint", onclick}, "text", child, …); what is null or false is left out.
export function el(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === false || value === undefined) continue;
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return made;
}

// Replaces the children only where something differs, so that a screen reader hears only what is new and a selection
// stays.
export function fill(parent, children) {
  const wanted = children.filter(Boolean);
  wanted.forEach((child, i) => {
    const old = parent.childNodes[i];
    if (!old) parent.append(child);
    else if (old !== child && !old.isEqualNode(child)) old.replaceWith(child);
  });
  while (parent.childNodes.length > wanted.length) parent.lastChild.remove();
}

// Every answer comes from memory, or by a short read of the sandbox's database.
const ANSWER_MAX_MS = 10_000;
const inTime = () => AbortSignal.timeout(ANSWER_MAX_MS);

export async function getJson(path) {
  const reply = await fetch(path, {signal: inTime()});
  if (!reply.ok) throw new Error(await wordsOf(reply));
  return reply.json();
}

export async function postJson(path, body) {
  const reply = await fetch(path, {
    signal: inTime(), method: "POST", headers: {"Content-Type": "application/json"}, body: JSON.stringify(body),
  });
  if (!reply.ok) throw new Error(await wordsOf(reply));
  return reply.json();
}

async function wordsOf(reply) {
  const body = await reply.json().catch(() => null);
  return body?.error?.message ?? `the sandbox answered ${reply.status}`;
}

export function duration(ms) {
  if (Number.isNaN(ms)) return "?";
  if (ms < 1000) return `${ms} ms`;
  if (ms < 60000) return `${(ms / 1000).toFixed(1)} s`;
  return `${Math.floor(ms / 60000)} min ${Math.round(ms % 60000 / 1000)} s`;
}
