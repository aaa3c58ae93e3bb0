"""Pages of sessions: filtered, ordered and continued by index, with what a list shows of each."""

from __future__ import annotations

import base64
import binascii
import operator
import sqlite3
import time
from functools import partial, reduce
from typing import Any

import orjson
from peewee import SQL, Tuple, fn

from convotrace.errors import BadRequest
from convotrace.model import Session, SessionPage, TurnMark
from convotrace.query import EVERYTHING, And, Match, Node, parse
from convotrace.store.codec import original, storable
from convotrace.store.filtering import Condition, Filter, holds_text, number
from convotrace.store.indexing import catch_up, is_common
from convotrace.store.judgements import feedback_and_means
from convotrace.store.opening import Opened
from convotrace.store.rows import ScoreRow, SessionRow
from convotrace.store.schema import Table
from convotrace.store.signs import warnings_of
from convotrace.store.statements import Statements
from convotrace.store.to_records import session_record
from convotrace.store.workers import living_workers

ORDERS = (
    "last", "started", "duration", "turns", "traces", "spans", "errors", "events", "input_tokens", "output_tokens",
    "tokens", "cost",
)  # fmt: skip
"""What a list can be sorted by; `-` in front puts the greatest first."""

MOST = 1000
STRIP = 14
_TURNS_MEASURED = 500
"""The medians of a session are those of its newest turns: a list must not read ten thousand of them."""

_FEW = 2000
"""Sessions of a label up to which they are looked at one by one; more are met soon enough on the way down the list."""

_UNKNOWN = ("cost", "tokens", "input_tokens", "output_tokens")


def sessions(
    opened: Opened, q: str | None, order: str, limit: int, after: str | None, now_ns: int | None = None
) -> SessionPage:
    """Return one page; see `Store.sessions`."""
    if not 1 <= limit <= MOST:
        raise BadRequest(f"limit came as {limit}; use 1 to {MOST}.")
    if order.removeprefix("-") not in ORDERS:
        names = ", ".join(ORDERS)
        raise BadRequest(f"order came as {order!r}; use one of {names}, with - in front for the greatest first.")
    place = None if after is None else _read_cursor(order, after)
    wanted = parse(q or "")
    now_ns = time.time_ns() if now_ns is None else now_ns
    filter = Filter(opened.tables, now_ns, partial(living_workers, opened, now_ns), partial(is_common, opened))
    # What must be read for it is read before a connection is borrowed: a store in memory has only one.
    conditions = [] if wanted == EVERYTHING else [filter.condition(wanted)]
    if holds_text(wanted):
        catch_up(opened)
    with opened.connections.reading() as connection:
        conditions += _rare(filter, connection, wanted)
        statement, values = _statement(opened, conditions, order, limit + 1, place)
        found = connection.execute(statement, values).fetchall()
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
        scores={original(name) or "": mean for name, mean in means.items()},
        strip=tuple([TurnMark(duration, errors, started) for started, duration, errors, _ in marks[STRIP - 1 :: -1]]),
        warnings=warnings_of(row),
    )


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


def _sql(
    session: Table, conditions: list[Condition], order: str, most: int, place: tuple[int, int] | None
) -> tuple[str, list[Any]]:
    """Return SQL that sorts what is found by entries of an index alone, and then reads the rows of one page."""
    value, down = _value(session, order.removeprefix("-")), order.startswith("-")
    found = session.select(session.sid, value.alias("sorted_by")).where(*conditions, SQL("1 = 1"))
    if place is not None:
        here = Tuple(value, session.sid)
        found = found.where(here < Tuple(*place) if down else here > Tuple(*place))
    found = found.order_by(*((value.desc(), session.sid.desc()) if down else (value, session.sid))).limit(most)
    text, values = found.sql()
    return _SHOWN.format(found=text, way="DESC" if down else "ASC"), list(values)


# Written out, since making it anew with each filter would take longer than most filters.
_SHOWN = (
    "SELECT {columns}, found.sorted_by FROM ({{found}}) AS found JOIN session AS shown ON shown.sid = found.sid"
    " ORDER BY found.sorted_by {{way}}, found.sid {{way}}"
).format(columns=", ".join(f'shown."{name}"' for name in SessionRow._fields))


def _rare(filter: Filter, connection: sqlite3.Connection, wanted: Node) -> list[Condition]:
    """Return a condition that names the few sessions among which all that are wanted stand, if it is known."""
    session, label = filter.tables.session, filter.tables.label
    best, fewest = [], _FEW
    for part in wanted.parts if isinstance(wanted, And) else (wanted,):
        if isinstance(part, Match) and part.field == "user" and not part.prefix:
            sids = session.alias("owned")
            chosen = sids.select(sids.sid).where(sids.user_id == storable(part.value))
        elif (conditions := filter.narrow(part)) is not None:
            chosen = label.select(label.sid).where(reduce(operator.or_, conditions))
        else:
            continue
        number = _count(connection, chosen, fewest)
        if number < fewest:
            best, fewest = [session.sid.in_(chosen)], number
    return best


def _count(connection: sqlite3.Connection, chosen: Any, most: int) -> int:
    text, values = chosen.limit(most).sql()
    return int(connection.execute(f"SELECT count(*) FROM ({text})", values).fetchone()[0])


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


def _median(values: list[int | None]) -> int | None:
    """Return the middle of what is known, the lower of two (nearest rank)."""
    known = sorted(value for value in values if value is not None)
    return known[(len(known) - 1) // 2] if known else None
