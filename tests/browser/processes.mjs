// The real programs as the tests drive them: each on a port of its own that is read back from what it prints, in a
// folder of its own that goes with it.
import {spawn} from "node:child_process";
import {mkdtempSync, rmSync, writeFileSync} from "node:fs";
import {connect, createServer} from "node:net";
import {tmpdir} from "node:os";
import {join} from "node:path";

export const root = new URL("../..", import.meta.url).pathname;
export const build = process.env.MODHOST_BUILD ?? join(root, "build/release");
const kStartMax = 60_000;
const kStopMax = 60_000;
const kOutputMax = 1_000_000;  // characters kept of what a program says

export const secret = "browser-tests";

export function temporaryFolder() {
  return mkdtempSync(join(tmpdir(), "modhost-browser-"));
}

class Program {
  #child;
  #ended;
  output = "";

  constructor(file, args, {env = {}, cwd} = {}) {
    this.name = file;
    this.#child = spawn(join(build, "bin", file), args, {
      cwd, env: {PATH: process.env.PATH, UNIQUE_ENDPOINT_SECRET: secret, ...env},
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#ended = new Promise((resolve) => this.#child.once("close", resolve));
    this.#child.once("error", (error) => { this.output += error.message; });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream.setEncoding("utf8").on("data", (text) => {
        this.output = (this.output + text).slice(-kOutputMax);
        this.#child.emit("said");
      });
    }
  }

  // What the pattern finds in the program's words, as soon as it has said them.
  said(pattern) {
    return new Promise((resolve, reject) => {
      const refuse = (why) => reject(new Error(`${this.name} ${why}; it said:\n${this.output}`));
      const timer = setTimeout(() => refuse(`did not say ${pattern}`), kStartMax);
      const look = () => {
        const found = pattern.exec(this.output);
        if (!found) return;
        clearTimeout(timer);
        this.#child.off("said", look);
        resolve(found);
      };
      this.#child.on("said", look);
      this.#ended.then(() => { clearTimeout(timer); refuse("ended"); });
      look();
    });
  }

  // As a machine that hangs: its ports still take connections, and nothing answers.
  freeze() { this.#child.kill("SIGSTOP"); }
  thaw() { this.#child.kill("SIGCONT"); }

  async stop() {
    this.thaw();
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), kStopMax);
    this.#child.kill("SIGTERM");
    await this.#ended;
    clearTimeout(timer);
  }
}

// A sandbox over `documents` (by default the project's own docs/). `url` is its page.
export async function startSandbox({documents = join(root, "docs"), webhook = "none", args = [], env = {}} = {}) {
  const program = new Program("modhost-sandbox",
      [documents, "--listen", "127.0.0.1:0", "--webhook", webhook, ...args], {env});
  const [, url] = await program.said(/^sandbox ready on (\S+)$/m);
  return {url, program, stop: () => program.stop()};
}

const hostHead = (secrets) => `listen: 127.0.0.1:0
webhook: {secrets: [${["\"${UNIQUE_ENDPOINT_SECRET}\"", ...secrets].join(", ")}]}
platform: {api_base: "${"${UNIQUE_API_BASE}"}", api_key: browser-tests, app_id: app, backoff: 10ms, backoff_max: 50ms}
inbox: {sqlite: {path: inbox.db}}
log: {format: text}
run_dir: run
`;

// Looks for the user's stop often, and a stopped host waits for nobody.
export const ragOnly = `dispatch: {stop_poll: 50ms, drain: 100ms}
modules: [{id: rag-responder, answers: true}]
routes: [{event: unique.chat.external-module.chosen, to: rag-responder}]
`;

// A host whose modules.yaml holds `config` besides its addresses and paths. `url` is where webhooks go, `admin` the
// operator's page; `configure` writes another `config` for the next reload. `secrets`: more of webhook.secrets, as YAML.
export async function startHost({apiBase = "http://127.0.0.1:9", admin: adminAddress = "127.0.0.1:0", config = ragOnly,
                                 secrets = [], env = {}} = {}) {
  const folder = temporaryFolder();
  const configure = (text) => writeFileSync(join(folder, "modules.yaml"),
      `${hostHead(secrets)}admin: ${adminAddress}\nmodules_dir: ${join(build, "modules")}\n${text}`);
  configure(config);
  const program = new Program("modhost", ["run", "-c", "modules.yaml"],
      {cwd: folder, env: {UNIQUE_API_BASE: apiBase, ...env}});
  try {
    const [, url, admin] = await program.said(/app: ready .*?webhook=(http:\S+) admin=(http:\S+)/);
    return {url, admin: new URL(admin.replace("0.0.0.0", "127.0.0.1")).origin + "/", program, configure,
            stop: async () => { await program.stop(); rmSync(folder, {recursive: true, force: true}); }};
  } catch (error) {
    rmSync(folder, {recursive: true, force: true});
    throw error;
  }
}

// A port that leads to another one, once that is known: sandbox and host need each other's before either has one.
export async function startRelay() {
  let target = null;
  const sockets = new Set();
  const keep = (socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket)).on("error", () => socket.destroy());
    return socket;
  };
  const server = createServer((incoming) => {
    keep(incoming);
    if (!target) return incoming.destroy();
    const outgoing = keep(connect(Number(target.port), target.hostname));
    incoming.pipe(outgoing).pipe(incoming);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    // From now on; open connections are cut. null: to nowhere.
    leadTo(url) {
      target = url ? new URL(url) : null;
      for (const socket of sockets) socket.destroy();
    },
    stop: () => new Promise((resolve) => {
      for (const socket of sockets) socket.destroy();
      server.close(resolve);
    }),
  };
}

// A sandbox and a host that know each other.
export async function startPair({documents, sandboxArgs = [], config, env = {}} = {}) {
  const started = [];
  const stop = async () => {
    for (const part of started.reverse()) await part.stop();  // the host first: its last calls still find the sandbox
  };
  try {
    const between = await startRelay();
    started.push(between);
    const sandbox = await startSandbox({documents, webhook: between.url + "/webhook", args: sandboxArgs, env});
    started.push(sandbox);
    const host = await startHost({apiBase: sandbox.url, config, env});
    started.push(host);
    between.leadTo(host.url);
    return {sandbox, host, stop};
  } catch (error) {
    await stop();
    throw error;
  }
}
