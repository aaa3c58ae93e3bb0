"""Connections to one server, each lent to one thread at a time, and the locks by which writers keep out of each other.

A transaction that names its sessions shares the store's lock and takes one for each of them, in their order; one that
does not has the store alone, as on SQLite. Who holds them ends with its transaction, or with its connection.
"""

from __future__ import annotations

import re
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import lru_cache
from hashlib import blake2b
from typing import Any

import psycopg
from psycopg.pq import TransactionStatus

from convotrace.errors import StoreError
from convotrace.store.database import Again, Connection, Connections, Cursor
from convotrace.store.native import new_lock, pause
from convotrace.store.postgres.driver import Link, open_link
from convotrace.store.postgres.location import Location
from convotrace.store.postgres.trouble import is_lost, named_trouble

MOST = 8
"""Connections that one process opens at most."""

_IDLE = 3
_PATIENCE = 5.0
_MOST_LOCKS = 250
"""Sessions of one transaction that are locked one by one; the server has room for some thousand locks."""

_PERCENT = re.compile("%(?!s)")
_READ = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"


class Copied:
    """How the rows of a statement come in by COPY, which takes a third of the time of any other way."""

    def __init__(self, statement: str, types: Sequence[str]) -> None:
        self.statement, self.types = statement, types


class PostgresConnections(Connections):
    """Opens connections when they are needed, and keeps a few."""

    by_session = True
    listed = "SELECT json_array_elements_text(?::json)::bigint"

    def __init__(self, location: Location) -> None:
        self._location = location
        self._lock_key = int.from_bytes(
            blake2b(f"convotrace {location.schema}".encode(), digest_size=8).digest(), "big", signed=True
        )
        self._mutex = new_lock()
        self._idle: list[Link] = []
        self._busy = 0
        self._closed = self._gone = False
        self.copied: Mapping[str, Copied] = {}
        """The statements whose rows come in by COPY: none of them may exist already."""

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Lend a connection inside one short read transaction that sees one moment of the store."""
        with self._begun(_READ) as connection:
            yield connection

    @contextmanager
    def writing(self, sessions: Collection[int] | None = None) -> Iterator[Connection]:
        """Lend a connection inside one transaction, with the locks that it needs."""
        with self._begun(self._locked(sessions)) as connection:
            yield connection

    @contextmanager
    def alone(self) -> Iterator[Link]:
        """Lend a connection outside any transaction, which its user may begin and end."""
        with named_trouble(self._location.shown):
            link = self._started(None)
            try:
                yield link
            except psycopg.Error as error:
                self._gone = self._gone or is_lost(error)
                raise
            finally:
                self._give_back(link)

    def locking(self) -> str:
        """Return the statement that waits until nobody else writes into the store."""
        return f"SELECT pg_advisory_xact_lock({self._lock_key})"

    def is_gone(self) -> bool:
        """Tell whether the tables were found missing."""
        return self._gone

    def close(self) -> None:
        """Close every connection that is not in use."""
        with self._mutex:
            self._closed = True
            idle, self._idle = self._idle, []
        for link in idle:
            link.close()

    def quiesce(self) -> None:
        """Do nothing: a child opens connections of its own, and nothing of the parent's is in its way."""

    def resume(self) -> None:
        """Do nothing."""

    def _locked(self, sessions: Collection[int] | None) -> str:
        if sessions is None or len(sessions) > _MOST_LOCKS:
            return f"BEGIN; {self.locking()}"
        if not sessions:
            return "BEGIN"
        keys = ",".join(map(str, sorted(sessions)))
        return (
            f"BEGIN; SELECT pg_advisory_xact_lock_shared({self._lock_key});"
            f" SELECT pg_advisory_xact_lock(k) FROM unnest('{{{keys}}}'::bigint[]) AS k"
        )

    @contextmanager
    def _begun(self, begin: str) -> Iterator[Connection]:
        with named_trouble(self._location.shown):
            link = self._started(begin)
            try:
                yield Lent(link, self.copied)
                if link.execute("COMMIT").statusmessage != "COMMIT":
                    raise psycopg.InternalError("the transaction was undone")
            except psycopg.Error as error:
                self._gone = self._gone or is_lost(error)
                raise
            finally:
                self._give_back(link)

    def _started(self, begin: str | None) -> Link:
        """Return a connection on which a statement was run, a new one where a kept one has died meanwhile."""
        self._enter()
        try:
            kept = self._kept()
            if kept is not None and self._lives(kept, begin or "SELECT 1"):
                return kept
            link = open_link(self._location.conninfo, self._location.schema)
            try:
                link.execute(begin or "SELECT 1")
            except BaseException:
                self._keep(link)
                raise
            return link
        except BaseException:
            self._leave()
            raise

    def _lives(self, link: Link, statement: str) -> bool:
        """Run a statement; return False where the connection was dead already."""
        try:
            link.execute(statement)
        except BaseException as error:
            is_dead = link.broken
            self._keep(link)
            if not (is_dead and isinstance(error, psycopg.OperationalError)):
                raise
            # The server went away and came back, perhaps: what else is kept is as old.
            self._drop_kept()
            return False
        return True

    def _kept(self) -> Link | None:
        with self._mutex:
            return self._idle.pop() if self._idle else None

    def _drop_kept(self) -> None:
        with self._mutex:
            idle, self._idle = self._idle, []
        for link in idle:
            link.close()

    def _keep(self, link: Link) -> None:
        """Keep a connection for the next, unless it is not fit for that."""
        if link.pgconn.transaction_status in (TransactionStatus.INTRANS, TransactionStatus.INERROR):
            with suppress(psycopg.Error):
                link.execute("ROLLBACK")
        if link.pgconn.transaction_status == TransactionStatus.IDLE:
            with self._mutex:
                if len(self._idle) < _IDLE and not self._closed:
                    self._idle.append(link)
                    return
        link.close()

    def _give_back(self, link: Link) -> None:
        self._keep(link)
        self._leave()

    def _enter(self) -> None:
        """Wait until one more connection may be in use."""
        deadline = time.monotonic() + _PATIENCE
        while True:
            with self._mutex:
                if self._closed:
                    raise StoreError(f"The store {self._location.shown} was closed; open it again.")
                if self._busy < MOST:
                    self._busy += 1
                    return
            if time.monotonic() > deadline:
                raise StoreError(f"All {MOST} connections to the store {self._location.shown} are in use.")
            pause(0.005)

    def _leave(self) -> None:
        with self._mutex:
            self._busy -= 1


