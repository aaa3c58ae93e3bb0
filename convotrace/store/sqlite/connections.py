"""Connections to one database: one that writes, a few that read, each used by one thread at a time.

Each is a Peewee database of its own, opened and closed by hand: Peewee's default, one a thread, is never closed.
"""

from __future__ import annotations

import random
import sqlite3
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from peewee import PeeweeException, SqliteDatabase

from convotrace.errors import StoreError
from convotrace.store.database import Connections, Damaged, Locked
from convotrace.store.native import new_lock, pause
from convotrace.store.packing import work_in
from convotrace.store.sqlite.location import identity, wal_size
from convotrace.store.wording import spoken

LOCK_PATIENCE = 2.0
"""Seconds to try for the write lock; the writer comes back later."""

OPEN_PATIENCE = 5.0
"""Seconds to try to open a file that others open, or make, at the same moment."""

_FORK_PATIENCE = 2.0
_IDLE_READERS = 4
_PASSIVE_ABOVE = 4 << 20
_TRUNCATE_ABOVE = 64 << 20
_COMMITS_BETWEEN = 20
_PRAGMAS = [
    ("synchronous", "normal"),
    ("cache_size", -16000),
    ("secure_delete", 1),
    ("journal_size_limit", 16 << 20),
    # A checkpoint inside a commit would hold the write lock for all of it.
    ("wal_autocheckpoint", 0),
    # The triggers that keep the text index call a function of ours.
    ("trusted_schema", 1),
]
_T = TypeVar("_T")

# Trouble that the driver does not call operational.
_TROUBLE = {sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT}


class SqliteConnections(Connections):
    """Hands out connections and takes them back."""

    listed = "SELECT value FROM json_each(?)"

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._file = None if path is None else identity(path)
        self._mutex = new_lock()
        self._write_lock = new_lock()
        self._busy = 0
        self._readers: list[SqliteDatabase] = []
        self._commits = 0
        self.writer = _connect(path)

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Lend a connection inside one short read transaction."""
        if self._path is None:
            with self._alone() as connection:
                yield connection
            return
        db = self._take_reader()
        connection = raw(db)
        try:
            with named_trouble(self._path), _transaction(connection, "BEGIN"):
                yield connection
        finally:
            self._give_back(db)

    @contextmanager
    def writing(self, sessions: Collection[int] | None = None) -> Iterator[sqlite3.Connection]:
        """Lend the writing connection, alone in the whole store whatever is to be written."""
        with self._alone() as connection, named_trouble(self._path):
            patiently(lambda: connection.execute("BEGIN IMMEDIATE"), LOCK_PATIENCE)
            with _ending(connection):
                yield connection
            self._checkpoint(connection)

    def vacuum(self, most: int) -> None:
        """Give at most so many free pages back to the disk.

        Raises:
            StoreError: The store cannot be written now.
        """
        with self._alone() as connection, named_trouble(self._path):
            # `execute` would free one page, whatever it is told.
            script = f"PRAGMA incremental_vacuum({int(most)})"
            patiently(lambda: connection.executescript(script), LOCK_PATIENCE)
            self._checkpoint(connection)

    def empty_log(self, patience: float) -> bool:
        """Bring the log back into the database and empty it; return whether no reader stood in the way for so long."""
        deadline = time.monotonic() + patience
        while self._path is not None:
            with self._alone() as connection, named_trouble(self._path):
                busy = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
            if not busy:
                break
            if time.monotonic() > deadline:
                return False
            pause(0.01)
        return True

    def copy_into(self, path: Path) -> None:
        """Write a copy of the database, as it is now, into an empty file.

        Raises:
            StoreError: It cannot be read, or the copy cannot be written.
        """
        statement = "VACUUM INTO ?"
        if self._path is None:
            with self._alone() as connection, named_trouble(path):
                connection.execute(statement, (str(path),))
            return
        db = self._take_reader()
        try:
            with named_trouble(path):
                raw(db).execute(statement, (str(path),))
        finally:
            self._give_back(db)

    def is_gone(self) -> bool:
        """Tell whether the file was removed or another one put in its place."""
        return self._path is not None and identity(self._path) != self._file

    def close(self) -> None:
        """Close every connection that is not in use."""
        with self._write_lock, self._mutex:
            for db in (*self._readers, self.writer):
                db.close()
            self._readers.clear()

    def quiesce(self) -> None:
        """Wait until nobody uses a connection, and let nobody begin; for the moment of a fork."""
        deadline = time.monotonic() + _FORK_PATIENCE
        self._mutex.acquire()
        while self._busy and time.monotonic() < deadline:
            self._mutex.release()
            pause(0.0005)
            self._mutex.acquire()

    def resume(self) -> None:
        """Let go on what `quiesce` stopped."""
        self._mutex.release()

    @contextmanager
    def _alone(self) -> Iterator[sqlite3.Connection]:
        with self._write_lock:
            self._count(1)
            try:
                if self.writer.is_closed():
                    raise StoreError(f"The store {self._path or 'in memory'} was closed; open it again.")
                yield raw(self.writer)
            finally:
                self._count(-1)

    def _count(self, change: int) -> None:
        with self._mutex:
            self._busy += change

    def _take_reader(self) -> SqliteDatabase:
        with self._mutex:
            self._busy += 1
            if self._readers:
                return self._readers.pop()
        try:
            return _connect(self._path)
        except BaseException:
            self._count(-1)
            raise

    def _give_back(self, db: SqliteDatabase) -> None:
        with self._mutex:
            self._busy -= 1
            if len(self._readers) < _IDLE_READERS and not self.writer.is_closed():
                self._readers.append(db)
                return
        db.close()

    def _checkpoint(self, connection: sqlite3.Connection) -> None:
        """Bring the log back into the database now and then, outside the write lock."""
        self._commits += 1
        if self._path is None or self._commits % _COMMITS_BETWEEN:
            return
        ahead = wal_size(self._path)
        if ahead > _TRUNCATE_ABOVE:
            # Only this stops a log that other writers keep growing; it needs a longer patience than a batch.
            connection.execute("PRAGMA busy_timeout=1000")
            try:
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            finally:
                connection.execute("PRAGMA busy_timeout=20")
        elif ahead > _PASSIVE_ABOVE:
            connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()


def raw(db: SqliteDatabase) -> sqlite3.Connection:
    """Return the driver's connection of an open database."""
    connection: sqlite3.Connection = db.connection()  # type: ignore[no-untyped-call]
    return connection


