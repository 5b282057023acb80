// Events: the live tail of deliveries, one event's story, dead letters and what becomes of them.
import {get, post} from "./api.js";
import {age, badge, byId, clockTime, confirmed, duration, el, fillTable, number, say, since, span} from "./view.js";

const kTailRows = matchMedia("(max-width: 45rem)").matches ? 12 : 30;
const kLettersFirst = 20;  // events with dead letters, before "Show more"
const kLettersMore = 100;
const kPageMax = 500;      // events that the host gives at once
const kCallsMax = 200;     // of a module in a story; the latest
const kGood = ["ok", "skipped", "stopped"];

// What /api/v1/attempts has told, in the order of their starts.
const attempts = new Map();
let latest = 0;
let open_events = [];  // with open or dead deliveries, newest first
let letters = [];
let letters_wanted = kLettersFirst;
let more_letters = false;
let modules = [];      // of those that serve
let show_bodies = false;
let held = false;

// By its id, for a seq may be another event's id; but a browser takes dots alone for a way up.
const eventPath = ({id, seq}) => `/api/v1/events/${/^\.{0,2}$/.test(id) ? seq : encodeURIComponent(id)}`;

const attemptKey = (one) => `${one.seq}/${one.module}/${one.attempt}/${one.started_at}`;

// --- reading ---

export async function readEvents() {
  const [open, dead] = [await get("/api/v1/events?limit=50"), await readDead()];
  const news = await get(`/api/v1/attempts?after=${latest}`);
  if (news.latest < latest) attempts.clear();  // another process answers
  latest = news.latest;
  for (const one of news.attempts) attempts.set(attemptKey(one), one);
  for (const key of [...attempts.keys()].slice(0, Math.max(0, attempts.size - 512))) attempts.delete(key);
  open_events = open.events;
  letters = dead.flatMap(
      (event) => event.deliveries.map((delivery) => ({...event, ...delivery})));
}

// As many events with dead letters as are wanted, the newest first.
async function readDead() {
  const found = [];
  let next = "";
  do {
    const limit = Math.min(letters_wanted - found.length, kPageMax);
    const page = await get(`/api/v1/events?state=dead&limit=${limit}${next && `&cursor=${next}`}`);
    found.push(...page.events);
    next = page.next ?? "";
  } while (next && found.length < letters_wanted);
  more_letters = next !== "";
  return found;
}

export async function oldestWaiting() {
  const page = await get("/api/v1/events?state=waiting&order=oldest&limit=1");
  return page.events[0]?.received_at ?? null;
}

// module → its latest attempt that ended badly.
export function lastErrors() {
  const found = new Map();
  for (const one of attempts.values()) {
    if (!one.end || kGood.includes(one.end)) continue;
    const at = new Date(Date.parse(one.started_at) + one.took_ms).toISOString();
    if (!(found.get(one.module)?.at > at)) found.set(one.module, {at, what: one.error || one.end, event: one.id});
  }
  return found;
}

// --- the tail ---

// Of an attempt, when the inbox has nothing open of its delivery.
function stateOf(one) {
  if (!one.end) return "running";
  return one.again ? "retry" : one.end;
}

function tailRows() {
  const rows = new Map();
  for (const one of attempts.values()) {
    const key = `${one.seq}/${one.module}`;
    if (!(rows.get(key)?.started_at > one.started_at)) rows.set(key, {...one, state: stateOf(one), at: one.started_at});
  }
  for (const event of open_events) {
    for (const delivery of event.deliveries) {
      const key = `${event.seq}/${delivery.module}`;
      const known = rows.get(key);
      if (known?.end && !known.again && delivery.state === "running") continue;  // it has ended since
      rows.set(key, {...event, ...known, ...delivery, at: known?.at ?? event.received_at,
                     attempt: known?.attempt ?? delivery.attempts, error: known?.error || delivery.why});
    }
  }
  return [...rows.values()].sort((a, b) => a.at < b.at ? 1 : a.at > b.at ? -1 : b.seq - a.seq);
}

const kStates = {
  open: ["waiting", "running", "closing", "retry"],
  good: kGood,
  bad: ["dead", "failed", "overran", "rejected", "interrupted", "expired", "not_configured"],
};

