"""The turn strip: one bar a turn, height by time, a foot under errors, a dot for an idle gap. Geometry only."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from math import sqrt

from convotrace.model import Trace, TurnMark
from convotrace.page.format import plural

LONGEST = 14
IDLE_NS = 5 * 60 * 1_000_000_000
_STEP, _HIGH, _LOW, _SLOWEST_MS = 6, 20, 3, 9000


@dataclass(frozen=True)
class Bar:
    """One rectangle; `kind` is bar, bad, foot or dot, `path` draws it."""

    kind: str
    x: int
    y: float
    height: float
    path: str


@dataclass(frozen=True)
class Strip:
    """A drawing of 24 units height, with its words for those who do not see it."""

    bars: tuple[Bar, ...]
    width: int
    label: str

    @cached_property
    def paths(self) -> list[tuple[str, str]]:
        """Return the bars as two paths, those of errors last: as single shapes they would weigh more than the texts."""
        drawn = {"bar": "", "bad": ""}
        for bar in self.bars:
            drawn["bad" if bar.kind in ("bad", "foot") else "bar"] += bar.path
        return [(kind, path) for kind, path in drawn.items() if path]


@lru_cache(maxsize=512)
def of_marks(marks: tuple[TurnMark, ...], turns: int) -> Strip:
    """Return the strip of a session's last turns, kept for the sessions of the lists that are being looked at.

    Args:
        marks: The last turns, oldest first.
        turns: How many turns the session has: where it has more, two dots at the end say so.
    """
    bars: list[Bar] = []
    x = 0
    for before, mark in zip([None, *marks], marks, strict=False):
        if before is not None and _idle(before, mark):
            bars.append(_bar("dot", x, 20, 2))
            x += _STEP
        bars += _turn(mark, x)
        x += _STEP
    if turns > len(marks):
        bars += [_bar("dot", x, 20, 2), _bar("dot", x + 4, 20, 2)]
        x += 8
    return Strip(tuple(bars), max(x - 2, 0), _label(marks, turns))


def of_traces(turns: Iterable[Trace]) -> Strip:
    """Return the strip of a session that was read whole."""
    marks = tuple([TurnMark(trace.duration_ns, trace.errors, trace.started_ns) for trace in turns])
    return of_marks(marks[:LONGEST], len(marks))


@lru_cache(maxsize=4096)
def _bar(kind: str, x: int, y: float, height: float) -> Bar:
    """Return a rectangle half a unit inside its outline, which is drawn around it with round corners.

    A list has hundreds of bars, and few of them differ.
    """
    width, inner = 1 if kind == "dot" else 3, round(height - 1, 1)
    return Bar(kind, x, y, height, f"M{x}.5 {round(y + 0.5, 1):g}h{width}v{inner:g}h-{width}z")


def _turn(mark: TurnMark, x: int) -> list[Bar]:
    ms = (mark.duration_ns or 0) / 1e6
    height = round(min(_HIGH, max(_LOW, sqrt(ms / _SLOWEST_MS) * _HIGH)))
    bar = _bar("bad" if mark.errors else "bar", x, _HIGH + 1 - height, height)
    return [bar, _bar("foot", x, 22, 2)] if mark.errors else [bar]


def _idle(before: TurnMark, after: TurnMark) -> bool:
    return after.started_ns - before.started_ns - (before.duration_ns or 0) > IDLE_NS


def _label(marks: Sequence[TurnMark], turns: int) -> str:
    first = turns - len(marks) + 1 if turns >= len(marks) else 1
    bad = [f"turn {first + n} has {plural(mark.errors, 'error')}" for n, mark in enumerate(marks) if mark.errors]
    return ", ".join([plural(turns, "turn"), *bad])
