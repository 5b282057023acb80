import assert from "node:assert/strict";
import {rmSync} from "node:fs";
import {join} from "node:path";
import {desk, eventually, noHorizontalScroll, pageTest, phone, picture} from "./browser.mjs";
import {lowContrasts, namelessControls} from "./contrast.mjs";
import {startPair, startRelay, startSandbox, temporaryFolder} from "./processes.mjs";

const nobody = "http://127.0.0.1:9/webhook";  // no host listens there
const question = "What does the inbox promise when the host is killed?";

async function ask(page, text) {
  await page.getByLabel("Your question", {exact: true}).and(page.locator("textarea")).fill(text);
  await page.keyboard.press("Enter");
}

const lastAnswer = (page) => page.locator("article.answer").last();
const step = (page, status, text) => lastAnswer(page).locator(`[data-status=${status}]`, {hasText: text});

async function askAndRead(page, url, text = question) {
  await page.goto(url);
  await ask(page, text);
  await lastAnswer(page).getByRole("button", {name: /^Source 1/}).first().waitFor();
}

// What a module writes, by a client of the platform's API.
async function writeAnswer(url, chatId, members) {
  const headers = {"Authorization": "Bearer key", "x-app-id": "app", "x-user-id": "sandbox-user",
                   "x-company-id": "sandbox-company", "Content-Type": "application/json"};
  const {data} = await (await fetch(`${url}/messages?chatId=${chatId}`, {headers})).json();
  const reply = await fetch(`${url}/messages/${data.at(-1).id}`, {
    method: "PATCH", headers, body: JSON.stringify({chatId, ...members})});
  assert.equal(reply.status, 200);
}

const chatIn = (page) => new URL(page.url()).hash.slice(1);

async function checkReadable(page, what) {
  const {measured, low} = await lowContrasts(page);
  assert.ok(measured > 5, `${what}: only ${measured} texts were measured`);
  assert.deepEqual(low, [], `${what}: contrast below WCAG AA`);
  assert.deepEqual(await namelessControls(page), [], `${what}: controls without a name`);
}

pageTest("chat: a question gets its steps and its answer and a citation opens the passage", {}, async ({page, cleanup}) => {
  const {sandbox, stop} = await startPair();
  cleanup(stop);

  await askAndRead(page, sandbox.url);

  await step(page, "COMPLETED", "Found 3 relevant documents").waitFor();
  await step(page, "COMPLETED", "Response generated").waitFor();
  await lastAnswer(page).getByText("The documents say").waitFor();
  await lastAnswer(page).getByText(/^Answered in/).waitFor();
  await picture(page, "chat");
  const quote = await lastAnswer(page).locator("blockquote").first().textContent();
  await lastAnswer(page).getByRole("button", {name: /^Source 1/}).first().click();
  const cited = page.getByRole("region", {name: "Cited passage"});
  await cited.waitFor();
  const marked = await page.evaluate(() => [...CSS.highlights.get("quote")].map(String).join(""));
  const words = (text) => text.replace(/[^\p{L}\p{N}]+/gu, " ").trim();
  assert.equal(words(marked), words(quote.replace(/\s*\d+$/, "")));
  assert.ok(await cited.evaluate((part) => part.getBoundingClientRect().top < innerHeight));
});

pageTest("chat: a step is shown while it runs and a running answer can be stopped", {}, async ({page, cleanup}) => {
  const {sandbox, stop} = await startPair({sandboxArgs: ["--llm-latency", "1m"]});
  cleanup(stop);
  await page.goto(sandbox.url);

  await ask(page, question);
  await step(page, "RUNNING", "Generating response...").waitFor();
  assert.equal(await page.getByRole("button", {name: "Ask"}).isVisible(), false);
  await page.getByRole("button", {name: "Stop"}).click();

  await lastAnswer(page).getByText("You stopped this answer.").waitFor();
  await page.getByRole("button", {name: "Ask"}).waitFor();
  assert.equal(await page.evaluate(() => document.activeElement.id), "text");
  // The host reads the message and so learns of it.
  const {messages} = await (await fetch(`${sandbox.url}/sandbox/chats/${chatIn(page)}`)).json();
  await eventually(async () => {
    const {calls} = await (await fetch(`${sandbox.url}/sandbox/trace/${messages.at(-1).id}`)).json();
    assert.ok(calls.some(({method, response}) => method === "GET" && JSON.parse(response).userAbortedAt));
  });
});

