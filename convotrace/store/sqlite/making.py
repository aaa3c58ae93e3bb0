"""A file recognised as ours or refused, and its tables made, by one process of those that start at once."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

from convotrace.errors import StoreError
from convotrace.store.database import Connection
from convotrace.store.schema import SCHEMA_VERSION, Tables
from convotrace.store.sqlite import fulltext, older
from convotrace.store.sqlite.connections import OPEN_PATIENCE, SqliteConnections, named_trouble, patiently, raw

# "CTRC": tells a file of ours from the app's own database, whose tables must not be touched.
APPLICATION_ID = 0x43545243

_PAGE_SIZE = 16384
_BUCKETS_SINCE = 8
"""The schema whose buckets are filled."""


# Where a filter looks for parts of words, in the order of lists: a fourth of the bytes of the rows themselves. Here and
# not in `schema`, because other databases refuse entries of such a length.
_SHOWN = "CREATE INDEX IF NOT EXISTS session_shown ON session(last, sid, id, user_id, first_input, last_output)"
_SPANS = """
CREATE VIEW span AS SELECT t.sid, t.tk, json_extract(s.value, '$[0]') AS id,
 json_extract(s.value, '$[1]') AS parent, json_extract(s.value, '$[2]') AS kind, json_extract(s.value, '$[3]') AS name,
 json_extract(s.value, '$[4]') AS status, t.started + json_extract(s.value, '$[5]') AS started,
 json_extract(s.value, '$[6]') AS duration, json_extract(s.value, '$[7].model') AS model
FROM trace t, json_each(convotrace_work(t.work, t.pressed, t.input_text, t.output_text), '$.spans') s
"""


def make(
    connections: SqliteConnections, path: Path | None, tables: Tables, bring_up: Callable[[Connection, int], None]
) -> None:
    """Make what is missing in a file.

    Args:
        connections: To the file.
        path: Where it is.
        tables: What it must hold.
        bring_up: Called in the same transaction when all tables are there, with the version that they had.

    Raises:
        StoreError: It is no store, one of a newer release, or cannot be used.
    """
    with named_trouble(path):
        _refuse_strangers(raw(connections.writer), path)
        _make_tables(connections, tables, bring_up)


def _refuse_strangers(connection: sqlite3.Connection, path: Path | None) -> None:
    """Refuse a file that is not ours to change, before anything in it is changed."""
    application, version, tables = patiently(lambda: _what_it_is(connection), OPEN_PATIENCE)
    if application == APPLICATION_ID:
        if version > SCHEMA_VERSION:
            raise StoreError(
                f"The store {path} was written by a newer convotrace (schema {version}, this one knows "
                f"{SCHEMA_VERSION}); upgrade convotrace, or name another file."
            )
    elif tables:
        raise StoreError(f"{path} is a database of something else; name a file of its own for the store.")


def _what_it_is(connection: sqlite3.Connection) -> tuple[int, int, int]:
    row = connection.execute(
        "SELECT a.application_id, u.user_version, (SELECT count(*) FROM sqlite_master)"
        " FROM pragma_application_id a, pragma_user_version u"
    ).fetchone()
    return row[0], row[1], row[2]


def _make_tables(connections: SqliteConnections, tables: Tables, bring_up: Callable[[Connection, int], None]) -> None:
    connection = raw(connections.writer)
    patiently(lambda: _set_modes(connection), OPEN_PATIENCE)
    patiently(lambda: connection.execute("BEGIN IMMEDIATE"), OPEN_PATIENCE)
    try:
        application, version, _ = _what_it_is(connection)
        # Another process may have been first.
        if application != APPLICATION_ID or version < SCHEMA_VERSION:
            is_older = older.set_aside(connection)
            if version < _BUCKETS_SINCE:
                # It had other columns while nothing filled it.
                connection.execute("DROP TABLE IF EXISTS bucket")
            _add_columns(connection, tables)
            _add_tables(connection, tables)
            connection.execute(_SHOWN)
            connection.execute("DROP VIEW IF EXISTS span")
            connection.execute(_SPANS)
            if is_older:
                older.bring_over(connection)
            # A wider index has taken its place.
            connection.execute('DROP INDEX IF EXISTS "session_last"')
            bring_up(connection, version)
            connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version={SCHEMA_VERSION}")
        _settle_index(connection)
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise


def _settle_index(connection: sqlite3.Connection) -> None:
    """Make the text index, or let go of it, where this SQLite is another one than that which wrote the file."""
    if fulltext.is_available(connection):
        fulltext.make(connection)
    elif fulltext.is_made(connection):
        fulltext.let_go(connection)


def _add_tables(connection: sqlite3.Connection, tables: Tables) -> None:
    # Peewee's own way logs each statement, into the log of an app that shows everything.
    for table in tables.all():
        schema = table._schema
        for made in (schema._create_table(safe=True), *schema._create_indexes(safe=True)):
            connection.execute(made.query()[0])


def _add_columns(connection: sqlite3.Connection, tables: Tables) -> None:
    """Add to the tables of an older schema the columns they lack; each of those may be null."""
    for table in tables.all():
        name = table._meta.table_name
        there = {row[1] for row in connection.execute(f'PRAGMA table_info("{name}")')}
        for column in table._meta.sorted_fields:
            if there and column.column_name not in there:
                context = table._meta.database.get_sql_context()
                connection.execute(f'ALTER TABLE "{name}" ADD COLUMN {context.sql(column.ddl(context)).query()[0]}')


def _set_modes(connection: sqlite3.Connection) -> None:
    if _what_it_is(connection)[0] != APPLICATION_ID:
        # Both must stand before the first table. A turn of prose takes 3 KB: a page of 8 KB would be a quarter empty;
        # incremental, so that retention can give room back.
        connection.execute(f"PRAGMA page_size={_PAGE_SIZE}")
        connection.execute("PRAGMA auto_vacuum=incremental")
    connection.execute("PRAGMA journal_mode=wal").fetchall()
