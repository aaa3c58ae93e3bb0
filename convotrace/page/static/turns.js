// What the pages of a session, a turn and a diff do beyond being read: zooms that keep the turn, copies, scores, folds.
import { copy, say } from "./copy.js";
import { bind, here, open, stops } from "./keys.js";
import { onChange } from "./live.js";

const one = (selector) => document.querySelector(selector);
const all = (selector, root = document) => [...root.querySelectorAll(selector)];

/** The turn the reader is at, else the first one on the page. */
function turn() {
  const at = here();
  return at?.matches("[data-turn]") ? at : (marked() ?? one("[data-turn]"));
}

// Without a choice of the reader's own, the turn that the rail marks.
function marked() {
  const card = one(".card[aria-current]");
  return card && document.getElementById(card.hash.slice(1));
}

function zoom(key) {
  const link = one(`[data-zoom="${key}"]`);
  if (link) goWith(link);
  else one("[data-up]")?.click();
}

function goWith(link) {
  const at = turn();
  if (at) link.hash = at.id;
  location.href = link.href;
}

function own(name) {
  const at = turn();
  return at ? one(`#${CSS.escape(at.id)} ${name}`) : one(name);
}

function go(name) {
  open(own(name) ?? one(name));
}

async function carry(link) {
  try {
    const answer = await fetch(link.href, { cache: "no-store" });
    if (!answer.ok) throw new Error(String(answer.status));
    await copy(await answer.text(), `${link.dataset.copy} copied`);
  } catch {
    location.href = link.href;
  }
  link.closest("details")?.removeAttribute("open");
}

function copyTurn() {
  const link = own('[data-copy="Markdown"]');
  if (link) carry(link);
}

async function score(value) {
  const at = turn();
  if (!at?.dataset.scores) return;
  const body = JSON.stringify({ name: "rating", value, trace_id: at.dataset.trace });
  const asked = { method: "POST", headers: { "content-type": "application/json" }, body };
  const answer = await fetch(at.dataset.scores, asked).catch(() => null);
  if (answer?.ok) chip(at, value);
  say(answer?.ok ? `Turn ${at.dataset.turn}: rating ${value}` : "The score was not stored");
}

// What was just given stands there at once; on the next visit the server shows it among the others.
function chip(at, value) {
  const made = document.createElement("span");
  const [name, told] = [made.appendChild(document.createElement("span")), made.appendChild(document.createElement("b"))];
  made.className = "chip";
  name.textContent = "rating";
  told.textContent = value;
  at.querySelector(".scores")?.prepend(made);
}

function foldAll(isOpen) {
  const root = one(".turn") ? turn() : document;
  for (const fold of all("details:not(.menu):not(.gone)", root ?? document)) fold.open = isOpen;
}

// On a page with few of many turns, the next error may lie beyond them.
function nextError(event) {
  const beyond = all("[data-beyond]").at(-1);
  if (event.key !== "e" || !beyond || event.ctrlKey || event.metaKey || event.altKey) return;
  const items = stops();
  const later = items.slice(items.indexOf(here()) + 1);
  if (later.some((item) => item.matches(".bad, [data-bad]")) || event.target.closest("input, textarea, select")) return;
  event.stopImmediatePropagation();
  location.href = beyond.href;
}

function unfoldTarget() {
  const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  for (let fold = target?.closest?.("details"); fold; fold = fold.parentElement.closest("details")) fold.open = true;
  target?.scrollIntoView?.();
}

// What is read stays where it is: what is new waits behind a button.
function watch() {
  const page = document.getElementById("session");
  const fresh = document.getElementById("fresh");
  if (!page || !fresh) return;
  onChange(([news]) => {
    const { turns, last, outcome } = page.dataset;
    const more = news.turns - Number(turns);
    if (more <= 0 && news.last_at === last && news.outcome === outcome) return;
    fresh.firstChild.textContent = more > 0 ? `${more} new turn${more === 1 ? "" : "s"}: load` : "Something is new: load";
    fresh.hidden = false;
  });
  bind({ ".": () => fresh.hidden || location.reload() });
  fresh.firstChild.addEventListener("click", (event) => {
    event.preventDefault();
    location.reload();
  });
}

document.addEventListener("click", (event) => {
  const link = event.target.closest("a");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
  if (link.dataset.copy) {
    event.preventDefault();
    carry(link);
  } else if (link.dataset.zoom) {
    event.preventDefault();
    goWith(link);
  }
});
document.addEventListener("toggle", (event) => {
  // One menu at a time; the next click or Escape closes it.
  if (event.target.matches?.(".menu[open]")) for (const menu of all(".menu[open]")) if (menu !== event.target) menu.open = false;
}, true);
document.addEventListener("click", (event) => {
  for (const menu of all(".menu[open]")) if (!menu.contains(event.target)) menu.open = false;
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") for (const menu of all(".menu[open]")) menu.open = false;
  nextError(event);
}, true);
addEventListener("hashchange", unfoldTarget);

bind({
  t: () => zoom("t"),
  u: () => zoom("u"),
  w: () => zoom("w"),
  o: () => {
    const at = turn();
    open(at?.matches("a") ? at : own("a.ib"));
  },
  d: () => go("[data-diff]"),
  r: () => go("[data-raw]"),
  y: copyTurn,
  "[": () => foldAll(false),
  "]": () => foldAll(true),
  ",": () => go('[data-call="before"]'),
  ";": () => go('[data-call="after"]'),
});
if (one("[data-scores]")) for (let n = 1; n <= 9; n++) bind({ [n]: () => score(n) });
if (one(".call")) bind({ n: () => go("[rel=next]"), p: () => go("[rel=prev]") });
unfoldTarget();
watch();
