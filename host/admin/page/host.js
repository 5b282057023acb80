// The host as a whole: tiles, plots, modules, routes, reload.
import {post} from "./api.js";
import {Plot} from "./plot.js";
import {age, badge, byId, duration, el, fillTable, number, say, seconds, since, span} from "./view.js";
import {total} from "./metrics.js";

const kNow = 10;      // seconds a rate is taken over
const kRecent = 120;  // and a latency or an error rate
const kGoodEnds = ["ok", "skipped", "stopped"];

const kAcks = {answer: ["stored", "duplicate", "unrouted", "parked"]};  // of modhost_webhooks_total: what got a 200

const plots = {
  rates: new Plot("Rates per second", [{name: "acks", text: number}, {name: "ended", text: number}]),
  latency: new Plot("Ack latency", [{name: "p95", text: seconds}, {name: "p50", text: seconds}]),
  waiting: new Plot("Waiting and running", [{name: "waiting", text: number}, {name: "running", text: number}]),
};
byId("plots").append(...Object.values(plots).map((plot) => plot.element));

export function showPlots(history) {
  const readings = history.readings;
  const ages = readings.map(({at}) => (history.last.at - at) / 1000);
  const each = (value) => readings.map((reading, at) => value(at, reading));
  plots.rates.show(ages, [each((at) => history.rate("modhost_webhooks_total", kAcks, kNow, at)),
                          each((at) => history.rate("modhost_deliveries_total", {}, kNow, at))]);
  plots.latency.show(ages, [0.95, 0.5].map(
      (q) => each((at) => history.quantile("modhost_ack_seconds", q, kNow, {}, at))));
  plots.waiting.show(ages, ["waiting", "running"].map(
      (state) => each((_, reading) => total(reading, `modhost_inbox_${state}_deliveries`))));
}

// --- tiles ---

function tile(name, value, about, kind = "") {
  return el("div", {class: `card tile ${kind}`}, el("dt", {}, name), el("dd", {class: "value"}, value),
            el("dd", {class: "faint"}, about));
}

export function showTiles(status, history, oldest_waiting) {
  const {inbox} = status;
  const ended = history.grown("modhost_deliveries_total", {}, kRecent);
  const bad = ended - history.grown("modhost_deliveries_total", {end: kGoodEnds}, kRecent);
  const oldest = oldest_waiting ? since(oldest_waiting) : null;
  const p50 = history.quantile("modhost_ack_seconds", 0.5, kRecent);
  const batch = history.mean("modhost_inbox_batch_writes", kRecent);
  const refused = total(history.last, "modhost_webhooks_total") -
      total(history.last, "modhost_webhooks_total", {answer: [...kAcks.answer, "healthy"]});
  const open = inbox.running + inbox.closing;
  byId("tiles").replaceChildren(
      tile("Acks per second", number(history.rate("modhost_webhooks_total", kAcks, kNow)),
           `${number(total(history.last, "modhost_webhooks_total", kAcks))} in all, ${number(refused)} refused`),
      tile("Ack latency p95", seconds(history.quantile("modhost_ack_seconds", 0.95, kRecent)),
           `p50 ${seconds(p50)}, last 2 min`),
      tile("Waiting", number(inbox.waiting),
           oldest === null ? `${number(open)} running or closing` : `oldest ${span(oldest)}, ${number(open)} running`),
      tile("Commit p95", seconds(history.quantile("modhost_inbox_commit_seconds", 0.95, kRecent)),
           batch === null ? "with its fsync" : `with its fsync, ${number(batch)} writes each`),
      tile("Ended badly", ended > 0 ? `${number(100 * bad / ended)} %` : "–",
           `${number(bad)} of ${number(ended)}, last 2 min`, bad > 0 ? "bad" : ""),
      tile("Dead letters", number(inbox.dead), `${number(inbox.done)} done, ${number(inbox.events)} ids kept`,
           inbox.dead > 0 ? "bad" : ""));
}

// --- what the configuration will not do much longer ---

export function showWarnings({webhook}) {
  const {secrets = 0, secrets_expired: expired = 0} = webhook ?? {};
  say("warning", expired > 0 ? `${expired} of ${secrets} webhook secrets ${expired > 1 ? "have" : "has"} expired: what ` +
      `${expired > 1 ? "they sign" : "it signs"} is refused.` : "", "owed");
}

// --- modules and routes ---

