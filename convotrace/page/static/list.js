// The list: it scrolls through everything, says what is new without moving anything, and lets two rows be compared.
import { copy } from "./copy.js";
import { bind, here } from "./keys.js";
import { onChange } from "./live.js";
import { fetchPage, swap } from "./part.js";
import { recall, remember, tab } from "./store.js";
import { localTimes } from "./time.js";
import { keyOf, RowWindow } from "./window.js";

const BESIDE = ["facets", "chips", "total"];
const asked = new URLSearchParams(location.search);
const table = document.querySelector(".sessions");
const news = new Map();
let rows = null;

function address(name, more = {}) {
  const fields = new URLSearchParams();
  for (const field of ["q", "order"]) if (asked.get(field)) fields.set(field, asked.get(field));
  for (const [field, value] of Object.entries(more)) if (value) fields.set(field, value);
  return `${name}?${fields}`;
}

// The whole list

async function places() {
  const answer = await fetch(address("places.json"), { cache: "no-store" });
  if (!answer.ok) throw new Error(String(answer.status));
  return answer.json();
}

async function scrollThrough() {
  if (!table?.dataset.every || asked.has("after")) return;
  const found = await places();
  rows = new RowWindow(table, (after) => address("rows", { after }));
  rows.spread(found);
  document.querySelector(".more").hidden = true;
  const [way] = performance.getEntriesByType("navigation");
  const left = Number(recall(`at ${location.search}`, tab));
  if (way?.type === "back_forward" && left > scrollY) scrollTo({ top: left, behavior: "instant" });
}

addEventListener("pagehide", () => {
  remember(`at ${location.search}`, String(scrollY), tab);
  if (table) remember("trail", JSON.stringify(trail()), tab);
});

// On a page that begins further on, nobody knows which number a row has.
function trail() {
  const total = asked.has("after") ? "" : document.getElementById("total")?.textContent;
  const placed = rows?.placed() ?? loaded().map((row, at) => [row, at]);
  return { total, rows: placed.map(([row, at]) => [row.querySelector("[data-key]")?.getAttribute("href"), at]).filter(([way]) => way) };
}

function loaded() {
  return rows ? rows.loaded() : [...table.tBodies[0].rows];
}

// What is counted beside it: of very many sessions only after the page is there

async function countAll() {
  if (!document.getElementById("total")?.textContent.endsWith("+")) return;
  swap(await fetchPage(address("beside")), BESIDE);
}

document.querySelector(".day")?.addEventListener("click", (event) => {
  const { start, width } = event.currentTarget.dataset;
  const box = event.currentTarget.querySelector("svg").getBoundingClientRect();
  const place = Math.floor(((event.clientX - box.left) / box.width) * 96);
  const moment = (n) => new Date(Number(BigInt(start) / 1000000n) + (n * Number(width)) / 1e6).toISOString();
  const rest = (asked.get("q") ?? "").replace(/(^|\s)(since|until):\S+/g, "").trim();
  asked.set("q", `${rest} since:${moment(place)} until:${moment(place + 1)}`.trim());
  location.search = asked;
});

// What is new waits behind a pill

let isLeaving = false;
addEventListener("submit", () => { isLeaving = true; });

onChange((sessions) => {
  // A test turn is told here before the answer that leads to it: to load again would end that way.
  if (isLeaving) return;
  if (document.querySelector("[data-empty]")) return location.reload();
  if (!table) return;
  for (const one of sessions) if (!isShown(one)) news.set(one.key, one);
  const pill = document.querySelector("[data-act=merge]");
  pill.hidden = !news.size;
  pill.querySelector("span").textContent = news.size >= 200 ? "200+" : String(news.size);
  if (news.size) document.getElementById("said").textContent = `${news.size} new`;
});

// A session stands in the list as it is now, or, where the latest come first, it is too old for the first rows.
function isShown({ key, last_at: last }) {
  const row = loaded().find((one) => keyOf(one) === key);
  if (row || !table.dataset.every || ![null, "-last"].includes(asked.get("order"))) return lastOf(row) === last;
  return last < lastOf((rows?.blocks.get(0).rows ?? loaded()).at(-1));
}

const lastOf = (row) => row?.querySelector("time")?.dateTime;

export async function merge() {
  if (!news.size) return;
  const page = await fetchPage(`./${location.search}`);
  const fresh = [...(page.getElementById("rows")?.rows ?? [])].map((row) => document.importNode(row, true));
  for (const row of fresh) localTimes(row);
  const shift = cameAbove();
  if (rows) rows.renew(fresh, await places(), shift);
  else replace(fresh, shift);
  swap(page, BESIDE);
  news.clear();
  document.querySelector("[data-act=merge]").hidden = true;
  countAll();
}

/** How many rows go to the top that did not stand above what is being read. */
function cameAbove() {
  const top = document.querySelector(".sessions thead").getBoundingClientRect().bottom;
  const above = loaded().filter((row) => row.isConnected && row.getBoundingClientRect().bottom < top).map(keyOf);
  return [...news.keys()].filter((key) => !above.includes(key)).length;
}

function replace(fresh, shift) {
  const at = scrollY;
  const height = table.tBodies[0].rows[0]?.getBoundingClientRect().height ?? 0;
  table.tBodies[0].replaceChildren(...fresh);
  if (at > 0) scrollTo({ top: at + shift * height, behavior: "instant" });
}

document.addEventListener("click", (event) => {
  if (event.target.closest("[data-act=merge]")) merge();
});

// Two rows to compare: those chosen stay chosen when their rows are out of sight

const chosen = new Set();

document.addEventListener("change", (event) => {
  if (!event.target.matches(".pick")) return;
  const { value, checked } = event.target;
  if (checked) chosen.add(value);
  else chosen.delete(value);
  document.querySelector(".both").classList.toggle("on", chosen.size > 0);
  table.classList.toggle("picking", chosen.size > 0);
});

function compare() {
  const [one, other] = [...chosen].slice(-2);
  if (other) location.href = `compare?${new URLSearchParams([["s", one], ["s", other]])}`;
}

document.querySelector("[data-both]")?.addEventListener("submit", (event) => {
  event.preventDefault();
  compare();
});

// Before the first turn: behind a proxy only the browser knows where app and page are.

function nameApp(box) {
  const { app, mount } = box.dataset;
  const path = location.pathname;
  if (!/^[\w./~-]+$/.test(path)) return; // what is copied goes into a shell
  const real = location.origin + (path.endsWith(`${mount}/`) ? path.slice(0, -mount.length - 1) : "");
  const named = (text) => text.replaceAll(app, real).replaceAll(`${real}${mount}/`, location.origin + path);
  const [button, pre] = box.querySelectorAll("[data-text], pre");
  button.dataset.text = pre.textContent = named(pre.textContent);
}

for (const box of document.querySelectorAll("[data-app]")) nameApp(box);

bind({
  ".": merge,
  "=": compare,
  x: () => here()?.closest("tr")?.querySelector(".pick")?.click(),
  y: () => here() && copy(here().textContent, "First words copied"),
  "[": () => document.documentElement.classList.add("nofacets"),
  "]": () => document.documentElement.classList.remove("nofacets"),
});
scrollThrough().catch(() => { /* the links to older sessions still lead on */ });
countAll().catch(() => { /* the first counts stand */ });
