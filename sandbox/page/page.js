// The page as a whole: the chats on the left, the chosen one, and the question below it. What it shows comes over one
// stream of the sandbox (/sandbox/stream); #chat_… in the address is the chosen chat.
import {byId, el, fill, getJson, postJson} from "./dom.js";
import {MessageView, isRunning} from "./messages.js";

const RETRY_MS = 2000;
const NEAR_END_PX = 120;
const SILENCE_MS = 12_000;  // the stream says something every 5 s, if only that it is there

let status = null;
let stream = null;
let chatId = null;        // "": a new one
let views = new Map();    // by message id
let runningId = "";       // the answer that is being made
let sending = false;

// ---- what went wrong, one line at a time ----

function complain(text) {
  const problem = byId("problem");
  if (problem.textContent !== text) problem.textContent = text;
  problem.hidden = text === "";
}

function troubleOf(delivery) {
  const why = delivery.error || `it answered ${delivery.status}`;
  if (delivery.state === "expired") return `The host refused the event: ${why}.`;
  if (delivery.state === "gave_up") return `The host did not take the event: ${why}.`;
  if (delivery.tries > 0) return `The host has not taken the event: ${why}. Trying again…`;
  return "";
}

// Of the latest question's events alone; what was wrong before is not said again.
function troublesOf(deliveries) {
  const latest = deliveries.slice(-2).filter((delivery) => delivery.state !== "delivered");
  return [...new Set(latest.map(troubleOf).filter(Boolean))].join(" ");
}

const isUndeliverable = (deliveries) => deliveries.slice(-2).some(({type, state}) =>
  type === "unique.chat.external-module.chosen" && ["expired", "gave_up"].includes(state));

// ---- the chosen chat ----

function show(chat) {
  const scroll = byId("scroll");
  const atEnd = scroll.scrollHeight - scroll.scrollTop - scroll.clientHeight < NEAR_END_PX;
  const undeliverable = isUndeliverable(chat.deliveries);
  const last = chat.messages.at(-1);
  const elements = chat.messages.map((message) => {
    if (!views.has(message.id)) views.set(message.id, new MessageView(message));
    const view = views.get(message.id);
    view.update(message, undeliverable && message === last);
    return view.element;
  });
  fill(byId("messages"), elements);
  byId("welcome").hidden = elements.length > 0;
  byId("title").textContent = chat.messages[0]?.text?.split("\n", 1)[0] ?? "New chat";
  runningId = last && isRunning(last) && !undeliverable ? last.id : "";
  showButtons();
  complain(troublesOf(chat.deliveries));
  if (atEnd) scroll.scrollTop = scroll.scrollHeight;
}

function showButtons() {
  const running = runningId !== "";
  const stopHadFocus = document.activeElement === byId("stop");
  byId("stop").hidden = !running;
  byId("send").hidden = running;
  if (stopHadFocus && !running) byId("text").focus();
}

function listItem(chat) {
  const current = chat.chatId === chatId;
  const time = new Date(chat.askedAt).toLocaleTimeString([], {hour: "2-digit", minute: "2-digit"});
  return el("li", {}, el("a", {href: "#" + chat.chatId, "aria-current": current ? "page" : null, title: chat.title},
      el("span", {class: "chat-title"}, chat.title || "…"), el("time", {datetime: chat.askedAt}, time)));
}

let listed = [];
function showList(chats = listed) {
  listed = chats;
  const focused = document.activeElement?.closest?.("#chats a")?.getAttribute("href");
  fill(byId("chats"), chats.map(listItem));
  if (focused) byId("chats").querySelector(`a[href="${CSS.escape(focused).replace("\\#", "#")}"]`)?.focus();
}

// ---- the stream ----

let silence = 0;

function heard() {
  clearTimeout(silence);
  silence = setTimeout(silent, SILENCE_MS);
}

function lost(text) {
  complain(text);
  byId("problem").dataset.lost = "yes";
}

function silent() {
  lost(`The sandbox has said nothing for ${SILENCE_MS / 1000} s: what is shown here may be old. Trying again.`);
  connect();
}

function connect() {
  stream?.close();
  heard();
  const mine = stream = new EventSource("/sandbox/stream" + (chatId ? `?chat=${encodeURIComponent(chatId)}` : ""));
  for (const kind of ["open", "chats", "chat", "beat"]) mine.addEventListener(kind, heard);
  mine.addEventListener("open", () => {
    if (byId("problem").dataset.lost) complain("");
    delete byId("problem").dataset.lost;
  });
  mine.addEventListener("chats", (event) => showList(JSON.parse(event.data)));
  mine.addEventListener("chat", (event) => show(JSON.parse(event.data)));
  mine.addEventListener("error", () => {
    lost("The sandbox does not answer; trying again. Is it still running?");
    if (mine.readyState === EventSource.CLOSED && mine === stream) setTimeout(() => reconnect(mine), RETRY_MS);
  });
}

// The browser gives up where the answer is no stream: too many pages, or a chat that an earlier sandbox kept in memory.
async function reconnect(lost) {
  if (lost !== stream) return;
  const chats = await getJson("/sandbox/chats").catch(() => null);
  if (lost !== stream) return;
  const gone = chats && chatId && !chats.some((chat) => chat.chatId === chatId);
  if (gone) location.hash = "";
  else connect();
}

