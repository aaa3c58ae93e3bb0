"""The turn strip: one bar a turn, height by time, a foot under errors, a dot for an idle gap. Geometry only."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import sqrt

from convotrace.model import Trace, TurnMark
from convotrace.page.format import plural

LONGEST = 14
IDLE_NS = 5 * 60 * 1_000_000_000
_STEP, _HIGH, _LOW, _SLOWEST_MS = 6, 20, 3, 9000


@dataclass(frozen=True)
class Bar:
    """One rectangle; `kind` is bar, bad, foot or dot."""

    kind: str
    x: int
    y: float
    height: float


@dataclass(frozen=True)
class Strip:
    """A drawing of 24 units height, with its words for those who do not see it."""

    bars: tuple[Bar, ...]
    width: int
    label: str

    @property
    def paths(self) -> list[tuple[str, str]]:
        """Return the bars as two paths, those of errors last: as single shapes they would weigh more than the texts."""
        drawn = {"bar": "", "bad": ""}
        for bar in self.bars:
            drawn["bad" if bar.kind in ("bad", "foot") else "bar"] += _path(bar)
        return [(kind, path) for kind, path in drawn.items() if path]


def of_marks(marks: Sequence[TurnMark], turns: int) -> Strip:
    """Return the strip of a session's last turns.

    Args:
        marks: The last turns, oldest first.
        turns: How many turns the session has: where it has more, two dots at the end say so.
    """
    bars: list[Bar] = []
    x = 0
    for before, mark in zip([None, *marks], marks, strict=False):
        if before is not None and _idle(before, mark):
            bars.append(Bar("dot", x, 20, 2))
            x += _STEP
        bars += _turn(mark, x)
        x += _STEP
    if turns > len(marks):
        bars += [Bar("dot", x, 20, 2), Bar("dot", x + 4, 20, 2)]
        x += 8
    return Strip(tuple(bars), max(x - 2, 0), _label(marks, turns))


def of_traces(turns: Iterable[Trace]) -> Strip:
    """Return the strip of a session that was read whole."""
    marks = [TurnMark(trace.duration_ns, trace.errors, trace.started_ns) for trace in turns]
    return of_marks(marks[:LONGEST], len(marks))


def _path(bar: Bar) -> str:
    """Return a rectangle half a unit inside its outline, which is drawn around it with round corners."""
    width, height = 1 if bar.kind == "dot" else 3, round(bar.height - 1, 1)
    return f"M{bar.x}.5 {round(bar.y + 0.5, 1):g}h{width}v{height:g}h-{width}z"


def _turn(mark: TurnMark, x: int) -> list[Bar]:
    ms = (mark.duration_ns or 0) / 1e6
    height = round(min(_HIGH, max(_LOW, sqrt(ms / _SLOWEST_MS) * _HIGH)))
    bar = Bar("bad" if mark.errors else "bar", x, round(_HIGH + 1 - height, 1), height)
    return [bar, Bar("foot", x, 22, 2)] if mark.errors else [bar]


def _idle(before: TurnMark, after: TurnMark) -> bool:
    return after.started_ns - before.started_ns - (before.duration_ns or 0) > IDLE_NS


def _label(marks: Sequence[TurnMark], turns: int) -> str:
    first = turns - len(marks) + 1 if turns >= len(marks) else 1
    bad = [f"turn {first + n} has {plural(mark.errors, 'error')}" for n, mark in enumerate(marks) if mark.errors]
    return ", ".join([plural(turns, "turn"), *bad])
