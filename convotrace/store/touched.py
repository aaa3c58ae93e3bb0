"""The sessions that one transaction touches: read once, changed in memory, written at its end.

What a change does to a session's row is told in `sessions`; here the rows come and go.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Iterable
from typing import Any

from convotrace.model import SessionFacts
from convotrace.store.building import Builder
from convotrace.store.codec import original
from convotrace.store.database import Again, Connection
from convotrace.store.labelling import Labelling
from convotrace.store.labels import Label
from convotrace.store.recount import count_again, delete_session, sweep
from convotrace.store.removal import finish_removal
from convotrace.store.rows import SessionRow
from convotrace.store.sessions import Row, new_session
from convotrace.store.sql import portions
from convotrace.store.statements import SESSIONS_AT_ONCE, Statements


class Touched:
    """The rows of sessions as they will be written, and what must be counted again before."""

    def __init__(
        self, builder: Builder, sql: Statements, connection: Connection, only: Collection[int] | None = None
    ) -> None:
        """Begin with none; `only` are the keys of those that may be touched, None where all may."""
        self._only = only
        self._builder = builder
        self._sql = sql
        self._connection = connection
        self.rows: dict[int, Row] = {}
        self._ahead: dict[int, Any] = {}
        self.labelling = Labelling(sql, connection)
        self.uncertain: set[int] = set()
        """Sessions whose totals only a count can tell."""
        self.left: set[int] = set()
        """Sessions that a trace or its contents left: what nothing refers to any more is deleted."""
        self.unsaid: dict[int, set[Label]] = {}
        """What the states said that were deleted, until it is seen whether their traces still say it."""

    def read_ahead(self, session_ids: Iterable[str]) -> None:
        """Read the rows of many sessions in a few statements, before they are asked for."""
        sids = list(set(map(self._builder.keys.of, session_ids)) - self.rows.keys())
        for values in portions(sids if len(sids) > 1 else (), SESSIONS_AT_ONCE):
            self._ahead |= dict.fromkeys(values)
            self._ahead |= {found[0]: found for found in self._connection.execute(self._sql.sessions_by_sid, values)}

    def of(self, facts: SessionFacts, at_ns: int) -> Row:
        """Return the row of a session, read once, made where it is new.

        Raises:
            Again: Its key is another session's, or what was remembered of it is of an earlier life.
        """
        memory = self._builder.packer.memory
        sid = self._builder.keys.of(facts.id)
        row = self.at(sid)
        if row is None:
            finish_removal(self._sql, self._connection, sid)
            row = new_session(sid, facts, secrets.randbits(62), at_ns)
        elif original(row["id"]) != facts.id:
            self._builder.keys.take_next(facts.id)
            raise Again
        if not memory.is_of(sid, row["born"]):
            # Deleted or swept by another process: what was remembered of its contents is void.
            memory.forget(sid)
            raise Again
        self.rows[sid] = row
        return row

    def stored(self, session_id: str) -> Row | None:
        """Return the row of a session where there is one; it is written only if it is put among the rows."""
        row = self.at(self._builder.keys.of(session_id))
        return row if row is not None and original(row["id"]) == session_id else None

    def at(self, sid: int) -> Row | None:
        """Return the row of a key, as it stands in this transaction."""
        self.check(sid)
        return self.rows.get(sid) or self._read(sid)

    def check(self, sid: int) -> None:
        """Raise Again where a session is not among those that may be touched: the next attempt may touch all."""
        if self._only is not None and sid not in self._only:
            raise Again

    def _read(self, sid: int) -> Row | None:
        if sid in self._ahead:
            # Only once: it may be written or deleted later.
            found = self._ahead.pop(sid)
        else:
            found = self._connection.execute(self._sql.session_by_sid, (sid,)).fetchone()
        if found is None:
            return None
        row = dict(zip(SessionRow._fields, found, strict=True))
        self.labelling.stands(sid, found)
        return row

    def finish(self) -> dict[int, int]:
        """Count again what must be, write the rows, delete the sessions that nothing is left of; return the births."""
        for sid in self.uncertain | self.left:
            row = self.at(sid)
            if row is not None:
                self._count_again(sid, row)
        self.labelling.finish(self.rows)
        return {sid: row["born"] for sid, row in self.rows.items()}

    def _count_again(self, sid: int, row: Row) -> None:
        self.rows[sid] = row
        if count_again(self._sql, self._connection, row):
            if sid in self.left:
                sweep(self._sql, self._connection, sid)
                row["born"] = secrets.randbits(62)
        elif sid in self.left:
            delete_session(self._sql, self._connection, sid)
            del self.rows[sid]
        if sid in self.left:
            self._builder.packer.memory.forget(sid)
