"""Two texts compared line by line, and word by word in the lines that changed. Which texts: `turn_diff.py`."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal

from convotrace.insight.returning import pieces

_MOST_PAIRS = 4_000_000
"""Pairs of words that one comparison looks at, about a quarter of a second: what is left has no words marked."""
_MOST_LINES = 5_000
_ALIKE = 0.4
"""Share of the longer of two lines that both must have for one to be a new version of the other."""

Change = Literal["same", "added", "removed"]


@dataclass(frozen=True)
class Piece:
    """A part of a line; `is_changed` where the other version of the line has something else."""

    text: str
    is_changed: bool = False


@dataclass(frozen=True)
class Line:
    """One line with its numbers on both sides, None where a side does not have it."""

    change: Change
    before: int | None
    after: int | None
    pieces: tuple[Piece, ...]


@dataclass
class Budget:
    """How many pairs of words may still be looked at, in one comparison or in several that share it."""

    left: int = _MOST_PAIRS

    def allows(self, pairs: int) -> bool:
        """Take some pairs from what is left; tell whether there were enough."""
        if pairs > self.left:
            return False
        self.left -= pairs
        return True


def compared(before: str, after: str, budget: Budget | None = None) -> tuple[Line, ...]:
    """Return every line of both texts: what is the same once, what was removed before what was added for it.

    Args:
        before: The earlier text.
        after: The later text.
        budget: How much may be spent on marking words; a new one where nothing is said.
    """
    budget = budget or Budget()
    old, new = before.split("\n") if before else [], after.split("\n") if after else []
    lines: list[Line] = []
    for tag, i, j, k, n in blocks(old, new):
        if tag == "equal":
            lines += [Line("same", i + x + 1, k + x + 1, (Piece(old[i + x]),)) for x in range(j - i)]
        else:
            lines += _replaced(old[i:j], new[k:n], i, k, budget)
    return tuple(lines)


def is_same(lines: Sequence[Line]) -> bool:
    """Tell whether nothing changed."""
    return all(line.change == "same" for line in lines)


Block = tuple[str, int, int, int, int]


def blocks(old: Sequence[Hashable], new: Sequence[Hashable]) -> Iterator[Block]:
    """Yield what is equal and what is not, as `difflib` names it; what both begin and end with is not searched."""
    head = _common(old, new)
    tail = _common(old[head:][::-1], new[head:][::-1])
    end, stop = len(old) - tail, len(new) - tail
    if head:
        yield "equal", 0, head, 0, head
    if max(end, stop) - head > _MOST_LINES:
        yield "replace", head, end, head, stop
    elif end > head or stop > head:
        inner = SequenceMatcher(None, old[head:end], new[head:stop]).get_opcodes()
        yield from ((tag, i + head, j + head, k + head, n + head) for tag, i, j, k, n in inner)
    if tail:
        yield "equal", end, len(old), stop, len(new)


def _common(old: Sequence[Hashable], new: Sequence[Hashable]) -> int:
    return next((n for n, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), min(len(old), len(new)))


def _replaced(old: list[str], new: list[str], i: int, k: int, budget: Budget) -> Iterator[Line]:
    """Yield the lines of a block that changed; a line and its new version stand under each other, words marked."""
    pairs = min(len(old), len(new))
    for x in range(pairs):
        gone, come = _words(old[x], new[x], budget)
        yield Line("removed", i + x + 1, None, gone)
        yield Line("added", None, k + x + 1, come)
    yield from (Line("removed", i + x + 1, None, (Piece(old[x]),)) for x in range(pairs, len(old)))
    yield from (Line("added", None, k + x + 1, (Piece(new[x]),)) for x in range(pairs, len(new)))


def _words(old: str, new: str, budget: Budget) -> tuple[tuple[Piece, ...], tuple[Piece, ...]]:
    """Return two lines with the words marked that differ; none in lines that have little in common."""
    left, right = pieces(old), pieces(new)
    if budget.allows(len(left) * len(right)):
        matcher = SequenceMatcher(None, left, right, autojunk=False)
        codes = matcher.get_opcodes()
        kept = sum(len("".join(left[i:j]).strip()) for tag, i, j, _, _ in codes if tag == "equal")
        if kept >= _ALIKE * max(len(old.strip()), len(new.strip())):
            gone = [Piece("".join(left[i:j]), tag != "equal") for tag, i, j, _, _ in codes if j > i]
            come = [Piece("".join(right[k:n]), tag != "equal") for tag, _, _, k, n in codes if n > k]
            return tuple(gone), tuple(come)
    return (Piece(old),), (Piece(new),)
