"""One transaction of changes: each is decided, noted in its session, and its rows inserted."""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from typing import Any

from convotrace.insight.places import back, kept, of_other_user, resumption
from convotrace.model import Change, Event, SessionFacts, Trace
from convotrace.store.building import Builder
from convotrace.store.codec import storable
from convotrace.store.counting import Count
from convotrace.store.database import Again, Connection
from convotrace.store.earlier import Earlier
from convotrace.store.labels import facets_of_events, with_facets
from convotrace.store.lookup import StoreLookup
from convotrace.store.rows import TraceRow
from convotrace.store.sessions import OldState, Row, add_facts, add_link, add_trace, breaks_silence, placed, resumed
from convotrace.store.statements import Statements
from convotrace.store.to_rows import TraceRows, outside_events, score_row
from convotrace.store.touched import Touched


class Transaction:
    """Writes changes; what it supposed wrongly raises Again.

    Args:
        builder: Makes the rows that were not made before.
        sql: The statements.
        connection: Inside a transaction.
        careful: Each change may have been written already: look before adding it up.
        count: Takes note of the traces that come and go.
        only: Keys of the sessions that may be touched, None where all may.
    """

    def __init__(
        self,
        builder: Builder,
        sql: Statements,
        connection: Connection,
        careful: bool,
        count: Count,
        only: Collection[int] | None,
    ) -> None:
        self._builder = builder
        self._sql = sql
        self._connection = connection
        self._careful = careful
        self._touched = Touched(builder, sql, connection, only)
        self._count = count
        self._earlier = Earlier(sql, connection, builder.keys, self._touched, count)
        self._lookup = StoreLookup(sql, connection, builder.keys, self._touched.rows)
        self._written: set[tuple[str, int]] = set()
        self._pending: list[TraceRows] = []

    def write(self, run: Sequence[tuple[Change, TraceRows | None]]) -> list[Change | None]:
        """Write changes of which no two are of one trace; return each as it was decided."""
        self._touched.read_ahead(change.session.id for change, _ in run)
        written = [self._one(change, built) for change, built in run]
        self._insert()
        return written

    def finish(self) -> dict[int, int]:
        """Write the sessions and what is counted; return the birth of each session."""
        born = self._touched.finish()
        self._count.finish()
        return born

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
        row = self._touched.of(settled.session, _moment(settled))
        self._resume(settled, row, is_new=old is None and not change.takes)
        add_facts(row, settled.session)
        self._link_back(settled.session)
        if settled.trace is None:
            self._write_outside(row, settled.session)
        else:
            self._add_rows(settled, settled.trace, row, old, built)
        return settled

    def _find(self, change: Change) -> OldState | None:
        """Return the earlier state of a trace; it is looked for only where there may be one."""
        trace = change.trace
        if trace is None:
            return None
        may_be = self._careful or change.written_as is not None or (trace.id, trace.started_ns) in self._written
        found = self._earlier.of(change) if may_be else None
        if found is not None:
            self._touched.check(found.sid)
        return found

    def _settled(self, change: Change, old: OldState | None) -> Change:
        """Return a change under the session where it belongs: its user's, or where its earlier state was put."""
        if old is not None and old.placed:
            self._insert()
            return kept(change, self._lookup.at(old.sid, old.tk))
        facts = change.session
        if facts.other_id is None or facts.user_id is None:
            return change
        row = self._touched.stored(facts.id)
        if row is None or row["user_id"] in (None, storable(facts.user_id)):
            return change
        self._builder.note_shared(facts.id)
        return of_other_user(change)

    def _add_rows(
        self, change: Change, trace: Trace, row: Row, found: OldState | None, built: TraceRows | None
    ) -> None:
        sid = row["sid"]
        if change.takes:
            old = self._earlier.take_places(change.takes, sid, trace)
        else:
            old = None if found is None else self._earlier.delete(found, sid, trace)
        if old is not None and any(file.left_out == "content" for file in trace.attachments):
            # An earlier state, shown while it ran, may have stored what is not to be kept.
            self._touched.left.add(sid)
        rows = built or self._builder.build(change, self._earlier.free_key(trace, sid))
        rows.trace = placed(rows.trace, row)
        self._note_said(row, rows)
        if add_trace(row, rows.trace, old):
            self._touched.uncertain.add(sid)
        self._written.add((trace.id, trace.started_ns))
        self._pending.append(rows)

    def _note_said(self, row: Row, rows: TraceRows) -> None:
        """Note in a session's row, and for its labels, what a trace says and what its earlier state did."""
        sid, touched = row["sid"], self._touched
        if rows.scores:
            row["judged"] = 1
            touched.labelling.scored.add(sid)
        row["facets"] = with_facets(row["facets"], rows.facets)
        if touched.unsaid.pop(sid, set()) - rows.facets:
            touched.uncertain.add(sid)

    def _resume(self, change: Change, row: Row, is_new: bool) -> None:
        """Open a session again that a turn goes on with after its end, and note that it was."""
        trace, ended = change.trace, change.session.ended_ns
        if trace is not None and trace.is_turn and is_new and (event := resumed(row, trace.started_ns)) is not None:
            self._note_outside(row, (event,))
        elif trace is not None and trace.is_turn and breaks_silence(row, trace.started_ns):
            row["ended"], row["outcome"], row["outcome_reason"] = None, "open", None
        elif ended is not None and ended < (row["last_turn"] or 0):
            # The end of it is told of after a turn that came later.
            self._insert()
            (at,) = self._connection.execute(self._sql.next_turn, (row["sid"], ended)).fetchone()
            if at is not None:
                self._note_outside(row, (resumption(at, change.session.outcome or row["outcome"]),))

    def _link_back(self, facts: SessionFacts) -> None:
        """Show a link on the session that it leads to as well, where that is stored."""
        for link in facts.links:
            row = self._touched.stored(link.session_id)
            if row is not None and link.session_id != facts.id:
                self._touched.rows[row["sid"]] = row
                add_link(row, back(facts.id, link))

    def _write_outside(self, row: Row, facts: SessionFacts) -> None:
        """Write what a session was told without a request."""
        self._note_outside(row, facts.events)
        scores = [score_row(row["sid"], None, seq, score) for seq, score in enumerate(facts.scores)]
        if scores:
            row["judged"] = 1
            self._touched.labelling.scored.add(row["sid"])
        self._execute_many(self._sql.put_score, scores)

    def _note_outside(self, row: Row, events: Sequence[Event]) -> None:
        rows = outside_events(row["sid"], events)
        row["facets"] = with_facets(row["facets"], facets_of_events(rows))
        row["events"] += self._execute_many(self._sql.insert_outside_event, rows)

    def _insert(self) -> None:
        rows, self._pending = self._pending, []
        self._count.comes((row.trace, row.calls) for row in rows)
        inserted = self._put_traces([row.trace for row in rows])
        if inserted != len(rows):
            # Another trace has this key, or this very trace was written before.
            raise Again
        self._execute_many(self._sql.insert_awaited, [name for row in rows for name in row.awaited])
        self._execute_many(self._sql.put_score, [score for row in rows for score in row.scores])
        self._execute_many(self._sql.insert_content, self._builder.packer.take_rows())

    def _put_traces(self, rows: Sequence[TraceRow]) -> int:
        if rows and self._sql.is_narrow:
            return self._connection.executemany(*self._sql.some_of_trace.of(rows)).rowcount
        return self._execute_many(self._sql.insert_trace, rows)

    def _execute_many(self, statement: str, rows: Sequence[Any]) -> int:
        # The driver binds a plain tuple a third faster than one with names.
        return self._connection.executemany(statement, map(tuple, rows)).rowcount if rows else 0


def _moment(change: Change) -> int:
    """Return when a session began that this change is the first to name."""
    if change.trace:
        return change.trace.started_ns
    moments = [event.at_ns for event in change.session.events] + [score.at_ns for score in change.session.scores]
    return min(moments, default=time.time_ns())
