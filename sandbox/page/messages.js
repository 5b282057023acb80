// The messages of a chat. Each has a view that is kept and changed in place while its answer is made.
import {duration, el, fill, postJson} from "./dom.js";
import {openDocument, placeOfReference} from "./document.js";
import {isLong, markdown} from "./markdown.js";
import {TracePanel} from "./trace.js";

const WORDS = {RUNNING: "running", COMPLETED: "completed", FAILED: "failed"};
const MARKS = {RUNNING: "", COMPLETED: "✓", FAILED: "✕"};

export const isAnswer = (message) => message.role === "ASSISTANT";

// Whether somebody still works on the answer, as far as the chat shows it.
export function isRunning(message) {
  if (!isAnswer(message) || message.userAbortedAt || message.completedAt || message.stoppedStreamingAt) return false;
  return !message.text || Boolean(message.startedStreamingAt);
}

const hasFailed = (message) => message.logs.some((log) => log.status === "FAILED");

function stepElement(log) {
  const status = WORDS[log.status] ? log.status : "RUNNING";
  return el("li", {class: `step ${status}`, "data-status": status},
      el("span", {class: "mark", "aria-hidden": "true"}, MARKS[status]),
      el("span", {class: "for-ears"}, `Step ${WORDS[status]}: `),
      el("span", {class: "step-text"}, log.text ?? ""));
}

function openQuietly(place, quote) {
  openDocument(place, quote).catch((error) => alertInPage(error.message));
}

function alertInPage(text) {
  const problem = document.getElementById("problem");
  problem.textContent = "Not opened: " + text;
  problem.hidden = false;
}

// Citations of one answer: the numbers in its text and the list of sources below it.
class Sources {
  #list = [];

  // A button with the source's number; the same place has the same number.
  cite(source, quote) {
    let number = this.#list.findIndex(({key}) => key === source.key) + 1;
    if (number === 0) number = this.#list.push(source);
    return source.open ?
      el("button", {type: "button", class: "cite", "aria-label": `Source ${number}: ${source.name}`, title: source.name,
                    onclick: () => source.open(quote)}, String(number)) :
      el("span", {class: "cite"}, String(number));
  }

  element() {
    if (this.#list.length === 0) return null;
    const items = this.#list.map(({name, detail, open, url}, i) => {
      const label = [el("span", {class: "number"}, String(i + 1)), el("span", {class: "name"}, name),
        detail ? el("span", {class: "detail"}, detail) : null];
      const attributes = {class: "source"};
      if (open) return el("li", {}, el("button", {...attributes, type: "button", onclick: () => open("")}, label));
      const link = {...attributes, href: url, target: "_blank", rel: "noopener noreferrer"};
      return el("li", {}, url ? el("a", link, label) : el("span", attributes, label));
    });
    return el("div", {class: "sources"}, el("h3", {}, "Sources"), el("ol", {}, items));
  }
}

// The platform leaves a reference's members to the module; one that is no text is none.
function textsOf(reference) {
  const text = (value) => typeof value === "string" && value !== "" ? value : undefined;
  const {name, description, url, sourceId, sequenceNumber} = reference ?? {};
  return {name: text(name), description: text(description), url: text(url), sourceId: text(sourceId), sequenceNumber};
}

function sourceOfReference(reference) {
  const place = placeOfReference(reference);
  const web = /^https?:/i.test(reference.url ?? "");
  return {
    key: reference.sourceId ?? reference.url ?? reference.name ?? reference.sequenceNumber,
    name: reference.name ?? reference.url ?? "source",
    detail: reference.description,
    open: place && ((quote) => openQuietly(place, quote)),
    url: web ? reference.url : null,
  };
}

// <sup>2</sup> in the text becomes the citation of the reference with that number.
function citeReferences(text, references, sources) {
  const byNumber = new Map(references.map((reference) => [String(reference.sequenceNumber), reference]));
  for (const reference of references) sources.cite(sourceOfReference(reference), "");
  for (const mark of text.querySelectorAll("sup")) {
    const reference = byNumber.get(mark.textContent.trim());
    if (reference) mark.replaceWith(el("sup", {}, sources.cite(sourceOfReference(reference), "")));
  }
}

