"""Earlier states of a trace that is written again: found, and deleted with all that they brought."""

from __future__ import annotations

from collections.abc import Sequence

from convotrace.model import Change, Trace
from convotrace.store.counting import Count
from convotrace.store.database import Connection
from convotrace.store.holding import loosen
from convotrace.store.keys import SessionKeys, pack_trace_id, trace_key
from convotrace.store.recount import facets_between
from convotrace.store.sessions import OldState, old_state
from convotrace.store.statements import Statements
from convotrace.store.touched import Touched


class Earlier:
    """Finds and deletes, inside one transaction."""

    def __init__(
        self, sql: Statements, connection: Connection, keys: SessionKeys, touched: Touched, count: Count
    ) -> None:
        self._sql = sql
        self._count = count
        self._connection = connection
        self._keys = keys
        self._touched = touched

    def of(self, change: Change) -> OldState | None:
        """Return the earlier state of a change's trace, where one is stored."""
        trace = change.trace
        if trace is None:
            return None
        states = self._states(trace)
        if change.written_as is not None:
            home = self._keys.of(change.written_as)
            states.sort(key=lambda state: (state.sid == home, state.started == trace.started_ns), reverse=True)
            return states[0] if states else None
        # One W3C trace may hold several requests: only one that began at the same moment is this one.
        return next((state for state in states if state.started == trace.started_ns), None)

    def take_places(self, takes: Sequence[Trace], sid: int, trace: Trace) -> OldState | None:
        """Delete the traces whose place this one takes; return the state of the only one, if it stood here too."""
        here: list[OldState] = []
        for taken in takes:
            old = self._at_home(taken)
            if old is not None and self.delete(old, sid, trace) is not None:
                here.append(old)
        if len(here) > 1:
            self._touched.uncertain.add(sid)
        return here[0] if len(here) == 1 else None

    def delete(self, old: OldState, sid: int, trace: Trace) -> OldState | None:
        """Delete an earlier state of a trace and all it brought; return it if it stood in the session of this key."""
        touched, labelling = self._touched, self._touched.labelling
        said = facets_between(self._sql, self._connection, old.sid, old.tk, old.tk)
        touched.unsaid[old.sid] = touched.unsaid.get(old.sid, set()) | said
        self._count.leaves(old.sid, old.tk)
        loosen(self._sql, self._connection, old.sid, old.tk)
        for statement in self._sql.delete_trace:
            self._connection.execute(statement, (old.sid, old.tk))
        if old.sid == sid:
            if touched.rows[sid]["judged"]:
                labelling.scored.add(sid)
            return old
        touched.left.add(old.sid)
        labelling.scored |= {old.sid, sid}
        touched.rows[sid]["judged"] |= self._move_scores(old.sid, sid, pack_trace_id(trace.id))
        self._move_tasks(old.sid, sid, pack_trace_id(trace.id))
        # What is known of a file by its hash alone comes along; its old place is swept at the end.
        names = [file.hash for file in trace.attachments if file.hash is not None and file.data is None]
        self._connection.executemany(self._sql.copy_file, [(sid, old.sid, bytes.fromhex(name)) for name in names])
        return None

    def free_key(self, trace: Trace, sid: int) -> int:
        """Return the key of a trace that no other one of its session has."""
        tk = trace_key(trace.started_ns, trace.id)
        while self._connection.execute(self._sql.trace_at, (sid, tk)).fetchone():
            tk += 1
        return tk

    def _states(self, trace: Trace) -> list[OldState]:
        found = self._connection.execute(self._sql.trace_states, (pack_trace_id(trace.id),)).fetchall()
        return [old_state(columns) for columns in found]

    def _at_home(self, trace: Trace) -> OldState | None:
        home = self._keys.of(trace.session_id)
        states = self._states(trace)
        return next((state for state in states if state.sid == home and state.started == trace.started_ns), None)

    def _move_scores(self, old: int, new: int, trace_id: bytes) -> bool:
        """Take the scores that came from outside along with their trace; return whether there were any."""
        moved = self._connection.execute(self._sql.scores_on_trace, (old, trace_id)).fetchall()
        for (score_id,) in moved:
            self._connection.execute(self._sql.delete_score, (new, score_id))
            self._connection.execute(self._sql.move_score, (new, old, score_id))
        return bool(moved)

    def _move_tasks(self, old: int, new: int, trace_id: bytes) -> None:
        """Take what queues ask of a turn along with it."""
        keeping = self._sql.keeping
        self._connection.execute(keeping.move_reviews, (new, old, old, trace_id))
        self._connection.execute(keeping.move_tasks, (new, old, trace_id))
