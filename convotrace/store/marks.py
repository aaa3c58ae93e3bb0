"""The newest turns of a session as bytes in its row, so that a list reads no traces.

They are the bars of its strip, and the times whose middle a list shows. Pure; `sessions` and `recount` keep them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from struct import Struct, unpack

import orjson

from convotrace.model import TurnMark, as_ms

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


def middle(marks: bytes | None) -> int | None:
    """Return the middle of the durations."""
    return _median(_numbers(marks)[2::5]) if marks else None


def medians(marks: bytes | None) -> tuple[int | None, int | None]:
    """Return the middle of the durations and of the times until the first byte."""
    if not marks:
        return None, None
    numbers = _numbers(marks)
    return _median(numbers[2::5]), _median(numbers[3::5])


@lru_cache(maxsize=1024)
def shown(marks: bytes | None, began_ns: int) -> tuple[float | None, float | None, orjson.Fragment]:
    """Return both medians in ms, and the strip as JSON: each bar so many ms after a moment.

    Kept for the sessions of the lists that are being looked at: from one time to the next few of them have a new turn.
    """
    p50_ns, first_byte_ns = medians(marks)
    strip = [
        {"after_ms": (at - began_ns) / 1e6, "duration_ms": None if took is None else took / 1e6, "errors": errors}
        for took, errors, at in strip_of(marks)
    ]
    return as_ms(p50_ns), as_ms(first_byte_ns), orjson.Fragment(orjson.dumps(strip))


def _numbers(marks: bytes) -> tuple[int, ...]:
    return unpack(f"<{len(marks) // 8}q", marks)


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


def _median(values: Sequence[int]) -> int | None:
    """Return the middle of what is known, the lower of two (nearest rank)."""
    known = sorted(values)
    if known[0] == _UNKNOWN:
        known = known[known.count(_UNKNOWN) :]
    return known[(len(known) - 1) // 2] if known else None