pageTest("chat: a module that fails shows its failed step and the apology", {}, async ({page, cleanup}) => {
  const {sandbox, stop} = await startPair({sandboxArgs: ["--fail", "POST /openai=500"]});
  cleanup(stop);
  await page.goto(sandbox.url);

  await ask(page, question);

  await step(page, "FAILED", "Generating response...").waitFor();
  await step(page, "COMPLETED", "Found 3 relevant documents").waitFor();
  await lastAnswer(page).getByText("Sorry, something went wrong").waitFor();
  await lastAnswer(page).getByText(/^Failed after/).waitFor();
  await checkReadable(page, "a failed answer");
  await lastAnswer(page).getByText("Behind this answer").click();
  await lastAnswer(page).getByText("--fail 500").first().waitFor();
  await checkReadable(page, "the calls of a failed answer");
});

pageTest("chat: behind an answer are its webhooks and every call of the module", {}, async ({page, cleanup}) => {
  const {sandbox, stop} = await startPair();
  cleanup(stop);
  await askAndRead(page, sandbox.url);

  await lastAnswer(page).getByText("Behind this answer").click();

  await lastAnswer(page).getByText("unique.chat.external-module.chosen", {exact: true}).waitFor();
  await eventually(async () => {
    assert.equal(await lastAnswer(page).getByText("The host accepted the signature.").count(), 2);
  });
  const calls = lastAnswer(page).locator(".call");
  const names = await calls.evaluateAll((all) => all.map((call) => call.querySelector(".what").textContent));
  assert.equal(names[0], "POST /message-log");
  assert.equal(names[1], "POST /search/search");
  assert.ok(names.some((name) => name.startsWith("PATCH /messages/")));
  await calls.nth(1).locator("summary").click();
  await calls.nth(1).getByText(`"searchString": "${question}"`).waitFor();
  await lastAnswer(page).getByText("Headers", {exact: true}).last().click();
  await lastAnswer(page).getByText("X-Unique-Signature: ").last().waitFor();
  await picture(page, "chat-trace");
});

pageTest("chat: a host with another secret is named as what it is", {}, async ({page, cleanup}) => {
  const {sandbox, stop} = await startPair({sandboxArgs: ["--secret-env", "OTHER"], env: {OTHER: "not-the-hosts"}});
  cleanup(stop);
  await page.goto(sandbox.url);

  await ask(page, question);

  await page.getByRole("alert").getByText("The host refused the event").waitFor();
  await lastAnswer(page).getByText("Behind this answer").click();
  await lastAnswer(page).getByText("The host refused the signature").first().waitFor();
});

pageTest("chat: chats are listed and switched and stay over a restart", {}, async ({page, cleanup}) => {
  const folder = temporaryFolder();
  cleanup(() => rmSync(folder, {recursive: true, force: true}));
  const options = {webhook: nobody, args: ["--db", join(folder, "chats.db")]};
  const first = await startSandbox(options);
  const chats = page.getByRole("navigation", {name: "Earlier chats"}).getByRole("link");
  const title = page.getByRole("heading", {level: 2}).first();

  await page.goto(first.url);
  await ask(page, "Which fees apply?");
  await chats.filter({hasText: "Which fees apply?"}).waitFor();
  await page.getByRole("button", {name: "New chat"}).click();
  await page.getByText("Ask your module something").first().waitFor();
  await ask(page, "Are dogs welcome?");
  await chats.nth(1).waitFor();
  assert.match(await chats.first().textContent(), /Are dogs welcome/);
  await chats.nth(1).click();
  await eventually(async () => assert.equal(await title.textContent(), "Which fees apply?"));
  await page.goBack();
  await eventually(async () => assert.equal(await title.textContent(), "Are dogs welcome?"));
  await page.reload();
  await page.locator("article.question", {hasText: "Are dogs welcome?"}).waitFor();

  await page.goto("about:blank");
  await first.stop();
  const second = await startSandbox(options);
  cleanup(second.stop);
  await page.goto(second.url);
  await chats.filter({hasText: "Which fees apply?"}).click();
  await page.locator("article.question", {hasText: "Which fees apply?"}).waitFor();
  await page.getByText("the sandbox was stopped").waitFor();
});

