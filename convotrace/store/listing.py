"""Pages of sessions: found, ordered and continued by index, with what a list shows of each."""

from __future__ import annotations

import base64
import binascii
import re
import sqlite3
from functools import reduce
from operator import or_
from typing import Any

import orjson
from peewee import SQL, Tuple, fn

from convotrace.errors import BadRequest
from convotrace.model import Session, SessionPage, TurnMark
from convotrace.store.codec import searchable
from convotrace.store.judgements import feedback_and_means
from convotrace.store.opening import Opened
from convotrace.store.rows import ScoreRow, SessionRow
from convotrace.store.schema import Table
from convotrace.store.signs import warnings_of
from convotrace.store.statements import Statements
from convotrace.store.to_records import session_record

ORDERS = (
    "last", "started", "duration", "turns", "traces", "spans", "errors", "events", "input_tokens", "output_tokens",
    "cost",
)  # fmt: skip
"""What a list can be sorted by; `-` in front puts the greatest first."""

SEARCHED = ("id", "user_id", "first_input", "last_output")
"""Where a text is looked for."""

MOST = 1000
STRIP = 14
_TURNS_MEASURED = 500
"""The medians of a session are those of its newest turns: a list must not read ten thousand of them."""

_WILD, _ESCAPED = re.compile(r"([%_\\])"), r"\\\1"


def sessions(opened: Opened, q: str | None, order: str, limit: int, after: str | None) -> SessionPage:
    """Return one page; see `Store.sessions`."""
    if not 1 <= limit <= MOST:
        raise BadRequest(f"limit came as {limit}; use 1 to {MOST}.")
    if order.removeprefix("-") not in ORDERS:
        names = ", ".join(ORDERS)
        raise BadRequest(f"order came as {order!r}; use one of {names}, with - in front for the greatest first.")
    place = [] if after is None else _read_cursor(order, after)
    values = [*(_pattern(q) if q else []), *place, limit + 1]
    with opened.connections.reading() as connection:
        found = connection.execute(_statement(opened, order, bool(q), bool(place)), values).fetchall()
        page = [full_session(opened.sql, connection, SessionRow(*columns[:-1])) for columns in found[:limit]]
    if len(found) <= limit:
        return SessionPage(tuple(page))
    return SessionPage(tuple(page), _cursor(order, value=found[limit - 1][-1], sid=found[limit - 1][0]))


def full_session(sql: Statements, connection: sqlite3.Connection, row: SessionRow) -> Session:
    """Return a session with what is computed from its newest turns and its scores."""
    marks = connection.execute(sql.turn_marks, (row.sid, _TURNS_MEASURED)).fetchall()
    scores = map(ScoreRow._make, connection.execute(sql.scores_of, (row.sid,)) if row.judged else ())
    feedback, means = feedback_and_means(scores)
    return session_record(
        row,
        p50_ns=_median([mark[1] for mark in marks]),
        first_byte_ns=_median([mark[3] for mark in marks]),
        feedback=feedback,
        scores=means,
        strip=tuple([TurnMark(duration, errors, started) for started, duration, errors, _ in marks[STRIP - 1 :: -1]]),
        warnings=warnings_of(row),
    )


def _statement(opened: Opened, order: str, search: bool, further: bool) -> str:
    """Return the SQL of a kind of list, built once; it takes the patterns, the place to go on from, and the limit."""
    kept, kind = opened.sql.lists, (order, search, further)
    if kind not in kept:
        kept[kind] = str(_query(opened.tables.session, order, search, further).sql()[0])
    return kept[kind]


def _query(table: Table, order: str, search: bool, further: bool) -> Any:
    column, down = _column(table, order.removeprefix("-")), order.startswith("-")
    query = table.select(*(getattr(table, name) for name in SessionRow._fields), column.alias("sorted_by"))
    if search:
        found = [getattr(table, name).contains("%") for name in SEARCHED]
        query = query.where(reduce(or_, found))
    if further:
        place, after = Tuple(column, table.sid), Tuple(0, 0)
        query = query.where(place < after if down else place > after)
    return query.order_by(*((column.desc(), table.sid.desc()) if down else (column, table.sid))).limit(1)


def _pattern(q: str) -> list[str]:
    """Return what each searched column is compared with: the text as it stands, its wildcards escaped."""
    return [f"%{_WILD.sub(_ESCAPED, searchable(q))}%", "\\"] * len(SEARCHED)


def _column(table: Table, name: str) -> Any:
    if name == "duration":
        return table.last - table.started
    if name in ("cost", "input_tokens", "output_tokens"):
        # The unknown stands below 0, so that a cursor can point at it.
        return fn.coalesce(getattr(table, "cost_nano" if name == "cost" else name), SQL("-1"))
    return getattr(table, name)


def _cursor(order: str, value: int, sid: int) -> str:
    return base64.urlsafe_b64encode(orjson.dumps([order, value, sid])).decode().rstrip("=")


def _read_cursor(order: str, cursor: str) -> list[int]:
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        made_for, value, sid = orjson.loads(raw)
    except (ValueError, TypeError, binascii.Error):
        made_for, value, sid = None, None, None
    if not _is_key(value) or not _is_key(sid):
        raise BadRequest("after is no cursor of this list; take it from `next` of the page before.")
    if made_for != order:
        raise BadRequest(f"after belongs to order={made_for!r}; ask with that order, or begin without after.")
    return [value, sid]


def _is_key(value: Any) -> bool:
    return type(value) is int and -(1 << 63) <= value < 1 << 63


def _median(values: list[int | None]) -> int | None:
    """Return the middle of what is known, the lower of two (nearest rank)."""
    known = sorted(value for value in values if value is not None)
    return known[(len(known) - 1) // 2] if known else None
