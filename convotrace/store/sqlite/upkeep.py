"""The file itself: how much of it is in use, room given back, deleted words wiped, a copy of it made."""

from __future__ import annotations

import os
import secrets
import shutil
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from convotrace.errors import StoreError
from convotrace.store.database import Connection, Pages, State, Upkeep
from convotrace.store.native import pause
from convotrace.store.sqlite.connections import SqliteConnections
from convotrace.store.sqlite.location import size, wal_size

_BYTES_AT_ONCE = 400 << 10
_FREE_SHARE, _FREE_BYTES = 20, 2 << 20
"""Free pages are wanted for what comes next: up to a twentieth of the file, and 2 MB."""


class SqliteUpkeep(Upkeep):
    """The upkeep of a file, or of a database in memory."""

    leftover = "A reader held the log open: its old words go with the next forget, or when all have closed."

    def __init__(self, connections: SqliteConnections, path: Path | None) -> None:
        self._connections, self._path = connections, path

    def size(self) -> int:
        """Return the bytes of the file and its log."""
        return size(self._path) if self._path is not None else self._look().bytes

    def gauge(self, connection: Connection, count: Callable[[], int]) -> Callable[[Connection, int], int]:
        """Return what tells the bytes of the pages in use: SQLite knows them at every moment."""
        return lambda now, _: pages(now).used_bytes

    def shrink(self, limit: int | None, go_on: Callable[[], bool]) -> Iterator[None]:
        """Give free pages back to the disk, a few at a time, where there are many, or the file is over its limit."""
        given = False
        while go_on() and _spare(found := self._look(), limit):
            began = time.perf_counter()
            self._connections.vacuum(_BYTES_AT_ONCE // found.size)
            given = True
            yield
            pause(time.perf_counter() - began)
        if given:
            # The file shrinks when what was written ahead of it comes back into it.
            self._connections.empty_log(0.2)

    def wipe(self, patience: float) -> bool:
        """Empty the log, which holds the old pages; in the file itself they are overwritten."""
        return self._connections.empty_log(patience)

    def backup(self, path: Path) -> int:
        """Write a copy that is whole or not there, readable by its owner only."""
        if os.path.lexists(path):
            raise StoreError(f"{path} exists already; name a new file, a backup never overwrites.")
        part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
        try:
            # SQLite takes an empty file, and leaves it its mode.
            os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
            self._connections.copy_into(part)
            _to_disk(part)
            _put(part, path)
        except OSError as error:
            raise StoreError(f"{path} cannot be made ({error.strerror}); name a place that can be written.") from error
        finally:
            with suppress(OSError):
                os.unlink(part)
        return os.stat(path).st_size

    def integrity(self) -> str:
        """Return "ok", or what is wrong with the file."""
        with self._connections.reading() as connection:
            return _checked(connection, "quick_check")

    def state(self) -> State:
        """Return the state of the file, after a look at all of it."""
        path = self._path
        with self._connections.reading() as connection:
            (schema,), (journal,) = (
                connection.execute(f"PRAGMA {name}").fetchone() for name in ("user_version", "journal_mode")
            )
            integrity, found = _checked(connection, "integrity_check(5)"), pages(connection)
        if path is None:
            return State("in memory", None, schema, integrity, found, 0, journal)
        return State(
            place=str(path), path=str(path), schema=schema, integrity=integrity, pages=found, journal=journal,
            log_bytes=wal_size(path), free_on_disk=shutil.disk_usage(path.parent).free,
            file_mode=_mode(path), folder_mode=_mode(path.parent),
        )  # fmt: skip

    def _look(self) -> Pages:
        with self._connections.reading() as connection:
            return pages(connection)


def pages(connection: Connection) -> Pages:
    """Return the pages of a database as its connection sees them now."""
    return Pages(*(_number(connection, name) for name in ("page_size", "page_count", "freelist_count")))


def _number(connection: Connection, name: str) -> int:
    return int(connection.execute(f"PRAGMA {name}").fetchone()[0])


def _checked(connection: Connection, how: str) -> str:
    return "; ".join(str(row[0]) for row in connection.execute(f"PRAGMA {how}"))


def _spare(found: Pages, limit: int | None) -> int:
    if limit is not None and found.bytes > limit and found.free:
        return found.free
    return max(found.free - max(found.count // _FREE_SHARE, _FREE_BYTES // found.size), 0)


def _mode(path: Path) -> int | None:
    # What Windows calls a mode says nothing about who may read.
    return None if os.name == "nt" else stat.S_IMODE(os.stat(path).st_mode)


def _put(part: Path, path: Path) -> None:
    try:
        os.link(part, path)
    except FileExistsError:
        raise StoreError(f"{path} exists already; name a new file, a backup never overwrites.") from None
    except OSError:  # a file system without second names: nobody else had this one a moment ago
        os.rename(part, path)


def _to_disk(path: Path) -> None:
    handle = os.open(path, os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
