// Markdown to nodes. marked reads it; here every token becomes an element of a fixed kind, and whatever is not known,
// raw HTML included, becomes text. No markup is ever parsed, so there is nothing to sanitise, and the page's policy
// forbids it (trusted-types 'none').
import {el} from "./dom.js";

const LINKS = /^(?:https?:|mailto:|unique:)/i;
const ENTITIES = {amp: "&", lt: "<", gt: ">", quot: "\"", "#39": "'", nbsp: "\u00a0"};

// marked hands out the text of its inline tokens as it would stand in HTML.
const plain = (text) => text.replace(/&(amp|lt|gt|quot|#39|nbsp);/g, (_, name) => ENTITIES[name]);

function linkElement(token) {
  if (!LINKS.test(token.href ?? "")) return el("span", {}, inline(token.tokens));
  const title = token.title && plain(token.title);
  return el("a", {href: token.href, title, target: "_blank", rel: "noopener noreferrer"}, inline(token.tokens));
}

const INLINE = {
  strong: (token) => el("strong", {}, inline(token.tokens)),
  em: (token) => el("em", {}, inline(token.tokens)),
  del: (token) => el("del", {}, inline(token.tokens)),
  codespan: (token) => el("code", {}, plain(token.text)),
  br: () => el("br"),
  link: linkElement,
  image: (token) => token.text ? `[${plain(token.text)}]` : "[image]",  // nothing is loaded
  escape: (token) => plain(token.text),
  text: (token) => token.tokens ? inline(token.tokens) : plain(token.text),
};

// <sup>1</sup> is how the platform writes a citation; <br> is common in tables. Other tags are shown as they are.
function inline(tokens = []) {
  const levels = [[]];
  const opened = [];
  for (const token of tokens) {
    const tag = token.type === "html" ? /^<(\/?)(sup|sub|br)\s*\/?>$/i.exec(token.text.trim()) : null;
    const name = tag?.[2].toLowerCase();
    if (name === "br") {
      levels.at(-1).push(el("br"));
    } else if (tag && !tag[1]) {
      opened.push(name);
      levels.push([]);
    } else if (tag && opened.at(-1) === name) {
      const inside = levels.pop();
      levels.at(-1).push(el(opened.pop(), {}, inside));
    } else {
      levels.at(-1).push(INLINE[token.type]?.(token) ?? token.raw);
    }
  }
  return levels.flat();
}

// A wide one scrolls within itself and can be reached by keyboard for that.
const wide = (label, child) => el("div", {class: "wide", tabindex: "0", role: "group", "aria-label": label}, child);

const cells = (tag, row) => el("tr", {}, row.map((cell) => el(tag, {}, inline(cell.tokens))));

function listElement(token) {
  const items = token.items.map((item) =>
    el("li", {}, item.task ? (item.checked ? "☑ " : "☐ ") : null, blocks(item.tokens)));
  return token.ordered ? el("ol", {start: token.start > 1 ? token.start : null}, items) : el("ul", {}, items);
}

const BLOCK = {
  space: () => null,
  def: () => null,
  hr: () => el("hr"),
  heading: (token) => el("h" + Math.min(6, token.depth + 2), {class: "h" + token.depth}, inline(token.tokens)),
  paragraph: (token) => el("p", {}, inline(token.tokens)),
  blockquote: (token) => el("blockquote", {}, blocks(token.tokens)),
  code: (token) => wide("Code", el("pre", {}, el("code", {}, token.text))),
  list: listElement,
  table: (token) => wide("Table", el("table", {},
      el("thead", {}, cells("th", token.header)), el("tbody", {}, token.rows.map((row) => cells("td", row))))),
  text: (token) => inline(token.tokens ?? [token]),
};

function blocks(tokens) {
  return tokens.flatMap((token) => BLOCK[token.type] ? BLOCK[token.type](token) : el("p", {}, token.raw));
}

// marked's time grows with the square of what could be a mark, and its stack with the depth: beyond these a text is
// shown as it was written. No answer for a reader comes near them.
const MARKS_MAX = 3000;
const LETTERS_MAX = 200_000;

const isReadable = (text) => text.length <= LETTERS_MAX && (text.match(/[*_~`[\]<]/g)?.length ?? 0) <= MARKS_MAX;

function blocksOf(text) {
  try {
    return isReadable(text) ? blocks(marked.lexer(text, {gfm: true})) : null;
  } catch {
    return null;  // nested too deep
  }
}

// Fonts with contextual forms, such as Inter around brackets, cost the layout of a long word more than in proportion to
// its length: a longer text is set without kerning and ligatures.
const FINE_LETTERS_MAX = 4000;
export const isLong = (text) => text.length > FINE_LETTERS_MAX;

// An element that holds the text. Its headings begin two levels down, below those of the page.
export function markdown(text) {
  return el("div", {class: isLong(text) ? "prose long" : "prose"}, blocksOf(text) ?? el("p", {class: "as-written"}, text));
}
