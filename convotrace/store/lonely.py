"""Requests of whose trace nothing else is stored: nearly all, though whoever knows a trace id may tell more of it.

Asked for a whole batch at once, and before its rows are made: a decision for each would cost more than storing it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from convotrace.insight.deciding import Joining
from convotrace.model import Change
from convotrace.store.database import Connection
from convotrace.store.keys import pack_trace_id
from convotrace.store.opening import Opened
from convotrace.store.sql import portions
from convotrace.store.statements import TRACES_AT_ONCE, Statements


def settled(opened: Opened, changes: Sequence[Change]) -> tuple[list[Change], list[bytes]]:
    """Return changes of which those that find nothing to join need no decision any more.

    Returns:
        The changes, and the trace ids of which nothing may be stored when they are written: else they were decided
        too early.
    """
    if opened.connections.by_session:
        # Where others may write at the same time, only who holds the whole store can tell what is not there.
        return list(changes), []
    joining = [change.trace.id for change in changes if change.trace and type(change.decide) is Joining]
    if not joining:
        return list(changes), []
    in_batch = Counter(change.trace.id for change in changes if change.trace)
    asked = {id: pack_trace_id(id) for id in joining if in_batch[id] == 1}
    known = known_of(opened, list(asked.values()))
    alone = {id: packed for id, packed in asked.items() if packed not in known}
    return [_decided(change) if _is_among(change, alone) else change for change in changes], list(alone.values())


def stored_of(sql: Statements, connection: Connection, ids: list[bytes]) -> set[bytes]:
    """Return those of some trace ids of which anything is stored."""
    found: set[bytes] = set()
    for values in portions(ids, TRACES_AT_ONCE):
        found |= {bytes(id) for (id,) in connection.execute(sql.stored_ids, values)}
    return found


def known_of(opened: Opened, ids: list[bytes]) -> set[bytes]:
    """Return the same, by a look that holds up nobody who writes."""
    with opened.connections.reading() as connection:
        return stored_of(opened.sql, connection, ids)


def _is_among(change: Change, alone: dict[str, bytes]) -> bool:
    return change.trace is not None and change.trace.id in alone and type(change.decide) is Joining


def _decided(change: Change) -> Change:
    return Change(change.session, change.trace)
