// One Chromium for a test file, and pages that must not complain. Debian's Chromium is driven by playwright-core, which
// scripts/install-browser-tests.sh has put into the build folder.
import assert from "node:assert/strict";
import {mkdirSync} from "node:fs";
import {createRequire} from "node:module";
import {join} from "node:path";
import {after, before, test} from "node:test";
import {root} from "./processes.mjs";

const build = process.env.MODHOST_BUILD ?? join(root, "build/release");
const {chromium} = createRequire(join(build, "npm/package.json"))("playwright-core");
const kStepMax = Number(process.env.MODHOST_STEP_MAX ?? 60_000);  // for the slowest machine; nothing waits this long to pass

export const desk = {width: 1280, height: 800};
export const phone = {width: 360, height: 740};

let browser;
before(async () => {
  browser = await chromium.launch({  // with a profile of its own, new and empty
    executablePath: process.env.MODHOST_CHROMIUM ?? "/usr/bin/chromium",
    headless: true,
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
      "--disable-component-update", "--disable-sync"],
  });
});
after(() => browser?.close());

function watchComplaints(page, complaints) {
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) complaints.push(`console ${message.type()}: ${message.text()}`);
  });
  page.on("pageerror", (error) => complaints.push(`uncaught: ${error.message}`));
  page.on("request", (request) => {
    const {protocol, hostname} = new URL(request.url());
    const near = ["data:", "blob:"].includes(protocol) || hostname === "127.0.0.1";
    if (!near) complaints.push(`asks a stranger: ${request.url()}`);
  });
}

async function keepScreenshot(page, name) {
  const folder = join(build, "browser-failures");
  mkdirSync(folder, {recursive: true});
  const file = join(folder, name.replace(/\W+/g, "-") + ".png");
  await page.screenshot({path: file, fullPage: true}).catch(() => {});
  return file;
}

// A test with a page. Whatever the page complains of fails the test; a failed test prints it and keeps a screenshot in
// browser-failures/ of the build folder. `provoked`: patterns of complaints that the test brings about on purpose.
export function pageTest(name, options, run, provoked = []) {
  test(name, async () => {
    const {viewport = desk, colorScheme = "light"} = options;
    const context = await browser.newContext({viewport, colorScheme, reducedMotion: "reduce", locale: "en-GB"});
    const page = await context.newPage();
    page.setDefaultTimeout(kStepMax);
    const complaints = [];
    watchComplaints(page, complaints);
    const cleanups = [];
    try {
      await run({page, cleanup: (work) => cleanups.push(work)});
      assert.deepEqual(complaints.filter((said) => !provoked.some((pattern) => pattern.test(said))), []);
    } catch (error) {
      console.error(`${name}\n  screenshot ${await keepScreenshot(page, name)}`);
      for (const complaint of complaints) console.error(`  ${complaint}`);
      throw error;
    } finally {
      await context.close();
      for (const work of cleanups.reverse()) await work();
    }
  });
}

// Asks again until `check` no longer throws; for what has no event to wait for.
export async function eventually(check) {
  const end = Date.now() + kStepMax;
  for (;;) {
    try {
      return await check();
    } catch (error) {
      if (Date.now() > end) throw error;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

export async function noHorizontalScroll(page) {
  const [content, window] = await page.evaluate(
      () => [document.documentElement.scrollWidth, document.documentElement.clientWidth]);
  assert.ok(content <= window, `the page is ${content} px wide in a window of ${window}`);
}

// The pictures of docs/images are written only where MODHOST_SCREENSHOTS asks for them (`make screenshots`).
export async function picture(page, name) {
  if (process.env.MODHOST_SCREENSHOTS) await page.screenshot({path: join(root, "docs/images", name + ".png")});
}
