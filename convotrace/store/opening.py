"""A database made ready: recognised as ours or refused, its tables made once, its secrets drawn once."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass
from functools import partial

from convotrace.store import databases
from convotrace.store.counting import count_all
from convotrace.store.database import Connection, Connections, Damaged, Speech, Upkeep
from convotrace.store.schema import RANK_INDEXES, Tables, make_tables
from convotrace.store.statements import Statements

RELABEL = "labels are older"
"""The fact that not all sessions were labelled anew since the schema changed, with the key of the last that was."""

RANKED = "ranks"
"""The fact that the indexes of sessions at rest are made."""

_LABELLED_SINCE, _COUNTED_SINCE = 10, 8
"""The schemas whose labels, and whose buckets, are as they are now."""

_ASIDE = "aside:"


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
    """Return the database that a URL names, made ready; a damaged file is set aside, where a new one may be made.

    Raises:
        StoreError: It is no store, one of a newer release, or cannot be used.
    """
    try:
        return _open(url, create)
    except Damaged:
        name = databases.set_aside(url) if create else None
        if name is None:
            raise
    opened = _open(url, create)
    note_aside(opened, name)
    return opened


def note_aside(opened: Opened, name: str) -> None:
    """Let the page say that a damaged file was set aside, and under what name."""
    if name:
        meta(opened, f"{_ASIDE}{name}", str(time.time_ns()))


def set_aside(opened: Opened) -> dict[str, int]:
    """Return the names of the damaged files that this store took the place of, each with when, in ns."""
    with opened.connections.reading() as connection:
        found = connection.execute(opened.sql.meta_between, (_ASIDE, _ASIDE[:-1] + ";")).fetchall()
    return {key.removeprefix(_ASIDE): int(value) for key, value in found}


def _open(url: str, create: bool) -> Opened:
    database = databases.connect(url, create)
    try:
        tables = make_tables(database.models)
        sql = _statements(tables, type(database.models))
        database.make(tables, partial(_bring_up, sql))
        return Opened(database.connections, tables, sql, database.speech, database.upkeep, database.presses)
    except BaseException:
        database.connections.close()
        raise


_made: dict[type, Statements] = {}


def _statements(tables: Tables, kind: type) -> Statements:
    """Return the statements for a kind of database: texts, made once, as that takes three quarters of an opening."""
    found = _made.get(kind)
    if found is None:
        found = _made[kind] = Statements(tables)
    return found


def _bring_up(sql: Statements, connection: Connection, version: int) -> None:
    """Make what a store lacks, or note that it is to be made in one of an older schema; a new one has version 0."""
    if version == 0:
        for statement in RANK_INDEXES:
            connection.execute(statement)
        connection.execute(sql.put_meta, (RANKED, "1"))
    if 0 < version < _LABELLED_SINCE:
        connection.execute(sql.put_meta, (RELABEL, str(-(1 << 63))))
    if 0 < version < _COUNTED_SINCE:
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
