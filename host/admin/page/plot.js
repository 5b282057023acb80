// A small plot of the last minutes: lines, their legend with the value now, and under the pointer the value then.
import {el} from "./view.js";

const kWidth = 320, kHeight = 96;
const kSvg = "http://www.w3.org/2000/svg";

function svg(tag, attributes) {
  const element = document.createElementNS(kSvg, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}

// The next of 1, 2, 5, 10 … so that the scale does not jump about.
function niceAbove(value) {
  if (!(value > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].map((step) => step * power).find((step) => step >= value * 0.999);
}

export class Plot {
  // `lines`: [{name, text}], where `text` makes a value readable.
  constructor(title, lines) {
    this.lines = lines;
    this.svg = svg("svg", {viewBox: `0 0 ${kWidth} ${kHeight}`, preserveAspectRatio: "none", "aria-hidden": "true"});
    this.paths = lines.map((_, at) => this.svg.appendChild(svg("path", {class: `line-${at}`})));
    this.now = lines.map(() => el("b", {}));
    this.most = el("span", {class: "most"});
    this.oldest = el("span", {});
    this.then = el("span", {}, "now");
    this.element = el("figure", {class: "card plot"},
        el("figcaption", {}, el("span", {class: "title"}, title), lines.map(
            ({name}, at) => el("span", {class: `legend line-${at}`}, `${name} `, this.now[at]))),
        el("div", {class: "canvas"}, this.most, this.svg),
        el("div", {class: "axis faint"}, this.oldest, this.then));
    this.svg.addEventListener("pointermove", (event) => this.#point(event));
    this.svg.addEventListener("pointerleave", () => this.#tell(null));
  }

  // Of each line its values, null for none; `ages` in seconds, both oldest first.
  show(ages, values) {
    this.ages = ages;
    this.values = values;
    const top = niceAbove(Math.max(0, ...values.flat().filter((value) => value !== null)));
    const span = Math.max(ages[0] ?? 0, 60);
    values.forEach((line, at) => this.paths[at].setAttribute("d", path(line, ages, span, top)));
    this.most.textContent = this.lines[0].text(top);
    this.oldest.textContent = span < 90 ? `${Math.round(span)} s ago` : `${Math.round(span / 60)} min ago`;
    this.span = span;
    if (!this.pointed) this.#tell(null);
  }

  #point(event) {
    const box = this.svg.getBoundingClientRect();
    const age = this.span * (1 - (event.clientX - box.left) / box.width);
    let nearest = 0;
    this.ages.forEach((one, at) => {
      if (Math.abs(one - age) < Math.abs(this.ages[nearest] - age)) nearest = at;
    });
    this.#tell(nearest);
  }
  #tell(at) {
    this.pointed = at !== null;
    this.values.forEach((line, index) => {
      this.now[index].textContent = this.lines[index].text(at === null ? line.at(-1) ?? null : line[at] ?? null);
    });
    this.then.textContent = at === null ? "now" : `${Math.round(this.ages[at])} s ago`;
  }
}

// Values that are missing break the line; one that stands alone shows as a short dash.
function path(line, ages, span, top) {
  let text = "";
  line.forEach((value, at) => {
    if (value === null) return;
    const x = kWidth * (1 - ages[at] / span);
    const y = kHeight - 1 - (kHeight - 4) * Math.min(value / top, 1);
    const joined = at > 0 && line[at - 1] !== null;
    text += `${joined ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}${joined ? "" : "h.5"}`;
  });
  return text;
}