pageTest("chat: the space decides which module is chosen", {}, async ({page, cleanup}) => {
  const sandbox = await startSandbox({webhook: nobody, args: ["--module", "first", "--module", "second"]});
  cleanup(sandbox.stop);
  await page.goto(sandbox.url);

  await page.getByLabel("Space").selectOption("second");
  await ask(page, "Hello?");
  await lastAnswer(page).getByText("Behind this answer").click();
  await lastAnswer(page).getByText("Body", {exact: true}).last().click();

  await lastAnswer(page).getByText('"name": "second"').waitFor();
});

pageTest("chat: what an answer holds is shown and never run", {}, async ({page, cleanup}) => {
  const sandbox = await startSandbox({webhook: nobody});
  cleanup(sandbox.stop);
  await page.goto(sandbox.url);
  await ask(page, "<b>Hello?</b>");
  await page.locator("article.question", {hasText: "<b>Hello?</b>"}).waitFor();

  await writeAnswer(sandbox.url, chatIn(page), {text: [
    "**bold** <script>window.ran = 1</script> <img src=x onerror=\"window.ran = 2\">",
    "[bad](javascript:window.ran=3) [good](https://example.org/) ![picture](https://example.org/p.png)",
    "<iframe src=\"https://example.org\"></iframe>", "| a | b |\n|---|---|\n| 1 | `x < y` |", "- [x] done"].join("\n\n")});

  const answer = lastAnswer(page);
  await answer.locator("strong", {hasText: "bold"}).waitFor();
  assert.equal(await answer.getByText("<script>window.ran = 1</script>").count(), 1);
  assert.equal(await answer.getByRole("link").count(), 1);
  assert.equal(await answer.getByRole("link", {name: "good"}).getAttribute("rel"), "noopener noreferrer");
  assert.equal(await answer.locator("td code").textContent(), "x < y");
  assert.equal(await answer.locator("script, img, iframe").count(), 0);
  assert.equal(await page.evaluate(() => window.ran), undefined);
  const refused = await page.evaluate(() => {
    try {
      document.createElement("p").innerHTML = "<b>markup</b>";
      return "";
    } catch (error) {
      return error.name;
    }
  });
  assert.equal(refused, "TypeError");
}, [/TrustedHTML/]);

// A module that is being written writes all sorts of things; its chat is where one looks for why.
for (const [what, members] of Object.entries({
  "nests too deep": {text: "> ".repeat(5000) + "the end"},
  "holds more marks than can be read": {text: "*a **b ".repeat(10_000) + "the end"},
  "is one long word of brackets": {text: "[a](".repeat(20_000) + " the end"},
  "has references that are none": {text: "the end", references: [null, 5, {url: 7, sourceId: 8, name: {}}]},
  "has a time that is none": {text: "the end", completedAt: "yesterday"},
})) {
  pageTest(`chat: an answer that ${what} is shown and the chat goes on`, {viewport: phone}, async ({page, cleanup}) => {
    const sandbox = await startSandbox({webhook: nobody});
    cleanup(sandbox.stop);
    await page.goto(sandbox.url);
    await ask(page, "Hello?");
    await lastAnswer(page).getByText("Waiting for the module").waitFor();

    await writeAnswer(sandbox.url, chatIn(page), members);
    await lastAnswer(page).getByText("the end").waitFor();
    await lastAnswer(page).getByText(/^Answered in/).waitFor();
    assert.equal(await lastAnswer(page).getByText(/object Object|NaN/).count(), 0);
    const [rendering] = await lastAnswer(page).locator(".prose").evaluateAll(
        (texts) => texts.map((text) => getComputedStyle(text).textRendering));
    assert.equal(rendering, (members.text?.length ?? 0) > 4000 ? "optimizespeed" : "auto");
    await noHorizontalScroll(page);
    await ask(page, "And now?");

    await lastAnswer(page).getByText("Waiting for the module").waitFor();
    assert.equal(await page.locator("article").count(), 4);
  });
}

