"""Two conversations side by side: which turn of one stands beside which of the other. Pure, in any script.

The order is kept on both sides; among all ways to pair, the one is taken whose messages are most alike in sum
(Needleman and Wunsch 1970). A turn that another took the place of is no row of its own: it is a version of that one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from convotrace.insight.versions import superseded
from convotrace.insight.words import likeness, words
from convotrace.model import Trace

MOST = 300
"""Turns of each side that are paired by what they say; later ones stand beside each other by their place."""

_BESIDE = 0.1
"""What a pair is worth whose messages have nothing in common: two runs of one scenario may ask in other words."""


@dataclass(frozen=True)
class Place:
    """A turn of the current branch, with the earlier versions that it took the place of."""

    turn: Trace
    versions: tuple[Trace, ...] = ()


@dataclass(frozen=True)
class Pair:
    """One row of two conversations; `None` where a side has no turn for it."""

    left: Place | None
    right: Place | None


def aligned(left: Sequence[Trace], right: Sequence[Trace]) -> tuple[Pair, ...]:
    """Return the turns of two sessions in pairs, in order.

    Args:
        left: Traces of the one, in order; those that are no turns are left out.
        right: Traces of the other.
    """
    one, other = places(left), places(right)
    paired = _paired(one[:MOST], other[:MOST])
    rest = max(len(one), len(other)) - MOST
    return (*paired, *(Pair(_at(one, MOST + n), _at(other, MOST + n)) for n in range(max(rest, 0))))


def places(traces: Sequence[Trace]) -> list[Place]:
    """Return the turns of the current branch, each with what it took the place of, the earliest first."""
    turns = [trace for trace in traces if trace.is_turn]
    gone = superseded(turns)
    versions: dict[str, list[Trace]] = {}
    for turn in turns:
        if turn.id in gone:
            versions.setdefault(_standing(turn.id, gone), []).append(turn)
    return [Place(turn, tuple(versions.get(turn.id, ()))) for turn in turns if turn.id not in gone]


def _standing(turn: str, gone: dict[str, str]) -> str:
    while turn in gone:
        turn = gone[turn]
    return turn


def _paired(left: Sequence[Place], right: Sequence[Place]) -> list[Pair]:
    worth = _worth(left, right)
    pairs: list[Pair] = []
    i, j = len(left), len(right)
    while i and j:
        if worth[i][j] == worth[i - 1][j]:
            i -= 1
            pairs.append(Pair(left[i], None))
        elif worth[i][j] == worth[i][j - 1]:
            j -= 1
            pairs.append(Pair(None, right[j]))
        else:
            i, j = i - 1, j - 1
            pairs.append(Pair(left[i], right[j]))
    pairs += [Pair(place, None) for place in reversed(left[:i])]
    pairs += [Pair(None, place) for place in reversed(right[:j])]
    return pairs[::-1]


def _worth(left: Sequence[Place], right: Sequence[Place]) -> list[list[float]]:
    """Return how much the best pairing of the first i and the first j turns is worth, for each i and j."""
    asked = [(frozenset(words(one.turn.input.text)), frozenset(words(one.turn.output.text))) for one in left]
    told = [(frozenset(words(one.turn.input.text)), frozenset(words(one.turn.output.text))) for one in right]
    worth = [[0.0] * (len(right) + 1)]
    for said, answered in asked:
        above, row = worth[-1], [0.0]
        for j, (other, reply) in enumerate(told):
            # What was answered decides only between messages that are equally alike, such as two times "yes".
            pair = _BESIDE + likeness(said, other) + likeness(answered, reply) / 100
            row.append(max(above[j] + pair, above[j + 1], row[j]))
        worth.append(row)
    return worth


def _at(found: Sequence[Place], place: int) -> Place | None:
    return found[place] if place < len(found) else None
