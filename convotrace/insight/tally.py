"""Sums into the records that are shown: percentiles told, shares scaled up, small groups put together. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from convotrace.insight.ranges import Range
from convotrace.insight.sketch import Sketch, of_values, summary
from convotrace.insight.sums import KNOWN, Sums
from convotrace.model import OUTCOMES, MetricPoint, MetricSeries, SessionTally, Tally, Times

OTHER = "(other)"
"""The key of all groups that have no series of their own."""

_SHARES = (0.5, 0.95, 0.99)

Cells = Mapping[tuple[str, int], Sums]
"""Sums by key, and by the beginning of a point."""

Ended = tuple[int, int, str, int | None]
"""A session: how long it took in ns, its turns, its outcome, whether it was resolved."""


def times_of(sketch: Sketch, total_ns: int, share: float = 1.0) -> Times:
    """Return what a sketch tells."""
    if not sketch:
        return _NO_TIMES
    number, values = summary(sketch, _SHARES)
    return Times(round(number / share), round(total_ns / share), *values)


def tally_of(sums: Sums | None, share: float = 1.0) -> Tally:
    """Return sums as a record.

    Args:
        sums: The sums; None for nothing.
        share: Which part of everything they are of: counts and sums are scaled up by it.
    """
    if sums is None:
        return _NOTHING
    known: dict[str, int | None] = {name: getattr(sums, name) for name in KNOWN}
    if share < 1:
        known = {name: None if value is None else round(value / share) for name, value in known.items()}
    number, traces, failed, errors = (
        round(value / share) for value in (sums.count, sums.traces, sums.failed, sums.errors)
    )
    durations = times_of(sums.durations, sums.duration, share)
    first_bytes = times_of(sums.first_bytes, sums.first_byte, share)
    return Tally(number, traces, failed, errors, duration=durations, first_byte=first_bytes, **known)


def series_of(cells: Cells, span: Range, most: int, share: float = 1.0, points: bool = True) -> list[MetricSeries]:
    """Return the series of groups, those with the most first, and all that are too many as one.

    Args:
        cells: The sums.
        span: The range, and how wide its points are.
        most: So many series, and one of all others.
        share: Which part of everything the sums are of.
        points: Whether to give points, not sums over the whole range alone.
    """
    wholes = _wholes(cells)
    # A group of which more was taken back than was counted under its own name was counted among the others.
    own = [key for key, sums in wholes.items() if sums.count >= 0 and key != OTHER and not sums.is_empty]
    own.sort(key=lambda key: (-wholes[key].count, key))
    own = own[:most]
    if len(own) < len(wholes):
        cells = _united(cells, set(own))
        wholes = _wholes(cells)
    order = [*own, *([OTHER] if OTHER in wholes and not wholes[OTHER].is_empty else [])]
    return [_series(key, wholes[key], cells, span, share, points) for key in order]


def sessions_of(sessions: Iterable[Ended], share: float = 1.0) -> SessionTally:
    """Return sessions as one record."""
    counts = dict.fromkeys(OUTCOMES, 0)
    number = turns = resolved = unresolved = 0
    durations: list[int] = []
    for duration, its_turns, outcome, is_resolved in sessions:
        number += 1
        turns += its_turns
        counts[outcome] += 1
        resolved += is_resolved == 1
        unresolved += is_resolved == 0
        durations.append(duration)
    scaled = {name: round(value / share) for name, value in counts.items()}
    return SessionTally(
        round(number / share), round(turns / share), resolved=round(resolved / share),
        unresolved=round(unresolved / share), duration=times_of(of_values(durations), sum(durations), share), **scaled,
    )  # fmt: skip


def _series(key: str, whole: Sums, cells: Cells, span: Range, share: float, points: bool) -> MetricSeries:
    starts = span.starts if points else ()
    found = tuple(MetricPoint(at, tally_of(cells.get((key, at)), share)) for at in starts)
    return MetricSeries(key or None, tally_of(whole, share), found)


def _wholes(cells: Cells) -> dict[str, Sums]:
    found: dict[str, Sums] = {}
    for (key, _), sums in cells.items():
        found.setdefault(key, Sums()).merge(sums)
    return found


def _united(cells: Cells, own: Collection[str]) -> Cells:
    """Return cells in which all groups without a series are one."""
    found: dict[tuple[str, int], Sums] = {}
    for (key, at), sums in cells.items():
        found.setdefault((key if key in own else OTHER, at), Sums()).merge(sums)
    return found


_NO_TIMES, _NOTHING = Times(), Tally()