class Lent:
    """A connection inside a transaction, as the rest of the store uses it."""

    __slots__ = ("_copied", "_link")

    def __init__(self, link: Link, copied: Mapping[str, Copied]) -> None:
        self._link, self._copied = link, copied

    def execute(self, statement: str, values: Sequence[Any] = (), /) -> Cursor:
        """Run one statement; all that it finds is read at once."""
        return self._link.execute(_driver_form(statement), values, binary=True)

    def executemany(self, statement: str, rows: Iterable[Sequence[Any]], /) -> Cursor:
        """Run a statement for each row, without waiting for one before the next is sent."""
        rows = list(rows)
        cursor = self._link.cursor()
        if not rows:
            return _Nothing()
        if (copied := self._copied.get(statement)) is not None:
            return self._copy(copied, rows)
        cursor.executemany(_driver_form(statement), rows)
        return cursor

    def _copy(self, copied: Copied, rows: list[Sequence[Any]]) -> Cursor:
        cursor = self._link.cursor()
        try:
            with cursor.copy(copied.statement) as copy:
                copy.set_types(copied.types)
                for row in rows:
                    copy.write_row(row)
        except psycopg.errors.UniqueViolation as error:
            raise Again from error
        return cursor


class _Nothing:
    """What a statement did that was run for no row."""

    rowcount = 0

    def fetchone(self) -> None:
        return None

    def fetchall(self) -> list[Any]:
        return []

    def __iter__(self) -> Iterator[Any]:
        return iter(())


@lru_cache(maxsize=1024)
def _driver_form(statement: str) -> str:
    """Return a statement with `%s` for each value; a `%` of its own is doubled."""
    return _PERCENT.sub("%%", statement).replace("?", "%s")
