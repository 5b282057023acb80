// The admin API. The token lives in sessionStorage: this tab has it until it is closed, and no cookie is ever sent.
const kToken = "modhost-admin-token";
const kReadMaxMs = 5_000;     // a question is answered from memory, or by one short read of the inbox
const kActionMaxMs = 60_000;  // as long as the command line waits: a reload may load modules

export class Refused extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

export const hasToken = () => sessionStorage.getItem(kToken) !== null;
export const setToken = (token) => sessionStorage.setItem(kToken, token);
export const forgetToken = () => sessionStorage.removeItem(kToken);

// A header is bytes, one per character: the token's in UTF-8, as every other client sends it.
const bytesOf = (text) => String.fromCharCode(...new TextEncoder().encode(text));

// What came is read to its end within the time, too.
async function ask(path, options = {}) {
  const most = options.method === "POST" ? kActionMaxMs : kReadMaxMs;
  try {
    return await answerOf(path, {...options, signal: AbortSignal.timeout(most)});
  } catch (error) {
    if (error.name !== "TimeoutError") throw error;
    throw new Error(`The host did not answer within ${most / 1000} s.`);
  }
}

async function answerOf(path, options) {
  const headers = {...options.headers};
  if (hasToken()) headers.Authorization = `Bearer ${bytesOf(sessionStorage.getItem(kToken))}`;
  const answer = await fetch(path, {...options, headers, credentials: "omit", cache: "no-store"});
  const json = answer.headers.get("Content-Type")?.startsWith("application/json");
  const body = json ? await answer.json() : await answer.text();
  if (!answer.ok && !options.anyStatus) throw new Refused(answer.status, body.error ?? `answered ${answer.status}`);
  return body;
}

export const get = (path) => ask(path);

// Also where the status says no: /readyz is 503 with its reasons.
export const look = (path) => ask(path, {anyStatus: true});

export const post = (path, body = {}) =>
    ask(path, {method: "POST", headers: {"X-Modhost-Action": "1", "Content-Type": "application/json"},
               body: JSON.stringify(body)});
