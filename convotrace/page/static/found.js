// What was looked for in a session: its words are marked in the turns that say them, folds over them are opened, and
// keys lead from one such turn to the next. Which turns those are, the server knows.
import { bind } from "./keys.js";

const MOST = 2000; // marks on one page
const SHUT = "script, style, svg, .menu, .hid";

/** Letters as a reader takes them, and for each the place it comes from. */
function folded(text) {
  let plain = "";
  const places = [];
  for (let at = 0; at < text.length; at += 1) {
    for (const one of text[at].normalize("NFKD").toLowerCase().replace(/\p{Mn}/gu, "")) {
      plain += one;
      places.push(at);
    }
  }
  return [plain, places];
}

function* rangesIn(root, wanted) {
  const walk = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
  for (let node = walk.nextNode(); node; node = walk.nextNode()) {
    if (node.parentElement.closest(SHUT)) continue;
    const [plain, places] = folded(node.data);
    for (let at = plain.indexOf(wanted); at >= 0; at = plain.indexOf(wanted, at + wanted.length)) {
      const range = document.createRange();
      range.setStart(node, places[at]);
      range.setEnd(node, places[at + wanted.length - 1] + 1);
      yield range;
    }
  }
}

function open(range) {
  const parent = range.startContainer.parentElement;
  for (let fold = parent.closest("details"); fold; fold = fold.parentElement.closest("details")) fold.open = true;
  const long = parent.closest(".long");
  if (long) long.parentElement.querySelector(".unfold").checked = true;
}

function mark(text) {
  const [wanted] = folded(text);
  const ranges = [];
  for (const turn of document.querySelectorAll("[data-says]")) {
    for (const range of rangesIn(turn, wanted)) if (ranges.push(range) >= MOST) break;
  }
  if (globalThis.Highlight) CSS.highlights.set("found", new Highlight(...ranges));
  const at = document.querySelector("[data-says=at]");
  const own = ranges.filter((range) => at?.contains(range.startContainer));
  if (!own.length || (location.hash && location.hash !== "#found")) return;
  open(own[0]);
  // The browser goes to the turn when all is loaded; only then is it known whether the words are in sight.
  addEventListener("load", () => requestAnimationFrame(() => show(own[0])));
}

function show(range) {
  const { top, bottom } = range.getBoundingClientRect();
  if (top < 150 || bottom > innerHeight - 60) range.startContainer.parentElement.scrollIntoView({ block: "center" });
}

const text = document.querySelector(".find [name=was]")?.value;
const go = (way) => () => document.querySelector(`[data-hit=${way}]`)?.click();
bind({ "<": go("before"), ">": go("after") });
if (text) mark(text);
document.querySelector(".find")?.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || !event.shiftKey || !text) return;
  event.preventDefault();
  go("before")();
});
