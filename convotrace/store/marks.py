"""The newest turns of a session as bytes in its row, so that a list reads no traces.

They are the bars of its strip, and the times whose middle a list shows. Pure; `sessions` and `recount` keep them.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterable, Sequence
from struct import Struct

from convotrace.model import TurnMark

KEPT = 50
"""The medians of a session are those of so many of its newest turns: its row is written again with each turn."""

STRIP = 14

_MARK = Struct("<5q")
_SIZE, _ROOM = _MARK.size, KEPT * _MARK.size
_UNKNOWN = -(1 << 63)
_new = tuple.__new__

Turn = tuple[int, int, int | None, int | None, int]
"""Key of a trace, when it began, how long it took and until its first byte (ns, None for unknown), its errors."""


def with_turn(marks: bytes | None, turn: Turn) -> bytes:
    """Return the marks with one more turn, in the place of what they hold under its key."""
    new = _packed(turn)
    if not marks or turn[0] > _key(marks, len(marks) - _SIZE):
        return ((marks or b"") + new)[-_ROOM:]
    at = next(at for at in range(0, len(marks), _SIZE) if _key(marks, at) >= turn[0])
    behind = at + _SIZE if _key(marks, at) == turn[0] else at
    return (marks[:at] + new + marks[behind:])[-_ROOM:]


def marks_of(turns: Iterable[Turn]) -> bytes | None:
    """Return the marks of the newest turns of a session, given in the order of their keys."""
    return b"".join(map(_packed, turns))[-_ROOM:] or None


def strip_of(marks: bytes | None) -> tuple[TurnMark, ...]:
    """Return the last bars of the strip, the oldest first."""
    if not marks:
        return ()
    numbers = _numbers(marks[-STRIP * _SIZE :])
    took: Sequence[int | None] = numbers[2::5]
    if _UNKNOWN in took:
        took = [None if one == _UNKNOWN else one for one in took]
    # Made as the class itself does it, without its call: a list of sessions has hundreds.
    return tuple([_new(TurnMark, mark) for mark in zip(took, numbers[4::5], numbers[1::5], strict=True)])


def medians(marks: bytes | None) -> tuple[int | None, int | None]:
    """Return the middle of the durations and of the times until the first byte."""
    if not marks:
        return None, None
    numbers = _numbers(marks)
    return _median(numbers[2::5]), _median(numbers[3::5])


def _numbers(marks: bytes) -> array[int]:
    numbers = array("q", marks)
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers


def _packed(turn: Turn) -> bytes:
    key, began, took, first_byte, errors = turn
    return _MARK.pack(
        key,
        began,
        _UNKNOWN if took is None else took,
        _UNKNOWN if first_byte is None else first_byte,
        errors,
    )


def _key(marks: bytes, at: int) -> int:
    return int.from_bytes(marks[at : at + 8], "little", signed=True)


def _median(values: array[int]) -> int | None:
    """Return the middle of what is known, the lower of two (nearest rank)."""
    known = sorted(values)
    if known[0] == _UNKNOWN:
        known = known[known.count(_UNKNOWN) :]
    return known[(len(known) - 1) // 2] if known else None
