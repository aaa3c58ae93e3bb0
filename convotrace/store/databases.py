"""Which database a URL names."""

from __future__ import annotations

from convotrace.errors import StoreError
from convotrace.store import sqlite
from convotrace.store.database import Database


def check(url: str) -> None:
    """Raise StoreError where a URL names no store."""
    if not sqlite.is_named(url):
        raise StoreError(f"{url!r} names no store; use sqlite:///path/to/file.db or memory:.")


def connect(url: str, create: bool) -> Database:
    """Return the database that a URL names, connected to.

    Raises:
        StoreError: It cannot be reached or opened, or is not there and may not be made.
    """
    check(url)
    return sqlite.connect(url, create)
