// Judging by keyboard: a digit gives the marked score and marks the next one, Enter saves; the hand never leaves the keys.
import { bind } from "./keys.js";
import { recall, remember } from "./store.js";

const form = document.getElementById("judge");
const began = Date.now();
const all = (selector) => [...(form?.querySelectorAll(selector) ?? [])];
const groups = all("[data-crit]");
let now = 0;

function mark(index, isSeen = true) {
  now = Math.min(Math.max(index, 0), groups.length - 1);
  for (const [n, group] of groups.entries()) group.toggleAttribute("data-now", n === now);
  if (isSeen) groups[now]?.scrollIntoView({ block: "nearest" });
}

function press(key) {
  const option = groups[now]?.querySelector(`[data-key="${key}"]`);
  if (!option) return;
  option.checked = true;
  if (now < groups.length - 1) mark(now + 1);
  enter();
}

// A score that is written, and not chosen, is written at once.
function enter() {
  groups[now]?.querySelector("input.field, textarea")?.focus();
}

function send(what) {
  const button = form?.querySelector(`[name=do][value=${what}]`);
  if (button) form.requestSubmit(button);
}

function focus(name, event) {
  form?.querySelector(`[name=${name}]`)?.focus();
  event?.preventDefault();
}

function goTo(selector) {
  const link = document.querySelector(selector);
  if (link) location.href = link.href;
}

if (form) {
  const keys = { n: () => send("save"), Enter: () => send("save"), s: () => send("skip"), x: () => send("skip") };
  const more = { a: () => send("assign"), m: () => focus("note"), r: () => focus("correction") };
  bind({ ...keys, ...more, j: () => mark(now + 1), k: () => mark(now - 1), ArrowDown: () => mark(now + 1) });
  bind({ ArrowUp: () => mark(now - 1), p: () => goTo("[data-before]"), o: () => goTo("[data-open]") });
  for (let n = 1; n <= 9; n++) bind({ [n]: () => press(n) });
  for (const [n, group] of groups.entries()) group.addEventListener("focusin", () => mark(n));
  mark(groups.findIndex((group) => !group.querySelector(":checked")), false);
  form.addEventListener("keydown", (event) => {
    if (event.key === "Escape") document.activeElement?.blur();
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) send("save");
  });
  form.addEventListener("submit", () => {
    form.querySelector("[name=took]").value = String(Date.now() - began);
    remember("who", form.querySelector("[name=as]").value);
  });
}

// Who judged here before is not asked again.
const who = document.querySelector("[data-who]");
if (who && !who.dataset.who && recall("who")) {
  const here = new URL(location.href);
  here.searchParams.set("as", recall("who"));
  location.replace(here);
}
