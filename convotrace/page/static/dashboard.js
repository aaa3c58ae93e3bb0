// The dashboard: it follows what happens, and a stretch of a chart that is drawn across leads to its sessions.
import { onChange } from "./live.js";
import { fetchPage, swap } from "./part.js";
import { localTimes } from "./time.js";

const LEAST = 400; // milliseconds between two looks
const SVG = "http://www.w3.org/2000/svg";
let isAsking = false;
let isWanted = false;

// Live

async function renew() {
  isWanted = true;
  if (isAsking || brush) return;
  isAsking = true;
  while (isWanted) {
    isWanted = false;
    try {
      show(await fetchPage(location.href));
    } catch { /* the next change asks again */ }
    await new Promise((resolve) => setTimeout(resolve, LEAST));
  }
  isAsking = false;
}

function show(page) {
  if (brush || !page.getElementById("board")) return;
  const open = [...document.querySelectorAll("#board details[open]")].map((one) => one.id);
  const places = [...document.querySelectorAll("#board .scroll")].map((one) => [one.scrollTop, one.scrollLeft]);
  const held = document.activeElement?.closest("#board a[href], #board summary");
  const index = held ? [...document.querySelectorAll("#board a[href], #board summary")].indexOf(held) : -1;
  swap(page, ["board"]);
  localTimes(document.getElementById("board"));
  for (const id of open) document.getElementById(id)?.setAttribute("open", "");
  for (const [n, one] of document.querySelectorAll("#board .scroll").entries()) [one.scrollTop, one.scrollLeft] = places[n] ?? [0, 0];
  if (index >= 0) document.querySelectorAll("#board a[href], #board summary")[index]?.focus({ preventScroll: true });
}

onChange(renew);

// A stretch of time

let brush = null;

function place(event) {
  const box = brush.svg.getBoundingClientRect();
  const share = Math.min(Math.max((event.clientX - box.left) / box.width, 0), 0.9999);
  return Math.floor(share * Number(brush.svg.dataset.count));
}

document.addEventListener("pointerdown", (event) => {
  const svg = event.target.closest?.("svg[data-brush]");
  if (!svg || event.button !== 0) return;
  brush = { svg, drawn: null };
  brush.first = brush.last = place(event);
});

document.addEventListener("dragstart", (event) => { if (brush) event.preventDefault(); });

document.addEventListener("pointermove", (event) => {
  if (!brush) return;
  brush.last = place(event);
  if (brush.last === brush.first && !brush.drawn) return;
  brush.drawn ??= brush.svg.appendChild(document.createElementNS(SVG, "rect"));
  brush.drawn.setAttribute("class", "brush");
  brush.drawn.setAttribute("height", "100");
  brush.drawn.setAttribute("x", String(Math.min(brush.first, brush.last)));
  brush.drawn.setAttribute("width", String(Math.abs(brush.last - brush.first) + 1));
});

document.addEventListener("pointerup", () => {
  const done = brush;
  brush = null;
  if (!done?.drawn) return;
  const links = done.svg.querySelectorAll("a");
  const [from, to] = [Math.min(done.first, done.last), Math.max(done.first, done.last)];
  location.href = joined(links[from], links[to], done.svg.dataset.term);
});

document.addEventListener("pointercancel", () => {
  brush?.drawn?.remove();
  brush = null;
});

/** The address of one point, whose stretch goes on to the end of another's. */
function joined(first, last, term) {
  const address = new URL(first.getAttribute("href"), location.href);
  const stretch = (link) => new URL(link.getAttribute("href"), location.href).searchParams.get("q").split(`${term}:`).at(-1).split("..");
  const q = address.searchParams.get("q");
  const head = q.slice(0, q.lastIndexOf(`${term}:`));
  address.searchParams.set("q", `${head}${term}:${stretch(first)[0]}..${stretch(last)[1]}`);
  return address.href;
}
