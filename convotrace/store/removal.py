"""Whole sessions out of the store, a bounded number of rows in each transaction, and the audit of what went.

A session that is too long for one transaction is hidden in the first, by deleting its row, and its other rows follow.
Which sessions go is decided in `retention` and `forgetting`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from convotrace.store.codec import decode_column, encode_column
from convotrace.store.database import Connection
from convotrace.store.recount import delete_session
from convotrace.store.rows import AuditRow
from convotrace.store.statements import Statements

ROWS_AT_ONCE = 300
"""Rows that one transaction deletes at most: about 15 ms of the write lock on a calm machine."""

_AUDIT_KEPT_NS = 400 * 86400 * 10**9


@dataclass(frozen=True)
class Removed:
    """How much was deleted."""

    sessions: int = 0
    traces: int = 0
    spans: int = 0

    def __add__(self, other: Removed) -> Removed:
        return Removed(
            self.sessions + other.sessions,
            self.traces + other.traces,
            self.spans + other.spans,
        )


@dataclass(frozen=True)
class Deletion:
    """One line of the audit: what was deleted, by whom, and when the last of it went."""

    at_ns: int
    actor: str
    action: str
    removed: Removed

    @property
    def at(self) -> str:
        """When, as ISO-8601 in UTC."""
        return datetime.fromtimestamp(self.at_ns / 1e9, UTC).isoformat()


def remove(sql: Statements, connection: Connection, sid: int, rows: int, room: int = ROWS_AT_ONCE) -> int:
    """Delete a session, or hide it where it has more rows than there is room for; return how many were deleted."""
    if rows <= room:
        delete_session(sql, connection, sid)
        return rows
    for statement in sql.keeping.hide_session:
        connection.execute(statement, (sid,))
    return 1


def clear_some(sql: Statements, connection: Connection, room: int = ROWS_AT_ONCE) -> bool:
    """Delete a few rows of a hidden session, as many as there is room for; return False where there is none."""
    found = connection.execute(sql.keeping.hidden, (1,)).fetchone()
    if found is None:
        return False
    (sid,) = found
    if _clear_rows(sql, connection, sid, room) < room and _clear_traces(sql, connection, sid, room) == 0:
        delete_session(sql, connection, sid)
    return True


def finish_removal(sql: Statements, connection: Connection, sid: int) -> None:
    """Delete what is left of a hidden session, since one of the same id begins now."""
    if connection.execute(sql.keeping.is_hidden, (sid,)).fetchone():
        delete_session(sql, connection, sid)


def note(
    sql: Statements, connection: Connection, id: bytes, now_ns: int, actor: str, action: str, more: Removed
) -> None:
    """Add to a line of the audit what this transaction deleted; it never holds whose it was."""
    found = connection.execute(sql.keeping.audit_by_id, (id,)).fetchone()
    whole = more if found is None else _removed(AuditRow(*found)) + more
    detail = encode_column(vars(whole))
    connection.execute(sql.keeping.put_audit, AuditRow(id, now_ns, actor, action, None, detail))
    connection.execute(sql.keeping.old_audit, (now_ns - _AUDIT_KEPT_NS,))


def deletion(row: AuditRow) -> Deletion:
    """Return a line of the audit as a record."""
    return Deletion(row.at, row.actor, row.action, _removed(row))


def _removed(row: AuditRow) -> Removed:
    detail = decode_column(row.detail)
    return Removed(**detail) if isinstance(detail, dict) else Removed()


def _clear_rows(sql: Statements, connection: Connection, sid: int, room: int) -> int:
    """Delete rows of every table but the traces' own, as many as there is room for; return how many."""
    left = room
    for statement in sql.keeping.delete_some:
        left -= connection.execute(statement, (sid, left)).rowcount if left else 0
    left -= connection.execute(sql.keeping.delete_some_contents, (sid, sid, left)).rowcount if left else 0
    return room - left


def _clear_traces(sql: Statements, connection: Connection, sid: int, room: int) -> int:
    """Delete traces with all they brought, each in the way in which a rewritten one goes; return how many."""
    found = connection.execute(sql.keeping.some_traces, (sid, room // 4)).fetchall()
    for number, (tk, spans, events) in enumerate(found):
        room -= spans + events
        if number and room < 0:
            return number
        for statement in sql.delete_trace:
            connection.execute(statement, (sid, tk))
    return len(found)