function choose(id) {
  if (id === chatId) return;
  chatId = id;
  views = new Map();
  runningId = "";
  byId("messages").replaceChildren();
  byId("messages").hidden = id === "";
  byId("welcome").hidden = id !== "";
  byId("title").textContent = id === "" ? "New chat" : "";
  complain("");
  showButtons();
  showList();
  connect();
  closeSidebar();
  byId("scroll").scrollTop = byId("scroll").scrollHeight;
}

const chosenByAddress = () => /^#(chat_\w+)$/.exec(location.hash)?.[1] ?? "";
addEventListener("hashchange", () => choose(chosenByAddress()));

// ---- asking and stopping ----

async function ask(text) {
  const answer = await postJson("/sandbox/ask", {text, module: byId("space").value, ...(chatId ? {chatId} : {})});
  if (chatId === answer.chatId) return;
  history.pushState(null, "", "#" + answer.chatId);
  choose(answer.chatId);
}

byId("ask").addEventListener("submit", async (event) => {
  event.preventDefault();
  const field = byId("text");
  const text = field.value.trim();
  if (!text || sending || runningId) return;
  sending = true;
  complain("");
  try {
    await ask(text);
    field.value = "";
    fitField();
    byId("scroll").scrollTop = byId("scroll").scrollHeight;
  } catch (error) {
    complain(error.name === "TimeoutError" ? "The sandbox did not answer: whether the question came is not known." :
             "Not sent: " + error.message + ".");
  }
  sending = false;
  field.focus();
});

byId("stop").addEventListener("click", async () => {
  try {
    await postJson(`/sandbox/chats/${encodeURIComponent(chatId)}/stop`, {messageId: runningId});
  } catch (error) {
    complain("Not stopped: " + error.message + ".");
  }
});

// Not by its address, which names the chosen chat.
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault();
  byId("text").focus();
});

function fitField() {
  const field = byId("text");
  field.style.height = "auto";
  field.style.height = field.scrollHeight + 2 + "px";
}
byId("text").addEventListener("input", fitField);
byId("text").addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  byId("ask").requestSubmit();
});

byId("new-chat").addEventListener("click", () => {
  if (location.hash) location.hash = "";
  closeSidebar();
  byId("text").focus();
});

// ---- the chats on a narrow screen ----

const narrow = matchMedia("(max-width: 47.99rem)");

function showSidebar(open) {
  document.body.classList.toggle("sidebar-open", open);
  byId("sidebar").inert = narrow.matches && !open;
  byId("open-sidebar").setAttribute("aria-expanded", open);
}
function closeSidebar() {
  const wasOpen = document.body.classList.contains("sidebar-open");
  showSidebar(false);
  if (wasOpen) byId("open-sidebar").focus();
}
byId("open-sidebar").addEventListener("click", () => { showSidebar(true); byId("close-sidebar").focus(); });
byId("close-sidebar").addEventListener("click", closeSidebar);
byId("veil").addEventListener("click", closeSidebar);
addEventListener("keydown", (event) => { if (event.key === "Escape") closeSidebar(); });
narrow.addEventListener("change", () => showSidebar(false));

// ---- the first minutes ----

function suggestion(title) {
  const question = `What is said about ${title}?`;
  return el("li", {}, el("button", {type: "button", class: "suggestion", onclick: () => {
    byId("text").value = question;
    fitField();
    byId("text").focus();
  }}, question));
}

function welcome() {
  const counted = (count, noun) => `${count} ${noun}${count === 1 ? "" : "s"}`;
  const documents = counted(status.documents, "document");
  return [
    el("h2", {}, "Ask your module something"),
    el("p", {}, `The question goes to your host as a signed webhook. The module ${status.module} answers it from ` +
        `${documents}; its progress, its answer and every call it makes show up here.`),
    status.titles.length > 0 ? el("ul", {class: "suggestions"}, status.titles.map(suggestion)) : null,
    el("dl", {class: "next"},
        el("div", {}, el("dt", {}, "Nothing answers?"), el("dd", {}, "Start the host beside the sandbox: ",
            el("code", {}, "modhost run -c modules.yaml"))),
        el("div", {}, el("dt", {}, "Your own module"), el("dd", {}, "Copy ", el("code", {}, "plugin-api/template"),
            ", drop the .so into modules_dir, name it in modules.yaml: it is loaded while you watch.")),
        el("div", {}, el("dt", {}, "How does it fail?"), el("dd", {}, "Start the sandbox with ",
            el("code", {}, "--fail \"POST /openai=500\""), " and ask again."))),
  ];
}

async function start() {
  showSidebar(false);
  try {
    status = await getJson("/sandbox/status");
  } catch {
    complain("The sandbox does not answer; trying again. Is it still running?");
    setTimeout(start, RETRY_MS);
    return;
  }
  fill(byId("space"), status.modules.map((module) => el("option", {value: module}, module)));
  fill(byId("welcome"), welcome());
  byId("status").textContent = `${status.documents} documents · ${status.passages} passages · ${status.version}`;
  choose(chosenByAddress());
}
start();
