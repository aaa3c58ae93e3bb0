"""The store in one SQLite file, or in memory."""

from __future__ import annotations

from convotrace.store.sqlite import aside
from convotrace.store.sqlite.file import connect
from convotrace.store.sqlite.location import file_of, is_named

__all__ = ["connect", "is_named", "set_aside"]


def set_aside(url: str) -> str | None:
    """Move the damaged file of a store away; None where it is not ours to move, or is no file."""
    path = file_of(url)
    return None if path is None else aside.set_aside(path)
