import assert from "node:assert/strict";
import {createHmac} from "node:crypto";
import {join} from "node:path";
import {desk, eventually, noHorizontalScroll, pageTest, phone, picture} from "./browser.mjs";
import {lowContrasts, namelessControls} from "./contrast.mjs";
import {build, ragOnly, secret, startHost, startPair} from "./processes.mjs";

const tests = (name) => join(build, "test-modules", `${name}.so`);

const withPoison = `modules:
  - {id: poison, path: ${tests("poison")}}
routes: [{event: unique.chat.external-module.chosen, to: poison}]
`;

const everything = `modules:
  - {id: rag-responder, answers: true}
  - {id: message-logger, isolation: in_process, config: {file: messages.jsonl}}
  - {id: poison, path: ${tests("poison")}}
routes:
  - {event: unique.chat.external-module.chosen, when: {payload.name: [rag-responder]}, to: [rag-responder, poison]}
  - {event: unique.chat.user-message.created, to: message-logger}
`;

async function ask({sandbox}, text) {
  const answer = await fetch(sandbox.url + "/sandbox/ask",
      {method: "POST", headers: {"Content-Type": "application/json"}, body: JSON.stringify({text})});
  assert.equal(answer.status, 200);
  return (await answer.json()).eventIds.at(-1);
}

async function sendWebhook(host, event) {
  const body = JSON.stringify(event);
  const answer = await fetch(host.url, {method: "POST", body, headers: {
    "X-Unique-Created-At": String(Math.floor(Date.now() / 1000)),
    "X-Unique-Signature": createHmac("sha256", secret).update(body).digest("hex")}});
  assert.equal(answer.status, 200);
}

// One with a minute's traffic behind it, where a picture is wanted.
async function keepPicture(page, pair) {
  for (let asked = 0; process.env.MODHOST_SCREENSHOTS && asked < 150; ++asked) {
    await ask(pair, asked % 60 === 30 ? "poison: segv" : "How is a module reloaded?");
    await page.waitForTimeout(100 + 500 * Math.abs(Math.sin(asked / 12)));
  }
  await picture(page, "operator");
}

const row = (page, table, ...texts) => texts.reduce(
    (rows, text) => rows.filter({hasText: text}), page.getByRole("table", {name: table}).getByRole("row"));

pageTest("operator: a host without events says how to send the first", {}, async ({page, cleanup}) => {
  const host = await startHost();
  cleanup(host.stop);

  await page.goto(host.admin);

  await page.getByRole("heading", {name: "No event has come yet"}).waitFor();
  await page.getByText("modhost ask").waitFor();
  await row(page, "Modules", "rag-responder", "serving", "generation 1").waitFor();
  await row(page, "Routes", "unique.chat.external-module.chosen", "rag-responder").waitFor();
  await page.getByText("ready", {exact: true}).waitFor();
});

pageTest("operator: a question shows as it comes and tells its story", {}, async ({page, cleanup}) => {
  const pair = await startPair();
  cleanup(pair.stop);
  await page.goto(pair.host.admin);
  await page.getByRole("heading", {name: "No event has come yet"}).waitFor();

  const id = await ask(pair, "What does the inbox promise?");
  await row(page, "Deliveries", id, "rag-responder", "ok").waitFor();
  assert.equal(await page.getByRole("heading", {name: "No event has come yet"}).isVisible(), false);
  await page.getByRole("button", {name: id}).click();

  const story = page.getByRole("dialog", {name: id});
  await story.getByText("Received and stored").waitFor();
  await story.getByText("Attempt 1").waitFor();
  await story.getByText("unique.chat.external-module.chosen").waitFor();
  await story.getByRole("listitem").filter({hasText: "PATCH /messages/*"}).getByText("200").first().waitFor();
  assert.match(await story.innerText(), /POST \/search\/search\s+20\d\s+\d[\d.]* m?s after receipt · took /);
  assert.match(await story.innerText(), /Answer\s+written/);
  await page.keyboard.press("Escape");
  await story.waitFor({state: "hidden"});
});

pageTest("operator: a module's crash shows with its signal and event", {}, async ({page, cleanup}) => {
  const pair = await startPair({config: withPoison});
  cleanup(pair.stop);
  await page.goto(pair.host.admin);

  const id = await ask(pair, "poison: segv");

  await row(page, "Modules", "poison", "worker killed by signal 11 (SIGSEGV)").waitFor();
  await row(page, "Dead letters", id, "interrupted").waitFor();
  await eventually(async () => {
    const cells = await row(page, "Modules", "poison").getByRole("cell").allInnerTexts();
    assert.ok(Number(cells[8]) >= 3, `restarts: ${cells[8]}`);
  });
});

