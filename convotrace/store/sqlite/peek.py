"""The schema of a file, told without opening it as a store: nothing in it is made or changed."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.request import pathname2url

from convotrace.errors import StoreError
from convotrace.store.sqlite.making import APPLICATION_ID


def schema_of(path: Path) -> int | None:
    """Return the schema of a file, None where it holds nothing yet.

    Raises:
        StoreError: There is no file, or it is no store of ours.
    """
    if not path.is_file():
        raise StoreError(f"There is no store at {path}; name the one your app writes, by its URL or CONVOTRACE_STORE.")
    try:
        with closing(_reading(path)) as db:
            (application,) = db.execute("PRAGMA application_id").fetchone()
            (version,) = db.execute("PRAGMA user_version").fetchone()
            (tables,) = db.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.DatabaseError as error:
        raise StoreError(f"{path} cannot be read ({error}); name the file of a store.") from None
    if application == APPLICATION_ID:
        return int(version)
    if tables:
        raise StoreError(f"{path} is a database of something else; name a file of its own for the store.")
    return None


def copy(path: Path, to: Path) -> None:
    """Write a copy of a file as it stands, whatever its schema.

    Raises:
        StoreError: There is something at that path, or it cannot be written.
    """
    if to.exists():
        raise StoreError(f"{to} is there already; name a new file.")
    try:
        to.touch(0o600)
        with closing(_reading(path)) as db, closing(sqlite3.connect(to)) as made:
            db.backup(made)
    except (OSError, sqlite3.Error) as error:
        to.unlink(missing_ok=True)
        raise StoreError(f"{to} cannot be written ({error}); name another place.") from None


def _reading(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{pathname2url(str(path))}?mode=ro", uri=True)
