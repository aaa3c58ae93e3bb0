"""The dashboard: what many sessions come to, as numbers, charts and tables, each of which leads to its sessions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from time import time_ns
from urllib.parse import urlencode

from convotrace.errors import FilterError
from convotrace.export import as_json
from convotrace.insight.cohort import Summary
from convotrace.insight.ranges import DAY_NS
from convotrace.model import Json, Metrics, as_usd
from convotrace.page import board, charts, health, panels
from convotrace.page.board import Place
from convotrace.page.http import PageResponse, as_data
from convotrace.page.render import page as render
from convotrace.page.visit import Visit

RANGES = (("1 h", "1h", None), ("24 h", "24h", "1h"), ("7 d", "7d", "6h"), ("30 d", "30d", "1d"))
"""The times that a click asks for, and how wide their points are: so wide that little is read for them."""

GROUPS = ("environment", "release", "service", "tag", "user", "route", "model", "tool")
_SHOWN, _ALL_SHOWN = 10, 50
_READ, _READ_AS_DATA = 1_000, 8_000
"""Sessions that are read for a page, and for a program that waits longer."""


@dataclass(frozen=True)
class Asked:
    """What is asked for."""

    q: str
    since: str
    until: str
    by: str

    @property
    def width(self) -> str | None:
        """Return how wide points are; None for what fits."""
        return next((width for _, since, width in RANGES if since == self.since and not self.until), None)

    def address(self, **changed: str) -> str:
        """Return the address of the dashboard with some of it changed."""
        fields = {"q": self.q, "since": self.since, "until": self.until, "by": self.by, **changed}
        usual = {"since": "24h"}
        given = {name: value for name, value in fields.items() if value and usual.get(name) != value}
        return "dashboard" + ("?" + urlencode(given, errors="replace") if given else "")


def page(visit: Visit) -> PageResponse:
    """Return the dashboard as a page."""
    asked = _asked(visit.request.fields())
    frame = {**visit.frame("dashboard"), "kinds": ("tool",), "asked": asked, "banner": None, "groups": _groups(asked)}
    frame |= {"ranges": _ranges(asked), "names": GROUPS, "wrong": None}
    try:
        numbers = _numbers(visit, asked, _READ)
    except FilterError as error:
        return render("dashboard.html", {**frame, "wrong": error}, 400)
    frame |= {"topic": urlencode({"q": asked.q}, errors="replace"), "after_ns": time_ns()}
    frame["banner"] = health.worst(visit, visit.backend.dropped())
    return render("dashboard.html", {**frame, **_view(numbers, asked)})


def data(visit: Visit) -> PageResponse:
    """Return the same as JSON."""
    asked = _asked(visit.request.fields())
    it = _numbers(visit, asked, _READ_AS_DATA)
    told: dict[str, Json] = {
        "turns": as_json(it.turns), "before": None if it.before is None else as_json(it.before),
        "sessions": summary_as_json(it.summary), "tools": as_json(it.tools), "models": as_json(it.models),
        "groups": None if it.groups is None else as_json(it.groups),
    }  # fmt: skip
    return as_data(told)


def summary_as_json(it: Summary) -> dict[str, Json]:
    """Return a summary of sessions as JSON."""
    tally = it.sessions
    return {
        "count": tally.count, "turns": tally.turns, "turns_per_session": tally.turns_per_session,
        **{name: getattr(tally, name) for name in board.ENDS},
        **{f"{name}_rate": tally.rate(name) for name in board.ENDS[1:]},
        "resolved": tally.resolved, "unresolved": tally.unresolved,
        "duration": {name: getattr(tally.duration, name) for name in ("mean_ms", "p50_ms", "p95_ms", "p99_ms")},
        "users": it.users, "cost": as_usd(it.cost_nano),
        "cost_per_session": None if it.cost_per_session is None else it.cost_per_session / 1e9,
        "cost_per_user": None if it.cost_per_user is None else it.cost_per_user / 1e9,
        "feedback": dict(it.feedback), "thumbs_up": it.thumbs_up,
        "scores": [{"name": one.name, "count": one.count, "mean": one.mean, "passed": one.passed} for one in it.scores],
        "survival": [{"turn": one.turn, "sessions": one.sessions, "share": one.share} for one in it.survival],
        "sampled": it.share < 1, "share": it.share,
    }  # fmt: skip


@dataclass(frozen=True)
class Numbers:
    """All that is shown; `before` is the time before, as long, where that costs little."""

    turns: Metrics
    before: Metrics | None
    summary: Summary
    tools: Metrics
    models: Metrics
    groups: Metrics | None


def _numbers(visit: Visit, asked: Asked, most: int) -> Numbers:
    reader, q = visit.reader(), asked.q or None
    turns = reader.metrics(asked.since, asked.until or None, q=q, width=asked.width)
    since, until = turns.since_ns, turns.until_ns
    before = None
    if q is None:
        # By points as wide, so that as little is read.
        width = turns.width_ns
        before = reader.metrics(since - (until - since), since, width=_kept(width, since, until), points=False)
    # The calls of a filter's turns are read one by one: of a day at most.
    calls_since = since if q is None else max(since, until - DAY_NS)
    calls = {
        by: reader.metrics(calls_since, until, by=by, q=q, most=_ALL_SHOWN if asked.by == by else _SHOWN, points=False)
        for by in ("tool", "model")
    }
    groups = None
    if asked.by and asked.by not in calls:
        groups = reader.metrics(since, until, by=asked.by, q=q, most=_ALL_SHOWN, points=False, sessions=True)
    summary = reader.summary(since, until, q, turns.width_ns, most)
    return Numbers(turns, before, summary, calls["tool"], calls["model"], groups)


def _kept(width: int, since: int, until: int) -> int | None:
    """Return the width for the time before, None where that is so long ago that only wider ones are kept."""
    return width if time_ns() - (2 * since - until) < (1 if width < 3600 * 10**9 else 80) * DAY_NS else None


def _view(it: Numbers, asked: Asked) -> dict[str, object]:
    place, now_ns = Place(asked.q, it.turns.since_ns, it.turns.until_ns), time_ns()
    return {
        "now_ns": now_ns, "times": charts.times(range(it.turns.since_ns, it.turns.until_ns, it.turns.width_ns), now_ns),
        "notes": board.notes(it.turns, it.summary),
        "figures": board.figures(it.turns, it.before, it.summary, place),
        "charts": board.charts_of(it.turns, it.summary, place), "survival": panels.survival(it.summary, place),
        "tools": panels.calls(it.tools, "tool", place), "models": panels.calls(it.models, "model", place),
        "calls_cut": bool(asked.q) and it.turns.until_ns - it.turns.since_ns > DAY_NS + it.turns.width_ns,
        "by_group": None if it.groups is None else panels.groups(it.groups, asked.by, place),
        "scores": panels.scores(it.summary), "arms": _arms(it.groups, asked),
        "flow": urlencode({"q": asked.q, "since": asked.since, "until": asked.until}, errors="replace"),
    }  # fmt: skip


def _arms(groups: Metrics | None, asked: Asked) -> str | None:
    """Return the address that compares the two greatest groups, where there are two to compare."""
    if groups is None or asked.by not in ("release", "tag", "environment"):
        return None
    keys = [one.key for one in groups.series if one.key is not None and one.key != "(other)"][:2]
    if len(keys) < 2:
        return None
    fields = {"by": asked.by, "a": keys[1], "b": keys[0], "since": asked.since, "until": asked.until, "q": asked.q}
    return "arms?" + urlencode({name: value for name, value in fields.items() if value}, errors="replace")


def _asked(fields: Mapping[str, str]) -> Asked:
    by = fields.get("by", "")
    return Asked(fields.get("q", "").strip(), fields.get("since") or "24h", fields.get("until", ""), by)


def _ranges(asked: Asked) -> list[tuple[str, str, bool]]:
    return [
        (words, asked.address(since=since, until=""), since == asked.since and not asked.until)
        for words, since, _ in RANGES
    ]


def _groups(asked: Asked) -> list[tuple[str, str, bool]]:
    found = [("All", asked.address(by=""), not asked.by)]
    return found + [(name.capitalize(), asked.address(by=name), name == asked.by) for name in GROUPS]
