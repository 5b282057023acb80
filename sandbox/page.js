// Asks, then follows the chat by long-polling. All text from outside goes through textContent.
"use strict";

const WAIT_MS = 25000;
const RETRY_MS = 2000;
const MARKS = {RUNNING: "●", COMPLETED: "✓", FAILED: "✗"};
const WORDS = {RUNNING: "running: ", COMPLETED: "done: ", FAILED: "failed: "};

const byId = (id) => document.getElementById(id);
let chatId = "";
let watching = 0;  // which chat's watch is the current one

function element(tag, className, text) {
  const made = document.createElement(tag);
  made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

function stepElement(log) {
  const step = element("li", log.status);
  const mark = element("span", "mark", MARKS[log.status] || "·");
  mark.setAttribute("aria-hidden", "true");
  step.append(mark, element("span", "hidden-label", WORDS[log.status] || ""), log.text || "");
  return step;
}

function troubleOf(delivery) {
  const why = delivery.error || "it answered " + delivery.status;
  if (delivery.state === "expired") return "The host refused the event: " + why + ".";
  if (delivery.state === "gave_up") return "The host did not take the event: " + why + ".";
  if (delivery.tries > 0) return "The host has not taken the event: " + why + ". Trying again…";
  return "";
}

function messageElement(message) {
  const user = message.role === "USER";
  const item = element("li", user ? "message user" : "message assistant");
  item.append(element("span", "hidden-label", user ? "You: " : "Answer: "));
  if (message.logs.length > 0) {
    const steps = element("ul", "steps");
    steps.append(...message.logs.map(stepElement));
    item.append(steps);
  }
  const text = message.liveText || message.text;
  if (text) item.append(element("p", "text", text));
  else if (message.logs.length === 0) item.append(element("p", "text", "…"));
  return item;
}

function show(chat) {
  const undelivered = chat.deliveries.filter((d) => d.state !== "delivered").map(troubleOf);
  const troubles = [...new Set(undelivered.filter(Boolean))];
  const items = chat.messages.map(messageElement);
  // Redrawn only where something differs, so that a screen reader hears only what is new.
  const list = byId("messages");
  items.forEach((item, i) => {
    const old = list.children[i];
    if (!old) list.append(item);
    else if (!old.isEqualNode(item)) old.replaceWith(item);
  });
  while (list.children.length > items.length) list.lastChild.remove();
  byId("welcome").hidden = items.length > 0;
  byId("new-chat").hidden = items.length === 0;
  complain(troubles.join(" "));
  list.lastChild?.scrollIntoView({block: "end"});
}

function complain(text) {
  const problem = byId("problem");
  if (problem.textContent !== text) problem.textContent = text;
  problem.hidden = text === "";
}

async function watch(id) {
  const mine = ++watching;
  let version = -1;
  while (mine === watching) {
    try {
      const url = `/sandbox/chats/${encodeURIComponent(id)}?after=${version}&wait=${WAIT_MS}`;
      const reply = await fetch(url);
      if (!reply.ok) throw new Error("status " + reply.status);
      const chat = await reply.json();
      if (mine !== watching) return;
      if (chat.version !== version) show(chat);
      version = chat.version;
    } catch (error) {
      if (mine !== watching) return;
      complain("The sandbox does not answer. Is it still running?");
      await new Promise((done) => setTimeout(done, RETRY_MS));
      version = -1;
    }
  }
}

async function ask(text) {
  const reply = await fetch("/sandbox/ask", {
    method: "POST",
    headers: {"Content-Type": "application/json"},
    body: JSON.stringify(chatId ? {text, chatId} : {text}),
  });
  const answer = await reply.json();
  if (!reply.ok) throw new Error(answer.error.message);
  if (chatId !== answer.chatId) {
    chatId = answer.chatId;
    watch(chatId);
  }
}

byId("ask").addEventListener("submit", async (event) => {
  event.preventDefault();
  const field = byId("text");
  const text = field.value.trim();
  if (!text) return;
  complain("");
  try {
    await ask(text);
    field.value = "";
    fit();
  } catch (error) {
    complain("Not sent: " + error.message);
  }
  field.focus();
});

function fit() {
  const field = byId("text");
  field.style.height = "auto";
  field.style.height = field.scrollHeight + 2 + "px";
}
byId("text").addEventListener("input", fit);

byId("text").addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  byId("ask").requestSubmit();
});

byId("new-chat").addEventListener("click", () => {
  ++watching;
  chatId = "";
  show({messages: [], deliveries: []});
  byId("text").focus();
});

fetch("/sandbox/status").then((reply) => reply.json()).then((status) => {
  byId("status").textContent =
      `${status.documents} documents, ${status.passages} passages · module ${status.module}`;
}).catch(() => complain("The sandbox does not answer."));
