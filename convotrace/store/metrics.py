"""Answers to questions about many turns, each from the cheapest place that knows.

By one of the dimensions of `buckets`, without a filter: from buckets, however many turns there are. By what sessions
have, or among those that a filter names: from the rows of their turns, exact up to a number of them; beyond it from a
share of the sessions, drawn by their keys, which is said. By the calls in those turns: the same for a day at most,
since each turn's document must be read.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace

from convotrace.errors import BadRequest
from convotrace.insight.ranges import DAY_NS, HOUR_NS, Range, When, range_of
from convotrace.insight.sums import Sums
from convotrace.insight.tally import Ended, series_of, sessions_of, tally_of
from convotrace.model import Metrics, MetricSeries
from convotrace.store import buckets
from convotrace.store.database import Connection
from convotrace.store.grouping import OF_SESSIONS, Grouping
from convotrace.store.opening import Opened
from convotrace.store.retention import PRUNED
from convotrace.store.sampling import ALL, Sample
from convotrace.store.tallying import from_buckets
from convotrace.store.wanted import Wanted

MOST_SERIES = 200
SPANS_READ_NS = DAY_NS

BY = (*(name for name in buckets.DIMENSIONS if name != "all"), *OF_SESSIONS, "meta.<name>")
"""What turns may be grouped by."""


def metrics(
    opened: Opened, since: When, until: When, by: str | None, q: str | None, width: int | str | None, most: int,
    points: bool, sessions: bool, now_ns: int | None = None,
) -> Metrics:  # fmt: skip
    """Return the answer to one question; see `Store.metrics`."""
    now_ns = time.time_ns() if now_ns is None else now_ns
    by, q = by or None, (q or "").strip()
    _check(by, most)
    from_buckets_alone = not q and (by is None or by in buckets.DIMENSIONS)
    span = range_of(since, until, width, now_ns, has_groups=by is not None, is_kept=not from_buckets_alone)
    question = _Question(opened, span, by, q, most, points, now_ns)
    found = question.by_buckets() if from_buckets_alone else question.by_turns()
    return question.with_sessions(found) if sessions else found


def _check(by: str | None, most: int) -> None:
    known = by is None or by in buckets.DIMENSIONS or by in OF_SESSIONS or (by.startswith("meta.") and len(by) > 5)
    if not known or by == "all":
        raise BadRequest(f"by came as {str(by)[:40]!r}; use one of {', '.join(BY)}, or leave it out.")
    if not 1 <= most <= MOST_SERIES:
        raise BadRequest(f"most came as {most}; use 1 to {MOST_SERIES} series.")


class _Question:
    """One question, within one moment of the store."""

    def __init__(
        self, opened: Opened, span: Range, by: str | None, q: str, most: int, points: bool, now_ns: int
    ) -> None:
        self._opened, self._span, self._by, self._q = opened, span, by, q
        self._most, self._points = most, points
        self._wanted = Wanted(opened, q, now_ns)
        self._grouping = Grouping(by)

    def by_buckets(self) -> Metrics:
        """Return what buckets tell."""
        span, kind = self._span, buckets.DIMENSIONS[self._by or "all"]
        with self._opened.connections.reading() as connection:
            width = span.width_ns if self._points else 0
            cells = from_buckets(
                self._opened.sql.buckets, connection, _resolution(span), kind, span.since_ns, span.until_ns, width
            )
            pruned = connection.execute(self._opened.sql.meta_by_key, (PRUNED,)).fetchone()
        total = Sums()
        for sums in cells.values():
            total.merge(sums)
        series = series_of(cells, span, self._most, points=self._points)
        rolled_up = pruned is not None and int(pruned[0]) >= span.since_ns
        return Metrics(
            span.since_ns, span.until_ns, span.width_ns, self._by, tuple(series), tally_of(total), rolled_up=rolled_up
        )

    def by_turns(self) -> Metrics:
        """Return what the rows of turns tell."""
        span, of_calls = self._span, self._by in ("model", "tool")
        if of_calls and span.until_ns - span.since_ns > SPANS_READ_NS + span.width_ns:
            raise BadRequest(
                f"by={self._by} together with a filter reads the calls of each turn, at most of 24 hours; "
                "give a later since, or leave the filter out."
            )
        with self._opened.connections.reading() as connection:
            sample = self._sample(connection)
            found = sample.turns(self._grouping, self._by if of_calls else None, self._points)
        share = found.share
        series = series_of(found.cells, span, self._most, share, self._points)
        return Metrics(
            span.since_ns, span.until_ns, span.width_ns, self._by, tuple(series), tally_of(found.total, share),
            tier="spans" if of_calls else "turns", sampled=share < 1, share=share,
        )  # fmt: skip

    def with_sessions(self, found: Metrics) -> Metrics:
        """Return an answer with the sessions that began in its range."""
        with self._opened.connections.reading() as connection:
            sample = self._sample(connection)
            cells = sample.sessions(self._grouping)
        share, whole = sample.share, cells.pop((ALL, 0), [])
        series = found.series
        if self._grouping.is_of_sessions:
            series = tuple(_with_sessions(one, cells, share, self._points) for one in series)
        sampled = found.sampled or share < 1
        return replace(
            found, series=series, sessions=sessions_of(whole, share), sampled=sampled, share=min(found.share, share)
        )

    def _sample(self, connection: Connection) -> Sample:
        conditions = self._wanted.conditions(connection)
        return Sample(self._opened, connection, conditions, self._wanted.are_few, self._span)


def _with_sessions(
    series: MetricSeries, cells: Mapping[tuple[str, int], list[Ended]], share: float, points: bool
) -> MetricSeries:
    own = {at: ended for (key, at), ended in cells.items() if key == (series.key or "")}
    found = series.points
    if points:
        found = tuple(replace(point, sessions=sessions_of(own.get(point.at_ns, ()), share)) for point in found)
    whole = [one for ended in own.values() for one in ended]
    return replace(series, points=found, sessions=sessions_of(whole, share))


def _resolution(span: Range) -> int:
    if span.width_ns % DAY_NS == 0:
        return buckets.DAY
    return buckets.HOUR if span.width_ns % HOUR_NS == 0 else buckets.MINUTE