function wanted(row) {
  const [module, state] = [byId("tail-module").value, byId("tail-state").value];
  return (!module || row.module === module) && (!state || kStates[state].includes(row.state));
}

function tookCell(row) {
  if (row.took_ms != null && row.end) return duration(row.took_ms);
  return row.state === "running" && row.started_at ? age(row.started_at) : "–";
}

const kTailColumns = [
  {title: "Time"}, {title: "Event", class: "id"}, {title: "Module"}, {title: "State"}, {title: "Attempt", class: "number"},
  {title: "Took", class: "number"}, {title: "What it said", class: "wide"}];

// An id is whatever the sender chose; blanks alone could not be seen.
function storyLink(row) {
  const name = row.id.trim() ? row.id : `seq ${row.seq}`;
  return el("button", {type: "button", class: "link", title: row.id, onclick: () => openStory(row)}, name);
}

export function showTail() {
  if (held) return;
  const all = tailRows();
  const rows = all.filter(wanted).slice(0, kTailRows);
  fillTable(byId("tail"), kTailColumns, rows.map((row) => ({
    key: `${row.seq}/${row.module}`,
    cells: [clockTime(row.at), storyLink(row), row.module, badge(row.state), number(row.attempt), tookCell(row),
            row.error ? el("span", {class: "clip", title: row.error}, row.error) : ""],
  })));
  byId("tail-none").hidden = rows.length > 0;
  byId("tail-none").textContent = all.length > 0 ? "None that match." : "None yet.";
}

export const anyEvent = () => attempts.size > 0 || open_events.length > 0;

export function setHost(status) {
  modules = status.modules.map(({id}) => id);
  show_bodies = status.show_bodies;
  const list = byId("tail-module");
  const known = [...list.options].map(({value}) => value);
  for (const id of modules.filter((id) => !known.includes(id))) list.append(el("option", {value: id}, id));
}

byId("tail-module").onchange = showTail;
byId("tail-state").onchange = showTail;
byId("hold").onclick = () => {
  held = !held;
  byId("hold").setAttribute("aria-pressed", held);
  byId("hold").textContent = held ? "Held" : "Hold";
  showTail();
};

// --- dead letters ---

const kLetterColumns = [
  {title: "Died"}, {title: "Event", class: "id"}, {title: "Module"}, {title: "End"}, {title: "Attempts", class: "number"},
  {title: "Why", class: "wide"}, {title: "Action", class: "actions"}];

// Who gets it instead, where its own module will not.
function chooser(letter) {
  if (modules.includes(letter.module)) return null;
  return el("select", {"aria-label": `Module that gets ${letter.id}`}, modules.map((id) => el("option", {value: id}, id)));
}

function actions(letter) {
  const to = chooser(letter);
  const what = `${letter.id} for ${letter.module}`;
  return el("div", {class: "line"}, to,
      el("button", {type: "button", "aria-label": `Replay ${what}`, onclick: () => replay(letter, to?.value)}, "Replay"),
      el("button", {type: "button", class: "danger", "aria-label": `Drop ${what}`, onclick: () => drop(letter)}, "Drop"));
}

export function showLetters(dead) {
  fillTable(byId("letters"), kLetterColumns, letters.map((letter) => ({
    key: `${letter.seq}/${letter.module}/${letter.died_at}/${modules.join()}`,
    cells: [el("span", {}, age(letter.died_at), " ago"), storyLink(letter), letter.module, badge(letter.end),
            number(letter.attempts), el("span", {class: "clip", title: letter.why}, letter.why), actions(letter)],
  })));
  byId("letters-none").hidden = letters.length > 0;
  byId("letters-count").textContent = dead > 0 ? dead > letters.length ? `${letters.length} of ${dead}` : `${dead}` : "";
  byId("replay-all").hidden = byId("drop-all").hidden = letters.length < 2;
  byId("letters-more").hidden = !more_letters;
}

// Says what came of an action, and shows it at once.
async function act(work, done) {
  try {
    say("outcome", done(await work()), "good");
  } catch (error) {
    say("outcome", error.message, "bad");
  }
  document.dispatchEvent(new Event("changed"));
}

const actionPath = (letter, action) => `${eventPath(letter)}/${action}`;

