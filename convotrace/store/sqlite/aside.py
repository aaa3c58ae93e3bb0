"""A damaged file of ours is moved to a dated name beside it, so that a new one can be begun; it is never deleted.

What is no store of ours is left alone: it may be somebody's, and named by mistake.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

from convotrace.store.sqlite.location import identity

_ID_AT, _ID = 68, b"CTRC"
_LOOKED_AT = 1 << 20
_TRACES = (b"session_recent", b"trace_unindexed")
_PARTS = ("-wal", "-shm", "")


def set_aside(path: Path) -> str | None:
    """Move a damaged store of ours away, unless another process has done so.

    Args:
        path: The file.

    Returns:
        The name that it has now; "" where there is nothing to move any more; None where it is not ours to move.
    """
    with _alone_in(path.parent) as is_alone:
        # Looked at in this order: while another process was alone here, the file may have gone, or be a new one.
        if not is_alone or identity(path) is None or not _is_damaged(path):
            return "" if is_alone else None
        if not _is_ours(path):
            return None
        name = f"{path.name}.damaged-{time.strftime('%Y%m%dT%H%M%S', time.gmtime())}-{os.getpid()}"
        for part in _PARTS:
            with contextlib.suppress(FileNotFoundError):
                os.rename(f"{path}{part}", path.with_name(f"{name}{part}"))
    return name


def _is_ours(path: Path) -> bool:
    try:
        with open(path, "rb") as file:
            head = file.read(_LOOKED_AT)
        if head[_ID_AT : _ID_AT + len(_ID)] == _ID or all(trace in head for trace in _TRACES):
            return True
        # A folder of our making holds nothing else; its first page may be gone altogether.
        return (path.parent / ".gitignore").read_text() == "*\n" and path.name == "sessions.db"
    except OSError:
        return False


def _is_damaged(path: Path) -> bool:
    try:
        connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=1)
    except sqlite3.Error:
        return False
    try:
        return bool(connection.execute("PRAGMA quick_check(1)").fetchone() != ("ok",))
    except sqlite3.OperationalError:
        return False  # locked, or not to be read now
    except sqlite3.DatabaseError:
        return True
    finally:
        connection.close()


@contextlib.contextmanager
def _alone_in(folder: Path) -> Iterator[bool]:
    """Hold a lock on a folder: of processes that see the damage at once, one moves the file."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:
        yield False
        return
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield True
    except OSError:
        yield False
    finally:
        os.close(handle)
