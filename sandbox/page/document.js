// The sheet that shows a document, the cited passage in sight and the quotation marked in it.
import {byId, el, getJson} from "./dom.js";
import {markdown} from "./markdown.js";

// contentId and chunk of a reference: its url is unique://content/{contentId}, its sourceId {contentId}_{chunkId}.
export function placeOfReference({url, sourceId}) {
  const contentId = /^unique:\/\/content\/([^/?#]+)/.exec(url ?? "")?.[1];
  if (!contentId) return null;
  const chunkId = sourceId?.startsWith(contentId + "_") ? sourceId.slice(contentId.length + 1) : null;
  return {contentId, chunkId};
}

const firstLine = (text) => text.split("\n", 1)[0];

// Passages of one section begin with the same heading; it is shown once.
function textsOf(passages) {
  let heading = "";
  return passages.map(({text}) => {
    const line = firstLine(text);
    const repeated = line.startsWith("#") && line === heading;
    heading = line;
    return repeated ? text.slice(line.length) : text;
  });
}

// The range of `words` in the element, by letters and digits alone: quoting changes blanks and marks.
function rangeOf(element, words) {
  const kept = /[\p{L}\p{N}]/u;
  const wanted = [...words].filter((c) => kept.test(c)).join("").toLowerCase();
  let text = "";
  const places = [];
  const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode;
    for (let i = 0; i < node.data.length; ++i) {
      if (!kept.test(node.data[i])) continue;
      text += node.data[i].toLowerCase()[0];
      places.push([node, i]);
    }
  }
  const start = wanted ? text.indexOf(wanted) : -1;
  if (start < 0) return null;
  const range = new Range();
  range.setStart(...places[start]);
  const [last, at] = places[start + wanted.length - 1];
  range.setEnd(last, at + 1);
  return range;
}

function markQuote(passage, quote) {
  const range = passage && quote ? rangeOf(passage, quote) : null;
  if (!range || !CSS.highlights) return;
  CSS.highlights.set("quote", new Highlight(range));
}

export async function openDocument({contentId, chunkId}, quote = "") {
  const shown = await getJson("/sandbox/documents/" + encodeURIComponent(contentId));
  const dialog = byId("document");
  byId("document-title").textContent = shown.title;
  byId("document-key").textContent = shown.key;
  const texts = textsOf(shown.passages);
  const passages = shown.passages.map((passage, i) => {
    const cited = passage.chunkId === chunkId;
    return el("section", {class: cited ? "passage cited" : "passage", "aria-label": cited ? "Cited passage" : null},
        markdown(texts[i]));
  });
  CSS.highlights?.delete("quote");
  byId("document-text").replaceChildren(...passages);
  if (!dialog.open) dialog.showModal();
  const cited = passages.find((passage) => passage.classList.contains("cited"));
  markQuote(cited, quote);
  byId("document-text").scrollTop = 0;
  cited?.scrollIntoView({block: "center"});
  byId("document-text").focus({preventScroll: true});
}

byId("close-document").addEventListener("click", () => byId("document").close());
byId("document").addEventListener("click", (event) => {
  if (event.target === byId("document")) byId("document").close();  // beside the sheet
});
