"""What is written into the buckets and when: by the one that wrote a trace, later than the trace, and never twice.

A writer sums up in memory what it stored, and writes that now and then. Until then a row of `uncounted` says from which
row on its traces are in no bucket: whoever reads sums those up as well, and whoever finds that they were left behind
counts them from their rows, so that the end of a process loses nothing. What is taken back is written in the
transaction that deletes its rows; where the writer of a deleted trace has not counted it, a note says what it was
worth, since that writer will count it still. What a writer remembers holds only as long as its row says the same.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterable, Sequence
from typing import Any

from convotrace.insight.sums import Sums
from convotrace.store.bucket_sql import BucketStatements
from convotrace.store.buckets import (
    FRESH,
    Group,
    Vocabulary,
    Worths,
    merged,
    pack_groups,
    row_of,
    sums_of,
    unpack_groups,
    worth_of_trace,
)
from convotrace.store.database import Again, Connection
from convotrace.store.packing import work_in
from convotrace.store.rows import TraceRow, UncountedRow
from convotrace.store.work import Call, metered_in, read_work

WRITTEN_EVERY_NS = 10**9
MOST_UNCOUNTED = 256
"""Traces after which a writer does not wait for the second: every reader must sum them up."""

_MAIN = 0
OUTSIDER = 0
"""The writer of what others than writers take back or count."""

_UNKNOWN = -1
"""No row has this number: what is remembered does not hold."""

STATUS = 3
"""Where the status stands in what `BucketStatements.of_trace` returns."""

Stored = tuple[Sequence[Any], Sequence[Call]]
"""What a trace is worth and what each of its calls is, as columns."""


class Counter:
    """What one writer stored and did not write into buckets yet."""

    def __init__(self, sql: BucketStatements, writer: int) -> None:
        self.sql, self.writer = sql, writer
        self.vocabulary = Vocabulary()
        self.pending = Worths()
        self.since: int | None = None
        self.written_ns = 0

    @property
    def is_waiting(self) -> bool:
        """Whether anything is left to be written."""
        return self.since is not None

    def distrust(self) -> None:
        """Forget what is remembered, where nobody knows whether a transaction was committed."""
        self.since = _UNKNOWN

    def is_due(self, more: int) -> bool:
        """Tell whether it is time to write, with so many traces more."""
        waited = time.monotonic_ns() - self.written_ns
        return waited >= WRITTEN_EVERY_NS or self.pending.traces + more >= MOST_UNCOUNTED


class Count:
    """What is counted in one transaction; the counter learns of it when that is committed."""

    def __init__(self, counter: Counter, connection: Connection, is_alone: bool = True) -> None:
        """Begin; `is_alone` tells whether nobody else can write into the store before the end of the transaction."""
        self._counter, self._sql, self._connection = counter, counter.sql, connection
        self._is_alone = is_alone
        self._came: list[tuple[TraceRow, Sequence[Call]]] = []
        self._cancelled: list[Stored] = []
        self._lost = Worths()
        self._base: Worths | None = None
        self._stood: int | None = None
        self._since: int | None = None
        self._is_written = False

    def comes(self, rows: Iterable[tuple[TraceRow, Sequence[Call]]]) -> None:
        """Count traces that are about to be stored; one that runs is counted when it has ended."""
        ended = [row for row in rows if row[0].status != "running"]
        if not ended:
            return
        self._look()
        self._came += ended
        if self._since is None:
            (last,) = self._connection.execute(self._sql.last_row).fetchone()
            self._since = (last or 0) + 1

    def leaves(self, sid: int, tk: int) -> None:
        """Take back a trace that is about to be deleted, unless it runs."""
        found = self._connection.execute(self._sql.of_trace, (sid, tk)).fetchone()
        if found is None or found[STATUS] == "running":
            return
        self._look()
        n, worker, trace, calls = stored(found)
        if worker == self._counter.writer and self._since is not None and n >= self._since:
            self._cancelled.append((trace, calls))
        elif not self._is_alone:
            # What is taken back from what is counted already, or by somebody else, several would change at once.
            raise Again
        else:
            self._lost.add(trace, calls, -1)
            note_lost(self._sql, self._connection, worker, n, (trace, calls))

    def finish(self, now: bool = False) -> None:
        """Write what is counted where it is due, else that it is to be counted.

        Args:
            now: It is due, however little it is.
        """
        if now:
            self._look()
        if self._base is None:
            return
        if now or self._lost or self._counter.is_due(len(self._came)):
            self._write(self._base)
        elif self._stood is None and self._since is not None:
            row = UncountedRow(self._counter.writer, _MAIN, self._since, time.time_ns(), None)
            self._connection.execute(self._sql.put_uncounted, row)

    def committed(self) -> None:
        """Let the counter know what was committed."""
        counter = self._counter
        if self._is_written:
            counter.pending, counter.since, counter.written_ns = Worths(), None, time.monotonic_ns()
        elif self._base is not None:
            counter.pending, counter.since = self._base, self._since
            self._add_to(counter.pending)

    def _look(self) -> None:
        """See, before anything changes, whether what the counter remembers still holds; else count it from the rows."""
        if self._base is not None:
            return
        found = self._connection.execute(self._sql.since, (self._counter.writer,)).fetchone()
        self._stood = self._since = None if found is None else found[0]
        if self._since == self._counter.since:
            self._base = self._counter.pending
        elif self._since is None:
            self._base = Worths()
        else:
            self._base = uncounted(self._sql, self._connection, self._counter.writer, self._since)

    def _write(self, base: Worths) -> None:
        counter, more = self._counter, Worths()
        counter.vocabulary.begin(time.time_ns())
        self._add_to(more)
        groups = merged([part.groups(counter.vocabulary) for part in (base, more, self._lost)])
        put_groups(self._sql, self._connection, counter.writer, groups)
        if self._stood is not None:
            self._connection.execute(self._sql.counted, (counter.writer,))
        self._is_written = True

    def _add_to(self, worths: Worths) -> None:
        for trace, calls in self._came:
            worths.add(worth_of_trace(trace), calls)
        for gone, lost in self._cancelled:
            worths.add(gone, lost, -1)


def uncounted(
    sql: BucketStatements, connection: Connection, writer: int, since: int, with_calls: bool = True
) -> Worths:
    """Return what the traces of a writer are worth that no bucket holds: from a row on, and those that were deleted."""
    worths = worths_of(connection, sql.later if with_calls else sql.later_brief, (writer, since), with_calls)
    for (note,) in connection.execute(sql.notes, (writer,)).fetchall():
        worths.add_groups(unpack_groups(note))
    return worths


def worths_of(connection: Connection, statement: str, values: Sequence[Any] = (), with_calls: bool = True) -> Worths:
    """Return what the traces that a statement finds are worth."""
    worths = Worths()
    for row in connection.execute(statement, values):
        if with_calls:
            _, _, trace, calls = stored(row)
            worths.add(trace, calls)
        else:
            worths.add(row[2:], ())
    return worths


def stored(row: Sequence[Any]) -> tuple[int, int, Sequence[Any], list[Call]]:
    """Return the number of a row, its writer, and what its trace is worth with its calls."""
    return row[0], row[1], row[2:-4], metered_in(read_work(work_in(*row[-4:])))


def put_groups(sql: BucketStatements, connection: Connection, writer: int, groups: dict[Group, Sums]) -> None:
    """Add groups to the fresh buckets of a writer."""
    rows = []
    for group, sums in groups.items():
        if not sums.is_empty:
            held = connection.execute(sql.one, (FRESH, *group, writer)).fetchone()
            rows.append(row_of(FRESH, group, writer, sums if held is None else sums_of(held, sums)))
    connection.executemany(sql.put, rows)


def note_lost(sql: BucketStatements, connection: Connection, writer: int, n: int, trace: Stored) -> None:
    """Keep what a trace is worth that is about to be deleted, if its writer has still to count it."""
    found = connection.execute(sql.since, (writer,)).fetchone()
    if found is not None and n >= found[0]:
        worths = Worths()
        worths.add(*trace)
        put_note(sql, connection, writer, n, worths)


def put_note(sql: BucketStatements, connection: Connection, writer: int, n: int, worths: Worths) -> None:
    """Keep what deleted traces are worth that their writer has still to count."""
    note = UncountedRow(writer, secrets.randbits(62) + 1, n, time.time_ns(), pack_groups(worths.groups()))
    connection.execute(sql.put_uncounted, note)


def settle(sql: BucketStatements, connection: Connection, before_ns: int) -> bool:
    """Count the traces that one writer has left uncounted since before a moment; return whether there was one.

    That writer may live: it sees that its row is gone.
    """
    found = connection.execute(sql.stale, (before_ns, 1)).fetchone()
    if found is None:
        return False
    put_groups(sql, connection, OUTSIDER, uncounted(sql, connection, *found).groups())
    connection.execute(sql.counted, (found[0],))
    return True


def count_all(sql: BucketStatements, connection: Connection) -> None:
    """Count every trace of a store that was written before there were buckets."""
    if connection.execute(sql.any_bucket, (1,)).fetchone() or connection.execute(sql.all_since).fetchone():
        return
    last = 0
    while rows := connection.execute(sql.some, (last, MOST_UNCOUNTED)).fetchall():
        worths = Worths()
        for row in rows:
            last = row[0]
            if row[STATUS] != "running":
                worths.add(*stored(row)[2:])
        put_groups(sql, connection, OUTSIDER, worths.groups())
