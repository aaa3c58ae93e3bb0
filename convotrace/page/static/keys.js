// The keyboard: places, errors, box, link, help; pages add keys of their own. Never while typing, never with a
// modifier, and it can be switched off.
import { copy } from "./copy.js";
import { remember } from "./store.js";

const all = (selector) => [...document.querySelectorAll(selector)];
const actions = new Map();

/** Add keys of a page; each is called with the place the reader is at, or null. */
export function bind(keys) {
  for (const [key, act] of Object.entries(keys)) actions.set(key, act);
}

const STOPS = "[data-stop], .turn, .hits a.way, a.wr";
const BOX = "[data-filter]";
const RAW = "[data-raw]";

/** Everything that j and k stop at. */
export function stops() {
  return all(STOPS);
}

/** The stop where the reader is. */
export function here() {
  const items = stops();
  const at = items.find((item) => item === document.activeElement || item.hasAttribute("data-current"));
  return at ?? (location.hash ? items.find((item) => `#${item.id}` === location.hash) : null) ?? null;
}

/** Go where a link leads, if there is one; the twin of a page is asked what the page was, where it does not say. */
export function open(link, asked) {
  if (link) location.href = link.href + (link.matches("link") && !link.href.includes("?") ? asked : "");
}

export function step(by) {
  const items = stops();
  const at = items.indexOf(here());
  goTo(items[Math.min(Math.max(at + by, 0), items.length - 1)]);
}

export function nextError() {
  const items = all("[data-stop][data-bad], .turn.bad, a.wr.bad");
  const every = stops();
  const at = every.indexOf(here());
  goTo(items.find((item) => every.indexOf(item) > at) ?? items[0]);
}

/** Go to a stop: the focus goes along where it can. */
export function goTo(item) {
  if (!item) return;
  for (const other of all("[data-current]")) other.removeAttribute("data-current");
  item.setAttribute("data-current", "");
  if (item.matches("a")) item.focus();
  else location.hash = item.id;
}

export function copyLink(item) {
  const link = new URL(item?.matches("a[href]") ? item.href : location.href);
  if (item?.id) link.hash = item.id;
  copy(link.href, item?.dataset.turn ? `Link to turn ${item.dataset.turn} copied` : "Link copied");
}

/** Tell of the keys that do something on this page. */
export function help() {
  const needs = { stop: STOPS, box: BOX, raw: RAW, live: ".live" };
  for (const key of all("#help [data-of]")) {
    key.hidden = key.nextElementSibling.hidden = !document.querySelector(needs[key.dataset.of]);
  }
  document.getElementById("help").showModal();
}

bind({
  j: () => step(1),
  k: () => step(-1),
  e: () => nextError(),
  c: () => copyLink(here()),
  r: () => open(document.querySelector(RAW), location.search),
  "/": () => document.querySelector(BOX)?.focus(),
  "?": help,
});

function isTyping(target) {
  return target.closest("input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable]") !== null;
}

export function listen() {
  document.addEventListener("keydown", (event) => {
    const off = document.documentElement.classList.contains("nokeys") && event.key !== "?";
    if (off || event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
    if (event.key === "Enter" && event.target.closest("a, button, summary")) return; // it is theirs
    const act = actions.get(event.key);
    if (!act || document.querySelector("dialog[open]")) return;
    event.preventDefault();
    act(here());
  });
  const box = document.getElementById("keys-on");
  box.checked = !document.documentElement.classList.contains("nokeys");
  box.addEventListener("change", () => {
    document.documentElement.classList.toggle("nokeys", !box.checked);
    remember("keys", box.checked ? "on" : "off");
  });
}
