// What went back and forth behind one answer: the webhooks with each try, and the module's calls on a common time line.
import {duration, el, getJson} from "./dom.js";

function indented(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;  // no JSON, or cut
  }
}

const block = (text, label) => el("pre", {class: "block", tabindex: "0", "aria-label": label}, text);

function statusBadge(status) {
  const kind = status >= 200 && status < 300 ? "good" : "bad";
  return el("span", {class: `badge ${kind}`}, status === 0 ? "no answer" : String(status));
}

// What the host said about the signature, in words that say what to do.
function signatureVerdict(attempt) {
  if (!attempt) return ["", "Not sent yet."];
  if (attempt.status >= 200 && attempt.status < 300) return ["good", "The host accepted the signature."];
  if (attempt.reply.includes("Invalid signature")) {
    return ["bad", "The host refused the signature: its webhook secret is not the sandbox's, or the clocks differ."];
  }
  if (attempt.status === 0) return ["bad", `The host gave no answer: ${attempt.error}.`];
  return ["bad", `The host answered ${attempt.status}; the signature may not have been looked at.`];
}

function tryRow(attempt, number) {
  const reply = attempt.reply || attempt.error;
  return el("li", {}, `Try ${number + 1} `, statusBadge(attempt.status), ` ${duration(attempt.tookMs)} `,
      reply ? el("code", {}, reply) : null);
}

function eventPart(event) {
  const last = event.tries.at(-1);
  const [kind, verdict] = signatureVerdict(last);
  return el("section", {class: "event"},
      el("h4", {}, el("code", {}, event.type)),
      el("p", {class: `verdict ${kind}`}, verdict),
      el("ol", {class: "tries"}, event.tries.map(tryRow)),
      last ? el("details", {"data-key": event.eventId + "h"}, el("summary", {}, "Headers"),
          block(last.headers.join("\n"), "Headers of the webhook")) : null,
      el("details", {"data-key": event.eventId + "b"}, el("summary", {}, "Body"),
          el("p", {class: "note"}, "Indented here. The signature is HMAC-SHA256 over the bytes as they were sent."),
          block(indented(event.body), "Body of the webhook")));
}

function callPart(call, number, start, span) {
  const offset = Math.max(0, Date.parse(call.at) - start);
  const bar = el("span", {class: call.status < 400 ? "bar-part" : "bar-part bad"});
  bar.style.left = `${Math.min(98, offset / span * 100)}%`;
  bar.style.width = `${Math.max(2, Math.min(100, call.tookMs / span * 100))}%`;
  return el("details", {class: "call", "data-key": "c" + number},
      el("summary", {},
          el("span", {class: "what"}, el("b", {}, call.method), " ", el("code", {}, call.path)),
          el("span", {class: "figures"}, call.fault ? el("span", {class: "badge bad"}, `--fail ${call.fault}`) : null,
              statusBadge(call.status), el("span", {class: "took"}, duration(call.tookMs))),
          el("span", {class: "line", "aria-hidden": "true"}, bar)),
      el("p", {class: "note"}, `${duration(offset)} after the webhook was sent.`),
      call.request ? [el("h5", {}, "Request"), block(indented(call.request), "Request")] : null,
      el("h5", {}, "Response"), block(indented(call.response), "Response"));
}

function parts({events, calls}) {
  if (events.length === 0 && calls.length === 0) {
    return [el("p", {class: "note"}, "Nothing is kept of this answer any more.")];
  }
  const starts = [...events.flatMap((event) => event.tries), ...calls].map(({at}) => Date.parse(at));
  const start = Math.min(...starts);
  const end = Math.max(...calls.map((call) => Date.parse(call.at) + call.tookMs), start + 1);
  return [
    el("h3", {}, "Webhooks to the host"), ...events.map(eventPart),
    el("h3", {}, "Calls of the module"),
    calls.length === 0 ? el("p", {class: "note"}, "None yet.") : null,
    ...calls.map((call, i) => callPart(call, i, start, end - start)),
  ];
}

// The folded panel of one answer. It is read when it is opened, and again whenever refresh() is called while it is open.
export class TracePanel {
  #messageId;
  #body = el("div", {class: "trace-body"});
  #reading = false;
  #again = false;

  constructor(messageId) {
    this.#messageId = messageId;
    this.element = el("details", {class: "trace", ontoggle: () => this.refresh()},
        el("summary", {}, "Behind this answer"), this.#body);
  }

  async refresh() {
    if (!this.element.open) return;
    this.#again = this.#reading;
    if (this.#reading) return;
    this.#reading = true;
    try {
      this.#show(await getJson("/sandbox/trace/" + encodeURIComponent(this.#messageId)));
    } catch (error) {
      this.#body.replaceChildren(el("p", {class: "note"}, error.message));
    }
    this.#reading = false;
    if (this.#again) this.refresh();
  }

  #show(trace) {
    const made = parts(trace).filter(Boolean);
    const open = new Set([...this.#body.querySelectorAll("details[open]")].map((part) => part.dataset.key));
    const focused = document.activeElement?.closest("details[data-key]")?.dataset.key;
    this.#body.replaceChildren(...made);
    for (const part of this.#body.querySelectorAll("details")) {
      part.open = open.has(part.dataset.key);
      if (focused && part.dataset.key === focused) part.querySelector("summary").focus({preventScroll: true});
    }
  }
}
