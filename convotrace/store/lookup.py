"""What a decision asks of the store inside the transaction that writes it: stored traces, as records."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from convotrace.model import Conversation, Score, Stored, Trace
from convotrace.store.codec import original, storable
from convotrace.store.database import Connection
from convotrace.store.holding import fetcher
from convotrace.store.keys import SessionKeys, pack_trace_id
from convotrace.store.packing import trace_row
from convotrace.store.rows import ScoreRow, SessionRow, TraceRow
from convotrace.store.sessions import Row, old_state
from convotrace.store.statements import Statements
from convotrace.store.to_records import happened, score_record, session_record, trace_record
from convotrace.store.unpacking import Contents

_TURNS = 200
"""A decision looks at so many last turns of a session."""
_MOST_SESSIONS = 50
_MOST_AWAITED = 5
_LONGEST_NS = 3_600_000_000_000
"""A turn may have begun so long before its session was active last."""


class StoreLookup:
    """Reads through one connection, inside one transaction.

    Args:
        sql: The statements.
        connection: The one that writes.
        keys: Of sessions.
        sessions: Rows of sessions by key, as the transaction will write them at its end.
    """

    def __init__(self, sql: Statements, connection: Connection, keys: SessionKeys, sessions: Mapping[int, Row]) -> None:
        self._sql = sql
        self._keys = keys
        self._connection = connection
        self._sessions = sessions

    def traces(self, trace_id: str) -> list[Stored]:
        """Return every trace of this id, in any session, the earliest first."""
        rows = self._all(self._sql.traces_of_id, pack_trace_id(trace_id))
        return [self._stored(trace_row(columns)) for columns in rows]

    def awaiting(self, names: Sequence[str], since_ns: int) -> list[Stored]:
        """Return the turns begun since that promised an answer under one of these names, the latest first."""
        found: dict[tuple[int, int], TraceRow] = {}
        for name in names:
            rows = map(trace_row, self._all(self._sql.awaiting, storable(name), since_ns, _MOST_AWAITED))
            found |= {(row.sid, row.tk): row for row in rows}
        return [self._stored(row) for row in sorted(found.values(), key=lambda row: row.started, reverse=True)]

    def home(self, trace: Trace) -> str | None:
        """Return the id of the session in which an earlier state of a trace stands."""
        states = map(old_state, self._all(self._sql.trace_states, pack_trace_id(trace.id)))
        return next((self._session_id(state.sid) for state in states if state.started == trace.started_ns), None)

    def session(self, session_id: str) -> Conversation | None:
        """Return a session with its last turns, without spans and bodies."""
        sid = self._keys.of(session_id)
        row = self._session_row(sid)
        return None if row is None or original(row.id) != session_id else self._conversation(row)

    def holds(self, session_id: str) -> bool:
        """Tell whether a session is stored."""
        row = self._session_row(self._keys.of(session_id))
        return row is not None and original(row.id) == session_id

    def whole(self, session_id: str) -> list[Stored]:
        """Return every trace of a session with all that it brought."""
        return [self._stored(trace_row(row)) for row in self._all(self._sql.traces_of, self._keys.of(session_id))]

    def having_said(self, exchange: int, since_ns: int) -> list[Conversation]:
        """Return the sessions with a turn of this hash that were active since; none where they are very many."""
        sids = [
            sid
            for (sid,) in self._all(
                self._sql.sessions_having_said, exchange, since_ns - _LONGEST_NS, _MOST_SESSIONS + 1
            )
        ]
        rows = [row for sid in sids if (row := self._session_row(sid)) is not None and row.last >= since_ns]
        return [self._conversation(row) for row in rows] if len(sids) <= _MOST_SESSIONS else []

    def _conversation(self, row: SessionRow) -> Conversation:
        found = map(trace_row, self._all(self._sql.last_turns, row.sid, _TURNS))
        nothing, id = Contents(()), original(row.id) or ""
        light = (turn._replace(input_body=None, output_body=None) for turn in found)
        turns = [trace_record(nothing, id, turn, None) for turn in light]
        return Conversation(session_record(row), tuple(turns[::-1]))

    def at(self, sid: int, tk: int) -> Stored:
        """Return the trace of a key with all that it brought."""
        return self._stored(trace_row(self._connection.execute(self._sql.trace_of_key, (sid, tk)).fetchone()))

    def _stored(self, row: TraceRow) -> Stored:
        session_id = self._session_id(row.sid)
        contents = Contents((), fetcher(self._sql, self._connection, row.sid))
        found = happened(contents, row)
        by_span, scores, session_scores = self._scores(row, session_id)
        spans = [replace(span, scores=tuple(by_span[span.id])) if span.id in by_span else span for span in found.spans]
        trace = trace_record(contents, session_id, row, None, spans, found.events, scores)
        return Stored(trace, found.on_session, tuple(session_scores))

    def _scores(self, row: TraceRow, session_id: str) -> tuple[dict[str, list[Score]], list[Score], list[Score]]:
        by_span: dict[str, list[Score]] = defaultdict(list)
        of_trace: list[Score] = []
        of_session: list[Score] = []
        for found in map(ScoreRow._make, self._all(self._sql.scores_at, row.sid, row.tk)):
            score = score_record(session_id, found)
            if score.target.span_id is not None:
                by_span[score.target.span_id].append(score)
            else:
                (of_session if score.target.trace_id is None else of_trace).append(score)
        return by_span, of_trace, of_session

    def _session_id(self, sid: int) -> str:
        row = self._session_row(sid)
        return "" if row is None else original(row.id) or ""

    def _session_row(self, sid: int) -> SessionRow | None:
        if (row := self._sessions.get(sid)) is not None:
            return SessionRow(**row)
        found = self._connection.execute(self._sql.session_by_sid, (sid,)).fetchone()
        return None if found is None else SessionRow._make(found)

    def _all(self, statement: str, *values: Any) -> list[Any]:
        return self._connection.execute(statement, values).fetchall()
