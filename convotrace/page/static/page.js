// What a page does beyond being read: local times, keys, theme, copying, the rail that follows.
import { copy } from "./copy.js";
import { bind, copyLink, help, listen, nextError, open } from "./keys.js";
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
  help,
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
function sayPlace() {
  const { rows = [], total } = JSON.parse(recall("trail", tab) ?? "{}");
  const own = `s/${location.pathname.split("/s/").at(-1)}`;
  const at = rows.findIndex(([way]) => way.split("?")[0] === own);
  const say = document.getElementById("place");
  if (at < 0 || !say) return;
  if (total) say.append(`${(rows[at][1] + 1).toLocaleString("en")} of ${total}`);
  for (const [way, by, sign, words] of [["p", -1, "←", "Previous"], ["n", 1, "→", "Next"]]) {
    const [other, place] = rows[at + by] ?? [];
    if (place !== rows[at][1] + by) continue;
    const link = document.createElement("a");
    link.href = document.body.dataset.root + other;
    link.className = "ib";
    link.title = link.ariaLabel = `${words} session of the list (${way})`;
    link.append(sign);
    say.append(link);
    bind({ [way]: () => open(link) });
  }
}

bind({ f: live.toggle, g: () => { location.href = `${document.body.dataset.root}dashboard`; } });
sayPlace();
localTimes(document);
goOn(document);
listen();
followRail();
live.begin();
