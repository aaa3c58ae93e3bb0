"""Changes into the store: each call is one short transaction, exact however often it is repeated."""

from __future__ import annotations

import secrets
import sqlite3
import time
from collections.abc import Iterator, Sequence
from operator import itemgetter
from typing import Any

from convotrace.model import Change, Trace
from convotrace.store.codec import original
from convotrace.store.contents import Packer
from convotrace.store.keys import SessionKeys, pack_trace_id, trace_key
from convotrace.store.lookup import StoreLookup
from convotrace.store.native import new_lock
from convotrace.store.opening import Opened
from convotrace.store.recount import count_again, delete_session, sweep
from convotrace.store.rows import SessionRow
from convotrace.store.sessions import OldState, Row, add_facts, add_trace, new_session, old_state
from convotrace.store.to_rows import TraceRows, outside_events, score_row, trace_rows

_ATTEMPTS = 8
_columns = itemgetter(*SessionRow._fields)


class Again(Exception):
    """Something supposed without looking proved wrong: undo, look everything up, and write again."""


class Recorder:
    """Writes changes into one opened database."""

    def __init__(self, opened: Opened, sid_secret: bytes, content_secret: bytes, worker: int) -> None:
        self._opened = opened
        self._worker = worker
        self._lock = new_lock()
        self.keys = SessionKeys(sid_secret)
        self.packer = Packer(content_secret)

    def write(self, changes: Sequence[Change], retry: bool) -> list[Change | None]:
        """Write changes in one transaction, or none of them.

        Args:
            changes: In the order in which they happened.
            retry: Each may have been written already: look before adding it up.

        Returns:
            What was written for each of them, as it was decided.
        """
        with self._lock:
            for attempt in range(_ATTEMPTS):
                try:
                    return self._attempt(changes, careful=retry or attempt > 0)
                except Again:
                    continue
        raise RuntimeError("the keys of the store collide without end")

    def _attempt(self, changes: Sequence[Change], careful: bool) -> list[Change | None]:
        try:
            if careful:
                self._forget(changes)
            # Encoding, hashing and compression happen before the write lock is taken.
            built = [None if careful or change.decide else self._build(change) for change in changes]
            written: list[Change | None] = []
            with self._opened.connections.writing() as connection:
                batch = _Batch(self, self._opened, connection, careful)
                for run in _runs(changes):
                    written += batch.write([(changes[i], built[i]) for i in run])
                batch.finish()
        except BaseException:
            self.packer.rollback()
            raise
        self.packer.commit(batch.born)
        return written

    def _forget(self, changes: Sequence[Change]) -> None:
        for change in changes:
            self.packer.forget(self.keys.of(change.session.id))

    def _build(self, change: Change) -> TraceRows | None:
        return self.build(change, trace_key(change.trace.started_ns, change.trace.id)) if change.trace else None

    def build(self, change: Change, tk: int) -> TraceRows:
        """Return the rows of a change that has a trace."""
        assert change.trace is not None
        return trace_rows(self.packer, self.keys.of(change.session.id), tk, change.trace, change.session, self._worker)


def _runs(changes: Sequence[Change]) -> Iterator[list[int]]:
    """Yield positions in runs that hold each trace once, so that a later state finds the earlier one written."""
    run: list[int] = []
    seen: set[str] = set()
    for position, change in enumerate(changes):
        if change.trace and change.trace.id in seen:
            yield run
            run, seen = [], set()
        if change.trace:
            seen.add(change.trace.id)
        run.append(position)
    yield run


