"""A schema recognised as ours or refused, and its tables made, by one process of those that start at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg

from convotrace.errors import StoreError
from convotrace.store.database import Connection
from convotrace.store.postgres import fulltext
from convotrace.store.postgres.connections import Copied, Lent, PostgresConnections
from convotrace.store.postgres.driver import Link
from convotrace.store.postgres.location import Location
from convotrace.store.rows import AwaitedRow, EventRow, TraceRow
from convotrace.store.schema import SCHEMA_VERSION, Table, Tables
from convotrace.store.sql import insertion, text

_VERSION = "schema"
"""The key of the schema's version among the facts of the store."""

_WIDE = {("score", "name")}
"""Texts of any length under an index: PostgreSQL takes no entry above 2,700 bytes, so it holds their beginnings."""

_BEGINNING = 200
_COPIED = {"BIGINT": "int8", "INT": "int8", "SMALLINT": "int2", "TEXT": "text", "BLOB": "bytea", "FLOAT": "float8"}
# The documents of traces as rows. One that PostgreSQL cannot read, for NUL or a lone surrogate in it, has none.
_SPANS = (
    """CREATE OR REPLACE FUNCTION spans_told(work text, begun bigint) RETURNS TABLE (id text, parent text, kind text,
    name text, status text, started bigint, duration bigint, model text) LANGUAGE plpgsql STABLE AS $$ BEGIN
    RETURN QUERY SELECT s->>0, s->>1, s->>2, s->>3, s->>4, begun + (s->>5)::bigint, (s->>6)::bigint, s->7->>'model'
    FROM json_array_elements(work::json->'spans') AS s;
    EXCEPTION WHEN data_exception THEN RETURN; END $$""",
    "CREATE OR REPLACE VIEW span AS SELECT t.sid, t.tk, s.* FROM trace t, LATERAL spans_told(t.work, t.started) s",
)
_LOOK = """
SELECT to_regnamespace(%s) IS NOT NULL, to_regclass(%s) IS NOT NULL,
 (SELECT count(*) FROM pg_class WHERE relnamespace = to_regnamespace(%s) AND relkind = 'r')
"""


def make(
    connections: PostgresConnections,
    place: Location,
    create: bool,
    tables: Tables,
    bring_up: Callable[[Connection, int], None],
) -> None:
    """Make what is missing in a schema.

    Args:
        connections: To its database.
        place: Where it is.
        create: Whether to make the store where there is none.
        tables: What it must hold.
        bring_up: Called in the same transaction when all tables are there, with the version that they had.

    Raises:
        StoreError: It is no store, one of a newer release, or cannot be used.
    """
    with connections.alone() as link:
        if _version(link, place, create) < SCHEMA_VERSION:
            _make(connections, link, place, create, tables, bring_up)
    connections.copied = copied(tables)


def copied(tables: Tables) -> dict[str, Copied]:
    """Return the statements whose rows come in by COPY: those that find none of their rows there already."""
    return {
        text(insertion(tables.trace, TraceRow).on_conflict_ignore()): _copied(tables.trace, TraceRow),
        text(insertion(tables.event, EventRow)): _copied(tables.event, EventRow),
        text(insertion(tables.awaited, AwaitedRow)): _copied(tables.awaited, AwaitedRow),
    }


def _copied(table: Table, row: Any) -> Copied:
    names = ", ".join(f'"{column}"' for column in row._fields)
    types = [_COPIED[table._meta.fields[column].field_type] for column in row._fields]
    return Copied(f'COPY "{table._meta.table_name}" ({names}) FROM STDIN (FORMAT BINARY)', types)


def _version(link: Link, place: Location, create: bool) -> int:
    """Return the version of the schema's tables, 0 where there are none."""
    name = place.schema
    there, is_ours, others = link.execute(_LOOK, (name, f"{name}.meta", name)).fetchone() or (False, False, 0)
    if not there or not (is_ours or others):
        if not create:
            raise StoreError(f"There is no store at {place.shown} (schema {name}); name the one your app writes.")
        return 0
    found = _marked(link) if is_ours else None
    if found is None:
        raise StoreError(f"The schema {name} of {place.shown} holds something else; name one of its own: ?schema=…")
    if found > SCHEMA_VERSION:
        raise StoreError(
            f"The store {place.shown} was written by a newer convotrace (schema {found}, this one knows "
            f"{SCHEMA_VERSION}); upgrade convotrace, or name another schema: ?schema=…"
        )
    return found


def _marked(link: Link) -> int | None:
    try:
        found = link.execute("SELECT value FROM meta WHERE key = %s", (_VERSION,)).fetchone()
    except psycopg.errors.UndefinedColumn:
        return None
    return int(found[0]) if found else None


def _make(
    connections: PostgresConnections,
    link: Link,
    place: Location,
    create: bool,
    tables: Tables,
    bring_up: Callable[[Connection, int], None],
) -> None:
    # Somebody else may be at it, for as long as it takes.
    link.execute(f"BEGIN; SET LOCAL statement_timeout TO 0; SET LOCAL lock_timeout TO 60000; {connections.locking()}")
    version = _version(link, place, create)
    if version >= SCHEMA_VERSION:
        link.execute("COMMIT")
        return
    _make_schema(link, place)
    for table in tables.all():
        _add_columns(link, table)
        _add_table(link, table)
    for statement in _SPANS:
        link.execute(statement)
    fulltext.make(link)
    bring_up(Lent(link, {}), version)
    link.execute(
        "INSERT INTO meta (key, value) VALUES (%s, %s) ON CONFLICT (key) DO UPDATE SET value = EXCLUDED.value",
        (_VERSION, str(SCHEMA_VERSION)),
    )
    link.execute("COMMIT")


def _make_schema(link: Link, place: Location) -> None:
    encoding = link.execute("SHOW server_encoding").fetchone()
    if encoding != ("UTF8",):
        raise StoreError(f"The database {place.shown} is not in UTF-8; create one that is: createdb -E UTF8.")
    if link.execute("SELECT to_regnamespace(%s) IS NULL", (place.schema,)).fetchone() == (True,):
        # Asked first: even where it is there, making it needs a right that an app should not have.
        link.execute(f'CREATE SCHEMA "{place.schema}"')


def _add_table(link: Link, table: Table) -> None:
    table._meta.without_rowid = False
    # Peewee's own way logs each statement, into the log of an app that shows everything.
    link.execute(table._schema._create_table(safe=True).query()[0])
    for index in table._schema._create_indexes(safe=True):
        link.execute(_narrowed(index.query()[0], table._meta.table_name))


def _narrowed(statement: str, name: str) -> str:
    for table, column in _WIDE:
        if name == table:
            statement = statement.replace(f'("{column}",', f'(left("{column}", {_BEGINNING}),')
    return statement


def _add_columns(link: Link, table: Table) -> None:
    """Add to a table of an older schema the columns it lacks; each of those may be null."""
    name = table._meta.table_name
    found = link.execute(
        "SELECT attname FROM pg_attribute WHERE attrelid = to_regclass(%s) AND attnum > 0 AND NOT attisdropped",
        (f'"{name}"',),
    )
    there = {column for (column,) in found}
    for column in table._meta.sorted_fields:
        if there and column.column_name not in there:
            context = table._meta.database.get_sql_context()
            link.execute(f'ALTER TABLE "{name}" ADD COLUMN {context.sql(column.ddl(context)).query()[0]}')