function replay(letter, to) {
  return act(() => post(actionPath(letter, "replay"), {module: letter.module, ...(to ? {to: [to]} : {})}),
             () => `${letter.id} waits again for ${to ?? letter.module}.`);
}

async function drop(letter) {
  const yes = await confirmed(
      "Drop this dead letter?",
      `${letter.id} for ${letter.module} ends for good; its body goes with the last of its deliveries. It cannot be undone.`,
      "Drop it");
  if (!yes) return;
  await act(() => post(actionPath(letter, "drop"), {module: letter.module}),
            () => `${letter.id} is dropped for ${letter.module}.`);
}

// In slices, as the API gives them; what fails is counted.
async function actOnEvery(action, done_name) {
  let [done, failed, cursor] = [0, 0, undefined];
  do {
    const slice = await post(`/api/v1/events/${action}`, {all: true, ...(cursor ? {cursor} : {})});
    done += slice[done_name].length;
    failed += slice.failed.length;
    cursor = slice.next;
  } while (cursor);
  return {done, failed};
}

byId("replay-all").onclick = async () => {
  const yes = await confirmed("Replay all dead letters?",
                              "Each waits again for its module. An answer takes the place of the apology in its chat.",
                              "Replay all");
  if (!yes) return;
  await act(() => actOnEvery("replay", "replayed"),
            ({done, failed}) => `${done} wait again${failed ? `, ${failed} could not be replayed` : ""}.`);
};

byId("drop-all").onclick = async () => {
  const yes = await confirmed("Drop all dead letters?",
                              "Each ends for good, also those that the page does not show; a body goes with the last of its " +
                              "deliveries. It cannot be undone.", "Drop all");
  if (!yes) return;
  await act(() => actOnEvery("drop", "dropped"),
            ({done, failed}) => `${done} are dropped${failed ? `, ${failed} could not be dropped` : ""}.`);
};

byId("letters-more").onclick = () => {
  letters_wanted += kLettersMore;
  document.dispatchEvent(new Event("changed"));
};

// --- one event's story ---

let story_of = null;  // {seq, id}
let body_shown = null;

function moment(iso, title, about, kind = "") {
  return {iso, element: el("li", {class: kind}, el("span", {class: "when"}, iso ? clockTime(iso) : ""),
                           el("div", {}, title, about ? el("div", {class: "faint"}, about) : null))};
}

function attemptMoment(one) {
  const title = [`Attempt ${one.attempt} `, badge(one.end ?? "running"), one.again ? " given again" : ""];
  if (!one.end) return moment(one.started_at, title, el("span", {}, "since ", age(one.started_at)), "busy");
  const about = [`took ${duration(one.took_ms)}`, one.error].filter(Boolean).join(" · ");
  return moment(one.started_at, title, about, kGood.includes(one.end) ? "good" : "bad");
}

const recordMoment = (record) => moment(
    record.at, [`Attempt ${record.attempt || "never begun"} `, badge(record.end)], record.error, "bad");

function stepMoment(step) {
  const log = step.log_id ? `message log ${step.log_id}` : "its create was not confirmed";
  const twice = step.ambiguous_creates ? `, ${step.ambiguous_creates} creates without a reply` : "";
  return moment(null, [`Step ${step.order}.${step.nth} `, badge(step.state)], `${log}, message ${step.message_id}${twice}`);
}

// In the words of the log: a status, or what came instead of one.
function callMoment(call, received_at) {
  const kind = !call.ended ? "busy" : call.status >= 200 && call.status < 300 ? "good" : "bad";
  const word = call.ended ? String(call.status ?? call.error) : "on its way";
  const about = [call.attempt ? null : "the host's own", `${duration(Date.parse(call.started_at) - Date.parse(received_at))} after receipt`,
                 call.ended ? `took ${duration(call.took_ms)}` : null, call.tries > 1 ? `${call.tries} tries` : null];
  return moment(call.started_at, [el("code", {}, `${call.method} ${call.route}`), " ", badge(word, kind)],
                about.filter(Boolean).join(" · "), `call ${kind}`);
}

function callMoments(story, module) {
  const calls = story.calls.filter((call) => call.module === module);
  const shown = calls.slice(-kCallsMax).map((call) => callMoment(call, story.received_at));
  const left = calls.length - shown.length;
  return left > 0 ? [moment(shown[0].iso, `${left} earlier calls`, "GET /api/v1/events/{id} tells them"), ...shown] : shown;
}

