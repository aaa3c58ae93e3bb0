"""The store: the only room that knows Peewee and SQLite."""

from convotrace.store.store import Store
from convotrace.store.writer import Writer

__all__ = ["Store", "Writer"]
