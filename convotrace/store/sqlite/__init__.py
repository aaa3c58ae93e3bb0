"""The store in one SQLite file, or in memory."""

from convotrace.store.sqlite.file import connect
from convotrace.store.sqlite.location import is_named

__all__ = ["connect", "is_named"]