pageTest("operator: a dead letter is replayed and answered", {}, async ({page, cleanup}) => {
  const pair = await startPair({sandboxArgs: ["--fail", "POST /search=500:3"]});
  cleanup(pair.stop);
  await page.goto(pair.host.admin);
  const id = await ask(pair, "What does the inbox promise?");
  await row(page, "Dead letters", id, "failed", "HTTP 500").waitFor();

  await page.getByRole("button", {name: `Replay ${id} for rag-responder`}).click();

  await page.getByRole("status").getByText(`${id} waits again for rag-responder.`).waitFor();
  await row(page, "Deliveries", id, "ok").waitFor();
  await page.getByText("None: every delivery that ended, ended well.").waitFor();
});

pageTest("operator: dropping asks first", {}, async ({page, cleanup}) => {
  const pair = await startPair({sandboxArgs: ["--fail", "POST /search=500:3"]});
  cleanup(pair.stop);
  await page.goto(pair.host.admin);
  const id = await ask(pair, "What does the inbox promise?");
  const drop = page.getByRole("button", {name: `Drop ${id} for rag-responder`});

  await drop.click();
  await page.getByRole("dialog").getByRole("button", {name: "Cancel"}).click();
  await row(page, "Dead letters", id).waitFor();
  await drop.click();
  await page.getByRole("dialog").getByRole("button", {name: "Drop it"}).click();

  await page.getByRole("status").getByText(`${id} is dropped for rag-responder.`).waitFor();
  await row(page, "Dead letters", id).waitFor({state: "detached"});
});

pageTest("operator: what no route wanted is given to a module", {}, async ({page, cleanup}) => {
  const pair = await startPair({config: `dispatch: {unrouted: dead_letter}
modules: [{id: message-logger, config: {file: messages.jsonl}}]
routes: [{event: nothing.comes, to: message-logger}]
`});
  cleanup(pair.stop);
  await sendWebhook(pair.host, {id: "evt_lost", event: "unique.chat.user-message.created", userId: "u", companyId: "c",
                                payload: {chatId: "chat", text: "hello"}});
  await page.goto(pair.host.admin);

  await page.getByLabel("Module that gets evt_lost").selectOption("message-logger");
  await page.getByRole("button", {name: "Replay evt_lost for (unrouted)"}).click();

  await row(page, "Deliveries", "evt_lost", "message-logger", "ok").waitFor();
});

pageTest("operator: a reload shows its outcome and the new generation", {}, async ({page, cleanup}) => {
  const host = await startHost();
  cleanup(host.stop);
  await page.goto(host.admin);
  const reload = page.getByRole("button", {name: "Reload configuration"});
  const outcome = page.getByRole("status");

  await reload.click();
  await outcome.getByText("nothing had changed").waitFor();
  host.configure(ragOnly.replace("answers: true", "answers: true, concurrency: 7"));
  await reload.click();
  await outcome.getByText("replaced rag-responder").waitFor();
  await row(page, "Modules", "rag-responder", "generation 2", "0 / 7").waitFor();
  await row(page, "Modules", "rag-responder", "generation 1", "unloaded").waitFor();
});

// The browser itself complains of every answer that is no success.
pageTest("operator: a refused reload says why and what serves goes on", {}, async ({page, cleanup}) => {
  const host = await startHost();
  cleanup(host.stop);
  await page.goto(host.admin);

  host.configure(ragOnly.replace("answers", "anwsers"));
  await page.getByRole("button", {name: "Reload configuration"}).click();

  await page.getByRole("status").getByText("everything stays as it was").waitFor();
  assert.match(await page.getByRole("status").innerText(), /modules\.yaml:\d+.*anwsers/);
  await row(page, "Modules", "rag-responder", "generation 1", "serving").waitFor();
}, [/status of 409/]);

