"""One SQLite file put together: connections, index, upkeep."""

from __future__ import annotations

from functools import partial

from convotrace.store.database import Database
from convotrace.store.sqlite.connections import SqliteConnections, raw
from convotrace.store.sqlite.fulltext import SqliteSpeech, is_available
from convotrace.store.sqlite.location import file_of, make_ready
from convotrace.store.sqlite.making import make
from convotrace.store.sqlite.unindexed import NoSpeech
from convotrace.store.sqlite.upkeep import SqliteUpkeep


def connect(url: str, create: bool) -> Database:
    """Return the database of a file, or a new one in memory.

    Raises:
        StoreError: It cannot be opened, or is not there and may not be made.
    """
    path = file_of(url)
    if path is not None:
        make_ready(path, create)
    connections = SqliteConnections(path)
    upkeep = SqliteUpkeep(connections, path)
    speech = SqliteSpeech() if is_available(raw(connections.writer)) else NoSpeech()
    return Database(connections.writer, connections, speech, upkeep, partial(make, connections, path), presses=True)
