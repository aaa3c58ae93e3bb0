"""The fixed SQL of the store, derived once from its tables: the query builder is too slow to run for each row.

What a statement takes stands in parentheses beside it; what it returns are the columns of `rows`, or those named.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from peewee import EXCLUDED, SQL, Expression, Value, fn

from convotrace.store.bucket_sql import BucketStatements
from convotrace.store.bundles import FILE
from convotrace.store.keeping_sql import KeepingStatements
from convotrace.store.label_sql import LabelStatements
from convotrace.store.narrow import Narrow
from convotrace.store.rows import (
    KNOWN_TOTALS,
    AwaitedRow,
    ContentRow,
    EventRow,
    ScoreRow,
    SentRow,
    SessionRow,
    TraceRow,
    WorkerRow,
)
from convotrace.store.schema import Table, Tables
from convotrace.store.sql import active, insertion, insertion_of, of_session, selection, text, upsert

SESSIONS_AT_ONCE = 20
"""How many sessions one statement reads."""

TRACES_AT_ONCE = 100
"""How many trace ids one statement looks for, and on how many traces it finds the scores."""

ACTIVITY = ("key", "version", "last", "turns", "errors", "outcome")
"""Columns of a session that tell how it stands."""

GOING_ON = (
    "version", "last", "last_turn", "turns", "traces", "spans", "errors", "events", *KNOWN_TOTALS, "last_output",
    "last_tk", "marks",
)  # fmt: skip
"""Columns of a session that change with each turn; mostly no others do, once it has begun."""

COUNTED = ("errors", "spans", "events", *KNOWN_TOTALS)
"""Columns of a trace that add up to the column of the same name in its session."""

# A number in an expression would become a placeholder; these stand in the text.
_LOW = SQL(str((1 << 32) - 1))
_ZERO, _ONE, _RUNNING, _FILE = SQL("0"), SQL("1"), SQL("'running'"), SQL(str(FILE))


class Statements:
    """Every fixed statement, as text with placeholders."""

    def __init__(self, tables: Tables) -> None:
        self._insert(tables)
        self._facts(tables)
        self._read(tables)
        self._excerpt(tables)
        self._look_up(tables)
        self._rewrite(tables)
        self._move(tables)
        self._attach(tables)
        self._count(tables)
        self._quote(tables.trace)
        self.keeping = KeepingStatements(tables)
        self.labels = LabelStatements(tables)
        self.buckets = BucketStatements(tables)

    def _insert(self, tables: Tables) -> None:
        """Rows as they come: (the row)."""
        self.insert_trace = text(insertion(tables.trace, TraceRow).on_conflict_ignore())
        self.insert_awaited = text(insertion(tables.awaited, AwaitedRow))
        self.insert_event = text(insertion(tables.event, EventRow))
        self.insert_outside_event = text(insertion(tables.event, EventRow).on_conflict_ignore())
        self.insert_content = text(insertion(tables.content, ContentRow).on_conflict_ignore())
        self.put_sent = upsert(tables.sent, SentRow, "sid", "tk", "target")
        self.put_score = upsert(tables.score, ScoreRow, "sid", "id")
        self.put_session = upsert(tables.session, SessionRow, "sid", keep=("id", "key"))
        # Of SQLite alone: another driver binds None as fast as anything, and copies its rows by the whole statement.
        self.is_narrow = not tables.trace._meta.database.for_update
        self.some_of_trace = Narrow(TraceRow._fields, partial(_some_of_trace, tables))
        self.some_of_session = Narrow(SessionRow._fields, partial(_some_of_session, tables))
        going_on = {getattr(tables.session, name): 0 for name in GOING_ON}
        # (what changes with each turn, the key)
        self.session_goes_on = text(tables.session.update(going_on).where(tables.session.sid == 0))

    def _facts(self, tables: Tables) -> None:
        """Facts about the store: (key, value), (after, before), (key), (key), (the row), (), (seen before), ()."""
        meta, worker, trace = tables.meta, tables.worker, tables.trace
        self.insert_meta = text(meta.insert({meta.key: "", meta.value: ""}).on_conflict_ignore())
        replaced = {meta.value: EXCLUDED.value}
        self.put_meta = text(
            meta.insert({meta.key: "", meta.value: ""}).on_conflict(conflict_target=[meta.key], update=replaced)
        )
        self.meta_between = text(
            meta.select(meta.key, meta.value).where((meta.key > "") & (meta.key < "")).order_by(meta.key)
        )
        self.delete_meta = text(meta.delete().where(meta.key == ""))
        self.meta_by_key = text(meta.select(meta.value).where(meta.key == ""))
        self.put_worker = upsert(worker, WorkerRow, "id", keep=("started",))
        self.workers = text(selection(worker, WorkerRow).order_by(worker.started))
        self.old_workers = text(worker.delete().where(worker.seen < 0))
        self.running = text(trace.select(trace.trace_id, trace.worker).where(trace.status == _RUNNING))

    def _read(self, tables: Tables) -> None:
        """One session: (sid) or (key), several (so many sids), the newest (limit), how one stands (key, 1).

        Those active in stretches of time: (start, width, start, end, limit).

        Its parts: (sid); some of its scores: (sid, sid, limit), (sid, so many trace ids).
        """
        session, trace = tables.session, tables.trace
        event, score, content = tables.event, tables.score, tables.content
        self.session_by_sid = text(selection(session, SessionRow).where(session.sid == 0))
        several = session.sid.in_([0] * SESSIONS_AT_ONCE)
        self.sessions_by_sid = text(selection(session, SessionRow).where(several))
        self.session_by_key = text(selection(session, SessionRow).where(session.key == ""))
        self.newest = text(session.select(session.sid).order_by(session.last.desc(), session.sid.desc()).limit(1))
        self.active = text(active(session, (), 0, 1, 0, 1))
        activity = session.select(*(getattr(session, name) for name in ACTIVITY))
        self.activity_by_key = text(activity.where(session.key == "").limit(1))
        self.traces_of = text(of_session(trace, TraceRow).order_by(trace.tk))
        self.events_of = text(of_session(event, EventRow).order_by(event.at, event.seq))
        of_one = of_session(score, ScoreRow)
        self.scores_of = text(of_one.order_by(score.at, score.seq))
        self.scores_number = text(score.select(fn.count(score.id)).where(score.sid == 0))
        # Of thousands the keys alone are sorted: sorting whole rows takes most of what a page of their session takes.
        one = score.alias("one")
        latest = one.select(one.id).where(one.sid == 0).order_by(one.at.desc(), one.seq.desc()).limit(1)
        self.latest_scores = text(of_one.where(score.id.in_(latest)).order_by(score.at.desc(), score.seq.desc()))
        self.scores_on = text(of_one.where(score.trace_id.in_([b""] * TRACES_AT_ONCE)))
        self.contents_of = text(selection(content, ContentRow).where(content.sid == 0, content.codec < _FILE))

    def _excerpt(self, tables: Tables) -> None:
        """Some turns of a session: rows between two keys (sid, from, to), places (sid, limit, offset), (sid, key)."""
        trace = tables.trace
        turn = (trace.sid == 0) & (trace.is_turn == _ONE)
        # Each twice: where other requests stand among the turns, and where there are none.
        both = (turn, trace.sid == 0)
        keys = [trace.select(trace.tk).where(one).order_by(trace.tk).limit(1).offset(1) for one in both]
        self.turn_keys = [text(query) for query in keys]
        self.turns_before = [text(trace.select(fn.count(trace.tk)).where(one, trace.tk < 0)) for one in both]
        same = trace.select(trace.tk, trace.started).where(trace.sid == 0, trace.trace_id == b"")
        self.traces_in = text(same.order_by(trace.tk))
        between = (trace.tk >= 0) & (trace.tk < 0)
        self.turns_between = text(selection(trace, TraceRow).where(turn, between).order_by(trace.tk))
        other = (trace.sid == 0) & between & (trace.is_turn == _ZERO)
        self.others_between = text(selection(trace, TraceRow).where(other).order_by(trace.tk).limit(1))
        self.others_number = text(trace.select(fn.count(trace.tk)).where(other))
        failing = trace.select(trace.trace_id).where(turn, trace.errors > _ZERO, trace.tk > 0).order_by(trace.tk)
        self.failing_after = text(failing.limit(1))
        # What is said in the turns of a session: (sid).
        said = trace.select(trace.trace_id, trace.started, trace.input_text, trace.output_text, trace.failures)
        self.spoken_in = text(said.where(turn).order_by(trace.tk))

    def _look_up(self, tables: Tables) -> None:
        """One trace as it stands: by its id (trace id), what it brought (sid, tk), a content (sid, hash)."""
        trace, score, content = tables.trace, tables.score, tables.content
        there = trace.sid.not_in(tables.gone.select(tables.gone.sid))
        found = selection(trace, TraceRow).where(trace.trace_id == b"", there)
        self.traces_of_id = text(found.order_by(trace.started))
        several = trace.trace_id.in_([b""] * TRACES_AT_ONCE)
        # (so many trace ids): of which of them anything is stored, whatever it is.
        self.stored_ids = text(trace.select(trace.trace_id).where(several))
        self.trace_of_key = text(selection(trace, TraceRow).where(trace.sid == 0, trace.tk == 0))
        turns = of_session(trace, TraceRow).where(trace.is_turn == _ONE).order_by(trace.tk.desc())
        # The last turns of a session (sid, limit); sessions by what was said in a turn (hash, since, limit).
        self.last_turns = text(turns.limit(1))
        # Turns that promised an answer under a name (name, since, limit).
        awaited = tables.awaited
        promising = selection(trace, TraceRow).join(awaited, on=(awaited.sid == trace.sid) & (awaited.tk == trace.tk))
        promising = promising.where(awaited.name == "", trace.started >= 0, there).order_by(trace.started.desc())
        self.awaiting = text(promising.limit(1))
        saying = trace.select(trace.sid).where(trace.said == 0, trace.started >= 0, there).distinct()
        self.sessions_having_said = text(saying.limit(1))
        scores = selection(score, ScoreRow).where(score.sid == 0, score.origin == 0)
        self.scores_at = text(scores.order_by(score.at, score.seq))
        self.content_at = text(selection(content, ContentRow).where(content.sid == 0, content.hash == b""))
        # Contents in rows of traces: of one (sid, tk), of the newest after one (sid, tk, limit).
        pressed = (trace.pressed, trace.input_text, trace.output_text)
        self.bundle_at = text(trace.select(*pressed).where(trace.sid == 0, trace.tk == 0))
        after = trace.select(trace.tk, *pressed).where(trace.sid == 0, trace.tk > 0)
        self.bundles_after = text(after.order_by(trace.tk.desc()).limit(1))
        self.born_of = text(tables.session.select(tables.session.born).where(tables.session.sid == 0))

    def _rewrite(self, tables: Tables) -> None:
        """A trace written before: its states (trace id), whose key it is (sid, tk), all it brought (sid, tk)."""
        session, trace, score = tables.session, tables.trace, tables.score
        worth = [getattr(trace, name) for name in ("sid", "tk", "started", "duration", "is_turn", "placed", *COUNTED)]
        spoke = [trace.input_text.is_null(False), trace.output_text.is_null(False)]
        there = trace.sid.not_in(tables.gone.select(tables.gone.sid))
        states = trace.select(*worth, *spoke).where(trace.trace_id == b"", there)
        self.trace_states = text(states.order_by(trace.n.desc()))
        self.trace_at = text(trace.select(trace.trace_id).where(trace.sid == 0, trace.tk == 0))
        self.delete_trace = [
            text(trace.delete().where(trace.sid == 0, trace.tk == 0)),
            text(tables.awaited.delete().where(tables.awaited.sid == 0, tables.awaited.tk == 0)),
            text(score.delete().where(score.sid == 0, score.origin == 0)),
        ]
        homes = session.select(session.id).join(trace, on=(trace.sid == session.sid)).where(trace.trace_id == b"")
        # (trace id, limit)
        self.session_of_trace = text(homes.order_by(trace.started.desc()).limit(1))

    def _move(self, tables: Tables) -> None:
        """What a trace leaves behind or takes along: (sid), (sid, hash), (sid, trace id), (new, old, id), (sid, id)."""
        content, score = tables.content, tables.score
        self.delete_session = [text(table.delete().where(table.sid == 0)) for table in tables.of_session()]
        self.delete_content = text(content.delete().where(content.sid == 0, content.hash == b""))
        self.scores_on_trace = text(score.select(score.id).where(score.sid == 0, score.trace_id == b""))
        self.move_score = text(score.update({score.sid: 0}).where(score.sid == 0, score.id == ""))
        self.delete_score = text(score.delete().where(score.sid == 0, score.id == ""))

    def _attach(self, tables: Tables) -> None:
        """Files: their hashes (sid), what traces say of them (sid), one taken along (new sid, old sid, hash)."""
        trace, content = tables.trace, tables.content
        self.files_of = text(content.select(content.hash).where(content.sid == 0, content.codec >= _FILE))
        self.extras_of = text(trace.select(trace.extra).where(trace.sid == 0, trace.extra.is_null(False)))
        columns = [content.hash, content.codec, content.size, content.body]
        one = content.select(Value(0), *columns).where(content.sid == 0, content.hash == b"")
        self.copy_file = text(content.insert_from(one, [content.sid, *columns]).on_conflict_ignore())

    def _count(self, tables: Tables) -> None:
        """A session's totals: (sid), events from no trace (sid), any score (sid, limit), last turn (sid)."""
        trace, event, score = tables.trace, tables.event, tables.score
        end = trace.started + fn.coalesce(trace.duration, _ZERO)
        span_of_time = (fn.min(trace.started), fn.max(end))
        # Each in two halves, since a database gives up on a sum that is too great for it.
        counted = [getattr(trace, name) for name in COUNTED]
        sums = [half for one in counted for half in (fn.sum(one.bin_and(_LOW)), fn.sum(_high(one)))]
        totals = trace.select(fn.count(trace.tk), fn.sum(trace.is_turn), *span_of_time, *sums)
        self.recount = text(totals.where(trace.sid == 0))
        # What happened in the traces between two keys: (sid, first key, last key).
        happened = trace.select(trace.status, trace.work, trace.pressed, trace.input_text, trace.output_text)
        self.works = text(happened.where(trace.sid == 0, trace.tk >= 0, trace.tk <= 0))
        turn = (trace.sid == 0) & (trace.is_turn == _ONE)
        self.last_turn = text(trace.select(fn.max(trace.started)).where(turn))
        # The first turn that began after a moment: (sid, moment).
        self.next_turn = text(trace.select(fn.min(trace.started)).where(turn, trace.started > 0))
        self.outside_events = text(event.select(fn.count(event.at)).where(event.sid == 0))
        self.any_score = text(score.select(score.id).where(score.sid == 0).limit(1))

    def _quote(self, trace: Table) -> None:
        """What a list shows of a session's turns: (sid, limit)."""
        turn = (trace.sid == 0) & (trace.is_turn == _ONE)
        asked = trace.select(trace.tk, trace.input_text).where(turn, trace.input_text.is_null(False))
        answered = trace.select(trace.tk, trace.output_text).where(turn, trace.output_text.is_null(False))
        self.first_input = text(asked.order_by(trace.tk).limit(1))
        self.last_output = text(answered.order_by(trace.tk.desc()).limit(1))
        marks = trace.select(trace.tk, trace.started, trace.duration, trace.first_byte, trace.errors).where(turn)
        self.turn_marks = text(marks.order_by(trace.tk.desc()).limit(1))
        clients = trace.select(trace.client).where(turn, trace.client.is_null(False)).group_by(trace.client)
        self.clients = text(clients.order_by(trace.client).limit(1))


def _some_of_trace(tables: Tables, columns: Sequence[str]) -> str:
    return text(insertion_of(tables.trace, columns).on_conflict_ignore())


def _some_of_session(tables: Tables, columns: Sequence[str]) -> str:
    return upsert(tables.session, SessionRow, "sid", keep=("id", "key"), columns=columns)


def _high(number: Any) -> Any:
    """Return what a number is without its lowest 32 bits, which `_LOW` are."""
    return Expression(number, ">>", SQL("32"))