// Ids are the sender's: one that a browser takes for a way up, one that is another event's seq, one that cannot be seen.
pageTest("operator: every event can be opened and dropped whatever its id", {viewport: phone}, async ({page, cleanup}) => {
  const host = await startHost({config: `admin_show_bodies: true
dispatch: {unrouted: dead_letter}
modules: [{id: message-logger, config: {file: messages.jsonl}}]
routes: [{event: nothing.comes, to: message-logger}]
`});
  cleanup(host.stop);
  const ids = ["<img src=x onerror=\"window.ran = 1\">", "..", "1", " ", "a/b?c#d%25", "x".repeat(180)];
  for (const [at, id] of ids.entries()) {
    await sendWebhook(host, {id, event: "unique.chat.user-message.created", userId: "u", companyId: "c",
                             payload: {chatId: "chat", text: `the text of event ${at}.`}});
  }
  await page.goto(host.admin);
  const letters = page.getByRole("table", {name: "Dead letters"}).locator("tbody tr");
  await eventually(async () => assert.equal(await letters.count(), ids.length));  // the newest first
  await noHorizontalScroll(page);
  assert.deepEqual(await namelessControls(page), []);

  for (const at of ids.keys()) {
    await letters.nth(ids.length - 1 - at).getByRole("button").first().click();
    await page.getByRole("button", {name: "Show body"}).click();
    await page.getByLabel("Body").getByText(`the text of event ${at}.`).waitFor();
    assert.equal(await page.evaluate(() => document.activeElement.getAttribute("aria-label")), "Body");
    await noHorizontalScroll(page);
    await page.keyboard.press("Escape");
  }
  for (let left = ids.length - 1; left >= 0; --left) {
    await letters.last().getByRole("button", {name: "Drop"}).click();
    await page.getByRole("button", {name: "Drop it"}).click();
    await eventually(async () => assert.equal(await letters.count(), left));
  }
  assert.equal(await page.evaluate(() => window.ran), undefined);
});

pageTest("operator: a body that comes late is not shown with another event", {}, async ({page, cleanup}) => {
  const host = await startHost({config: `admin_show_bodies: true
dispatch: {unrouted: dead_letter}
modules: [{id: message-logger, config: {file: messages.jsonl}}]
routes: [{event: nothing.comes, to: message-logger}]
`});
  cleanup(host.stop);
  for (const id of ["evt_first", "evt_second"]) {
    await sendWebhook(host, {id, event: "unique.chat.user-message.created", userId: "u", companyId: "c",
                             payload: {chatId: "chat", text: `the text of ${id}`}});
  }
  let release;
  const held = new Promise((resolve) => { release = resolve; });
  await page.route("**/api/v1/events/evt_first?body=1", async (route) => { await held; await route.continue(); });
  await page.goto(host.admin);
  const letters = page.getByRole("table", {name: "Dead letters"});

  await letters.getByRole("button", {name: "evt_first", exact: true}).click();
  await page.getByRole("button", {name: "Show body"}).click();
  await page.keyboard.press("Escape");
  await letters.getByRole("button", {name: "evt_second", exact: true}).click();
  const late = page.waitForResponse(/evt_first\?body=1/);
  release();
  await (await late).finished();
  await page.getByRole("button", {name: "Show body"}).click();

  await page.getByLabel("Body").getByText("the text of evt_second").waitFor();
});

pageTest("operator: bodies are offered only where the host gives them out", {}, async ({page, cleanup}) => {
  const config = `dispatch: {unrouted: dead_letter}
modules: [{id: message-logger, config: {file: messages.jsonl}}]
routes: [{event: nothing.comes, to: message-logger}]
`;
  const host = await startHost({config});
  cleanup(host.stop);
  await sendWebhook(host, {id: "evt_1", event: "unique.chat.user-message.created", userId: "u", companyId: "c",
                           payload: {chatId: "chat", text: "what nobody is to read"}});
  await page.goto(host.admin);

  await page.getByRole("table", {name: "Dead letters"}).getByRole("button", {name: "evt_1", exact: true}).click();

  await page.getByRole("dialog", {name: "evt_1"}).getByText("Dead letter").waitFor();
  assert.equal(await page.getByRole("button", {name: "Show body"}).count(), 0);
  assert.equal((await fetch(host.admin + "api/v1/events/evt_1?body=1")).status, 403);
  assert.equal(await page.getByText("what nobody is to read").count(), 0);
});

pageTest("operator: all dead letters are replayed at once, after a question", {}, async ({page, cleanup}) => {
  const pair = await startPair({sandboxArgs: ["--fail", "POST /search=500:6"]});
  cleanup(pair.stop);
  await page.goto(pair.host.admin);
  for (const text of ["What does the inbox promise?", "How is a module reloaded?"]) {
    await row(page, "Dead letters", await ask(pair, text), "rag-responder").waitFor();
  }

  await page.getByRole("button", {name: "Replay all"}).click();
  await page.getByRole("dialog").getByRole("button", {name: "Cancel"}).click();
  assert.equal(await page.getByRole("table", {name: "Dead letters"}).locator("tbody tr").count(), 2);
  await page.getByRole("button", {name: "Replay all"}).click();
  await page.getByRole("dialog").getByRole("button", {name: "Replay all"}).click();

  await page.getByRole("status").getByText("2 wait again.").waitFor();
  await row(page, "Deliveries", "ok").nth(1).waitFor();
  await page.getByText("None: every delivery that ended, ended well.").waitFor();
});

