"""What reading costs in stores of 20,000, 200,000 and 1,000,000 spans: lists, pages, sessions, search, metrics.

`python -m tests.benchmarks.queries [--rounds N] [--spans 20000,200000,1000000] [--only list]`. Pages and JSON are asked
for as a door asks, within this process, and come as finished bytes. Sizes and questions take turns; nothing is
asserted. The first run builds the stores in the temp folder.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from time import perf_counter, thread_time
from typing import Any
from urllib.parse import quote

import convotrace as ct
from convotrace.errors import ConvoTraceError
from convotrace.page import PageRequest
from convotrace.page.routes import ROUTES, find
from tests.benchmarks import figures, stores

TOKEN = "the-token-of-the-benchmark"
SLOW = 0.5  # seconds: what takes longer is asked less often
Question = Callable[["Asked"], int]


@dataclass(frozen=True)
class Asked:
    """A store that is asked, and the page over it."""

    size: int
    observer: ct.ConvoTrace
    store: ct.Store
    trace_id: str | None
    """A turn of the session of fifty turns, None where there is no such session."""
    deep: str | None
    """Where the list goes on after 1,000 sessions, None where it has no more."""

    def body(self, path: str, query: str = "") -> bytes:
        """Ask for a page; return what it is.

        Raises:
            RuntimeError: It does not answer 200.
        """
        headers = {"host": "127.0.0.1:8000", "authorization": f"Bearer {TOKEN}", "sec-fetch-site": "none"}
        answer = self.observer.page(PageRequest("GET", path, query, headers, peer="127.0.0.1"))
        if answer.status != 200:
            raise RuntimeError(f"{path}?{query} answered {answer.status}: {answer.body[:200]!r}")
        return answer.body


def opened(url: str, size: int) -> Asked:
    """Return a store that is to be asked, by its URL."""
    observer = ct.ConvoTrace(store=url, token=TOKEN, retention_days=None, retention_bytes=None)
    store = observer.open_store()
    fifty = store.session(stores.FIFTY)
    return Asked(size, observer, store, fifty.traces[-1].id if fifty else None, store.sessions(limit=1000).next)


_WORDS = stores.Talk().words
PAGES = {
    # What stands in the table: path and query. What a store has no route for is left out.
    "list: newest 50 as JSON": ("/sessions.json", "limit=50"),
    "list: 50 after 1,000 as JSON": ("/sessions.json", "after={deep}"),
    "list: newest 50 as a page": ("/", ""),
    **{
        f"list: by {order} as a page": ("/", f"order={order}") for order in ("-cost", "-errors", "started", "-duration")
    },
    **{
        f"list: {q} as JSON": ("/sessions.json", "q=" + quote(q))
        for q in (
            "has:error since:24h",
            "since:1h",
            "user:user-99*",
            "tag:rare",
            "user:user-17",
            "tool:lookup",
            "model:gpt-4o has:error",
            "cost>0.03",
            "score.helpful<0.3",
            "fb:down",
            "zanzibar",
            "xxyyzz",
            "zanzibar OR tag:rare",
        )
    },
    "list: what stands beside it as a page": ("/beside", ""),
    "list: more rows as a page": ("/rows", ""),
    "session: 50 turns as JSON": ("/s/fifty.json", ""),
    "session: 50 turns as a page": ("/s/fifty", ""),
    "turn as a page": ("/s/fifty/t/{trace}", ""),
    "turn: what changed, as a page": ("/s/fifty/t/{trace}/diff", ""),
    "session: two compared, as a page": ("/compare", "s=fifty&s=s0"),
    "search: common word as a page": ("/search", f"q={_WORDS[0]}"),
    "search: common word as JSON": ("/search.json", f"q={_WORDS[0]}"),
    "health as a page": ("/health", ""),
    "incidents as a page": ("/incidents", ""),
    "dashboard as a page": ("/dashboard", ""),
    "dashboard of 30 days as a page": ("/dashboard", "since=30d"),
    "flow as a page": ("/flow", "since=7d"),
    "metrics of a day as JSON": ("/metrics.json", ""),
}
LONG = {
    # Asked of the store that has such a session.
    "long session: 10,000 turns as a page": ("/s/long", ""),
    "long session: 10,000 turns as JSON": ("/s/long.json", ""),
}
SEARCHES = {
    "rare word": stores.RARE, "common word": _WORDS[0], "two common words": f"{_WORDS[0]} {_WORDS[1]}",
    "common without rare": f"{_WORDS[0]} -{_WORDS[-1]}", "prefix of 3": f"{_WORDS[9000][:3]}*",
    "prefix of 2": f"{_WORDS[9000][:2]}*", "two Chinese characters": "地铁", "no such word": "xxyyzz",
}  # fmt: skip

METRICS: dict[str, dict[str, Any]] = {
    "p95 of every tool, 30 days": {"since": "30d", "by": "tool", "points": False},
    "p95 of every model, 30 days": {"since": "30d", "by": "model", "points": False},
    "every tool by day, 30 days": {"since": "30d", "by": "tool"},
    "all turns by minutes, a day": {"since": "24h"},
    "turns of a user, 30 days": {"since": "30d", "q": "user:user-17"},
    "by tag, 30 days": {"since": "30d", "by": "tag"},
}


def questions() -> dict[str, Question]:
    """Return what is asked, by what it is called in the table."""
    found: dict[str, Question] = {}
    for name, (path, query) in {**PAGES, **LONG}.items():
        if find(path.format(trace="0" * 32)) is not None:
            found[name] = partial(_size, path=path, query=query)
    for name, text in SEARCHES.items():
        found[f"search: {name}"] = lambda asked, text=text: len(asked.store.search(text))
    if hasattr(ct.Store, "metrics"):
        for name, asked_for in METRICS.items():
            found[f"metrics: {name}"] = partial(_series, **asked_for)
    return found


def _series(asked: Asked, **asked_for: Any) -> int:
    return len(asked.store.metrics(**asked_for).series)


def _size(asked: Asked, path: str, query: str) -> int:
    return len(asked.body(path.format(trace=asked.trace_id), query.format(deep=asked.deep)))


def uncovered() -> list[str]:
    """Return the pages that no question asks for: they should be added above."""
    asked = [find(path.format(trace="0" * 32)) for path, _ in PAGES.values()]
    known = [found[0] for found in asked if found]
    pages = [route for route in ROUTES if route.is_html and route not in known]
    return [route.pattern.pattern for route in pages if route.pattern.pattern]


def run(all_asked: list[Asked], rounds: int, only: str) -> dict[str, dict[str, Any]]:
    """Ask everything of every store, in turn; return by question and size: what came, and how long it took in ms."""
    found: dict[str, dict[str, Any]] = {}
    left = {name: question for name, question in questions().items() if only in name}
    for number in range(rounds + 1):  # the first one warms up
        for name in list(left):
            try:
                for asked in all_asked:
                    if _fits(name, asked):
                        cell = found.setdefault(name, {}).setdefault(str(asked.size), {"cpu": [], "wall": []})
                        _ask(left[name], asked, cell, number, rounds)
            except (RuntimeError, ConvoTraceError) as error:
                print(f"not measured: {name}: {error}", file=sys.stderr)
                del left[name], found[name]
    return found


def _fits(name: str, asked: Asked) -> bool:
    # Of what is asked for by name, some stores have none.
    if "after 1,000" in name:
        return asked.deep is not None
    if name in LONG:
        return asked.trace_id is not None and asked.size >= stores.LONG_FROM
    return asked.trace_id is not None or not name.startswith(("session", "turn"))


def _ask(question: Question, asked: Asked, cell: dict[str, Any], number: int, last: int) -> None:
    if number % cell.get("every", 1) and number < last:
        return
    began, spent = perf_counter(), thread_time()
    cell["size"] = question(asked)
    cpu, wall = thread_time() - spent, perf_counter() - began
    if number:
        cell["cpu"].append(cpu * 1000)
        cell["wall"].append(wall * 1000)
    elif cpu > SLOW:
        cell["every"] = 4


def growth(cells: dict[str, Any], clock: str = "cpu") -> float | None:
    """Return what the largest store takes as a multiple of the smallest, None where there is one alone."""
    sizes = sorted(cells, key=int)
    if len(sizes) < 2:
        return None
    return statistics.median(cells[sizes[-1]][clock]) / statistics.median(cells[sizes[0]][clock])


def table(found: dict[str, dict[str, Any]], shape: str = "spans") -> str:
    """Return a Markdown table: medians of CPU and wall in ms, in brackets the least and the greatest."""
    sizes = sorted({size for cells in found.values() for size in cells}, key=int)
    heads = [f"{int(size):,} {shape}: CPU | wall" for size in sizes]
    lines = ["| question | bytes or hits | " + " | ".join(heads) + " | growth |"]
    lines.append("|---" * (3 + 2 * len(sizes)) + "|")
    for name, cells in found.items():
        row = [name, f"{cells[max(cells, key=int)]['size']:,}"]
        for size in sizes:
            cell = cells.get(size, {"cpu": [], "wall": []})
            row += [figures.spread(cell["cpu"]), figures.spread(cell["wall"])]
        grown = growth(cells)
        lines.append("| " + " | ".join([*row, "-" if grown is None else f"{grown:.2f} x"]) + " |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--spans", default="20000,200000,1000000")
    parser.add_argument("--only", default="", help="questions with this in their name")
    options = parser.parse_args()
    with ExitStack() as stack:
        sizes = [int(size) for size in options.spans.split(",")]
        all_asked = [opened(stack.enter_context(stores.copied(size)), size) for size in sizes]
        found = run(all_asked, options.rounds, options.only)
        for asked in all_asked:
            asked.observer.close()
    print(table(found))
    for pattern in uncovered():
        print(f"no question asks for {pattern}", file=sys.stderr)
    print(figures.keep("queries", {"rounds": options.rounds, "questions": found}))


if __name__ == "__main__":
    main()