function endMoment(delivery) {
  if (!delivery) return null;
  if (delivery.state === "dead") {
    return moment(delivery.died_at, ["Dead letter ", badge(delivery.end)], delivery.why, "bad");
  }
  const due = delivery.due_at && since(delivery.due_at) < 0 ? `due in ${span(-since(delivery.due_at))}` : "";
  return moment(null, ["Now ", badge(delivery.state)], due, "busy");
}

function moduleStory(story, module) {
  const delivery = story.deliveries.find((one) => one.module === module);
  const own = [...attempts.values()].filter((one) => one.seq === story_of.seq && one.module === module);
  const told = (record) => own.some((one) => one.attempt === record.attempt && one.end === record.end);
  const records = (delivery?.records ?? []).filter((record) => !told(record));
  const tries = [...own.map(attemptMoment), ...records.map(recordMoment), ...callMoments(story, module)]
      .sort((a, b) => a.iso < b.iso ? -1 : a.iso > b.iso ? 1 : 0);
  const moments = [...tries, ...(delivery?.steps ?? []).map(stepMoment), endMoment(delivery)].filter(Boolean);
  return [el("h3", {}, module), el("ol", {class: "timeline"}, moments.map(({element}) => element))];
}

const kAnswers = {none: "none written", intended: "being written", written: "written", apologised: "the apology"};

function factsOf(story) {
  const facts = [["Type", story.type], ["Company", story.company_id], ["User", story.user_id], ["Chat", story.chat_id],
                 ["Answer", kAnswers[story.answer] ?? story.answer],
                 ["Body", story.body_bytes === null ? "gone" : `${number(story.body_bytes)} bytes`]];
  return el("dl", {class: "facts"}, facts.filter(([, value]) => value).map(
      ([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, value))));
}

function bodyPart(story) {
  if (!show_bodies || story.body_bytes === null) return null;
  if (body_shown !== null) return el("pre", {tabindex: "0", "aria-label": "Body"}, body_shown);
  return el("button", {type: "button", onclick: () => showBody(story_of)}, "Show body");
}

// Whoever has turned to another event meanwhile is not shown this one's.
async function showBody(event) {
  const body = await get(`${eventPath(event)}?body=1`).then(
      (story) => story.body ?? "It is gone.", (error) => `Not shown: ${error.message}`);
  if (story_of !== event) return;
  body_shown = body;
  await showStory();
  byId("story-text").querySelector("pre")?.focus();
}

export async function showStory() {
  if (story_of === null) return;
  const place = byId("story-text");
  const event = story_of;
  try {
    const story = await get(eventPath(event));
    if (story_of !== event) return;
    byId("story-title").textContent = story.id;
    const seen = [...attempts.values()].filter((one) => one.seq === story_of.seq);
    story.type ??= seen[0]?.type;  // it went with the body
    const named = [...new Set([...story.deliveries, ...seen, ...story.calls].map((one) => one.module))].sort();
    const stored = moment(story.received_at, "Received and stored",
                          `on disk before the platform had its 200 · seq ${story.seq}`, "good");
    const fresh = [factsOf(story), el("ol", {class: "timeline"}, stored.element),
                   ...named.flatMap((module) => moduleStory(story, module)),
                   named.length === 0 ? el("p", {class: "faint"}, "All its deliveries have ended, before this host's latest " +
                                                "512 attempts.") : null,
                   bodyPart(story)].filter(Boolean);
    const wrap = el("div", {}, fresh);
    if (place.innerHTML !== wrap.innerHTML) place.replaceChildren(...wrap.childNodes);
  } catch (error) {
    if (story_of === event) place.replaceChildren(el("p", {class: "bad"}, error.message));
  }
}

export async function openStory({seq, id}) {
  story_of = {seq, id};
  body_shown = null;
  byId("story-text").replaceChildren(el("p", {class: "faint"}, "…"));
  byId("story").showModal();
  await showStory();
}

byId("story-close").onclick = () => byId("story").close();
byId("story").onclose = () => { story_of = null; };
byId("story").onclick = (event) => { if (event.target === byId("story")) byId("story").close(); };
