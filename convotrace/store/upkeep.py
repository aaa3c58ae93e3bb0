"""The file itself: how much of it is in use, room given back, deleted words wiped, a copy of it made."""

from __future__ import annotations

import os
import secrets
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from convotrace.errors import StoreError
from convotrace.store.native import pause
from convotrace.store.opening import Opened
from convotrace.store.removal import Removed

_PAGES_AT_ONCE = 100
_FREE_SHARE, _FREE_AT_LEAST = 20, 512
"""Free pages are wanted for what comes next: up to a twentieth of the file, and 2 MB."""


@dataclass(frozen=True)
class Pages:
    """The pages of a database file."""

    size: int
    count: int
    free: int

    @property
    def used_bytes(self) -> int:
        """Bytes of the pages that hold something."""
        return (self.count - self.free) * self.size

    @property
    def bytes(self) -> int:
        """Bytes of all pages."""
        return self.count * self.size


def pages(connection: sqlite3.Connection) -> Pages:
    """Return the pages of a database as its connection sees them now."""
    return Pages(*(_number(connection, name) for name in ("page_size", "page_count", "freelist_count")))


def shrink(opened: Opened, limit: int | None, go_on: Callable[[], bool]) -> Iterator[Removed]:
    """Give free pages back to the disk, a few at a time, where there are many, or the file is over its limit."""
    given = False
    while go_on() and _spare(_look(opened), limit):
        began = time.perf_counter()
        opened.connections.vacuum(_PAGES_AT_ONCE)
        given = True
        yield Removed()
        pause(time.perf_counter() - began)
    if given:
        # The file shrinks when what was written ahead of it comes back into it.
        opened.connections.empty_log(0.2)


def _spare(found: Pages, limit: int | None) -> int:
    if limit is not None and found.bytes > limit and found.free:
        return found.free
    return max(found.free - max(found.count // _FREE_SHARE, _FREE_AT_LEAST), 0)


def _look(opened: Opened) -> Pages:
    with opened.connections.reading() as connection:
        return pages(connection)


def _number(connection: sqlite3.Connection, name: str) -> int:
    return int(connection.execute(f"PRAGMA {name}").fetchone()[0])


def backup(opened: Opened, path: Path) -> int:
    """Write a copy of the store that is whole or not there, readable by its owner only; return its bytes.

    Raises:
        StoreError: Something is at that path already, or the copy cannot be made.
    """
    if os.path.lexists(path):
        raise StoreError(f"{path} exists already; name a new file, a backup never overwrites.")
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        # SQLite takes an empty file, and leaves it its mode.
        os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        opened.connections.copy_into(part)
        _to_disk(part)
        _put(part, path)
    except OSError as error:
        raise StoreError(f"{path} cannot be made ({error.strerror}); name a place that can be written.") from error
    finally:
        with suppress(OSError):
            os.unlink(part)
    return os.stat(path).st_size


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