pageTest("operator: a webhook secret that has expired is told", {}, async ({page, cleanup}) => {
  const host = await startHost({secrets: ['{secret: "an-old-secret-of-this-test", expires: 2020-01-01T00:00:00Z}']});
  cleanup(host.stop);

  await page.goto(host.admin);

  await page.getByText("1 of 2 webhook secrets has expired").waitFor();
});

pageTest("operator: a token is any text", {}, async ({page, cleanup}) => {
  const token = "ein-längeres-Geheimnis-“€”";
  const host = await startHost({config: `admin_token: "${token}"\n${ragOnly}`});
  cleanup(host.stop);

  await page.goto(host.admin);
  await page.getByLabel("Admin token").fill("“wrong”");
  await page.keyboard.press("Enter");
  await page.getByText("That is not this host's token.").waitFor();
  await page.getByLabel("Admin token").fill(token);
  await page.keyboard.press("Enter");

  await row(page, "Modules", "rag-responder", "serving").waitFor();
}, [/status of 401/]);

pageTest("operator: off loopback the page asks for the token", {}, async ({page, cleanup}) => {
  const host = await startHost({admin: "0.0.0.0:0", config: `admin_token: "a-long-token-of-this-test"\n${ragOnly}`});
  cleanup(host.stop);

  await page.goto(host.admin);
  await page.getByLabel("Admin token").fill("a-wrong-token");
  await page.keyboard.press("Enter");
  await page.getByText("That is not this host's token.").waitFor();
  assert.equal(await page.getByRole("heading", {name: "Modules"}).isVisible(), false);
  await page.getByLabel("Admin token").fill("a-long-token-of-this-test");
  await page.getByRole("button", {name: "Open"}).click();

  await row(page, "Modules", "rag-responder", "serving").waitFor();
  await page.reload();
  await row(page, "Modules", "rag-responder", "serving").waitFor();
  assert.deepEqual(await page.context().cookies(), []);
  assert.equal(await page.evaluate(() => localStorage.length), 0);
}, [/status of 401/]);

pageTest("operator: a host that has gone is missed", {}, async ({page}) => {
  const host = await startHost();
  await page.goto(host.admin);
  await row(page, "Modules", "rag-responder", "serving").waitFor();

  await host.stop();

  await page.getByRole("alert").getByText("The host does not answer").waitFor();
}, [/ERR_CONNECTION|ERR_EMPTY/]);

pageTest("operator: a host that hangs is told apart from what is shown until it answers again", {}, async ({page, cleanup}) => {
  const host = await startHost();
  cleanup(host.stop);
  await page.goto(host.admin);
  await row(page, "Modules", "rag-responder", "serving").waitFor();

  host.program.freeze();
  const told = page.getByRole("alert").getByText("The host does not answer. All that this page shows is old, of ");
  await told.waitFor();
  await page.getByText("no answer", {exact: true}).waitFor();
  await row(page, "Modules", "rag-responder", "serving").waitFor();  // still there to be read
  assert.deepEqual((await lowContrasts(page)).low, []);

  host.program.thaw();
  await told.waitFor({state: "detached"});
  await page.getByText("ready", {exact: true}).waitFor();
  assert.equal(await page.locator("body.old").count(), 0);
});

pageTest("operator: more dead letters are shown when asked for and all are dropped after a question", {},
         async ({page, cleanup}) => {
  const host = await startHost({config: `dispatch: {unrouted: dead_letter}
modules: [{id: message-logger, config: {file: messages.jsonl}}]
routes: [{event: nothing.comes, to: message-logger}]
`});
  cleanup(host.stop);
  const all = 130;
  for (let at = 0; at < all; ++at) {
    await sendWebhook(host, {id: `evt_${at}`, event: "unique.chat.user-message.created", userId: "u", companyId: "c",
                             payload: {chatId: "chat", text: "hello"}});
  }
  await page.goto(host.admin);
  const letters = page.getByRole("table", {name: "Dead letters"}).locator("tbody tr");
  const more = page.getByRole("button", {name: "Show more"});
  const shown = (count) => eventually(async () => assert.equal(await letters.count(), count));
  await shown(20);
  await page.getByText(`20 of ${all}`).waitFor();

  await more.press("Enter");
  await shown(120);
  await more.press("Enter");
  await shown(all);
  await more.waitFor({state: "hidden"});
  assert.equal(new Set(await letters.getByRole("button", {name: /^evt_\d+$/}).allInnerTexts()).size, all);

  await page.getByRole("button", {name: "Drop all"}).click();
  await page.getByRole("dialog").getByRole("button", {name: "Cancel"}).click();
  await shown(all);
  await page.getByRole("button", {name: "Drop all"}).click();
  await page.getByRole("dialog").getByRole("button", {name: "Drop all"}).click();

  await page.getByRole("status").getByText(`${all} are dropped.`).waitFor();
  await page.getByText("None: every delivery that ended, ended well.").waitFor();
});

