// What a page does beyond being read: local times, keys, theme, copying, the rail that follows.
import { copy } from "./copy.js";
import { bind, copyLink, listen, nextError } from "./keys.js";
import * as live from "./live.js";
import { recall, remember, tab } from "./store.js";
import { goOn, localTimes } from "./time.js";

function toggleTheme() {
  const root = document.documentElement;
  const system = matchMedia("(prefers-color-scheme: dark)").matches;
  const dark = root.classList.contains("dark") || (system && !root.classList.contains("light"));
  root.classList.remove("dark", "light");
  root.classList.add(dark ? "light" : "dark");
  remember("theme", dark ? "light" : "dark");
}

const CLICKS = {
  theme: toggleTheme,
  live: live.toggle,
  help: () => document.getElementById("help").showModal(),
  "next-error": nextError,
  "copy-link": (button) => copyLink(button.closest(".turn")),
  copy: (button) => copy(button.dataset.text, "Copied"),
  score: (link) => {
    document.getElementById("add").open = true;
    document.getElementById("on").value = link.dataset.trace;
    document.getElementById("score-name").focus();
  },
};

document.addEventListener("click", (event) => {
  const target = event.target.closest("[data-act]");
  const act = target && CLICKS[target.dataset.act];
  if (!act) return;
  event.preventDefault();
  act(target);
});

function followRail() {
  const cards = new Map([...document.querySelectorAll(".card")].map((card) => [card.hash.slice(1), card]));
  if (!cards.size) return;
  const mark = (id) => {
    for (const [other, card] of cards) card.toggleAttribute("aria-current", other === id);
    cards.get(id)?.setAttribute("aria-current", "true");
  };
  const seen = new Set();
  const watch = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) isIntersecting ? seen.add(target.id) : seen.delete(target.id);
    const last = [...cards.keys()].findLast((id) => seen.has(id));
    if (last) mark(last);
  }, { rootMargin: "-56px 0px -80% 0px" });
  for (const turn of document.querySelectorAll(".turn")) watch.observe(turn);
}

// The list leaves its rows in this tab: from a session the one before and the one after are a key away.
function neighbour(by) {
  const keys = JSON.parse(recall("trail", tab) ?? "[]");
  const key = decodeURIComponent(location.pathname.split("/s/").at(-1).split("/")[0]);
  const at = keys.indexOf(key);
  const next = at < 0 ? undefined : keys[at + by];
  if (next) location.href = `${document.body.dataset.root}s/${next}`;
}

bind({ f: live.toggle, g: () => { location.href = `${document.body.dataset.root}dashboard`; } });
if (location.pathname.includes("/s/")) bind({ n: () => neighbour(1), p: () => neighbour(-1) });
localTimes(document);
goOn(document);
listen();
followRail();
live.begin();
