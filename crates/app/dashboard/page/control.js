// Conversation with control: the access token, requests, and the stream of events.

const KEPT = "netloom-token";
/** Control says something every five seconds at least; silence beyond this is a lost connection. */
const SILENCE_MS = 15_000;
const RETRY_MIN_MS = 500;
const RETRY_MAX_MS = 5_000;
const POLL_MS = 3_000;

/** What control refuses, with what it says. */
export class Refusal extends Error {
  constructor(code, said) {
    super(said.message || `control answers ${code}`);
    this.code = code;
    this.solution = said.solution || "";
    this.findings = said.findings || [];
    this.rendered = said.rendered || "";
  }
}

/** Takes a token out of the address, where it would be seen, and keeps it for this tab. */
function take() {
  const found = /[#&]token=([^&]+)/.exec(location.hash);
  if (!found) return false;
  keep(decodeURIComponent(found[1]));
  history.replaceState(null, "", location.pathname);
  return true;
}

let changed = () => {};

/** Uses another token from now on. */
export function keep(token) {
  sessionStorage.setItem(KEPT, token.trim());
  changed();
}

take();
addEventListener("hashchange", take);

function headers() {
  const token = sessionStorage.getItem(KEPT);
  return token ? { authorization: `Bearer ${token}` } : {};
}

async function refusal(response) {
  const said = await response.json().catch(() => ({}));
  return new Refusal(response.status, said);
}

async function request(method, path, body, signal) {
  const options = { method, headers: headers(), signal, cache: "no-store" };
  if (body !== undefined) {
    options.headers["content-type"] = "application/json";
    options.body = JSON.stringify(body);
  }
  const response = await fetch(path, options);
  if (!response.ok) throw await refusal(response);
  return response;
}

/** One request, one answer. */
export async function ask(method, path, body) {
  return (await request(method, path, body)).json();
}

const sleep = (ms, signal) =>
  new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal?.addEventListener("abort", () => (clearTimeout(timer), resolve()), { once: true });
  });

/** Data of the events in a text; gives what is left of it. */
function events(text, each) {
  const parts = text.split("\n\n");
  const rest = parts.pop();
  for (const part of parts) {
    const lines = part.split("\n").filter((line) => line.startsWith("data:"));
    if (lines.length > 0) each(lines.map((line) => line.slice(5).trimStart()).join("\n"));
  }
  return rest;
}

/** Follows the events until they end. EventSource cannot show a token, so the stream is read here. */
async function listen(hear, heard, outer) {
  const abort = new AbortController();
  outer.addEventListener("abort", () => abort.abort(), { once: true });
  let watchdog = setTimeout(() => abort.abort(), SILENCE_MS);
  try {
    const response = await request("GET", "/v1/events", undefined, abort.signal);
    const reader = response.body.getReader();
    const decoder = new TextDecoder();
    let text = "";
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      clearTimeout(watchdog);
      watchdog = setTimeout(() => abort.abort(), SILENCE_MS);
      heard();
      text = events(text + decoder.decode(value, { stream: true }), (data) => hear(JSON.parse(data)));
    }
  } finally {
    clearTimeout(watchdog);
    abort.abort();
  }
}

/** Asks now and then, where the events cannot be had. */
async function poll(hear, signal) {
  for (let round = 0; round < 10 && !signal.aborted; round += 1) {
    hear(await ask("GET", "/v1/status"));
    await sleep(POLL_MS, signal);
  }
}

/**
 * Follows control for as long as the page is open: `hear` gets each new status, `tell` how the
 * connection is: `live`, `polling`, `lost`, or `denied` with the refusal.
 */
export async function follow(hear, tell) {
  let delay = RETRY_MIN_MS;
  for (;;) {
    const abort = new AbortController();
    changed = () => abort.abort();
    const live = () => {
      delay = RETRY_MIN_MS;
      tell("live");
    };
    try {
      await listen(hear, live, abort.signal);
    } catch (error) {
      const code = error instanceof Refusal ? error.code : 0;
      if (code === 401 || code === 403 || code === 421) {
        tell("denied", error);
        while (!abort.signal.aborted) await sleep(60_000, abort.signal);
      } else if (code === 404 || code === 503) {
        tell("polling");
        await poll(hear, abort.signal).catch(() => tell("lost"));
      } else if (!abort.signal.aborted) {
        tell("lost");
      }
    }
    if (abort.signal.aborted) continue;
    await sleep(delay, abort.signal);
    delay = Math.min(delay * 2, RETRY_MAX_MS);
  }
}
