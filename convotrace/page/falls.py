"""All turns of a page on one axis: a row a turn, its steps as bars one after another. Geometry only.

The waterfall of one turn, with every span in a row of its own, is made in `waterfall`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from convotrace.model import Span, Trace
from convotrace.page.axis import Tick, ticks_to
from convotrace.page.turn_view import Turn
from convotrace.page.waterfall import THINNEST, family_of


@dataclass(frozen=True)
class Step:
    """One bar, in percent of the axis."""

    family: str
    x: float
    width: float


@dataclass(frozen=True)
class Fall:
    """The bars of one turn, the whole of it first, and where its first byte left."""

    turn: Turn
    whole: Step
    steps: tuple[Step, ...]
    first_byte: float | None


@dataclass(frozen=True)
class Falls:
    """The rows of a page under their axis."""

    rows: tuple[Fall, ...]
    ticks: tuple[Tick, ...]
    longest_ns: int


def falls(turns: Sequence[Turn]) -> Falls:
    """Return turns as rows on the axis of the longest one."""
    longest = max((_length(turn.trace) for turn in turns), default=1)
    return Falls(tuple(_fall(turn, longest) for turn in turns), ticks_to(longest), longest)


def _fall(turn: Turn, longest: int) -> Fall:
    trace = turn.trace
    above = {span.parent_id for span in trace.spans}
    leaves = [span for span in trace.spans if span.id not in above]
    first = trace.first_byte_ns
    return Fall(
        turn, Step("plain", 0.0, _share(_length(trace), longest)),
        tuple(_step(span, trace, longest) for span in leaves),
        None if first is None else min(100.0, round(100 * first / longest, 3)),
    )  # fmt: skip


def _step(span: Span, trace: Trace, longest: int) -> Step:
    x = max(0.0, 100 * (span.started_ns - trace.started_ns) / longest)
    x = round(min(x, 100 - THINNEST), 3)
    return Step(family_of(span), x, round(min(_share(span.duration_ns or 0, longest), 100 - x), 3))


def _share(ns: int, longest: int) -> float:
    return round(max(THINNEST, min(100.0, 100 * ns / longest)), 3)


def _length(trace: Trace) -> int:
    ends = [span.started_ns + (span.duration_ns or 0) - trace.started_ns for span in trace.spans]
    return max([trace.duration_ns or 0, *ends, 1])