pageTest("chat: a module's references are cited by number and live text is shown", {}, async ({page, cleanup}) => {
  const sandbox = await startSandbox({webhook: nobody});
  cleanup(sandbox.stop);
  await page.goto(sandbox.url);
  await ask(page, "Hello?");
  await lastAnswer(page).getByText("Waiting for the module").waitFor();
  const [place] = await (await fetch(sandbox.url + "/sandbox/quotes", {
    method: "POST", headers: {"Content-Type": "application/json"},
    body: JSON.stringify({quotes: ["The platform on your desk"]})})).json();

  await writeAnswer(sandbox.url, chatIn(page), {text: "It is on your desk<sup>1</sup>, says the web<sup>2</sup>.", references: [
    {name: "The sandbox", url: `unique://content/${place.contentId}`, sequenceNumber: 1,
     sourceId: `${place.contentId}_${place.chunkId}`, source: "node-ingestion-chunks"},
    {name: "Elsewhere", url: "https://example.org/", sequenceNumber: 2, sourceId: "web"}]});

  await lastAnswer(page).getByRole("button", {name: "Source 1: The sandbox"}).click();
  await page.getByRole("region", {name: "Cited passage"}).waitFor();
  await page.keyboard.press("Escape");
  assert.equal(await lastAnswer(page).getByRole("link", {name: /Elsewhere/}).getAttribute("href"), "https://example.org/");
});

pageTest("chat: a page that lost its sandbox finds it again", {}, async ({page, cleanup}) => {
  const sandbox = await startSandbox({webhook: nobody});
  cleanup(sandbox.stop);
  const relay = await startRelay();
  cleanup(relay.stop);
  relay.leadTo(sandbox.url);
  await page.goto(relay.url);
  await ask(page, "Hello?");
  await lastAnswer(page).getByText("Waiting for the module").waitFor();

  relay.leadTo(null);
  await page.getByRole("alert").getByText("The sandbox does not answer").waitFor();
  await writeAnswer(sandbox.url, chatIn(page), {text: "Said meanwhile."});
  relay.leadTo(sandbox.url);

  await lastAnswer(page).getByText("Said meanwhile.").waitFor();
  assert.equal(await page.getByText("The sandbox does not answer").isVisible(), false);
}, [/Failed to load resource/]);

pageTest("chat: a sandbox that hangs is told and found again", {}, async ({page, cleanup}) => {
  const sandbox = await startSandbox({webhook: nobody});
  cleanup(sandbox.stop);
  await page.goto(sandbox.url);
  await ask(page, "Hello?");
  await lastAnswer(page).getByText("Waiting for the module").waitFor();

  sandbox.program.freeze();
  const told = page.getByRole("alert").getByText("The sandbox has said nothing for 12 s: what is shown here may be old.");
  await told.waitFor();
  assert.ok(await lastAnswer(page).isVisible());
  sandbox.program.thaw();

  await told.waitFor({state: "hidden"});
  await writeAnswer(sandbox.url, chatIn(page), {text: "Said afterwards."});
  await lastAnswer(page).getByText("Said afterwards.").waitFor();
});

for (const colorScheme of ["light", "dark"]) {
  pageTest(`chat: everything can be read in ${colorScheme} colours`, {colorScheme}, async ({page, cleanup}) => {
    const {sandbox, stop} = await startPair();
    cleanup(stop);

    await page.goto(sandbox.url);
    await page.getByText("Nothing answers?").waitFor();
    await checkReadable(page, "first steps");
    await askAndRead(page, sandbox.url);
    await lastAnswer(page).getByText("Behind this answer").click();
    await lastAnswer(page).locator(".call").first().locator("summary").click();
    await checkReadable(page, "an answer");
    await lastAnswer(page).getByRole("button", {name: /^Source 1/}).first().click();
    await page.getByRole("region", {name: "Cited passage"}).waitFor();
    await checkReadable(page, "a document");
  });
}