class _Batch:
    """One transaction: the sessions it has read, and what must be inserted and counted before its end."""

    def __init__(self, recorder: Recorder, opened: Opened, connection: sqlite3.Connection, careful: bool) -> None:
        self._recorder = recorder
        self._sql = opened.sql
        self._connection = connection
        self._careful = careful
        self._sessions: dict[int, Row] = {}
        self._lookup = StoreLookup(self._sql, connection, self._sessions)
        self._written: set[tuple[str, int]] = set()
        self._uncertain: set[int] = set()
        self._left: set[int] = set()
        self.born: dict[int, int] = {}

    def write(self, run: Sequence[tuple[Change, TraceRows | None]]) -> list[Change | None]:
        """Write changes of which no two are of one trace; return each as it was decided."""
        pending: list[TraceRows] = []
        written: list[Change | None] = []
        for change, built in run:
            if change.decide is None:
                decided: Change | None = change
            else:
                # A decision sees all that came before it.
                self._insert(pending)
                pending = []
                decided = change.decide(self._lookup)
            written.append(decided)
            if decided is not None and (rows := self._rows(decided, built)) is not None:
                pending.append(rows)
            if self._careful:
                self._insert(pending)
                pending = []
        self._insert(pending)
        return written

    def _rows(self, change: Change, built: TraceRows | None) -> TraceRows | None:
        """Note a change in its session's row; return the rows of its trace, which are still to be inserted."""
        row = self._session(change)
        add_facts(row, change.session)
        if change.trace is None:
            self._write_outside(change, row)
            return None
        old = self._take_places(change, row["sid"]) if change.takes else self._take_back(change, row["sid"])
        rows = built or self._recorder.build(change, self._free_key(change, row["sid"]))
        row["judged"] |= bool(rows.scores)
        if add_trace(row, rows.trace, old):
            self._uncertain.add(row["sid"])
        self._written.add((change.trace.id, change.trace.started_ns))
        return rows

    def finish(self) -> None:
        """Count again what must be, write the sessions, and delete those that nothing is left of."""
        for sid in self._uncertain | self._left:
            row = self._sessions.get(sid) or self._read_session(sid)
            if row is not None:
                self._count_again(sid, row)
        self._execute_many(self._sql.put_session, list(map(_columns, self._sessions.values())))
        self.born = {sid: row["born"] for sid, row in self._sessions.items()}

    def _count_again(self, sid: int, row: Row) -> None:
        self._sessions[sid] = row
        if count_again(self._sql, self._connection, row):
            if sid in self._left:
                sweep(self._sql, self._connection, sid)
                row["born"] = secrets.randbits(62)
        elif sid in self._left:
            delete_session(self._sql, self._connection, sid)
            del self._sessions[sid]
        if sid in self._left:
            self._recorder.packer.forget(sid)

    def _session(self, change: Change) -> Row:
        """Return the row of a change's session, read once, made where it is new."""
        facts, packer = change.session, self._recorder.packer
        sid = self._recorder.keys.of(facts.id)
        row = self._sessions.get(sid) or self._read_session(sid)
        if row is None:
            row = new_session(sid, facts, secrets.randbits(62), _moment(change))
        elif original(row["id"]) != facts.id:
            self._recorder.keys.take_next(facts.id)
            raise Again
        if not packer.is_of(sid, row["born"]):
            # Deleted or swept by another process: what was remembered of its contents is void.
            raise Again
        self._sessions[sid] = row
        return row

    def _read_session(self, sid: int) -> Row | None:
        found = self._connection.execute(self._sql.session_by_sid, (sid,)).fetchone()
        return None if found is None else dict(zip(SessionRow._fields, found, strict=True))

    def _take_back(self, change: Change, sid: int) -> OldState | None:
        """Delete what an earlier state of the trace wrote; return that state if it stood in the same session."""
        old = self._find(change)
        if old is None or change.trace is None:
            return None
        return self._delete(old, sid, change.trace.id)

    def _take_places(self, change: Change, sid: int) -> OldState | None:
        """Delete the traces whose place this one takes; return the state of the only one, if it stood here too."""
        here: list[OldState] = []
        for trace in change.takes:
            old = self._stored_state(trace)
            if old is not None and self._delete(old, sid, trace.id) is not None:
                here.append(old)
        if len(here) > 1:
            self._uncertain.add(sid)
        return here[0] if len(here) == 1 else None

    def _stored_state(self, trace: Trace) -> OldState | None:
        home = self._recorder.keys.of(trace.session_id)
        found = self._connection.execute(self._sql.trace_states, (pack_trace_id(trace.id),)).fetchall()
        states = [old_state(columns) for columns in found]
        return next((s for s in states if s.sid == home and s.started == trace.started_ns), None)

    def _delete(self, old: OldState, sid: int, trace_id: str) -> OldState | None:
        """Delete a trace and all it brought; return its state if it stood in the session of this key."""
        for statement in self._sql.delete_trace:
            self._connection.execute(statement, (old.sid, old.tk))
        if old.sid == sid:
            return old
        self._left.add(old.sid)
        self._sessions[sid]["judged"] |= self._move_scores(old.sid, sid, pack_trace_id(trace_id))
        return None

    def _find(self, change: Change) -> OldState | None:
        trace = change.trace
        if trace is None:
            return None
        if not (self._careful or change.written_as is not None or (trace.id, trace.started_ns) in self._written):
            return None
        found = self._connection.execute(self._sql.trace_states, (pack_trace_id(trace.id),)).fetchall()
        states = [old_state(columns) for columns in found]
        if change.written_as is not None:
            home = self._recorder.keys.of(change.written_as)
            states.sort(key=lambda state: (state.sid == home, state.started == trace.started_ns), reverse=True)
            return states[0] if states else None
        # One W3C trace may hold several requests: only one that began at the same moment is this one.
        return next((state for state in states if state.started == trace.started_ns), None)

    def _move_scores(self, old: int, new: int, trace_id: bytes) -> bool:
        """Take the scores that came from outside along with their trace; return whether there were any."""
        moved = self._connection.execute(self._sql.scores_on_trace, (old, trace_id)).fetchall()
        for (score_id,) in moved:
            self._connection.execute(self._sql.delete_score, (new, score_id))
            self._connection.execute(self._sql.move_score, (new, old, score_id))
        return bool(moved)

    def _free_key(self, change: Change, sid: int) -> int:
        assert change.trace is not None
        tk = trace_key(change.trace.started_ns, change.trace.id)
        while self._connection.execute(self._sql.trace_at, (sid, tk)).fetchone():
            tk += 1
        return tk

    def _write_outside(self, change: Change, row: Row) -> None:
        """Write what a session was told without a request."""
        sid = row["sid"]
        row["events"] += self._execute_many(self._sql.insert_event, outside_events(sid, change.session.events))
        scores = [score_row(sid, None, seq, score) for seq, score in enumerate(change.session.scores)]
        row["judged"] |= bool(scores)
        self._execute_many(self._sql.put_score, scores)

    def _insert(self, rows: Sequence[TraceRows]) -> None:
        inserted = self._execute_many(self._sql.insert_trace, [row.trace for row in rows])
        if inserted != len(rows):
            # Another trace has this key, or this very trace was written before.
            raise Again
        self._execute_many(self._sql.insert_span, [span for row in rows for span in row.spans])
        self._execute_many(self._sql.insert_event, [event for row in rows for event in row.events])
        self._execute_many(self._sql.put_score, [score for row in rows for score in row.scores])
        self._execute_many(self._sql.insert_content, self._recorder.packer.take_rows())

    def _execute_many(self, statement: str, rows: Sequence[Any]) -> int:
        # The driver binds a plain tuple a third faster than one with names.
        return self._connection.executemany(statement, map(tuple, rows)).rowcount if rows else 0


def _moment(change: Change) -> int:
    """Return when a session began that this change is the first to name."""
    if change.trace:
        return change.trace.started_ns
    moments = [event.at_ns for event in change.session.events] + [score.at_ns for score in change.session.scores]
    return min(moments, default=time.time_ns())
