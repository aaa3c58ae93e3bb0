"""Which database a URL names."""

from __future__ import annotations

from pathlib import Path

from convotrace.errors import StoreError
from convotrace.options import shown_url
from convotrace.store import sqlite
from convotrace.store.database import Database
from convotrace.store.sqlite import location, peek

_NEEDS_PSYCOPG = 'A PostgreSQL store needs psycopg 3 ({error}); install it: pip install "convotrace[postgres]"'
_POSTGRES = ("postgresql://", "postgres://")


def check(url: str) -> None:
    """Raise StoreError where a URL names no store."""
    if not (sqlite.is_named(url) or url.startswith(_POSTGRES)):
        raise StoreError(
            f"{shown_url(url)!r} names no store; use sqlite:///path/to/file.db, memory: or postgresql://user@host/database."
        )


def set_aside(url: str) -> str | None:
    """Move a damaged store to another name, so that a new one can be begun.

    Returns:
        The name that it has now; "" where it was moved by another process; None where it is not ours to move.
    """
    return sqlite.set_aside(url) if sqlite.is_named(url) else None


def waits_for_forks(url: str) -> bool:
    """Tell whether nobody may be inside the database while a process forks."""
    return sqlite.is_named(url)


def connect(url: str, create: bool) -> Database:
    """Return the database that a URL names.

    Raises:
        StoreError: It cannot be reached or opened, or is not there and may not be made.
    """
    check(url)
    if sqlite.is_named(url):
        return sqlite.connect(url, create)
    try:
        # Late: psycopg costs an app that has no such store nothing.
        from convotrace.store import postgres
    except ImportError as error:
        raise StoreError(_NEEDS_PSYCOPG.format(error=error)) from None
    return postgres.connect(url, shown_url(url), create)


def schema_of(url: str) -> int | None:
    """Return the schema of a store without opening it, None where there is nothing yet.

    Raises:
        StoreError: It is not there, is none, or cannot be reached.
    """
    check(url)
    if sqlite.is_named(url):
        path = location.file_of(url)
        return None if path is None else peek.schema_of(path)
    try:
        from convotrace.store.postgres.peek import schema_of as of_postgres
    except ImportError as error:
        raise StoreError(_NEEDS_PSYCOPG.format(error=error)) from None
    return of_postgres(url, shown_url(url))


def copy(url: str, to: Path) -> None:
    """Write a copy of a store's file as it stands, whatever its schema.

    Raises:
        StoreError: The store is no file, there is something at that path, or it cannot be written.
    """
    path = location.file_of(url) if sqlite.is_named(url) else None
    if path is None:
        raise StoreError("Only a file can be copied so; copy a PostgreSQL store by pg_dump.")
    peek.copy(path, to)
