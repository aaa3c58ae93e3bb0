"""What is not in the text index yet goes into it, beside the hot path; what was deleted leaves its bytes.

Both in short transactions, in any process at any time: two that fill at once only share the work. The index itself
is the database's.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from convotrace.errors import StoreError
from convotrace.model import Json
from convotrace.store.codec import decode, original, storable
from convotrace.store.database import Connection
from convotrace.store.native import REST, pause
from convotrace.store.opening import Opened

TURNS_AT_ONCE = 100
_BYTES_AT_ONCE = 256 << 10
"""What one transaction indexes: about 3 ms of the write lock."""

_COUNTED = 10_000
_MANY = 2000
_LONGEST_NOTE = 2000
_CATCH_UP = 0.05
"""Seconds that a question spends at most on what is not indexed yet."""

_WAITING = """
SELECT t.n, t.sid, t.tk, t.trace_id, s.judged, coalesce(length(t.input_text), 0) + coalesce(length(t.output_text), 0)
FROM trace t JOIN session s ON s.sid = t.sid WHERE t.indexed = 0 ORDER BY t.n DESC LIMIT ?
"""
_FOUND = "SELECT count(*) FROM ({found} LIMIT ?) AS few"
_COUNT = "SELECT count(*) FROM (SELECT 1 FROM trace WHERE indexed = 0 LIMIT ?) AS few"
_SCORES = """
SELECT comment, type, value FROM score WHERE sid = ? AND (trace_id = ? OR trace_id IS NULL AND ?)
AND (comment IS NOT NULL OR type = 'text') ORDER BY at, seq
"""
_FIRST = "SELECT min(tk) FROM trace WHERE sid = ?"


def always() -> bool:
    """Go on until there is nothing more to do."""
    return True


def waiting(connection: Connection) -> int:
    """Return how many traces are not in the index yet; more than ten thousand count as that many."""
    return int(connection.execute(_COUNT, (_COUNTED,)).fetchone()[0])


@dataclass(frozen=True)
class IndexState:
    """Whether there is a text index, and how many traces wait for it; more than ten thousand count as that many."""

    is_there: bool
    waiting: int


def state(opened: Opened) -> IndexState:
    """Return the state of the text index."""
    if not opened.speech.is_there:
        return IndexState(False, 0)
    with opened.connections.reading() as connection:
        return IndexState(True, waiting(connection))


def any_waits(opened: Opened) -> bool:
    """Tell whether anything is to go into the index yet; a look of microseconds."""
    if not opened.speech.is_there:
        return False
    with opened.connections.reading() as connection:
        return connection.execute(_WAITING, (1,)).fetchone() is not None


def catch_up(opened: Opened) -> None:
    """Take in what waits before somebody asks, for a moment at most; what cannot be taken in now goes on waiting."""
    deadline = time.monotonic() + _CATCH_UP
    with suppress(StoreError):
        left = any_waits(opened)
        while left and time.monotonic() < deadline:
            left = fill_some(opened) > 0


def is_common(opened: Opened, phrase: str) -> bool:
    """Tell whether very many turns hold a phrase, given in the language of the index."""
    with opened.connections.reading() as connection:
        return int(connection.execute(_FOUND.format(found=opened.speech.found), (phrase, _MANY)).fetchone()[0]) == _MANY


def fill(opened: Opened, go_on: Callable[[], bool]) -> Iterator[int]:
    """Index what is not yet, the newest first, in short transactions with rests between.

    Args:
        opened: The store.
        go_on: Asked before each transaction.

    Yields:
        How many traces each transaction took in; nothing is done without taking it.
    """
    while go_on() and any_waits(opened):
        began = time.perf_counter()
        taken = fill_some(opened)
        if not taken:
            break
        yield taken
        pause((time.perf_counter() - began) * REST)


def fill_some(opened: Opened) -> int:
    """Index as much as one short transaction may; return how many traces that was."""
    with opened.connections.writing() as connection:
        rows = _bounded(connection.execute(_WAITING, (TURNS_AT_ONCE,)).fetchall())
        noted = [(_notes(connection, *row[1:4]), row[0]) for row in rows if row[4]]
        connection.executemany("UPDATE trace SET notes = ? WHERE n = ?", noted)
        if rows:
            opened.speech.add(connection, [row[0] for row in rows])
    return len(rows)


def tidy(opened: Opened, go_on: Callable[[], bool]) -> None:
    """Bring the index into one piece: only then have the words of deleted rows left it."""
    opened.speech.tidy(opened.connections, go_on)


def _bounded(rows: list[Any]) -> list[Any]:
    """Return the first rows of a list that hold no more than one transaction takes; at least one."""
    left = _BYTES_AT_ONCE
    for position, row in enumerate(rows):
        left -= row[-1]
        if left < 0:
            return rows[: position + 1]
    return rows


def _notes(connection: Connection, sid: int, tk: int, trace_id: bytes) -> str | None:
    is_first = connection.execute(_FIRST, (sid,)).fetchone()[0] == tk
    found = connection.execute(_SCORES, (sid, trace_id, is_first)).fetchall()
    lines = [line for comment, kind, value in found for line in (_text(kind, value), original(comment)) if line]
    return storable("\n".join(line[:_LONGEST_NOTE] for line in lines)) if lines else None


def _text(kind: str, value: str) -> str | None:
    said: Json = decode(value.encode()) if kind == "text" else None
    return said if isinstance(said, str) else None
