"""Pages of sessions: found, ordered and continued by index, with what a list shows of each."""

from __future__ import annotations

import base64
import binascii
import sqlite3
from dataclasses import replace
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

MOST = 1000
STRIP = 14
_TURNS_MEASURED = 500
"""The medians of a session are those of its newest turns: a list must not read ten thousand of them."""


def sessions(opened: Opened, q: str | None, order: str, limit: int, after: str | None) -> SessionPage:
    """Return one page; see `Store.sessions`."""
    if not 1 <= limit <= MOST:
        raise BadRequest(f"limit came as {limit}; use 1 to {MOST}.")
    column = _column(opened.tables.session, order)
    statement, values = _query(opened, column, q, order, limit, after).sql()
    with opened.connections.reading() as connection:
        found = connection.execute(statement, values).fetchall()
        page = [full_session(opened.sql, connection, SessionRow(*columns[:-1])) for columns in found[:limit]]
    if len(found) <= limit:
        return SessionPage(tuple(page))
    return SessionPage(tuple(page), _cursor(order, value=found[limit - 1][-1], sid=found[limit - 1][0]))


def full_session(sql: Statements, connection: sqlite3.Connection, row: SessionRow) -> Session:
    """Return a session with what is computed from its newest turns and its scores."""
    marks = connection.execute(sql.turn_marks, (row.sid, _TURNS_MEASURED)).fetchall()
    scores = [ScoreRow(*columns) for columns in connection.execute(sql.scores_of, (row.sid,))]
    feedback, means = feedback_and_means(scores)
    strip = [TurnMark(duration, errors, started) for started, duration, errors, _ in reversed(marks[:STRIP])]
    return replace(
        session_record(row),
        p50_ns=_median([mark[1] for mark in marks]),
        first_byte_ns=_median([mark[3] for mark in marks]),
        feedback=feedback,
        scores=means,
        strip=tuple(strip),
        warnings=warnings_of(row),
    )


def _query(opened: Opened, column: Any, q: str | None, order: str, limit: int, after: str | None) -> Any:
    table, down = opened.tables.session, order.startswith("-")
    query = table.select(*(getattr(table, name) for name in SessionRow._fields), column.alias("sorted_by"))
    if q:
        query = query.where(_contains(table, searchable(q)))
    if after is not None:
        place = Tuple(column, table.sid)
        value = _read_cursor(order, after)
        query = query.where(place < value if down else place > value)
    ordering = (column.desc(), table.sid.desc()) if down else (column, table.sid)
    return query.order_by(*ordering).limit(limit + 1)


def _contains(table: Table, text: str) -> Any:
    found = table.id.contains(text) | table.user_id.contains(text)
    return found | table.first_input.contains(text) | table.last_output.contains(text)


def _column(table: Table, order: str) -> Any:
    name = order.removeprefix("-")
    if name not in ORDERS:
        raise BadRequest(
            f"order came as {order!r}; use one of {', '.join(ORDERS)}, with - in front for the greatest first."
        )
    if name == "duration":
        return table.last - table.started
    if name in ("cost", "input_tokens", "output_tokens"):
        # The unknown stands below 0, so that a cursor can point at it.
        return fn.coalesce(getattr(table, "cost_nano" if name == "cost" else name), SQL("-1"))
    return getattr(table, name)


def _cursor(order: str, value: int, sid: int) -> str:
    return base64.urlsafe_b64encode(orjson.dumps([order, value, sid])).decode().rstrip("=")


def _read_cursor(order: str, cursor: str) -> Any:
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        made_for, value, sid = orjson.loads(raw)
    except (ValueError, TypeError, binascii.Error):
        made_for, value, sid = None, None, None
    if type(value) is not int or type(sid) is not int:
        raise BadRequest("after is no cursor of this list; take it from `next` of the page before.")
    if made_for != order:
        raise BadRequest(f"after belongs to order={made_for!r}; ask with that order, or begin without after.")
    return Tuple(value, sid)


def _median(values: list[int | None]) -> int | None:
    """Return the middle of what is known, the lower of two (nearest rank)."""
    known = sorted(value for value in values if value is not None)
    return known[(len(known) - 1) // 2] if known else None