// A module that quotes without saying from where, as with the sandbox's own answers: the sandbox knows its documents.
async function citeQuotes(text, sources) {
  const quotes = [...text.querySelectorAll("blockquote")].slice(0, 50);
  if (quotes.length === 0) return;
  const words = quotes.map((quote) => quote.textContent.trim());
  const places = await postJson("/sandbox/quotes", {quotes: words});
  places.forEach((place, i) => {
    if (!place) return;
    const open = (quote) => openQuietly(place, quote || words[i]);
    const source = {key: place.chunkId, name: place.title, detail: `${place.key}, passage ${place.order}`, open};
    (quotes[i].lastElementChild ?? quotes[i]).append("\u00a0", sources.cite(source, words[i]));
  });
}

export class MessageView {
  #last = {};
  #text = el("div", {class: "text"});
  #after = el("div", {class: "after"});

  constructor(message) {
    this.id = message.id;
    const answer = isAnswer(message);
    this.steps = answer ? el("ol", {class: "steps", "aria-label": "Progress"}) : null;
    this.trace = answer ? new TracePanel(message.id) : null;
    this.state = el("p", {class: "state"});
    const attributes = answer ? {class: "message answer", "aria-label": "Answer"} :
      {class: "message question", "aria-label": "Your question"};
    this.element = el("article", attributes,
        this.steps, this.#text, this.#after, answer ? this.state : null, this.trace?.element);
    this.#text.addEventListener("click", (event) => {
      const link = event.target.closest("a[href^='unique:']");
      if (!link) return;
      event.preventDefault();
      const place = placeOfReference({url: link.getAttribute("href")});
      if (place) openQuietly(place, "");
    });
  }

  update(message, undeliverable) {
    if (!isAnswer(message)) return this.#showQuestion(message);
    fill(this.steps, message.logs.map(stepElement));
    this.steps.hidden = message.logs.length === 0;
    this.#showAnswer(message);
    this.#showState(message, undeliverable);
    this.trace.refresh();
  }

  #showQuestion({text}) {
    if (this.#last.text === text) return;
    this.#last.text = text;
    this.#text.textContent = text;
    this.#text.classList.toggle("long", isLong(text ?? ""));
  }

  #showAnswer(message) {
    const live = Boolean(message.liveText);
    const shown = message.liveText || message.text || "";
    const key = JSON.stringify([shown, live, message.references]);
    if (this.#last.answer === key) return;
    this.#last.answer = key;
    this.#text.replaceChildren(...(shown ? [markdown(shown)] : []));
    this.#after.replaceChildren();
    if (shown && !live) this.#cite(message, key);
  }

  async #cite(message, key) {
    const sources = new Sources();
    const references = (message.references ?? []).map(textsOf);
    if (references.length > 0) citeReferences(this.#text, references, sources);
    else await citeQuotes(this.#text, sources).catch(() => {});  // an answer without its citations is still one
    if (this.#last.answer === key) this.#after.replaceChildren(...[sources.element()].filter(Boolean));
  }

  #showState(message, undeliverable) {
    const running = isRunning(message) && !undeliverable;
    const failed = hasFailed(message) && !message.userAbortedAt;
    const silent = message.logs.length === 0 && !message.liveText;
    this.element.classList.toggle("running", running);
    this.element.classList.toggle("failed", failed);
    this.element.setAttribute("aria-busy", running);
    const took = Date.parse(message.completedAt ?? message.updatedAt) - Date.parse(message.createdAt);
    if (message.userAbortedAt) this.state.textContent = "You stopped this answer.";
    else if (running) this.state.textContent = silent ? "Waiting for the module…" : "";
    else if (failed) this.state.textContent = `Failed after ${duration(took)}`;
    else this.state.textContent = message.text ? `Answered in ${duration(took)}` : "";
    this.state.hidden = this.state.textContent === "";
  }
}