const kModuleColumns = [
  {title: "Module"}, {title: "State"}, {title: "In flight", class: "number"}, {title: "Per second", class: "number"},
  {title: "Ended", class: "number"}, {title: "Bad", class: "number"}, {title: "p50", class: "number"},
  {title: "p95", class: "number"}, {title: "Restarts", class: "number"}, {title: "Last trouble", class: "wide"}];

// {what, at, event}: the latest of its worker's death and an attempt that ended badly.
function lastTrouble(module, last_error) {
  const death = module.last_death &&
      {at: module.last_death.at, what: `worker ${module.last_death.how}`, event: module.last_death.events?.[0]};
  if (!death || !last_error) return death ?? last_error;
  return last_error.at > death.at ? last_error : death;
}

function troubleCell(trouble) {
  if (!trouble) return el("span", {class: "faint"}, "none");
  return el("span", {class: "clip", title: `${trouble.what}${trouble.event ? ` (${trouble.event})` : ""}`},
            age(trouble.at), " ago: ", trouble.what);
}

function nameCell(module) {
  const about = [module.version, `generation ${module.generation}`, module.isolation.replace("_", " ")];
  if (module.answers) about.push("answers");
  return [el("strong", {}, module.id), el("span", {class: "faint about"}, about.join(" · "))];
}

function servingRow(module, history, last_error) {
  const where = {module: module.id};
  const ended = total(history.last, "modhost_deliveries_total", where);
  const bad = ended - total(history.last, "modhost_deliveries_total", {...where, end: kGoodEnds});
  const took = (q) => duration(toMs(history.quantile("modhost_attempt_seconds", q, kRecent, where)));
  return {
    key: `${module.id}/${module.generation}`,
    cells: [nameCell(module), badge(module.state), `${module.running} / ${module.concurrency}`,
            number(history.rate("modhost_deliveries_total", where, kNow)), number(ended),
            el("span", {class: bad > 0 ? "bad" : ""}, ended > 0 ? `${number(bad)} (${number(100 * bad / ended)} %)` : "–"),
            took(0.5), took(0.95), el("span", {class: module.restarts > 0 ? "owed" : ""}, number(module.restarts)),
            troubleCell(lastTrouble(module, last_error))],
  };
}
const toMs = (value) => value === null ? null : value * 1000;

function oldRow(module) {
  const stuck = module.stuck > 0 ? `${module.stuck} stuck` : "";
  return {key: `${module.id}/${module.generation}`, class: "old",
          cells: [nameCell(module), badge(module.state), `${module.running}`, "", "", "", "", "", "", stuck]};
}

// `last_error`: module → {at, what, event}.
export function showModules(status, history, last_error) {
  const rows = status.modules.map((module) => servingRow(module, history, last_error.get(module.id)));
  const old = (status.generations ?? []).slice().reverse().slice(0, 5).map(oldRow);
  fillTable(byId("modules"), kModuleColumns, [...rows, ...old]);
}

const kRouteColumns = [{title: "Event"}, {title: "When"}, {title: "To"}];

export function showRoutes(status) {
  const when = (route) => Object.entries(route.when).map(([path, values]) => el(
      "div", {}, el("code", {}, path), ` is ${values.map((value) => JSON.stringify(value)).join(" or ")}`));
  fillTable(byId("routes"), kRouteColumns, (status.routes ?? []).map((route, at) => ({
    key: at,
    cells: [el("code", {}, route.event), Object.keys(route.when).length ? when(route) : "always", route.to.join(", ")],
  })));
}

// --- reload ---

function outcomeText(outcome) {
  if (outcome.pending) return "The reload is not over yet; the modules' generations show when it is.";
  const parts = ["added", "replaced", "removed"].filter((what) => outcome[what]?.length)
      .map((what) => `${what} ${outcome[what].join(", ")}`);
  if (outcome.needs_restart?.length) parts.push(`needs a restart: ${outcome.needs_restart.join(", ")}`);
  return parts.length ? `Reloaded: ${parts.join("; ")}.` : "Reloaded: nothing had changed.";
}

export async function reload() {
  const button = byId("reload");
  button.disabled = true;
  say("outcome", "Reloading…");
  try {
    const outcome = await post("/api/v1/reload");
    say("outcome", outcomeText(outcome), outcome.needs_restart?.length ? "owed" : "good");
  } catch (error) {
    say("outcome", `Reload refused; everything stays as it was: ${error.message}`, "bad");
  } finally {
    button.disabled = false;
    button.focus();
  }
}
