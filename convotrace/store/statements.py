"""The fixed SQL of the store, derived once from its tables: the query builder is too slow to run for each row.

What a statement takes stands in parentheses beside it; what it returns are the columns of `rows`, or those named.
"""

from __future__ import annotations

from typing import Any

from peewee import EXCLUDED, SQL, Value, fn

from convotrace.store.contents import FILE
from convotrace.store.rows import (
    KNOWN_TOTALS,
    AuditRow,
    AwaitedRow,
    ContentRow,
    EventRow,
    LeaseRow,
    ScoreRow,
    SessionRow,
    SpanRow,
    TraceRow,
    WorkerRow,
)
from convotrace.store.schema import Table, Tables

COUNTED = ("errors", "spans", "events", *KNOWN_TOTALS)
"""Columns of a trace that add up to the column of the same name in its session."""

# A number in an expression would become a placeholder; these stand in the text.
_ZERO, _ONE, _RUNNING, _FILE = SQL("0"), SQL("1"), SQL("'running'"), SQL(str(FILE))


class Statements:
    """Every fixed statement, as text with placeholders."""

    def __init__(self, tables: Tables) -> None:
        self._insert(tables)
        self._facts(tables)
        self._remove(tables)
        self._scatter(tables)
        self._read(tables)
        self._look_up(tables)
        self._rewrite(tables)
        self._move(tables)
        self._attach(tables)
        self._count(tables)
        self._quote(tables.trace)
        self.lists: dict[tuple[str, bool, bool], str] = {}
        """Statements of lists, by order, whether searched and whether continued; made when first asked for."""

    def _insert(self, tables: Tables) -> None:
        """Rows as they come: (the row)."""
        self.insert_trace = _text(_insertion(tables.trace, TraceRow).on_conflict_ignore())
        self.insert_awaited = _text(_insertion(tables.awaited, AwaitedRow))
        self.insert_span = _text(_insertion(tables.span, SpanRow))
        self.insert_event = _text(_insertion(tables.event, EventRow).on_conflict_ignore())
        self.insert_content = _text(_insertion(tables.content, ContentRow).on_conflict_ignore())
        self.put_score = _upsert(tables.score, ScoreRow, "sid", "id")
        self.put_session = _upsert(tables.session, SessionRow, "sid")

    def _facts(self, tables: Tables) -> None:
        """Facts about the store: (key, value), (key), (the row), (), (seen before), ()."""
        meta, worker, trace = tables.meta, tables.worker, tables.trace
        self.insert_meta = _text(meta.insert({meta.key: "", meta.value: ""}).on_conflict_ignore())
        self.meta_by_key = _text(meta.select(meta.value).where(meta.key == ""))
        self.put_worker = _upsert(worker, WorkerRow, "id", keep="started")
        self.workers = _text(_selection(worker, WorkerRow).order_by(worker.started))
        self.old_workers = _text(worker.delete().where(worker.seen < 0))
        self.running = _text(trace.select(trace.trace_id, trace.worker).where(trace.status == _RUNNING))
        self._lease(tables.lease, tables.audit)

    def _lease(self, lease: Table, audit: Table) -> None:
        """Leases: (the row, now, too far), (until, name, holder), (name); the audit: (the row), (id), (limit), (at)."""
        mine = {getattr(lease, name): getattr(EXCLUDED, name) for name in LeaseRow._fields}
        free = (lease.until <= 0) | (lease.until > 0)
        self.take_lease = _text(
            _insertion(lease, LeaseRow).on_conflict(conflict_target=[lease.name], update=mine, where=free)
        )
        self.keep_lease = _text(lease.update({lease.until: 0}).where(lease.name == "", lease.holder == 0))
        self.lease_until = _text(lease.select(lease.until).where(lease.name == ""))
        self.put_audit = _upsert(audit, AuditRow, "id")
        self.audit_by_id = _text(_selection(audit, AuditRow).where(audit.id == b""))
        self.newest_audit = _text(_selection(audit, AuditRow).order_by(audit.at.desc()).limit(1))
        self.old_audit = _text(audit.delete().where(audit.at < 0))

    def _read(self, tables: Tables) -> None:
        """One session: (sid) or (key), its parts (sid), its newest turns (sid, limit)."""
        session, trace, span = tables.session, tables.trace, tables.span
        event, score, content = tables.event, tables.score, tables.content
        self.session_by_sid = _text(_selection(session, SessionRow).where(session.sid == 0))
        self.session_by_key = _text(_selection(session, SessionRow).where(session.key == ""))
        self.traces_of = _text(_of_session(trace, TraceRow).order_by(trace.tk))
        self.spans_of = _text(_of_session(span, SpanRow).order_by(span.tk, span.started, span.seq))
        self.events_of = _text(_of_session(event, EventRow).order_by(event.at, event.seq))
        self.scores_of = _text(_of_session(score, ScoreRow).order_by(score.at, score.seq))
        self.contents_of = _text(_selection(content, ContentRow).where(content.sid == 0, content.codec < _FILE))
        marks = trace.select(trace.started, trace.duration, trace.errors, trace.first_byte)
        turns = marks.where(trace.sid == 0, trace.is_turn == _ONE)
        self.turn_marks = _text(turns.order_by(trace.tk.desc()).limit(1))

    def _look_up(self, tables: Tables) -> None:
        """One trace as it stands: by its id (trace id), what it brought (sid, tk), a content (sid, hash)."""
        trace, span, event, score, content = tables.trace, tables.span, tables.event, tables.score, tables.content
        there = trace.sid.not_in(tables.gone.select(tables.gone.sid))
        found = _selection(trace, TraceRow).where(trace.trace_id == b"", there)
        self.traces_of_id = _text(found.order_by(trace.started))
        self.trace_of_key = _text(_selection(trace, TraceRow).where(trace.sid == 0, trace.tk == 0))
        turns = _of_session(trace, TraceRow).where(trace.is_turn == _ONE).order_by(trace.tk.desc())
        # The last turns of a session (sid, limit); sessions by what was said in a turn (hash, since, limit).
        self.last_turns = _text(turns.limit(1))
        # Turns that promised an answer under a name (name, since, limit).
        awaited = tables.awaited
        promising = _selection(trace, TraceRow).join(awaited, on=(awaited.sid == trace.sid) & (awaited.tk == trace.tk))
        promising = promising.where(awaited.name == "", trace.started >= 0, there).order_by(trace.started.desc())
        self.awaiting = _text(promising.limit(1))
        saying = trace.select(trace.sid).where(trace.said == 0, trace.started >= 0, there).distinct()
        self.sessions_having_said = _text(saying.limit(1))
        spans = _selection(span, SpanRow).where(span.sid == 0, span.tk == 0)
        events = _selection(event, EventRow).where(event.sid == 0, event.tk == 0)
        scores = _selection(score, ScoreRow).where(score.sid == 0, score.origin == 0)
        self.spans_at = _text(spans.order_by(span.started, span.seq))
        self.events_at = _text(events.order_by(event.at, event.seq))
        self.scores_at = _text(scores.order_by(score.at, score.seq))
        self.content_at = _text(_selection(content, ContentRow).where(content.sid == 0, content.hash == b""))

    def _rewrite(self, tables: Tables) -> None:
        """A trace written before: its states (trace id), whose key it is (sid, tk), all it brought (sid, tk)."""
        session, trace, span, event, score = tables.session, tables.trace, tables.span, tables.event, tables.score
        worth = [getattr(trace, name) for name in ("sid", "tk", "started", "duration", "is_turn", "placed", *COUNTED)]
        spoke = [trace.input_text.is_null(False), trace.output_text.is_null(False)]
        there = trace.sid.not_in(tables.gone.select(tables.gone.sid))
        states = trace.select(*worth, *spoke).where(trace.trace_id == b"", there)
        self.trace_states = _text(states.order_by(trace.n.desc()))
        self.trace_at = _text(trace.select(trace.trace_id).where(trace.sid == 0, trace.tk == 0))
        self.delete_trace = [
            _text(trace.delete().where(trace.sid == 0, trace.tk == 0)),
            _text(tables.awaited.delete().where(tables.awaited.sid == 0, tables.awaited.tk == 0)),
            _text(span.delete().where(span.sid == 0, span.tk == 0)),
            _text(event.delete().where(event.sid == 0, event.tk == 0)),
            _text(score.delete().where(score.sid == 0, score.origin == 0)),
        ]
        homes = session.select(session.id).join(trace, on=(trace.sid == session.sid)).where(trace.trace_id == b"")
        # (trace id, limit)
        self.session_of_trace = _text(homes.order_by(trace.started.desc()).limit(1))

    def _move(self, tables: Tables) -> None:
        """What a trace leaves behind or takes along: (sid), (sid, hash), (sid, trace id), (new, old, id), (sid, id)."""
        content, score = tables.content, tables.score
        self.delete_session = [_text(table.delete().where(table.sid == 0)) for table in tables.of_session()]
        self.delete_content = _text(content.delete().where(content.sid == 0, content.hash == b""))
        self.scores_on_trace = _text(score.select(score.id).where(score.sid == 0, score.trace_id == b""))
        self.move_score = _text(score.update({score.sid: 0}).where(score.sid == 0, score.id == ""))
        self.delete_score = _text(score.delete().where(score.sid == 0, score.id == ""))

    def _remove(self, tables: Tables) -> None:
        """Sessions that go: the oldest (before, limit), what runs in one (sid), how many, all rows; one in pieces."""
        session, trace, gone = tables.session, tables.trace, tables.gone
        worth = (session.sid, session.last, session.traces, session.spans, session.events)
        self.oldest = _text(session.select(*worth).where(session.last < 0).order_by(session.last).limit(1))
        self.older_than = _text(session.select(*worth[1:]).where(session.last < 0).order_by(session.last))
        self.running_in = _text(trace.select(trace.worker).where(trace.sid == 0, trace.status == _RUNNING))
        total = fn.sum(session.traces + session.spans + session.events)
        self.all_rows = _text(session.select(total))
        self.count_sessions = _text(session.select(fn.count(session.sid)))
        # (sid), (), (sid)
        self.hide_session = [_text(gone.insert({gone.sid: 0})), _text(session.delete().where(session.sid == 0))]
        self.hidden = _text(gone.select(gone.sid).limit(1))
        self.is_hidden = _text(gone.select(gone.sid).where(gone.sid == 0))
        # A few rows at a time: (sid, limit); then its traces: (sid, limit).
        self.delete_some = [_some(table) for table in (tables.span, tables.event, tables.score)]
        content = tables.content
        few = content.select(content.hash).where(content.sid == 0).limit(1)
        self.delete_some_contents = _text(content.delete().where(content.sid == 0, content.hash.in_(few)))
        self.some_traces = _text(trace.select(trace.tk).where(trace.sid == 0).limit(1))

    def _scatter(self, tables: Tables) -> None:
        """What names a user or session elsewhere: (user), (user), (None, user), (), (sid), (links, sid)."""
        session, trace, score = tables.session, tables.trace, tables.score
        self.sessions_of_user = _text(session.select(session.sid).where(session.user_id == ""))
        self.traces_of_user = _text(trace.select(trace.sid, trace.tk).where(trace.user_id == "").order_by(trace.sid))
        self.unname_author = _text(score.update({score.author: None}).where(score.author == ""))
        linked = session.links.is_null(False)
        self.linked = _text(session.select(session.sid, session.links).where(linked))
        self.links_of = _text(session.select(session.links).where(session.sid == 0, linked))
        self.put_links = _text(session.update({session.links: ""}).where(session.sid == 0))

    def _attach(self, tables: Tables) -> None:
        """Files: their hashes (sid), what traces say of them (sid), one taken along (new sid, old sid, hash)."""
        trace, content = tables.trace, tables.content
        self.files_of = _text(content.select(content.hash).where(content.sid == 0, content.codec >= _FILE))
        self.extras_of = _text(trace.select(trace.extra).where(trace.sid == 0, trace.extra.is_null(False)))
        columns = [content.hash, content.codec, content.size, content.body]
        one = content.select(Value(0), *columns).where(content.sid == 0, content.hash == b"")
        self.copy_file = _text(content.insert_from(one, [content.sid, *columns]).on_conflict_ignore())

    def _count(self, tables: Tables) -> None:
        """A session's totals: (sid), events from no trace (sid, OUTSIDE), any score (sid, limit), last turn (sid)."""
        trace, event, score = tables.trace, tables.event, tables.score
        end = trace.started + fn.coalesce(trace.duration, _ZERO)
        span_of_time = (fn.min(trace.started), fn.max(end))
        sums = [fn.sum(getattr(trace, name)) for name in COUNTED]
        totals = trace.select(fn.count(trace.tk), fn.sum(trace.is_turn), *span_of_time, *sums)
        self.recount = _text(totals.where(trace.sid == 0))
        turn = (trace.sid == 0) & (trace.is_turn == _ONE)
        self.last_turn = _text(trace.select(fn.max(trace.started)).where(turn))
        # The first turn that began after a moment: (sid, moment).
        self.next_turn = _text(trace.select(fn.min(trace.started)).where(turn, trace.started > 0))
        self.outside_events = _text(event.select(fn.count(event.at)).where(event.sid == 0, event.tk == 0))
        self.any_score = _text(score.select(score.id).where(score.sid == 0).limit(1))

    def _quote(self, trace: Table) -> None:
        """What a list shows of a session's turns: (sid, limit)."""
        turn = (trace.sid == 0) & (trace.is_turn == _ONE)
        asked = trace.select(trace.tk, trace.input_text).where(turn, trace.input_text.is_null(False))
        answered = trace.select(trace.tk, trace.output_text).where(turn, trace.output_text.is_null(False))
        self.first_input = _text(asked.order_by(trace.tk).limit(1))
        self.last_output = _text(answered.order_by(trace.tk.desc()).limit(1))
        clients = trace.select(trace.client).where(turn, trace.client.is_null(False)).group_by(trace.client)
        self.clients = _text(clients.order_by(trace.client).limit(1))


def _text(query: Any) -> str:
    return str(query.sql()[0])


def _insertion(table: Table, row: Any) -> Any:
    return table.insert({getattr(table, name): None for name in row._fields})


def _selection(table: Table, row: Any) -> Any:
    return table.select(*(getattr(table, name) for name in row._fields))


def _some(table: Table) -> str:
    few = table.select(SQL("rowid")).where(table.sid == 0).limit(1)
    return _text(table.delete().where(SQL("rowid").in_(few)))


def _of_session(table: Table, row: Any) -> Any:
    return _selection(table, row).where(table.sid == 0)


def _upsert(table: Table, row: Any, *key: str, keep: str | None = None) -> str:
    target = [getattr(table, name) for name in key]
    new = [name for name in row._fields if name not in (*key, keep)]
    update = {getattr(table, name): getattr(EXCLUDED, name) for name in new}
    return _text(_insertion(table, row).on_conflict(conflict_target=target, update=update))
