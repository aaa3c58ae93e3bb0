"""Changes into the store: each call is one short transaction, exact however often it is repeated."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator, Sequence
from operator import itemgetter
from typing import Any

from convotrace.insight.places import back, kept, of_other_user, resumption
from convotrace.model import Change, Event, SessionFacts, Trace
from convotrace.store.codec import original, storable
from convotrace.store.contents import Packer
from convotrace.store.database import Connection
from convotrace.store.keys import SessionKeys, pack_trace_id, trace_key
from convotrace.store.labelling import Labelling
from convotrace.store.labels import Label, facets_of_events, with_facets
from convotrace.store.lookup import StoreLookup
from convotrace.store.native import new_lock
from convotrace.store.opening import Opened
from convotrace.store.recount import count_again, delete_session, facets_between, sweep
from convotrace.store.removal import finish_removal
from convotrace.store.rows import SessionRow
from convotrace.store.sessions import OldState, Row, add_facts, add_link, add_trace, new_session, old_state, resumed
from convotrace.store.to_rows import TraceRows, outside_events, score_row, trace_rows

_ATTEMPTS = 8
_SHARED_REMEMBERED = 10_000
_columns = itemgetter(*SessionRow._fields)


class Again(Exception):
    """Something supposed without looking proved wrong: undo, look everything up, and write again."""


class Recorder:
    """Writes changes into one opened database."""

    def __init__(self, opened: Opened, sid_secret: bytes, content_secret: bytes, worker: int) -> None:
        self._opened = opened
        self._worker = worker
        self._lock = new_lock()
        # Ids that several users share: what comes under one of them is not encoded before its session is known.
        self._shared: set[str] = set()
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
        positions, changes = _united(changes)
        return _spread(self._written(changes, careful), positions)

    def _written(self, changes: Sequence[Change], careful: bool) -> list[Change | None]:
        try:
            if careful:
                self._forget(changes)
            # Encoding, hashing and compression happen before the write lock is taken.
            built = [None if careful else self._build(change) for change in changes]
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

    def note_shared(self, session_id: str) -> None:
        """Note that several users share an id."""
        if len(self._shared) >= _SHARED_REMEMBERED:
            self._shared.clear()
        self._shared.add(session_id)

    def _build(self, change: Change) -> TraceRows | None:
        trace = change.trace
        # Where it will stand is known only inside the transaction.
        late = change.decide is not None or change.written_as is not None or change.session.id in self._shared
        return None if late or trace is None else self.build(change, trace_key(trace.started_ns, trace.id))

    def build(self, change: Change, tk: int) -> TraceRows:
        """Return the rows of a change that has a trace."""
        assert change.trace is not None
        return trace_rows(self.packer, self.keys.of(change.session.id), tk, change.trace, change.session, self._worker)


def _united(changes: Sequence[Change]) -> tuple[list[int], list[Change]]:
    """Return the changes that are left when those of one trace are one where they can be, and where each then stands.

    A client that sends each span alone would have its trace written anew for every one of them.
    """
    positions: list[int] = []
    groups: list[list[Change]] = []
    open_to: dict[str, int] = {}
    for change in changes:
        trace_id = change.trace.id if change.trace is not None else ""
        at = open_to.pop(trace_id, None) if change.unites is not None else None
        if at is None:
            at = len(groups)
            groups.append([])
        groups[at].append(change)
        positions.append(at)
        if change.unites is None:
            open_to.pop(trace_id, None)
        else:
            open_to[trace_id] = at
    return positions, [_one_of(group) for group in groups]


def _one_of(group: Sequence[Change]) -> Change:
    last = group[-1]
    return last.unites(group[:-1]) if len(group) > 1 and last.unites is not None else last


def _spread(written: Sequence[Change | None], positions: Sequence[int]) -> list[Change | None]:
    """Return what was written for each change: what several became is what the last of them wrote."""
    last = {at: position for position, at in enumerate(positions)}
    return [written[at] if last[at] == position else None for position, at in enumerate(positions)]


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

    def __init__(self, recorder: Recorder, opened: Opened, connection: Connection, careful: bool) -> None:
        self._recorder = recorder
        self._sql = opened.sql
        self._connection = connection
        self._careful = careful
        self._sessions: dict[int, Row] = {}
        self._lookup = StoreLookup(self._sql, connection, recorder.keys, self._sessions)
        self._written: set[tuple[str, int]] = set()
        self._uncertain: set[int] = set()
        self._left: set[int] = set()
        self._pending: list[TraceRows] = []
        self._labelling = Labelling(opened.sql, connection)
        # What the states said that were deleted, until it is seen whether their traces still say it.
        self._unsaid: dict[int, set[Label]] = {}
        self.born: dict[int, int] = {}

    def write(self, run: Sequence[tuple[Change, TraceRows | None]]) -> list[Change | None]:
        """Write changes of which no two are of one trace; return each as it was decided."""
        written = [self._one(change, built) for change, built in run]
        self._insert()
        return written

    def _one(self, change: Change, built: TraceRows | None) -> Change | None:
        """Write one change as it was decided; its rows are still to be inserted."""
        decided: Change | None = change
        if change.decide is not None:
            # A decision sees all that came before it.
            self._insert()
            decided = change.decide(self._lookup)
            for move in decided.moves if decided is not None else ():
                self._add(move, None)
        done = None if decided is None else self._add(decided, built)
        if self._careful:
            self._insert()
        return done

    def _add(self, change: Change, built: TraceRows | None) -> Change:
        """Note a change in its session's row and its rows among those to be inserted; return it as it is written."""
        old = None if change.takes else self._find(change)
        settled = self._settled(change, old)
        if settled is not change and built is not None:
            raise Again
        row = self._session(settled)
        self._resume(settled, row, is_new=old is None and not change.takes)
        add_facts(row, settled.session)
        self._link_back(settled.session)
        if settled.trace is None:
            self._write_outside(row, settled.session)
        else:
            self._add_rows(settled, settled.trace, row, old, built)
        return settled

    def _settled(self, change: Change, old: OldState | None) -> Change:
        """Return a change under the session where it belongs: its user's, or where its earlier state was put."""
        if old is not None and old.placed:
            self._insert()
            return kept(change, self._lookup.at(old.sid, old.tk))
        facts = change.session
        if facts.other_id is None or facts.user_id is None:
            return change
        row = self._row_of(facts.id)
        if row is None or row["user_id"] in (None, storable(facts.user_id)):
            return change
        self._recorder.note_shared(facts.id)
        return of_other_user(change)

    def _add_rows(
        self, change: Change, trace: Trace, row: Row, found: OldState | None, built: TraceRows | None
    ) -> None:
        sid = row["sid"]
        if change.takes:
            old = self._take_places(change.takes, sid, trace)
        else:
            old = None if found is None else self._delete(found, sid, trace)
        if old is not None and any(file.left_out == "content" for file in trace.attachments):
            # An earlier state, shown while it ran, may have stored what is not to be kept.
            self._left.add(sid)
        rows = built or self._recorder.build(change, self._free_key(change, sid))
        self._note_said(row, rows)
        if add_trace(row, rows.trace, old):
            self._uncertain.add(sid)
        self._written.add((trace.id, trace.started_ns))
        self._pending.append(rows)

    def _note_said(self, row: Row, rows: TraceRows) -> None:
        """Note in a session's row, and for its labels, what a trace says and what its earlier state did."""
        sid = row["sid"]
        if rows.scores:
            row["judged"] = 1
            self._labelling.scored.add(sid)
        row["facets"] = with_facets(row["facets"], rows.facets)
        if self._unsaid.pop(sid, set()) - rows.facets:
            self._uncertain.add(sid)

    def _resume(self, change: Change, row: Row, is_new: bool) -> None:
        """Open a session again that a turn goes on with after its end, and note that it was."""
        trace, ended = change.trace, change.session.ended_ns
        if trace is not None and trace.is_turn and is_new and (event := resumed(row, trace.started_ns)) is not None:
            self._note_outside(row, (event,))
        elif ended is not None and ended < (row["last_turn"] or 0):
            # The end of it is told of after a turn that came later.
            self._insert()
            (at,) = self._connection.execute(self._sql.next_turn, (row["sid"], ended)).fetchone()
            if at is not None:
                self._note_outside(row, (resumption(at, change.session.outcome or row["outcome"]),))

    def _link_back(self, facts: SessionFacts) -> None:
        """Show a link on the session that it leads to as well, where that is stored."""
        for link in facts.links:
            row = self._row_of(link.session_id)
            if row is not None and link.session_id != facts.id:
                self._sessions[row["sid"]] = row
                add_link(row, back(facts.id, link))

    def _row_of(self, session_id: str) -> Row | None:
        sid = self._recorder.keys.of(session_id)
        row = self._sessions.get(sid) or self._read_session(sid)
        return row if row is not None and original(row["id"]) == session_id else None

    def finish(self) -> None:
        """Count again what must be, write the sessions, and delete those that nothing is left of."""
        for sid in self._uncertain | self._left:
            row = self._sessions.get(sid) or self._read_session(sid)
            if row is not None:
                self._count_again(sid, row)
        self._execute_many(self._sql.put_session, list(map(_columns, self._sessions.values())))
        self._labelling.finish(self._sessions.values())
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
            finish_removal(self._sql, self._connection, sid)
            row = new_session(sid, facts, secrets.randbits(62), _moment(change))
        elif original(row["id"]) != facts.id:
            self._recorder.keys.take_next(facts.id)
            raise Again
        if not packer.is_of(sid, row["born"]):
            # Deleted or swept by another process: what was remembered of its contents is void.
            packer.forget(sid)
            raise Again
        self._sessions[sid] = row
        return row

    def _read_session(self, sid: int) -> Row | None:
        found = self._connection.execute(self._sql.session_by_sid, (sid,)).fetchone()
        if found is None:
            return None
        row = dict(zip(SessionRow._fields, found, strict=True))
        self._labelling.stands(row)
        return row

    def _take_places(self, takes: Sequence[Trace], sid: int, trace: Trace) -> OldState | None:
        """Delete the traces whose place this one takes; return the state of the only one, if it stood here too."""
        here: list[OldState] = []
        for taken in takes:
            old = self._stored_state(taken)
            if old is not None and self._delete(old, sid, trace) is not None:
                here.append(old)
        if len(here) > 1:
            self._uncertain.add(sid)
        return here[0] if len(here) == 1 else None

    def _stored_state(self, trace: Trace) -> OldState | None:
        home = self._recorder.keys.of(trace.session_id)
        found = self._connection.execute(self._sql.trace_states, (pack_trace_id(trace.id),)).fetchall()
        states = [old_state(columns) for columns in found]
        return next((s for s in states if s.sid == home and s.started == trace.started_ns), None)

    def _delete(self, old: OldState, sid: int, trace: Trace) -> OldState | None:
        """Delete an earlier state of a trace and all it brought; return it if it stood in the session of this key."""
        said = facets_between(self._sql, self._connection, old.sid, old.tk, old.tk)
        self._unsaid[old.sid] = self._unsaid.get(old.sid, set()) | said
        for statement in self._sql.delete_trace:
            self._connection.execute(statement, (old.sid, old.tk))
        if old.sid == sid:
            if self._sessions[sid]["judged"]:
                self._labelling.scored.add(sid)
            return old
        self._left.add(old.sid)
        self._labelling.scored |= {old.sid, sid}
        self._sessions[sid]["judged"] |= self._move_scores(old.sid, sid, pack_trace_id(trace.id))
        # What is known of a file by its hash alone comes along; its old place is swept at the end.
        names = [file.hash for file in trace.attachments if file.hash is not None and file.data is None]
        self._execute_many(self._sql.copy_file, [(sid, old.sid, bytes.fromhex(name)) for name in names])
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

    def _write_outside(self, row: Row, facts: SessionFacts) -> None:
        """Write what a session was told without a request."""
        self._note_outside(row, facts.events)
        scores = [score_row(row["sid"], None, seq, score) for seq, score in enumerate(facts.scores)]
        if scores:
            row["judged"] = 1
            self._labelling.scored.add(row["sid"])
        self._execute_many(self._sql.put_score, scores)

    def _note_outside(self, row: Row, events: Sequence[Event]) -> None:
        rows = outside_events(row["sid"], events)
        row["facets"] = with_facets(row["facets"], facets_of_events(rows))
        row["events"] += self._execute_many(self._sql.insert_event, rows)

    def _insert(self) -> None:
        rows, self._pending = self._pending, []
        inserted = self._execute_many(self._sql.insert_trace, [row.trace for row in rows])
        if inserted != len(rows):
            # Another trace has this key, or this very trace was written before.
            raise Again
        self._execute_many(self._sql.insert_awaited, [name for row in rows for name in row.awaited])
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
