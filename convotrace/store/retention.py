"""Old sessions go: which of them, how many in one transaction, and how the room they leave is given back.

Nothing here decides when that happens, or how much is kept; time is the callers'.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

from convotrace.store.database import Connection
from convotrace.store.folding import LEFT_AFTER_NS, settle_left
from convotrace.store.indexing import always
from convotrace.store.native import REST, pause
from convotrace.store.opening import Opened
from convotrace.store.removal import ROWS_AT_ONCE, Removed, clear_some, note, remove
from convotrace.store.workers import living_workers

DAY_NS = 86400 * 10**9

PRUNED = "pruned"
"""Under this key the store knows when the last session that went had been active last, in ns."""

_HOLD_S = 0.015
"""Seconds after which a transaction takes no further session; one that took twice as long makes the next smaller."""

_LEAST_ROOM = 20

_LOOKED_AT = 50


@dataclass(frozen=True)
class Limits:
    """How much of a store is kept; None is no limit. A session that was active so lately always stays."""

    age_ns: int | None = None
    bytes: int | None = None
    rows: int | None = None
    active_ns: int = 1800 * 10**9

    def before(self, now_ns: int, used: int, rows: int) -> int | None:
        """Return the moment before which a session must have been active last to go now, None where none has to go.

        Args:
            now_ns: The time.
            used: Bytes of the pages in use.
            rows: Traces, spans and events.
        """
        if (self.bytes is not None and used > self.bytes) or (self.rows is not None and rows > self.rows):
            return now_ns - self.active_ns
        return None if self.age_ns is None else now_ns - max(self.age_ns, self.active_ns)


def prune(
    opened: Opened, limits: Limits, now_ns: int, actor: str, go_on: Callable[[], bool] = always
) -> Iterator[Removed]:
    """Delete the sessions over the limits, the longest idle first, and give their room back to the disk.

    Args:
        opened: The store.
        limits: How much to keep.
        now_ns: The time.
        actor: Who deletes them, for the audit.
        go_on: Asked between two transactions; False ends it there.

    Yields:
        What each transaction deleted.
    """
    # Metrics outlive sessions; what was never counted would not.
    settle_left(opened, now_ns - LEFT_AFTER_NS)
    run = _Run(opened, limits, now_ns, actor)
    while go_on():
        began = time.perf_counter()
        removed = run.step()
        if removed is None:
            break
        pause((time.perf_counter() - began) * REST)
        yield removed
    for _ in opened.upkeep.shrink(limits.bytes, go_on):
        yield Removed()


def over(opened: Opened, limits: Limits, now_ns: int) -> Removed:
    """Return what `prune` would delete; the bytes of a session are guessed by its rows."""
    with opened.connections.reading() as connection:
        rows = count_rows(opened, connection)
        used = opened.upkeep.gauge(connection, lambda: rows)(connection, 0)
        size, removed = used / max(rows, 1), Removed()
        for last, traces, spans, events in connection.execute(
            opened.sql.keeping.older_than, (now_ns - limits.active_ns,)
        ):
            before = limits.before(now_ns, int(used), rows)
            if before is None or last >= before:
                break
            removed += Removed(1, traces, spans)
            rows -= traces + spans + events
            used -= int(size * (traces + spans + events))
    return removed


def count_rows(opened: Opened, connection: Connection) -> int:
    """Return the traces, spans and events of all sessions."""
    return int(connection.execute(opened.sql.keeping.all_rows).fetchone()[0] or 0)


class _Run:
    """One run over the store: what is left to do is looked up anew in every transaction."""

    def __init__(self, opened: Opened, limits: Limits, now_ns: int, actor: str) -> None:
        self._opened, self._sql = opened, opened.sql
        self._limits, self._now, self._actor = limits, now_ns, actor
        self._living = living_workers(opened, now_ns)
        self._spared: set[int] = set()
        self._gone = self._last = 0
        self._room = ROWS_AT_ONCE
        with opened.connections.reading() as connection:
            self._rows = 0 if limits.rows is None else count_rows(opened, connection)
            self._used = opened.upkeep.gauge(connection, partial(count_rows, opened, connection))

    def step(self) -> Removed | None:
        """Delete as much as one short transaction may; return None where nothing is left to do."""
        if self._idle():
            return None
        with self._opened.connections.writing() as connection, self._paced():
            if clear_some(self._sql, connection, self._room):
                return Removed()
            removed = self._remove_some(connection)
            if removed.sessions:
                day = f"{self._actor} {self._now // DAY_NS}".encode()
                note(self._sql, connection, day, self._now, self._actor, "retention", removed)
                self._mark(connection)
            return removed

    @contextmanager
    def _paced(self) -> Iterator[None]:
        """Let the next transaction have as many rows as fit into its time, by how long this one took."""
        began = time.perf_counter()
        yield
        took = time.perf_counter() - began
        if took > 2 * _HOLD_S:
            self._room = max(self._room // 2, _LEAST_ROOM)
        elif took < _HOLD_S / 2:
            self._room = min(self._room * 2, ROWS_AT_ONCE)

    def _idle(self) -> bool:
        """Tell whether nothing has to go, without the write lock."""
        with self._opened.connections.reading() as connection:
            hidden = connection.execute(self._sql.keeping.hidden, (1,)).fetchone()
            return hidden is None and not self._candidates(connection)

    def _candidates(self, connection: Connection) -> list[tuple[int, ...]]:
        before = self._before(connection)
        if before is None:
            return []
        found = connection.execute(self._sql.keeping.oldest, (before, _LOOKED_AT + len(self._spared))).fetchall()
        return [row for row in found if row[0] not in self._spared]

    def _remove_some(self, connection: Connection) -> Removed:
        removed, deleted, began = Removed(), 0, time.perf_counter()
        for sid, last, traces, spans, events in self._candidates(connection):
            before = self._before(connection)
            if before is None or last >= before:
                break
            if self._runs(connection, sid):
                self._spared.add(sid)
                continue
            deleted += remove(self._sql, connection, sid, traces + spans + events, self._room)
            self._gone += traces + spans + events
            removed += Removed(1, traces, spans)
            self._last = max(self._last, last)
            if deleted >= self._room or time.perf_counter() - began > _HOLD_S:
                break
        return removed

    def _before(self, connection: Connection) -> int | None:
        return self._limits.before(self._now, self._used(connection, self._gone), self._rows - self._gone)

    def _mark(self, connection: Connection) -> None:
        """Note until when sessions are gone: metrics of before then are told from more than is stored."""
        found = connection.execute(self._sql.meta_by_key, (PRUNED,)).fetchone()
        if found is None or int(found[0]) < self._last:
            connection.execute(self._sql.put_meta, (PRUNED, str(self._last)))

    def _runs(self, connection: Connection, sid: int) -> bool:
        """Tell whether a trace of a session runs in a process that lives."""
        return any(worker in self._living for (worker,) in connection.execute(self._sql.keeping.running_in, (sid,)))
