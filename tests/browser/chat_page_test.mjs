import assert from "node:assert/strict";
import {pageTest} from "./browser.mjs";
import {startPair} from "./processes.mjs";

pageTest("chat: a question gets its steps and its answer", {}, async ({page, cleanup}) => {
  const {sandbox, stop} = await startPair();
  cleanup(stop);

  await page.goto(sandbox.url);
  await page.getByLabel("Your question").fill("What does the inbox promise?");
  await page.keyboard.press("Enter");

  const log = page.getByRole("log");
  await log.getByText("Response generated").waitFor();
  await log.getByText("The documents say").waitFor();
  assert.match(await log.innerText(), /Found 3 relevant documents/);
});