pageTest("chat: the keyboard reaches everything in the order of the page", {}, async ({page, cleanup}) => {
  const {sandbox, stop} = await startPair();
  cleanup(stop);
  await askAndRead(page, sandbox.url);
  await page.evaluate(() => document.querySelector(".skip").focus());

  const order = [];
  for (let i = 0; i < 40 && order.at(-1) !== "Ask"; ++i) {
    if (i > 0) await page.keyboard.press("Tab");
    const [name, framed] = await page.evaluate(() => {
      const at = document.activeElement;
      const name = at.getAttribute("aria-label") || at.labels?.[0]?.textContent.trim() || at.textContent.trim();
      const style = getComputedStyle(at.closest("#ask") && at.id === "text" ? at.closest("#ask") : at);
      return [name, style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2];
    });
    assert.ok(framed, `${name} shows no focus`);
    order.push(name);
  }

  const place = (part) => order.findIndex((name) => name.includes(part));
  const wanted = ["Skip to the question", "New chat", question, "Space", "Source 1", "Behind this answer", "Your question", "Ask"];
  const places = wanted.map(place);
  assert.ok(places.every((at) => at >= 0), `not reached: ${wanted.filter((part) => place(part) < 0)} in ${order}`);
  assert.deepEqual(places, [...places].sort((a, b) => a - b));
  await page.evaluate(() => document.querySelector(".skip").focus());
  await page.keyboard.press("Enter");
  assert.equal(await page.evaluate(() => document.activeElement.id), "text");
  await lastAnswer(page).waitFor();
});

pageTest("chat: a citation is opened and closed by keyboard and focus comes back", {}, async ({page, cleanup}) => {
  const {sandbox, stop} = await startPair();
  cleanup(stop);
  await askAndRead(page, sandbox.url);

  const citation = lastAnswer(page).getByRole("button", {name: /^Source 1/}).first();
  await citation.focus();
  await page.keyboard.press("Enter");
  await page.getByRole("region", {name: "Cited passage"}).waitFor();
  assert.ok(await page.evaluate(() => document.getElementById("document").contains(document.activeElement)));
  await page.keyboard.press("Escape");

  assert.equal(await page.getByRole("dialog").count(), 0);
  assert.ok(await citation.evaluate((button) => document.activeElement === button));
});

pageTest("chat: a phone shows everything without scrolling sideways", {viewport: phone}, async ({page, cleanup}) => {
  const {sandbox, stop} = await startPair();
  cleanup(stop);

  await page.goto(sandbox.url);
  await page.getByText("Nothing answers?").waitFor();
  await noHorizontalScroll(page);
  await askAndRead(page, sandbox.url);
  await noHorizontalScroll(page);
  await lastAnswer(page).getByText("Behind this answer").click();
  for (const part of await lastAnswer(page).locator(".trace details > summary").all()) await part.click();
  await noHorizontalScroll(page);
  await lastAnswer(page).getByRole("button", {name: /^Source 1/}).first().click();
  await page.getByRole("region", {name: "Cited passage"}).waitFor();
  await noHorizontalScroll(page);
  await page.getByRole("button", {name: "Close document"}).click();
  assert.equal(await page.getByRole("navigation", {name: "Earlier chats"}).isVisible(), false);
  await page.getByRole("button", {name: "Open conversations"}).click();
  await page.getByRole("link", {name: question}).waitFor();
  await checkReadable(page, "the chats on a phone");
  await page.keyboard.press("Escape");
  assert.ok(await page.evaluate(() => document.activeElement.id === "open-sidebar"));
  await page.setViewportSize(desk);
  await page.getByRole("button", {name: "New chat"}).waitFor();
});
