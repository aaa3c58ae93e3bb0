"""Pages of sessions: filtered, ordered and continued by index, with what a list shows of each."""

from __future__ import annotations

import base64
import binascii
import time
from collections.abc import Mapping
from operator import itemgetter
from typing import Any

import orjson
from peewee import SQL, Tuple, fn

from convotrace.errors import BadRequest
from convotrace.insight.definitions import ScoreDefinition
from convotrace.model import Json, Places, SessionPage
from convotrace.store.definitions import definitions
from convotrace.store.filtering import Condition, number
from convotrace.store.listed import session_json
from convotrace.store.opening import Opened
from convotrace.store.ranking import is_usable
from convotrace.store.rows import SessionRow
from convotrace.store.schema import Table
from convotrace.store.to_records import session_record
from convotrace.store.wanted import Wanted

ORDERS = (
    "last", "started", "duration", "turns", "traces", "spans", "errors", "events", "input_tokens", "output_tokens",
    "tokens", "cost",
)  # fmt: skip
"""What a list can be sorted by; `-` in front puts the greatest first."""

MOST = 1000
MOST_COUNTED = 200_000
"""Rows of a whole list whose places are told: no browser shows a page much higher than so many rows."""


_UNKNOWN = ("cost", "tokens", "input_tokens", "output_tokens")


def sessions(
    opened: Opened, q: str | None, order: str, limit: int, after: str | None, now_ns: int | None = None
) -> SessionPage:
    """Return one page; see `Store.sessions`."""
    rows, following, known = _page(opened, q, order, limit, after, now_ns)
    return SessionPage(tuple([session_record(row, known) for row in rows]), following)


def document(
    opened: Opened, q: str | None, order: str, limit: int, after: str | None, now_ns: int | None = None
) -> dict[str, Json]:
    """Return one page as JSON; see `Store.sessions_document`."""
    rows, following, known = _page(opened, q, order, limit, after, now_ns)
    return {"sessions": [session_json(row, known) for row in rows], "next": following}


def _page(
    opened: Opened, q: str | None, order: str, limit: int, after: str | None, now_ns: int | None
) -> tuple[list[SessionRow], str | None, Mapping[str, ScoreDefinition] | None]:
    """Return the rows of one page, the cursor of the next, and the definitions of scores where there are any."""
    _check(order, limit)
    place = None if after is None else _read_cursor(order, after)
    wanted = Wanted(opened, q, time.time_ns() if now_ns is None else now_ns)
    with opened.connections.reading() as connection:
        conditions = wanted.conditions(connection)
        is_walked = wanted.is_walked and not wanted.are_few and order.removeprefix("-") in opened.sql.labels.ranks
        is_ranked = is_walked and is_usable(connection)
        make = _ranked if is_ranked else _statement
        statement, values = make(opened, conditions, order, limit + 1, place)
        found = connection.execute(statement, values).fetchall()
    found.sort(key=_PLACE, reverse=order.startswith("-"))
    rows = [SessionRow._make(columns[:-1]) for columns in found[:limit]]
    known = definitions(opened) if any(row.verdict for row in rows) else None
    following = _cursor(order, value=found[limit - 1][-1], sid=found[limit - 1][0]) if len(found) > limit else None
    return rows, following, known


