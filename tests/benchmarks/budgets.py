"""The budgets of the project, row by row, and where in the figures each is looked up. One command a row measures it.

A ratio is of one round with its partner of that round. Reading is judged by CPU, which on a calm machine is the time.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from tests.benchmarks import footprint, ingest, overhead, paced

Kept = dict[str, Any]
MILLION = "1000000"


@dataclass(frozen=True)
class Budget:
    """One line: it belongs to a row of the table of budgets, and to the part of the benchmark that measures it."""

    row: str
    what: str
    part: str
    limit: float
    pick: Callable[[Kept], Iterable[float]]
    unit: str = "x"
    is_least: bool = False
    digits: int = 2

    @property
    def text(self) -> str:
        """Return the budget in words."""
        return f"{'≥' if self.is_least else '≤'} {self.limit:g} {self.unit}"


@dataclass(frozen=True)
class Verdict:
    """What was measured for a line; no values where its part was not run."""

    budget: Budget
    values: list[float]

    @property
    def is_met(self) -> bool:
        """Tell whether the median keeps the budget."""
        middle = statistics.median(self.values)
        return middle >= self.budget.limit if self.budget.is_least else middle <= self.budget.limit

    @property
    def text(self) -> str:
        """Return the verdict in words: by how much a budget is missed."""
        if not self.values:
            return "not measured"
        if self.is_met:
            return "met"
        middle, limit = statistics.median(self.values), self.budget.limit
        return f"**missed** by {(limit / middle if self.budget.is_least else middle / limit):.2f} x"


def _overhead(name: str, key: str) -> Callable[[Kept], Iterable[float]]:
    return lambda kept: overhead.shares(kept["doors"]["asgi"], name, key)


def _p99(name: str, rate: int) -> Callable[[Kept], Iterable[float]]:
    def pick(kept: Kept) -> Iterable[float]:
        found = kept["doors"]["asgi"]
        pairs = zip(paced.of(found, rate, name), paced.of(found, rate, "bare"), strict=True)
        return [one / bare for one, bare in pairs]

    return pick


def _ingest(size: str) -> Callable[[Kept], Iterable[float]]:
    return lambda kept: ingest.shares(kept["sizes"][size], "wall")


def _read(question: str) -> Callable[[Kept], Iterable[float]]:
    return lambda kept: kept["questions"][question][MILLION]["cpu"]


def _growth(kept: Kept) -> Iterable[float]:
    cells = kept["questions"]["list: newest 50 as JSON"]
    return [large / small for large, small in zip(cells[MILLION]["cpu"], cells["20000"]["cpu"], strict=True)]


def _slowest_page(kept: Kept) -> Iterable[float]:
    pages = [cells[MILLION]["cpu"] for name, cells in kept["questions"].items() if "as a page" in name]
    return max((times for times in pages if times), key=statistics.median)


def _weight(page: str) -> Callable[[Kept], Iterable[float]]:
    return lambda kept: [(kept["pages"][page]["page"] + kept["pages"][page]["files"]) / 1000]


def _agent(turns: int) -> Callable[[Kept], Iterable[float]]:
    return lambda kept: [one["sent x stored"] for one in kept["agent"] if one["turns"] == turns]


def _grown(kept: Kept) -> Iterable[float]:
    by_turns = {one["turns"]: one["stored"] for one in kept["agent"]}
    return [by_turns[100] / by_turns[10]]


def _imported(kept: Kept) -> Iterable[float]:
    return footprint.shares(kept["imports"], "ASGI")


OTLP = "x OTel + OTLP"
BUDGETS = (
    Budget("A", "CPU added to a request, 5 spans by verbs", "overhead", 0.15, _overhead("verbs", "cpu"), OTLP),
    Budget("B", "the same through `opentelemetry.trace`", "overhead", 0.22, _overhead("api", "cpu"), OTLP),
    Budget("C", "p50 added to a request, verbs", "overhead", 0.08, _overhead("verbs", "p50"), OTLP),
    Budget("C", "the same through `opentelemetry.trace`", "overhead", 0.2, _overhead("api", "p50"), OTLP),
    Budget("D", "p99 at 100 requests/s under uvicorn, verbs", "paced", 2, _p99("verbs", 100), "x bare"),
    Budget("D", "the same through `opentelemetry.trace`", "paced", 4, _p99("api", 100), "x bare"),
    Budget("D", "p99 at 300 requests/s, verbs", "paced", 4, _p99("verbs", 300), "x bare"),
    Budget("E", "ingest into an empty file", "ingest", 0.35, _ingest("0"), "x raw", is_least=True),
    Budget("E", "ingest into a file of 1 M spans", "ingest", 0.35, _ingest(MILLION), "x raw", is_least=True),
    Budget("F", "newest 50 sessions as JSON at 1 M spans", "queries", 1.5, _read("list: newest 50 as JSON"), "ms"),
    Budget("F", "its growth from 20 k to 1 M spans", "queries", 1.3, _growth),
    Budget("F", "the same at 1 M sessions", "sessions", 1.5, _read("list: newest 50 as JSON"), "ms"),
    Budget("G", "newest 50 sessions as a finished page", "queries", 10, _read("list: newest 50 as a page"), "ms"),
    Budget("G", "the slowest page at 1 M spans", "queries", 25, _slowest_page, "ms"),
    Budget("G", "the slowest page at 1 M sessions", "sessions", 25, _slowest_page, "ms"),
    Budget("H", "a session of 50 turns, 250 spans as JSON", "queries", 5, _read("session: 50 turns as JSON"), "ms"),
    Budget("I", "search at 1 M spans: rare word", "queries", 2, _read("search: rare word"), "ms"),
    Budget("I", "common word", "queries", 5, _read("search: common word"), "ms"),
    Budget("I", "prefix of two letters", "queries", 15, _read("search: prefix of 2"), "ms"),
    Budget("J", "p95 of every tool over 30 days", "queries", 10, _read("metrics: p95 of every tool, 30 days"), "ms"),
    Budget("J", "p95 of every model over 30 days", "queries", 10, _read("metrics: p95 of every model, 30 days"), "ms"),
    Budget("K", "store, about 1 KB of text a span", "size", 0.9, lambda kept: [kept["prose"]["x text"]], "x text"),
    Budget("K", "agent of 30 turns that re-sends its history", "size", 20, _agent(30), "x smaller than sent", True, 1),
    Budget("K", "one conversation, 100 turns against 10", "size", 11, _grown, digits=1),
    Budget(
        "L",
        "CPU of the import",
        "footprint",
        1.3,
        _imported,
        "x structlog + OTel API",
    ),
    Budget(
        "L",
        "packages of a plain install",
        "footprint",
        12,
        lambda kept: [_plain(kept)["packages"]],
        "packages",
        digits=0,
    ),
    Budget("L", "its size", "footprint", 8, lambda kept: [_plain(kept)["bytes"] / 1e6], "MB", digits=1),
    Budget("M", "list, gzip, with all it loads", "size", 30, _weight("list"), "kB", digits=1),
    Budget("M", "session of 10 turns", "size", 30, _weight("session"), "kB", digits=1),
    Budget("M", "dashboard", "size", 60, _weight("dashboard"), "kB", digits=1),
    Budget(
        "N",
        "pruning holds the write lock, p95",
        "retention",
        50,
        lambda kept: [kept["deletions"]["p95"]],
        "ms",
        digits=1,
    ),
    Budget("N", "at worst", "retention", 200, lambda kept: [kept["deletions"]["worst"]], "ms", digits=1),
)


def _plain(kept: Kept) -> Kept:
    found: Kept = kept["installs"]["convotrace"]
    return found


def verdicts(kept: dict[str, Kept]) -> list[Verdict]:
    """Return what the figures of the parts say about each budget."""
    return [Verdict(budget, _picked(budget, kept.get(budget.part))) for budget in BUDGETS]


def _picked(budget: Budget, kept: Kept | None) -> list[float]:
    try:
        return [] if kept is None else list(budget.pick(kept))
    except (KeyError, ValueError):  # that variant, size or question was left out
        return []


def missed_rows(found: list[Verdict]) -> list[str]:
    """Return the rows of which any line is missed."""
    return sorted({one.budget.row for one in found if one.values and not one.is_met})
