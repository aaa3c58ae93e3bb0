"""A database made ready: recognised as ours or refused, its tables made once, its secrets drawn once."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from functools import partial

from convotrace.store import databases
from convotrace.store.counting import count_all
from convotrace.store.database import Connection, Connections, Speech, Upkeep
from convotrace.store.labelling import label_all
from convotrace.store.schema import Tables, make_tables
from convotrace.store.statements import Statements


@dataclass(frozen=True)
class Opened:
    """A database that is ready, and what belongs to it."""

    connections: Connections
    tables: Tables
    sql: Statements
    speech: Speech
    upkeep: Upkeep
    presses: bool


def open_database(url: str, create: bool) -> Opened:
    """Return the database that a URL names, made ready.

    Raises:
        StoreError: It is no store, one of a newer release, or cannot be used.
    """
    database = databases.connect(url, create)
    try:
        tables = make_tables(database.models)
        sql = Statements(tables)
        database.make(tables, partial(_bring_up, sql))
        return Opened(database.connections, tables, sql, database.speech, database.upkeep, database.presses)
    except BaseException:
        database.connections.close()
        raise


def _bring_up(sql: Statements, connection: Connection) -> None:
    """Make what a store of an older schema lacks; in a new one there is nothing to do."""
    label_all(sql, connection)
    count_all(sql.buckets, connection)


def meta(opened: Opened, key: str, first: str) -> str:
    """Return a value that is made once a store, whichever process asks first."""
    found = known(opened, key)
    if found is None:
        with opened.connections.writing(()) as connection:
            connection.execute(opened.sql.insert_meta, (key, first))
            found = str(connection.execute(opened.sql.meta_by_key, (key,)).fetchone()[0])
    return found


def known(opened: Opened, key: str) -> str | None:
    """Return a value that some process has put down, None where none did."""
    with opened.connections.reading() as connection:
        found = connection.execute(opened.sql.meta_by_key, (key,)).fetchone()
    return None if found is None else str(found[0])


def secret(opened: Opened, name: str) -> bytes:
    """Return 32 random bytes that are made once a store."""
    return bytes.fromhex(meta(opened, f"secret:{name}", secrets.token_hex(32)))
