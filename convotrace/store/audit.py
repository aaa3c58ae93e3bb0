"""The audit: lines are added and read; no call here changes one.

A line names a session by its key in the store, a keyed hash: who is forgotten is forgotten here too, and the line
stays. What was searched for is kept as it was typed, until that user or session is forgotten.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from itertools import starmap

from convotrace.identity import session_id_of_key
from convotrace.model import Act
from convotrace.store.codec import decode_column, encode_column
from convotrace.store.database import Connection
from convotrace.store.keys import SessionKeys
from convotrace.store.opening import Opened, secret
from convotrace.store.rows import AuditRow

MOST = 1_000
"""Lines in one answer."""
_SID = 1 << 64
_ID_BYTES = 8


def note(opened: Opened, acts: Sequence[Act], keep_ns: int | None) -> None:
    """Add lines, and delete those that are older than they are kept.

    Args:
        opened: The database.
        acts: What was done; `target` is the key of a session in its address.
        keep_ns: For how many ns lines are kept, back from the newest of these; None for ever.
    """
    sids = SessionKeys(secret(opened, "session"))
    with opened.connections.writing() as connection:
        for act in acts:
            subject = None if act.target is None else _subject(opened, connection, sids, act.target)
            detail = encode_column(dict(act.detail)) if act.detail else None
            row = AuditRow(_id(act.at_ns), act.at_ns, act.actor, act.action, subject, detail)
            connection.execute(opened.sql.keeping.put_audit, row)
        if keep_ns is not None and acts:
            connection.execute(opened.sql.keeping.old_acts, (max(act.at_ns for act in acts) - keep_ns,))


def acts(opened: Opened, limit: int, before_ns: int | None) -> tuple[Act, ...]:
    """Return the newest lines, those of deletions by jobs and commands included.

    Args:
        opened: The database.
        limit: How many at most.
        before_ns: Only older ones.
    """
    wanted = (1 << 62 if before_ns is None else before_ns, min(limit, MOST))
    with opened.connections.reading() as connection:
        rows = starmap(AuditRow, connection.execute(opened.sql.keeping.acts, wanted).fetchall())
        return tuple(_act(opened, connection, row) for row in rows)


def forget_words(opened: Opened, connection: Connection, words: str) -> None:
    """Take a forgotten id out of what was searched for."""
    found = connection.execute(opened.sql.keeping.searches).fetchall()
    for id, detail in found:
        told = decode_column(detail)
        if isinstance(told, dict) and words in str(told.get("q", "")):
            connection.execute(opened.sql.keeping.forget_search, (encode_column({**told, "q": "[forgotten]"}), id))


def _act(opened: Opened, connection: Connection, row: AuditRow) -> Act:
    target = None
    if row.target is not None:
        sid = int(row.target, 16)
        found = connection.execute(opened.sql.keeping.key_of_sid, (sid - _SID if sid >= _SID >> 1 else sid,)).fetchone()
        target = None if found is None else found[0]
    detail = decode_column(row.detail)
    return Act(row.at, row.actor, row.action, target, row.target, detail if isinstance(detail, dict) else {})


def _subject(opened: Opened, connection: Connection, sids: SessionKeys, key: str) -> str | None:
    found = connection.execute(opened.sql.keeping.sid_of_key, (key,)).fetchone()
    if found is not None:
        return f"{found[0] % _SID:016x}"
    id = session_id_of_key(key)  # it may have been erased by this very act
    return None if id is None else f"{sids.of(id) % _SID:016x}"


def _id(at_ns: int) -> bytes:
    return at_ns.to_bytes(_ID_BYTES, "big") + secrets.token_bytes(_ID_BYTES)
