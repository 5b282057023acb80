// The operator's page: one turn of questions every two seconds while somebody looks, each answered from memory or by one
// short read of the inbox. It holds nothing the admin API does not give to every client.
import {forgetToken, get, hasToken, look, setToken} from "./api.js";
import {anyEvent, lastErrors, oldestWaiting, readEvents, setHost, showLetters, showStory, showTail} from "./events.js";
import {reload, showModules, showPlots, showRoutes, showTiles, showWarnings} from "./host.js";
import {History} from "./metrics.js";
import {byId, say, span, tickAges} from "./view.js";

const kTurnMs = 2000;
const kReadyTurns = 5;  // /readyz writes to the inbox, so it is asked less often

const history = new History();
let turns = 0;
let timer = 0;
let busy = false;
let answered_at = null;  // in the reader's words

function showReady({ready, reasons}) {
  byId("ready").textContent = ready ? "ready" : `not ready: ${(reasons ?? []).join(", ")}`;
  byId("ready").className = `pill ${ready ? "good" : "bad"}`;
}

function showGate(problem) {
  clearTimeout(timer);
  byId("host").hidden = byId("reload").hidden = true;
  byId("ready").hidden = true;
  say("problem", "");
  byId("live").textContent = "";
  byId("gate").hidden = false;
  byId("gate-problem").textContent = problem;
  byId("token").value = "";
  byId("token").focus();
}

async function readAll() {
  if (turns % kReadyTurns === 0) showReady(await look("/readyz"));
  const status = await get("/api/v1/status");
  const metrics = await get("/metrics");
  await readEvents();
  const oldest = status.inbox.waiting > 0 ? await oldestWaiting() : null;
  history.add(Date.now(), metrics);
  return {status, oldest};
}

function show({status, oldest}) {
  byId("version").textContent = status.version;
  byId("live").textContent = `up ${span(status.uptime_seconds * 1000)}`;
  setHost(status);
  showWarnings(status);
  showTiles(status, history, oldest);
  showPlots(history);
  showModules(status, history, lastErrors());
  showLetters(status.inbox.dead);
  showTail();
  showRoutes(status);
  byId("welcome").hidden = status.inbox.events > 0 || anyEvent();
  byId("gate").hidden = true;
  byId("host").hidden = byId("reload").hidden = byId("ready").hidden = false;
}

async function turn() {
  if (busy) return;
  busy = true;
  clearTimeout(timer);
  try {
    show(await readAll());
    await showStory();
    ++turns;
    answered_at = new Date().toLocaleTimeString("en-GB");
    document.body.classList.remove("old");
    say("problem", "");
    timer = setTimeout(next, kTurnMs);
  } catch (error) {
    failed(error);
  } finally {
    busy = false;
  }
}

function failed(error) {
  if (error.status === 401) {
    const wrong = hasToken();
    forgetToken();
    return showGate(wrong ? "That is not this host's token." : "");
  }
  const old = answered_at ? ` All that this page shows is old, of ${answered_at}.` : "";
  say("problem", error.status ? error.message + old : `The host does not answer.${old} Trying again.`, "bad");
  document.body.classList.add("old");
  byId("ready").textContent = error.status ? "error" : "no answer";
  byId("ready").className = "pill bad";
  byId("live").textContent = "";
  turns = 0;
  timer = setTimeout(next, kTurnMs);
}

function next() {
  if (!document.hidden) turn();
}

byId("gate").onsubmit = (event) => {
  event.preventDefault();
  setToken(byId("token").value.trim());
  turns = 0;
  turn();
};
byId("reload").onclick = async () => {
  await reload();
  turn();
};
document.addEventListener("visibilitychange", next);
document.addEventListener("changed", turn);
setInterval(tickAges, 1000);
turn();
