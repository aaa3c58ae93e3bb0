"""One PostgreSQL database put together: connections, index, upkeep."""

from __future__ import annotations

from functools import partial

from peewee import PostgresqlDatabase

from convotrace.store.database import Database
from convotrace.store.postgres.connections import PostgresConnections
from convotrace.store.postgres.fulltext import PostgresSpeech
from convotrace.store.postgres.location import location
from convotrace.store.postgres.making import make
from convotrace.store.postgres.upkeep import PostgresUpkeep


class _Models(PostgresqlDatabase):
    """What the tables are bound to: it derives SQL and is never connected."""

    returning_clause = False
    field_types = {  # noqa: RUF012
        **PostgresqlDatabase.field_types,
        # As wide as SQLite's, and compared byte by byte as there.
        "INT": "BIGINT", "AUTO": "BIGSERIAL", "FLOAT": "DOUBLE PRECISION", "TEXT": 'TEXT COLLATE "C"',
    }  # fmt: skip

    def get_binary_type(self) -> type[bytes]:
        """Return what bytes are wrapped in: nothing. Peewee 3 asks a driver for it that is not here."""
        return bytes


def connect(url: str, shown: str, create: bool) -> Database:
    """Return the database that a URL names; it is connected to when it is first used.

    Raises:
        StoreError: The URL cannot be used.
    """
    place = location(url, shown)
    connections = PostgresConnections(place)
    making = partial(make, connections, place, create)
    models = _Models(None, prefer_psycopg3=True)
    return Database(models, connections, PostgresSpeech(), PostgresUpkeep(connections, place), making)