def patiently(action: Callable[[], _T], patience: float) -> _T:
    """Return what an action returns, trying it again at uneven moments while somebody else holds the lock.

    SQLite's own waiting backs off in long steps and starves one of several writers.
    """
    deadline, gap = time.monotonic() + patience, 0.001
    while True:
        try:
            return action()
        except (sqlite3.OperationalError, PeeweeException) as error:
            if not _is_busy(error) or time.monotonic() > deadline:
                raise
        pause(gap * random.uniform(0.5, 1.5))
        gap = min(gap * 2, 0.008)


def _is_busy(error: Exception) -> bool:
    return _code(_inner(error)) in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


@contextmanager
def named_trouble(path: Path | None) -> Iterator[None]:
    """Turn what the store cannot do into one sentence; an error in the data passes as it is."""
    try:
        yield
    except (sqlite3.Error, PeeweeException) as raised:
        error = _inner(raised)
        if isinstance(error, sqlite3.OperationalError) or _code(error) in _TROUBLE:
            kind = Damaged if _code(error) in _TROUBLE else Locked if _is_busy(error) else StoreError
            raise kind(_sentence(path, error)) from raised
        raise


def _inner(error: Exception) -> Exception:
    """Return the driver's own exception inside one of Peewee's."""
    inner = error.__cause__ or error.__context__
    return inner if isinstance(error, PeeweeException) and isinstance(inner, sqlite3.Error) else error


def _sentence(path: Path | None, error: Exception) -> str:
    where = "The store in memory" if path is None else f"The store {path}"
    return {
        sqlite3.SQLITE_BUSY: f"{where} is locked by another process; end it, or wait until it lets go.",
        sqlite3.SQLITE_READONLY: f"{where} cannot be written: it is read-only for this user; change its owner or mode.",
        sqlite3.SQLITE_FULL: f"{where} cannot grow: the disk is full; make room.",
        sqlite3.SQLITE_NOTADB: f"{where} is no SQLite database; move that file away, or name another.",
        sqlite3.SQLITE_CORRUPT: f"{where} is damaged; move that file away, and a new one is begun.",
        sqlite3.SQLITE_CANTOPEN: f"{where} cannot be opened; see that its folder exists and is yours.",
    }.get(_code(error), f"{where} cannot be used ({error}).")


def _code(error: Exception) -> int:
    return getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF


def _connect(path: Path | None) -> SqliteDatabase:
    # Every statement that can wait waits 20 ms inside SQLite; what lies beyond is ours to decide.
    db = SqliteDatabase(
        ":memory:" if path is None else str(path),
        pragmas=_PRAGMAS, timeout=0.02, thread_safe=False, check_same_thread=False,
    )  # fmt: skip
    db.register_function(spoken, "convotrace_spoken", 1, deterministic=True)
    db.register_function(work_in, "convotrace_work", 4, deterministic=True)
    with named_trouble(path):
        patiently(db.connect, OPEN_PATIENCE)
    return db


@contextmanager
def _transaction(connection: sqlite3.Connection, begin: str) -> Iterator[None]:
    connection.execute(begin)
    with _ending(connection):
        yield


@contextmanager
def _ending(connection: sqlite3.Connection) -> Iterator[None]:
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        # SQLite may have ended the transaction by itself, for example on a full disk.
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
