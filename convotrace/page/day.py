"""The sparkline above the list: sessions by when they were last active, as two paths of bars; geometry only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from convotrace.model import Bar
from convotrace.page import terms
from convotrace.page.backend import Reader
from convotrace.page.format import plural
from convotrace.query import When

BARS = 96
HIGH = 38
_QUARTER_NS = 15 * 60 * 10**9
_LABELS = 6
_STEPS_NS = tuple(
    seconds * 10**9 for seconds in (1, 5, 15, 30, 60, 300, 900, 1800, 3600, 3 * 3600, 6 * 3600, 12 * 3600, 86_400)
)


@dataclass(frozen=True)
class Day:
    """A drawing 96 units wide and 38 high, with its words and the times under it."""

    all: str
    failing: str
    label: str
    ticks: Sequence[int]
    start_ns: int
    width_ns: int


def day(reader: Reader, q: str, now_ns: int) -> Day | None:
    """Return the last day, or the time since which the filter asks; None where nothing happened in it."""
    width = _width(q, now_ns)
    end = -(-now_ns // width) * width
    bars = reader.bars(q or None, end - BARS * width, width, BARS)
    if not any(bar.sessions for bar in bars):
        return None
    highest = max(bar.sessions for bar in bars)
    label = f"{plural(sum(bar.sessions for bar in bars), 'session')}, {sum(b.failing for b in bars):,} with errors"
    ticks = [bars[0].start_ns + BARS * width * n // (_LABELS - 1) for n in range(_LABELS)]
    return Day(_path(bars, highest, False), _path(bars, highest, True), label, ticks, bars[0].start_ns, width)


def _width(q: str, now_ns: int) -> int:
    """Return how long a bar is: a quarter of an hour, or what makes the bars reach back as far as is asked."""
    asked = [part for part in terms.parts(q) if isinstance(part, When) and part.field == "since"]
    if not asked:
        return _QUARTER_NS
    needed = (now_ns - asked[0].moment.at(now_ns)) / BARS
    days = max(1, -(-int(needed) // _STEPS_NS[-1])) * _STEPS_NS[-1]
    return next((step for step in _STEPS_NS if step >= needed), days)


def _path(bars: Sequence[Bar], highest: int, failing: bool) -> str:
    drawn = []
    for place, bar in enumerate(bars):
        number = bar.failing if failing else bar.sessions
        if number:
            height = round(max(HIGH * number / highest, 1.5), 1)
            drawn.append(f"M{place} {HIGH}v-{height}h.84v{height}z")
    return "".join(drawn)
