"""The tables of the dashboard: tools, models, groups, scores, and how many sessions reach each turn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from convotrace.insight.cohort import ScoreSum, Summary
from convotrace.insight.tally import OTHER
from convotrace.model import Metrics, MetricSeries
from convotrace.page import charts, format
from convotrace.page.board import Place
from convotrace.query import Match

_FIELDS = {"environment": "env", "release": "release", "service": "service", "tag": "tag", "user": "user",
           "model": "model", "tool": "tool"}  # fmt: skip
_NOT_ASKED = frozenset({"feedback", "thumbs"})
_WIDE = 60


@dataclass(frozen=True)
class Line:
    """One row of a table: a name that leads to its sessions, how long its bar is, and numbers in words."""

    name: str | None
    href: str | None
    bar: float
    bad: float
    cells: Sequence[tuple[str, str]]
    """Each with its tone: `err` or nothing."""


@dataclass(frozen=True)
class Table:
    """Rows under their heads."""

    heads: Sequence[str]
    lines: Sequence[Line]


def calls(found: Metrics, by: str, place: Place) -> Table:
    """Return the calls of each tool or model."""
    heads = ("Calls", "Errors", "Rate", "p95") if by == "tool" else ("Calls", "Rate", "p95", "Tokens", "Cost")
    most = max((one.tally.count for one in found.series), default=1)
    return Table(heads, [_call(one, by, place, most) for one in found.series])


def groups(found: Metrics, by: str, place: Place) -> Table:
    """Return the turns of each group, and its sessions where sessions have such groups."""
    has_sessions = any(one.sessions is not None for one in found.series)
    ends = ("Sessions", "Completed", "Abandoned") if has_sessions else ()
    heads = ("Turns", "With errors", "p50", "p95", "Tokens", "Cost", *ends)
    most = max((one.tally.count for one in found.series), default=1)
    return Table(heads, [_group(one, by, place, most, has_sessions) for one in found.series])


def scores(summary: Summary) -> Table:
    """Return what each score comes to."""
    lines = [
        Line(one.name, None, 0, 0, [(words, "") for words in (format.count(one.count), *_judged(one))])
        for one in summary.scores
        if one.name not in _NOT_ASKED
    ]
    return Table(("Given", "Mean", "Passed"), lines)


@dataclass(frozen=True)
class Survival:
    """How many sessions reach each turn, as a drawing and as rows."""

    path: str
    width: int
    rows: Sequence[tuple[int, str, str, str]]
    """The turn, its sessions, their share, and where they are."""


def survival(summary: Summary, place: Place) -> Survival | None:
    """Return how many sessions reach each turn, None where there is none."""
    if not summary.survival:
        return None
    rows = [
        (step.turn, format.count(step.sessions), format.share(step.share),
         place.within("began", more=f"turns>={step.turn}"))
        for step in summary.survival
    ]  # fmt: skip
    return Survival(charts.stairs([step.share for step in summary.survival]), len(rows), rows)


def _call(one: MetricSeries, by: str, place: Place, most: int) -> Line:
    tally = one.tally
    tone = "err" if tally.failed else ""
    rate = (format.share(tally.error_rate) if tally.failed else "·", tone)
    p95 = (format.seconds(tally.duration.p95_ns), "")
    count = (format.count(tally.count), "")
    if by == "tool":
        cells = [count, (format.count(tally.failed) if tally.failed else "·", tone), rate, p95]
    else:
        cells = [count, rate, p95, (format.tokens(tally.tokens), ""), (format.cost_column(tally.cost_nano), "")]
    return Line(one.key, _href(one.key, by, place), *_bar(one, most), cells)


def _group(one: MetricSeries, by: str, place: Place, most: int, has_sessions: bool) -> Line:
    tally, ended = one.tally, one.sessions
    cells = [
        (format.count(tally.count), ""),
        (format.share(tally.error_rate) if tally.failed else "·", "err" if tally.failed else ""),
        (format.seconds(tally.duration.p50_ns), ""), (format.seconds(tally.duration.p95_ns), ""),
        (format.tokens(tally.tokens), ""), (format.cost_column(tally.cost_nano), ""),
    ]  # fmt: skip
    if has_sessions:
        rates = [None if ended is None else ended.rate(name) for name in ("completed", "abandoned")]
        cells += [(format.count(None if ended is None else ended.count), ""), *((format.share(r), "") for r in rates)]
    return Line(one.key, _href(one.key, by, place), *_bar(one, most), cells)


def _bar(one: MetricSeries, most: int) -> tuple[float, float]:
    return round(_WIDE * one.tally.count / max(most, 1), 1), round(_WIDE * one.tally.failed / max(most, 1), 1)


def _href(key: str | None, by: str, place: Place) -> str | None:
    """Return where the sessions of a group are; a route, an unknown value and all others have no term."""
    field = _FIELDS.get(by)
    if field is None or not key or key == OTHER or "…" in key:
        return None
    return place.within("active", more=str(Match(field, key)))


def _judged(one: ScoreSum) -> tuple[str, str]:
    return format.UNKNOWN if one.mean is None else format.score(float(one.mean)), format.share(one.passed)
