"""Which sessions changed lately, from the index alone: what live views ask, once a tick, whoever wrote it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from convotrace.model import Activity
from convotrace.store.opening import Opened
from convotrace.store.schema import Table
from convotrace.store.statements import ACTIVITY
from convotrace.store.wanted import Wanted

MOST = 200


def changes(opened: Opened, q: str | None, since_ns: int, now_ns: int | None = None) -> tuple[Activity, ...]:
    """Return the sessions of a filter that were active since a moment, the latest first; see `Store.changes`."""
    wanted = Wanted(opened, q, time.time_ns() if now_ns is None else now_ns)
    session = opened.tables.session
    with opened.connections.reading() as connection:
        recent = _columns(session).where(session.last >= since_ns, *wanted.conditions(connection))
        statement, values = recent.order_by(session.last.desc(), session.sid.desc()).limit(MOST).sql()
        return tuple(_activity(row) for row in connection.execute(statement, values))


def change(opened: Opened, key: str) -> tuple[Activity, ...]:
    """Return how one session stands now, nothing where there is none of this key."""
    with opened.connections.reading() as connection:
        return tuple(_activity(row) for row in connection.execute(opened.sql.activity_by_key, (key, 1)))


def _columns(session: Table) -> Any:
    return session.select(*(getattr(session, name) for name in ACTIVITY))


def _activity(row: Sequence[Any]) -> Activity:
    return Activity(*row)
