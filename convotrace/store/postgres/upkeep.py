"""The room that the tables take, and what PostgreSQL leaves to its own tools: vacuuming, copies."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from convotrace.errors import StoreError
from convotrace.store.database import Connection, Pages, State, Upkeep
from convotrace.store.postgres.connections import PostgresConnections
from convotrace.store.postgres.location import Location
from convotrace.store.schema import SCHEMA_VERSION

_SIZE = """
SELECT coalesce(sum(pg_total_relation_size(oid)), 0) FROM pg_class
WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r'
"""
_INVALID = """
SELECT c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
WHERE c.relnamespace = current_schema()::regnamespace AND NOT (i.indisvalid AND i.indisready)
"""
# Bytes of a row as it is stored, from some hundred pages of each table.
_SAMPLED = """
SELECT coalesce(avg(pg_column_size(t.*) + 28), 0) FROM "{table}" t TABLESAMPLE SYSTEM ({share})
"""
_TABLES = """
SELECT c.relname, c.relpages, pg_stat_get_live_tuples(c.oid) FROM pg_class c
WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'r'
"""
_PAGES_SAMPLED = 200
_INDEX_SHARE = 1.3
"""Rows with their indexes take about so many times as much as the rows."""

_BLOCK = 8192


class PostgresUpkeep(Upkeep):
    """The upkeep of one schema."""

    leftover = (
        "No query finds it any more. Its bytes stay in PostgreSQL's files, its log and its backups until they are"
        " vacuumed and replaced: VACUUM FULL on the tables of the schema takes them out of the tables at once."
    )

    def __init__(self, connections: PostgresConnections, place: Location) -> None:
        self._connections, self._place = connections, place

    def size(self) -> int:
        """Return the bytes of tables and indexes, with what is free in them."""
        with self._connections.reading() as connection:
            return int(connection.execute(_SIZE).fetchone()[0])

    def gauge(self, connection: Connection, count: Callable[[], int]) -> Callable[[Connection, int], int]:
        """Return what guesses the bytes in use: tables keep the room of deleted rows, so it cannot be read off."""
        used, rows = sum(_bytes(connection, *row) for row in connection.execute(_TABLES).fetchall()), count()
        return lambda _, gone: int(used * max(rows - gone, 0) / max(rows, 1) * _INDEX_SHARE)

    def shrink(self, limit: int | None, go_on: Callable[[], bool]) -> Iterator[None]:
        """Do nothing: autovacuum makes the room usable again."""
        yield from ()

    def wipe(self, patience: float) -> bool:
        """Do nothing: only the keeper of the server can."""
        return False

    def backup(self, path: Path) -> int:
        """Refuse: PostgreSQL has better tools for it."""
        raise StoreError(
            f"{self._place.shown} is a PostgreSQL database; copy it with its own tool:"
            f" pg_dump --schema={self._place.schema} --format=custom --file={path} …"
        )

    def integrity(self) -> str:
        """Return "ok", or which indexes are broken; pages are the server's to check."""
        with self._connections.reading() as connection:
            broken = [name for (name,) in connection.execute(_INVALID)]
        return f"not valid, REINDEX: {', '.join(broken)}" if broken else "ok"

    def state(self) -> State:
        """Return the state of the schema."""
        with self._connections.reading() as connection:
            (version,) = connection.execute("SHOW server_version").fetchone()
        pages = Pages(_BLOCK, self.size() // _BLOCK, 0)
        return State(self._place.shown, None, SCHEMA_VERSION, self.integrity(), pages, 0, f"PostgreSQL {version}")


def _bytes(connection: Connection, table: str, pages: int, live: int) -> float:
    share = min(100 * _PAGES_SAMPLED / max(pages, 1), 100)
    sampled = connection.execute(_SAMPLED.format(table=table, share=f"{share:.6f}")).fetchone()[0]
    return float(live * sampled)
