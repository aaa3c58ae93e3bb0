"""The time under a waterfall: its marks, and the long idle times that may be drawn short. Geometry only."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import floor, log10

from convotrace.model import Trace

_LEAST_SHARE, _LEAST_NS = 0.1, 1_000_000_000
"""A time in which nothing runs counts as idle from a tenth of the whole on, and from a second."""
_DRAWN = 0.04
"""Share of the busy time that an idle one takes where it is drawn short."""

Stretch = tuple[int, int]
"""From when to when, in nanoseconds since the start of the axis."""


@dataclass(frozen=True)
class Tick:
    """A mark of the axis."""

    x: float
    label: str


@dataclass(frozen=True)
class Axis:
    """The time under a waterfall; `idle` are the times in which nothing ran, drawn short where `is_squeezed`."""

    start_ns: int
    end_ns: int
    idle: tuple[Stretch, ...] = ()
    is_squeezed: bool = False

    @property
    def idle_share(self) -> float:
        """Return how much of the whole time is idle."""
        return covered(self.idle) / max(1, self.end_ns)

    @property
    def ticks(self) -> tuple[Tick, ...]:
        """Return a few marks at round times, none inside an idle time that is drawn short."""
        marks = ticks_to(self.end_ns, self.place)
        return marks if not self.is_squeezed else tuple(_apart(marks))

    @property
    def gaps(self) -> tuple[float, ...]:
        """Return where idle times that are drawn short stand."""
        return tuple(self.place((start + end) // 2) for start, end in self.idle) if self.is_squeezed else ()

    def place(self, ns: int) -> float:
        """Return where a moment stands, in percent; what lies outside stands at the ends."""
        ns = min(max(0, ns), self.end_ns)
        return round(100 * self._drawn(ns) / max(1.0, self._drawn(self.end_ns)), 3)

    def _drawn(self, ns: int) -> float:
        if not self.is_squeezed:
            return float(ns)
        short = _DRAWN * (self.end_ns - covered(self.idle))
        left = float(ns)
        for start, end in self.idle:
            if ns > start:
                inside = min(ns, end) - start
                left -= inside - short * inside / (end - start)
        return left


def axis_of(trace: Trace, squeezed: bool = False) -> Axis:
    """Return the axis of a trace: to its end, or to that of its last span."""
    above = {span.parent_id for span in trace.spans}
    ends = [span.started_ns + (span.duration_ns or 0) - trace.started_ns for span in trace.spans]
    end = max([trace.duration_ns or 0, *ends, 1])
    busy = [
        (span.started_ns - trace.started_ns, span.started_ns - trace.started_ns + (span.duration_ns or 0))
        for span in trace.spans
        if span.id not in above
    ]
    idle = tuple(_idle(busy, end)) if busy else ()
    return Axis(trace.started_ns, end, idle, squeezed and bool(idle))


def covered(stretches: Iterable[Stretch]) -> int:
    """Return how long at least one of some stretches lasts."""
    return sum(end - start for start, end in _united(stretches))


def _united(stretches: Iterable[Stretch]) -> list[Stretch]:
    united: list[Stretch] = []
    for start, end in sorted(stretches):
        if united and start <= united[-1][1]:
            united[-1] = (united[-1][0], max(end, united[-1][1]))
        else:
            united.append((start, end))
    return united


def _idle(busy: Sequence[Stretch], end: int) -> Iterable[Stretch]:
    edges = [(0, 0), *_united((max(0, start), min(end, stop)) for start, stop in busy), (end, end)]
    for (_, before), (after, _) in pairwise(edges):
        if after - before >= max(_LEAST_NS, _LEAST_SHARE * end):
            yield before, after


def ticks_to(end: int, place: Callable[[int], float] | None = None) -> tuple[Tick, ...]:
    """Return a few marks at round times up to an end.

    Args:
        end: The end of the axis.
        place: Where a moment stands, in percent; in proportion where nothing is said.
    """
    step = _step(end)
    marks = range(0, int(end * 0.98) + 1, step)
    return tuple(Tick(place(at) if place else round(100 * at / end, 3), _label(at, step)) for at in marks)


def _apart(marks: Iterable[Tick]) -> Iterable[Tick]:
    last = -10.0
    for mark in marks:
        if mark.x - last >= 6:
            yield mark
            last = mark.x


def _step(end: int) -> int:
    rough = max(1.0, end / 7)
    power = 10 ** floor(log10(rough))
    return int(next((power * factor for factor in (1, 2, 3, 5) if power * factor >= rough), power * 10)) or 1


def _label(at: int, step: int) -> str:
    if step >= 1_000_000_000:
        return f"{at // 1_000_000_000} s"
    if step >= 1_000_000:
        return f"{at // 1_000_000} ms" if at else "0"
    return f"{at / 1e6:g} ms" if at else "0"
