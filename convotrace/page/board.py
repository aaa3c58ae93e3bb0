"""The numbers and charts of the dashboard, in words, with the addresses that they lead to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from urllib.parse import quote

from convotrace.insight.cohort import Summary
from convotrace.model import MetricPoint, Metrics, Times
from convotrace.page import charts as chart
from convotrace.page import format
from convotrace.page.charts import Chart, Drawn
from convotrace.page.format import UNKNOWN
from convotrace.query import Moment, Or, parse

ENDS = ("open", "completed", "escalated", "abandoned", "failed")


class Place:
    """Where the numbers of a filter and a range lead to.

    Args:
        q: The filter.
        since_ns: Where the range begins.
        until_ns: Where it ends.
    """

    def __init__(self, q: str, since_ns: int, until_ns: int) -> None:
        node = parse(q)
        self._base = f"({node})" if isinstance(node, Or) else str(node)
        self.since_ns, self.until_ns = since_ns, until_ns
        self._along: dict[tuple[str, range], list[str]] = {}

    def within(self, term: str, since_ns: int | None = None, until_ns: int | None = None, more: str = "") -> str:
        """Return the address of the sessions that began, were active or failing in a stretch of the range."""
        since = self.since_ns if since_ns is None else since_ns
        until = self.until_ns if until_ns is None else until_ns
        stretch = f"{term}:{Moment(since)}..{Moment(until)}"
        return self._quoted(" ".join(filter(None, (self._base, more, stretch))))

    def along(self, term: str, starts: range) -> list[str]:
        """Return the addresses of the sessions that began, were active or failing in each of some stretches."""
        # Made once for several charts, and of one text: a page has hundreds, and their moments need no quoting.
        if (term, starts) not in self._along:
            before = self._quoted(f"{self._base} {term}:" if self._base else f"{term}:")
            moments = [str(Moment(at)) for at in range(starts.start, starts.stop + 1, starts.step)]
            self._along[term, starts] = [f"{before}{since}..{until}" for since, until in pairwise(moments)]
        return self._along[term, starts]

    def _quoted(self, q: str) -> str:
        return "./?q=" + quote(q, safe=":.", errors="replace")


@dataclass(frozen=True)
class Figure:
    """One number of the strip."""

    name: str
    value: str
    note: str
    href: str | None
    tone: str = ""


def figures(turns: Metrics, before: Metrics | None, summary: Summary, place: Place) -> list[Figure]:
    """Return the numbers above the charts."""
    total, sessions = turns.total, summary.sessions
    each = UNKNOWN if sessions.turns_per_session is None else f"{sessions.turns_per_session:.1f}"
    change = _points(total.error_rate, before.total.error_rate if before else None)
    return [
        Figure("Sessions", format.count(sessions.count), f"{each} turns each", place.within("began")),
        Figure("Turns", format.count(total.count), _on_before(total.count, before), place.within("active")),
        Figure("Turns with errors", format.share(total.error_rate), change or f"{total.failed:,} failed",
               place.within("failing"), "err" if _is_worse(total.error_rate, before) else ""),
        _times("Answer time p95", total.duration, place.within("active")),
        _times("First byte p95", total.first_byte, place.within("active")),
        Figure("Cost", format.cost(total.cost_nano), _costs(summary), place.within("active", more="cost>0")),
        *(_end(name, summary, place) for name in ENDS[1:]),
        Figure("Session length p50", format.duration(sessions.duration.p50_ns),
               f"p95 {format.duration(sessions.duration.p95_ns)}", place.within("began")),
        Figure("Thumbs up", format.share(summary.thumbs_up),
               f"{summary.feedback['up']:,} up, {summary.feedback['down']:,} down",
               place.within("began", more="has:feedback")),
    ]  # fmt: skip


def notes(turns: Metrics, summary: Summary) -> list[str]:
    """Return what is to be known of the numbers: estimated, or of sessions that are there no more."""
    found = []
    share = min(turns.share, summary.share)
    if share < 1:
        found.append(f"Sampled: estimated from {format.share(share)} of the sessions, always the same ones.")
    if turns.rolled_up:
        found.append("Some sessions of this time were deleted by retention: turns still count them, lists do not.")
    return found


def charts_of(turns: Metrics, summary: Summary, place: Place) -> list[Chart]:
    """Return the charts over time."""
    return [
        _turns(turns, place), _latency(turns, place), _ends(turns, summary, place), _tokens(turns, place),
        _cost(turns, place),
    ]  # fmt: skip


def _turns(turns: Metrics, place: Place) -> Chart:
    tallies = [point.tally for point in _points_of(turns)]
    counts, failed = [one.count for one in tallies], [one.failed for one in tallies]
    top = chart.top_of(counts, 3)
    drawn = [Drawn("turns", "bar", chart.bars(counts, top)), Drawn("with errors", "bad", chart.bars(failed, top))]
    rows = [[format.count(one.count), format.count(one.failed), format.share(one.error_rate)] for one in tallies]
    return _chart("turns", "Turns and errors", "", drawn, chart.marks(top, chart.whole), turns, place,
                  ("Turns", "With errors", "Rate"), rows)  # fmt: skip


def _latency(turns: Metrics, place: Place) -> Chart:
    tallies = [point.tally for point in _points_of(turns)]
    p95, p50 = [one.duration.p95_ns for one in tallies], [one.duration.p50_ns for one in tallies]
    first = [one.first_byte.p50_ns for one in tallies]
    top = chart.top_of([*p95, *p50, *first], 3e6)
    drawn = [
        Drawn("p95", "line", chart.line(p95, top)), Drawn("p50", "second", chart.line(p50, top)),
        Drawn("first byte", "third", chart.line(first, top)),
    ]  # fmt: skip
    rows = [
        [*(format.duration(value) for value in (one.duration.p50_ns, one.duration.p95_ns, one.duration.p99_ns)),
         *(format.duration(value) for value in (one.first_byte.p50_ns, one.first_byte.p95_ns, one.first_byte.p99_ns))]
        for one in tallies
    ]  # fmt: skip
    return _chart("latency", "Answer time", "", drawn, chart.marks(top, _short), turns, place,
                  ("p50", "p95", "p99", "First byte p50", "p95", "p99"), rows)  # fmt: skip


def _ends(turns: Metrics, summary: Summary, place: Place) -> Chart:
    starts = _starts(turns)
    counts = [{name: summary.ends.get(at, {}).get(name, 0) for name in ENDS} for at in starts]
    top = chart.top_of([sum(one.values()) for one in counts], 3)
    drawn, below = [], [0.0] * len(starts)
    for name, kind in _STACKED:
        values = [one[name] for one in counts]
        drawn.append(Drawn(name, kind, chart.bars(values, top, below)))
        below = [foot + value for foot, value in zip(below, values, strict=True)]
    rows = [[format.count(sum(one.values())), *(format.count(one[name]) for name in ENDS)] for one in counts]
    return _chart("sessions", "Sessions that began, by how they ended", "", drawn, chart.marks(top, chart.whole), turns,
                  place, ("Sessions", *map(str.capitalize, ENDS)), rows, "began")  # fmt: skip


def _tokens(turns: Metrics, place: Place) -> Chart:
    tallies = [point.tally for point in _points_of(turns)]
    given, written = [one.input_tokens for one in tallies], [one.output_tokens for one in tallies]
    cached = [one.cached_tokens for one in tallies]
    top = chart.top_of([*given, *written], 3)
    drawn = [
        Drawn("cached", "area", chart.area(cached, top)), Drawn("in", "line", chart.line(_known(given), top)),
        Drawn("out", "second", chart.line(_known(written), top)),
    ]  # fmt: skip
    rows = [[format.tokens(one.input_tokens), format.tokens(one.output_tokens), format.tokens(one.cached_tokens)]
            for one in tallies]  # fmt: skip
    total = turns.total
    about = f"{format.tokens(total.input_tokens)} in, {format.tokens(total.output_tokens)} out"
    return _chart("tokens", "Tokens", about, drawn, chart.marks(top, chart.whole), turns, place,
                  ("In", "Out", "Cached"), rows)  # fmt: skip


def _cost(turns: Metrics, place: Place) -> Chart:
    tallies = [point.tally for point in _points_of(turns)]
    costs = [one.cost_nano for one in tallies]
    top = chart.top_of(costs, 3e3)
    known = _known(costs)
    drawn = [Drawn("", "area", chart.area(known, top)), Drawn("US dollars", "line", chart.line(known, top))]
    rows = [[format.cost(one.cost_nano)] for one in tallies]
    return _chart("cost", "Cost", format.cost(turns.total.cost_nano), drawn,
                  chart.marks(top, lambda value: f"${value / 1e9:.3g}" if value else "0"), turns, place, ("Cost",),
                  rows)  # fmt: skip


def _chart(
    id: str, title: str, about: str, drawn: Sequence[Drawn], marks: Sequence[str], turns: Metrics, place: Place,
    heads: Sequence[str], rows: Sequence[Sequence[str]], term: str = "active",
) -> Chart:  # fmt: skip
    starts = _starts(turns)
    return Chart(id, title, about, drawn, marks, starts, place.along(term, starts), heads, rows, term)


def _starts(turns: Metrics) -> range:
    return range(turns.since_ns, turns.until_ns, turns.width_ns)


def _points_of(turns: Metrics) -> Sequence[MetricPoint]:
    return turns.series[0].points if turns.series else [MetricPoint(at) for at in _starts(turns)]


def _end(name: str, summary: Summary, place: Place) -> Figure:
    number = format.plural(getattr(summary.sessions, name), "session")
    href = place.within("began", more=f"outcome:{name}")
    return Figure(name.capitalize(), format.share(summary.sessions.rate(name)), number, href)


def _times(name: str, times: Times, href: str) -> Figure:
    note = f"p50 {format.duration(times.p50_ns)} · p99 {format.duration(times.p99_ns)}"
    return Figure(name, format.duration(times.p95_ns), note, href)


def _costs(summary: Summary) -> str:
    each = [(summary.cost_per_session, "a session"), (summary.cost_per_user, "a user")]
    return " · ".join(f"{format.cost(round(value))} {of}" for value, of in each if value is not None) or "not known"


def _on_before(count: int, before: Metrics | None) -> str:
    if before is None:
        return ""
    if not before.total.count:
        return "none in the time before"
    change = count / before.total.count - 1
    return f"{'+' if change >= 0 else '−'}{abs(change):.0%} on the time before"


def _points(rate: float | None, before: float | None) -> str:
    """Return by how many points of a percent a rate changed, nothing where that is less than a tenth of one."""
    if rate is None or before is None or abs(rate - before) < 0.0005:
        return ""
    return f"{'▲' if rate > before else '▼'} {abs(rate - before) * 100:.1f} points on the time before"


def _is_worse(rate: float | None, before: Metrics | None) -> bool:
    """Tell whether a rate rose by a point of a percent or more."""
    then = None if before is None else before.total.error_rate
    return rate is not None and then is not None and rate - then >= 0.01


def _short(ns: float) -> str:
    """Return a time of an axis."""
    if not ns:
        return "0"
    return f"{ns / 1e9:.3g} s" if ns >= 1e9 else f"{ns / 1e6:.3g} ms"


_STACKED = (
    ("completed", "bar"), ("open", "faint"), ("escalated", "warn"), ("abandoned", "dark"), ("failed", "bad"),
)  # fmt: skip


def _known(values: Sequence[int | None]) -> list[int | None]:
    """Return sums of which an unknown one is 0, but for the last point, which has only begun."""
    if not any(values):
        return []
    return [*(value or 0 for value in values[:-1]), values[-1] or None]
