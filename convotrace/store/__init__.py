"""The store: the only room that knows Peewee and the databases, each of which has a folder of its own."""

from convotrace.store.store import Store
from convotrace.store.writer import Writer

__all__ = ["Store", "Writer"]