def places(opened: Opened, q: str | None, order: str, every: int, now_ns: int | None = None) -> Places:
    """Return where the pages of a list begin; see `Store.places`."""
    _check(order, every)
    wanted = Wanted(opened, q, time.time_ns() if now_ns is None else now_ns)
    with opened.connections.reading() as connection:
        found, values = _found(opened.tables.session, wanted.conditions(connection), order, MOST_COUNTED + 1, None)
        way = "DESC" if order.startswith("-") else "ASC"
        numbered = _NUMBERED.format(found=found, way=way)
        starts = connection.execute(numbered, [*values, every]).fetchall()
        total = int(connection.execute(f"SELECT count(*) FROM ({found}) AS few", values).fetchone()[0])
    # Nothing stands behind the last row.
    cursors = tuple(_cursor(order, value=value, sid=sid) for value, sid in starts[: max(total - 1, 0) // every])
    return Places(every, cursors, min(total, MOST_COUNTED), total > MOST_COUNTED)


def count(opened: Opened, q: str | None, now_ns: int | None = None) -> int:
    """Return how many sessions a filter finds; see `Store.count`."""
    wanted = Wanted(opened, q, time.time_ns() if now_ns is None else now_ns)
    session = opened.tables.session
    with opened.connections.reading() as connection:
        found = session.select(fn.count(SQL("*"))).where(*wanted.conditions(connection), SQL("1 = 1"))
        text, values = found.sql()
        return int(connection.execute(text, values).fetchone()[0])


def _check(order: str, limit: int) -> None:
    if not 1 <= limit <= MOST:
        raise BadRequest(f"limit came as {limit}; use 1 to {MOST}.")
    if order.removeprefix("-") not in ORDERS:
        names = ", ".join(ORDERS)
        raise BadRequest(f"order came as {order!r}; use one of {names}, with - in front for the greatest first.")


def _statement(
    opened: Opened, conditions: list[Condition], order: str, most: int, place: tuple[int, int] | None
) -> tuple[str, list[Any]]:
    """Return the SQL of a list and its values; that of a list of everything is made once."""
    if conditions:
        return _sql(opened.tables.session, conditions, order, most, place)
    kept, kind = opened.sql.labels.lists, (order, place is not None)
    if kind not in kept:
        kept[kind] = _sql(opened.tables.session, [], order, most, place)[0]
    return kept[kind], [*(place or ()), most]


def _ranked(
    opened: Opened, conditions: list[Condition], order: str, most: int, place: tuple[int, int] | None
) -> tuple[str, list[Any]]:
    """Return the SQL of a list from the sessions that are ranked and those that are not yet, and its values.

    Of what many sessions fulfil, enough are met soon on the way down an index; that of everything is made once.
    """
    if conditions:
        return _united(opened.tables.session, conditions, order, most, place)
    kept, kind = opened.sql.labels.ranked, (order, place is not None)
    if kind not in kept:
        kept[kind] = _united(opened.tables.session, [], order, most, place)[0]
    one = [*(place or ()), most]
    return kept[kind], [*one, *one, most]


def _united(
    session: Table, conditions: list[Condition], order: str, most: int, place: tuple[int, int] | None
) -> tuple[str, list[Any]]:
    parts = [session.ranked == SQL("1"), session.ranked.is_null()]
    (first, ranked), (second, others) = (_found(session, [part, *conditions], order, most, place) for part in parts)
    both = _UNITED.format(first=first, second=second, way="DESC" if order.startswith("-") else "ASC")
    return _SHOWN.format(found=both), [*ranked, *others, most]


def _sql(
    session: Table, conditions: list[Condition], order: str, most: int, place: tuple[int, int] | None
) -> tuple[str, list[Any]]:
    """Return SQL that sorts what is found by entries of an index alone, and then reads the rows of a page."""
    text, values = _found(session, conditions, order, most, place)
    return _SHOWN.format(found=text), values


def _found(
    session: Table, conditions: list[Condition], order: str, most: int, place: tuple[int, int] | None
) -> tuple[str, list[Any]]:
    value, down = _value(session, order.removeprefix("-")), order.startswith("-")
    found = session.select(session.sid, value.alias("sorted_by")).where(*conditions, SQL("1 = 1"))
    if place is not None:
        here = Tuple(value, session.sid)
        found = found.where(here < Tuple(*place) if down else here > Tuple(*place))
    found = found.order_by(*((value.desc(), session.sid.desc()) if down else (value, session.sid))).limit(most)
    text, values = found.sql()
    return text, list(values)


_UNITED = (
    "SELECT sid, sorted_by FROM (SELECT * FROM ({first}) AS ranked UNION ALL SELECT * FROM ({second}) AS others)"
    " AS united ORDER BY sorted_by {way}, sid {way} LIMIT ?"
)
_NUMBERED = (
    "SELECT sorted_by, sid FROM (SELECT found.sorted_by, found.sid,"
    " row_number() OVER (ORDER BY found.sorted_by {way}, found.sid {way}) AS place FROM ({found}) AS found) AS numbered"
    " WHERE place % ? = 0 ORDER BY place"
)


_UNSEEN = frozenset({"born", "version", "last_turn", "first_tk", "last_tk", "judged", "facets"})
"""Columns of which a list shows nothing."""

# Written out, since making it anew with each filter would take longer than most filters. Its few rows are sorted when
# they are here: a database would write each of them, with all its texts, into a sorter of its own.
_SHOWN = (
    "SELECT {columns}, found.sorted_by FROM ({{found}}) AS found JOIN session AS shown ON shown.sid = found.sid".format(
        columns=", ".join("NULL" if name in _UNSEEN else f'shown."{name}"' for name in SessionRow._fields)
    )
)
_PLACE = itemgetter(-1, 0)
"""Of a row that was found: what it is sorted by, and its key."""


def _value(session: Table, name: str) -> Condition:
    # The unknown stands below 0, so that a cursor can point at it.
    value = number(session, name)
    return fn.coalesce(value, SQL("-1")) if name in _UNKNOWN else value


def _cursor(order: str, value: int, sid: int) -> str:
    return base64.urlsafe_b64encode(orjson.dumps([order, value, sid])).decode().rstrip("=")


def _read_cursor(order: str, cursor: str) -> tuple[int, int]:
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        made_for, value, sid = orjson.loads(raw)
    except (ValueError, TypeError, binascii.Error):
        made_for, value, sid = None, None, None
    if not _is_key(value) or not _is_key(sid):
        raise BadRequest("after is no cursor of this list; take it from `next` of the page before.")
    if made_for != order:
        raise BadRequest(f"after belongs to order={made_for!r}; ask with that order, or begin without after.")
    return value, sid


def _is_key(value: Any) -> bool:
    return type(value) is int and -(1 << 63) <= value < 1 << 63
