// Tells the page what changed in the store: by a stream where the server can hold one, else by asking again and again.
// It stops in hidden tabs and when switched off; what happened meanwhile is told on return.
import { recall, remember } from "./store.js";

// Half of the three seconds within which a change is seen: the rest is for a tick of the server, a writer's batch, the way.
const EVERY = 1500;
const SLOWEST = 15000;
const { root, topic, after: begun = "", live: way } = document.body.dataset;
const button = document.querySelector("[data-act=live]");
const WORDS = { on: "on", lost: "the server does not answer", off: "off" };

const told = new Map();
let after = begun;
let close = null;
let streams = way === "sse";

/** Call back with every list of sessions that changed: [{key, version, last_at, turns, errors, outcome}]. */
export function onChange(act) {
  document.addEventListener("convotrace:change", (event) => act(event.detail));
}

export function toggle() {
  remember("live", isOn() ? "off" : "on");
  obey();
}

export function begin() {
  if (!topic) return;
  document.addEventListener("visibilitychange", obey);
  obey();
}

function isOn() {
  return recall("live") !== "off";
}

function obey() {
  const wanted = isOn() && document.visibilityState === "visible";
  if (!wanted && close) close();
  if (!wanted) close = null;
  if (wanted && !close) close = streams ? stream() : poll();
  if (!isOn()) show("off");
}

function show(state) {
  if (!button) return;
  button.dataset.state = state;
  button.setAttribute("aria-pressed", String(state !== "off"));
  button.title = `Live updates: ${WORDS[state]} (f)`;
}

function address(name) {
  return `${root}${name}?${topic}${after && `&after=${after}`}`;
}

function tell(answer) {
  after = answer.next;
  const news = answer.sessions.filter((one) => told.get(one.key) !== one.version);
  for (const one of news) told.set(one.key, one.version);
  if (news.length) document.dispatchEvent(new CustomEvent("convotrace:change", { detail: news }));
}

function stream() {
  const source = new EventSource(address("live"));
  source.addEventListener("open", () => show("on"));
  source.addEventListener("change", (event) => tell(JSON.parse(event.data)));
  source.addEventListener("error", () => {
    if (close) show("lost");
    if (source.readyState !== EventSource.CLOSED || !close) return;
    // No room for one more stream, or none at all: ask instead.
    streams = false;
    close = poll();
  });
  return () => source.close();
}

function poll() {
  let ended = false;
  let timer = 0;
  let failures = 0;
  let etag = "";
  async function ask() {
    try {
      const answer = await fetch(address("tail.json"), { headers: etag ? { "if-none-match": etag } : {}, cache: "no-store" });
      if (ended) return;
      if (!answer.ok && answer.status !== 304) throw new Error(String(answer.status));
      if (answer.ok) {
        etag = answer.headers.get("etag") ?? "";
        const news = await answer.json();
        // Switched off while the answer was on its way: what it says is for nobody.
        if (ended) return;
        tell(news);
      }
      failures = 0;
      show("on");
    } catch {
      if (ended) return;
      failures += 1;
      show("lost");
    }
    // One failure delays nothing; a server that is away is asked ever less often.
    if (!ended) timer = setTimeout(ask, failures < 2 ? EVERY : Math.min(EVERY * 2 ** (failures - 1), SLOWEST));
  }
  ask();
  return () => {
    ended = true;
    clearTimeout(timer);
  };
}