for (const colorScheme of ["light", "dark"]) {
  pageTest(`operator: all is readable and named in ${colorScheme}`, {colorScheme, viewport: {...desk, height: 1000}},
           async ({page, cleanup}) => {
    const pair = await startPair({config: everything, sandboxArgs: ["--fail", "POST /search=500:6"]});
    cleanup(pair.stop);
    await page.goto(pair.host.admin);
    const dead = await ask(pair, "What does the inbox promise?");
    await row(page, "Dead letters", dead, "rag-responder").waitFor();
    await ask(pair, "poison: segv");
    await row(page, "Modules", "poison", "SIGSEGV").waitFor();
    for (let asked = 0; asked < 4; ++asked) await ask(pair, "How is a module reloaded?");
    await row(page, "Deliveries", "message-logger", "ok").nth(5).waitFor();
    if (colorScheme === "light") await keepPicture(page, pair);

    assert.deepEqual(await namelessControls(page), []);
    const seen = await lowContrasts(page);
    assert.ok(seen.measured > 60, `${seen.measured}`);
    assert.deepEqual(seen.low, []);
    await page.getByRole("table", {name: "Dead letters"}).getByRole("button", {name: dead, exact: true}).first().click();
    await page.getByRole("dialog", {name: dead}).getByText("Dead letter").first().waitFor();
    assert.deepEqual((await lowContrasts(page)).low, []);
    assert.deepEqual(await namelessControls(page), []);
  });
}

pageTest("operator: the keyboard goes from the top to the bottom and comes back", {}, async ({page, cleanup}) => {
  const pair = await startPair({sandboxArgs: ["--fail", "POST /search=500:3"]});
  cleanup(pair.stop);
  await page.goto(pair.host.admin);
  const id = await ask(pair, "What does the inbox promise?");
  await row(page, "Dead letters", id).waitFor();
  await row(page, "Deliveries", id, "dead").waitFor();

  const visited = [];
  for (let step = 0; step < 12; ++step) {
    await page.keyboard.press("Tab");
    visited.push(await page.evaluate(() => {
      const at = document.activeElement;
      return at.getAttribute("aria-label") ?? at.labels?.[0]?.firstChild.textContent.trim() ?? at.textContent.trim();
    }));
    if (visited.at(-1) === "API") break;
  }

  assert.deepEqual(visited, ["Skip to content", "Reload configuration", id, `Replay ${id} for rag-responder`,
                             `Drop ${id} for rag-responder`, "Module", "State", "Hold", id, "API"]);
  await page.keyboard.press("Shift+Tab");
  await page.keyboard.press("Enter");
  await page.getByRole("dialog", {name: id}).waitFor();
  await page.keyboard.press("Escape");
  assert.equal(await page.evaluate(() => document.activeElement.textContent), id);
});

pageTest("operator: a phone shows all of it without scrolling sideways", {viewport: phone}, async ({page, cleanup}) => {
  const pair = await startPair({config: everything, sandboxArgs: ["--fail", "POST /search=500:6"]});
  cleanup(pair.stop);
  await page.goto(pair.host.admin);
  await noHorizontalScroll(page);
  const id = await ask(pair, "What does the inbox promise?");
  await row(page, "Dead letters", id, "rag-responder").waitFor();
  await row(page, "Deliveries", "message-logger", "ok").waitFor();

  await noHorizontalScroll(page);
  assert.deepEqual((await lowContrasts(page)).low, []);
  await page.getByRole("table", {name: "Dead letters"}).getByRole("button", {name: id, exact: true}).first().click();
  await page.getByRole("dialog", {name: id}).getByText("Dead letter").first().waitFor();
  await noHorizontalScroll(page);
});
