"""Contents of a session found where they stand: in rows of their own, or in those of traces."""

from __future__ import annotations

from collections.abc import Callable

from convotrace.store.bundles import CHAIN, PLACE_BYTES, at_place, bundled
from convotrace.store.contents import content_row
from convotrace.store.database import Connection
from convotrace.store.packing import bundle_in
from convotrace.store.remembered import Held
from convotrace.store.rows import ContentRow
from convotrace.store.statements import Statements
from convotrace.store.unpacking import Contents

_LOOKED_AT = 100
"""Of what others wrote, so many of the newest traces are looked at."""


def fetcher(sql: Statements, connection: Connection, sid: int) -> Callable[[bytes], ContentRow | None]:
    """Return what finds a content of a session by its name."""
    seen: dict[bytes, dict[bytes, ContentRow]] = {}

    def fetch(name: bytes) -> ContentRow | None:
        place = name[:PLACE_BYTES]
        if name in seen.get(place, ()):
            return seen[place][name]
        found = connection.execute(sql.content_at, (sid, name)).fetchone()
        if found is not None:
            return ContentRow._make(found)
        if place not in seen:
            seen[place] = {row.hash: row for row in _at(sql, connection, sid, at_place(name))}
        return seen[place].get(name)

    return fetch


def loosen(sql: Statements, connection: Connection, sid: int, tk: int) -> None:
    """Make rows of the contents of a trace that is to be deleted: others may refer to them."""
    rows = _at(sql, connection, sid, tk)
    contents = Contents(rows, fetcher(sql, connection, sid))
    lists = [row for row in rows if row.codec == CHAIN]
    values = [(row.hash, contents.stored(row.hash)) for row in rows if row.codec != CHAIN]
    loose = [*lists, *(content_row(sid, name, data) for name, data in values if data is not None)]
    connection.executemany(sql.insert_content, map(tuple, loose))


def held_since(sql: Statements, connection: Connection, sid: int, place: bytes) -> Held | None:
    """Return what the traces of a session hold that began after another one; None of a session that is not there."""
    born = connection.execute(sql.born_of, (sid,)).fetchone()
    if born is None:
        return None
    after = at_place(place) if place else -1
    found = connection.execute(sql.bundles_after, (sid, after, _LOOKED_AT)).fetchall()
    return Held(born[0], [row for tk, *columns in reversed(found) for row in bundled(sid, tk, bundle_in(*columns))])


def _at(sql: Statements, connection: Connection, sid: int, tk: int) -> list[ContentRow]:
    found = connection.execute(sql.bundle_at, (sid, tk)).fetchone()
    return [] if found is None else bundled(sid, tk, bundle_in(*found))
