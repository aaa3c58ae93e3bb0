"""What is deleted by others than writers, such as `forget`, and so taken out of the buckets."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from convotrace.store.bucket_sql import BucketStatements
from convotrace.store.buckets import Worths, coarsened
from convotrace.store.counting import OUTSIDER, STATUS, put_groups, put_note, stored
from convotrace.store.database import Connection
from convotrace.store.work import Call

_NEVER = 1 << 63


def take_back(sql: BucketStatements, connection: Connection, sid: int, tk: int) -> None:
    """Take a trace back that is about to be deleted by somebody who is no writer."""
    Leaving(sql, connection, sql.of_trace, (sid, tk)).take_back(connection)


class Leaving:
    """What stored traces are worth that are about to be deleted by somebody who is no writer.

    Args:
        sql: The statements.
        connection: Where to read; it need not be where they are taken back, if they are the same ones there.
        statement: Which traces.
        values: Of the statement.
    """

    def __init__(self, sql: BucketStatements, connection: Connection, statement: str, values: tuple[int, ...]) -> None:
        self._sql = sql
        self._since = self._uncounted(connection)
        self._lost, self._notes = Worths(), dict[int, Worths]()
        self._writers: set[int] = set()
        for row in connection.execute(statement, values):
            if row[STATUS] != "running":
                self._add(*stored(row))
        self._groups = coarsened(self._lost.groups(), time.time_ns())

    def holds(self, connection: Connection) -> bool:
        """Tell whether their writers have counted as much of them as before."""
        now = self._uncounted(connection)
        return all(now.get(writer) == self._since.get(writer) for writer in self._writers)

    def take_back(self, connection: Connection) -> None:
        """Take them back."""
        put_groups(self._sql, connection, OUTSIDER, self._groups)
        for writer, worths in self._notes.items():
            put_note(self._sql, connection, writer, self._since[writer], worths)

    def _uncounted(self, connection: Connection) -> dict[int, int]:
        return dict(connection.execute(self._sql.all_since).fetchall())

    def _add(self, n: int, writer: int, trace: Sequence[Any], calls: Sequence[Call]) -> None:
        self._writers.add(writer)
        self._lost.add(trace, calls, -1)
        if n >= self._since.get(writer, _NEVER):
            self._notes.setdefault(writer, Worths()).add(trace, calls)
