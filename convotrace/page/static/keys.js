// The keyboard: turns, errors, filter, link, help. Never while typing, never with a modifier, and it can be switched off.
import { copy } from "./copy.js";
import { remember } from "./store.js";

const all = (selector) => [...document.querySelectorAll(selector)];
const ACTIONS = {
  j: () => step(1),
  k: () => step(-1),
  e: () => nextError(),
  c: () => copyLink(current(stops())),
  "/": () => document.querySelector("[data-filter]")?.focus(),
  "?": () => help()?.showModal(),
};

function help() {
  return document.getElementById("help");
}

function stops() {
  return all(".turn, .sessions a.first, .hits a.way, a.wr");
}

function current(items) {
  const focused = items.find((item) => item === document.activeElement || item.hasAttribute("data-current"));
  return focused ?? (location.hash && items.find((item) => `#${item.id}` === location.hash)) ?? null;
}

function step(by) {
  const items = stops();
  const at = items.indexOf(current(items));
  goTo(items[Math.min(Math.max(at + by, 0), items.length - 1)]);
}

export function nextError() {
  const items = all(".turn.bad, a.wr.bad");
  const every = stops();
  const at = every.indexOf(current(every));
  goTo(items.find((item) => every.indexOf(item) > at) ?? items[0]);
}

function goTo(item) {
  if (!item) return;
  for (const other of all("[data-current]")) other.removeAttribute("data-current");
  item.setAttribute("data-current", "");
  if (item.matches("a")) item.focus();
  else location.hash = item.id;
}

export function copyLink(item) {
  const link = new URL(location.href);
  if (item?.id) link.hash = item.id;
  copy(link.href, item?.dataset.turn ? `Link to turn ${item.dataset.turn} copied` : "Link copied");
}

function isTyping(target) {
  return target.closest("input, textarea, select, [contenteditable]") !== null;
}

export function listen() {
  document.addEventListener("keydown", (event) => {
    const off = document.documentElement.classList.contains("nokeys") && event.key !== "?";
    if (off || event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
    const action = ACTIONS[event.key];
    if (!action || document.querySelector("dialog[open]")) return;
    event.preventDefault();
    action();
  });
  const box = document.getElementById("keys-on");
  box.checked = !document.documentElement.classList.contains("nokeys");
  box.addEventListener("change", () => {
    document.documentElement.classList.toggle("nokeys", !box.checked);
    remember("keys", box.checked ? "on" : "off");
  });
}
