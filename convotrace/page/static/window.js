// A list of any length: only the rows in sight are in the page, the others are room above and below. Rows come in
// blocks, each from its own cursor, so that any place of the list is one request away.
import { fetchPage } from "./part.js";
import { localTimes } from "./time.js";

const AROUND = 14; // rows kept ready above and below what is in sight
const KEPT = 40; // blocks kept in memory
const AT_ONCE = 6; // rows that come into the page in one frame: with more, the frame is late

export class RowWindow {
  constructor(table, rowsAt) {
    this.table = table;
    this.body = table.tBodies[0];
    this.every = Number(table.dataset.every);
    this.rowsAt = rowsAt;
    this.above = gap();
    this.below = gap();
    this.blocks = new Map([[0, { rows: [...this.body.rows], whole: false }]]);
    this.cursors = [];
    this.total = this.body.rows.length;
    this.measure();
    this.body.prepend(this.above);
    this.body.append(this.below);
    const moved = () => {
      // Rows are ready on both sides: nothing is drawn before half of them are gone by.
      if (Math.abs(scrollY - this.drawnAt) >= (AROUND / 2) * this.height) this.soon();
    };
    addEventListener("scroll", moved, { passive: true });
    // A key may come before the next frame: it must find the rows behind the one it leaves.
    this.body.addEventListener("focusin", () => queueMicrotask(() => this.draw()));
    addEventListener("resize", () => { this.measure(); this.draw(); });
  }

  /** Take over the length and the cursors of the whole list. */
  spread({ cursors, total }) {
    this.cursors = cursors;
    this.total = total;
    this.table.setAttribute("aria-rowcount", String(total + 1));
    this.draw();
  }

  /** Begin anew with other rows at the top; `shift` rows came above what is being read. */
  renew(rows, places, shift) {
    this.blocks = new Map([[0, { rows, whole: false }]]);
    const at = scrollY;
    this.spread(places);
    if (shift && at > 0) scrollTo({ top: at + shift * this.height, behavior: "instant" });
    this.draw();
  }

  /** All rows that are loaded, in order. */
  loaded() {
    return this.placed().map(([row]) => row);
  }

  /** The same, each with its place in the whole list. */
  placed() {
    const blocks = [...this.blocks].sort(([a], [b]) => a - b);
    return blocks.flatMap(([n, { rows }]) => rows.map((row, at) => [row, n * this.every + at]));
  }

  measure() {
    const row = this.blocks.get(0)?.rows.find((one) => one.isConnected) ?? this.body.querySelector("tr:not(.gap)");
    this.height = row?.getBoundingClientRect().height || this.height || 46;
  }

  soon() {
    this.waiting ??= requestAnimationFrame(() => { this.waiting = null; this.draw(); });
  }

  draw() {
    this.drawnAt = scrollY;
    const top = this.above.getBoundingClientRect().top;
    const seen = Math.min(Math.max(0, Math.floor(-top / this.height)), Math.max(0, this.total - 1));
    const first = Math.max(0, seen - AROUND);
    const last = Math.min(this.total, seen + Math.ceil(innerHeight / this.height) + AROUND);
    const [from, rows] = this.some(...this.there(first, last), seen);
    this.place(rows.map((row, n) => numbered(this.ours(row), from + n)));
    this.above.firstChild.style.height = `${from * this.height}px`;
    this.below.firstChild.style.height = `${(this.total - from - rows.length) * this.height}px`;
  }

  /** As many of these rows as one frame may bring, those in sight first; the others follow with the next frames. */
  some(from, rows, seen) {
    const isHere = (row) => row.ownerDocument === document && row.isConnected;
    const top = Math.min(Math.max(0, seen - from), rows.length);
    const sight = Math.min(rows.length, top + Math.ceil(innerHeight / this.height));
    let low = rows.findIndex(isHere);
    let high = rows.findLastIndex(isHere) + 1;
    if (low < 0) low = high = top;
    for (let left = AT_ONCE; left > 0 && high - low < rows.length; left -= 1) {
      const isUp = low > 0 && (high >= rows.length || (high >= sight && (low > top || left % 2)));
      if (isUp) low -= 1;
      else high += 1;
    }
    if (high - low < rows.length) this.soon();
    return [from + low, rows.slice(low, high)];
  }

  /** The rows of a stretch that are loaded, as far as one follows the other; the others are asked for. */
  there(first, last) {
    let from = first;
    let rows = [];
    for (let at = first; at < last; at += 1) {
      const row = this.row(at);
      if (row) rows.push(row);
      else if (rows.length > AROUND) break;
      else [from, rows] = [at + 1, []];
    }
    for (let at = from + rows.length; at < last; at += 1) this.row(at);
    return [from, rows];
  }

  /** Put exactly these rows between the two gaps; those that stay are not touched, and so keep the focus. */
  place(rows) {
    if (!rows.some((row) => row.isConnected)) return this.body.replaceChildren(this.above, ...rows, this.below);
    const stay = new Set(rows);
    for (const row of [...this.body.rows]) {
      if (!stay.has(row) && row !== this.above && row !== this.below) row.remove();
    }
    let before = this.above;
    for (const row of rows) {
      // Between rows from the server lies white space; a row that is moved loses the focus.
      if (before.nextElementSibling !== row) before.after(row);
      before = row;
    }
  }

  row(at) {
    const number = Math.floor(at / this.every);
    const block = this.blocks.get(number);
    const row = block?.rows[at - number * this.every];
    if (row) return row;
    if (!block?.whole) this.load(number);
    return null;
  }

  /** A row of another page becomes one of ours when it is first shown. */
  ours(row) {
    if (row.ownerDocument === document) return row;
    document.adoptNode(row);
    localTimes(row);
    return row;
  }

  async load(number) {
    const block = this.blocks.get(number) ?? { rows: [], whole: false };
    if (block.loading) return;
    block.loading = true;
    this.blocks.delete(number);
    this.blocks.set(number, block);
    for (const other of this.blocks.keys()) {
      if (this.blocks.size <= KEPT) break;
      if (other !== 0 && other !== number) this.blocks.delete(other);
    }
    // Who scrolls past in a hurry asks for nothing on the way.
    await new Promise((resolve) => setTimeout(resolve, 60));
    if (!this.isNear(number)) return this.giveUp(number, block);
    try {
      const page = await fetchPage(this.rowsAt(number === 0 ? "" : this.cursors[number - 1]));
      if (this.blocks.get(number) !== block) return;
      const rows = [...page.getElementById("rows").rows];
      // What stands there already keeps its place, and the focus with it.
      const known = new Map(block.rows.map((row) => [keyOf(row), row]));
      block.rows = rows.map((row) => known.get(keyOf(row)) ?? row);
      block.whole = true;
      this.draw();
    } catch {
      block.loading = false; // asked again with the next scroll
    }
  }

  giveUp(number, block) {
    block.loading = false;
    if (!block.rows.length) this.blocks.delete(number);
  }

  isNear(number) {
    const first = Math.floor(-this.above.getBoundingClientRect().top / this.height);
    const last = first + innerHeight / this.height;
    return (number + 1) * this.every > first - this.every && number * this.every < last + this.every;
  }
}

export function keyOf(row) {
  return row.querySelector("[data-key]")?.dataset.key;
}

function numbered(row, at) {
  row.setAttribute("aria-rowindex", String(at + 2));
  return row;
}

function gap() {
  const row = document.createElement("tr");
  row.className = "gap";
  row.setAttribute("aria-hidden", "true");
  row.append(document.createElement("td"));
  return row;
}
