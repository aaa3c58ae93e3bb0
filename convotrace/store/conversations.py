"""One session read whole: its traces in order, what belongs to each inside it, turns numbered."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from convotrace.identity import session_id_of_key, session_key
from convotrace.insight.definitions import ScoreDefinition
from convotrace.insight.friction import with_signals
from convotrace.insight.versions import with_versions
from convotrace.model import Conversation, Event, Score, Session, Span, Trace
from convotrace.store.bundles import bundled
from convotrace.store.codec import original, storable
from convotrace.store.database import Connection
from convotrace.store.definitions import definitions
from convotrace.store.keys import pack_trace_id, unpack_trace_id
from convotrace.store.opening import Opened
from convotrace.store.packing import trace_row
from convotrace.store.rows import ContentRow, EventRow, ScoreRow, SessionRow, TraceRow
from convotrace.store.statements import Statements
from convotrace.store.to_records import Happened, event_record, happened, score_record, session_record, trace_record
from convotrace.store.unpacking import Contents
from convotrace.store.workers import living_workers

_GROWING = ("input", "tools")
"""Of a model call: the conversation until then, and what it could call."""


def by_id(opened: Opened, session_id: str, now_ns: int) -> Conversation | None:
    """Return the session of an id; its key finds it by index, and the id itself is compared."""
    row = row_of_id(opened, session_id)
    return None if row is None else _conversation(opened, row, now_ns)


def by_key(opened: Opened, key: str, now_ns: int) -> Conversation | None:
    """Return the session of a key, also of an id written as `~…` that needs no such form."""
    row = row_of_key(opened, key)
    return None if row is None else _conversation(opened, row, now_ns)


def row_of_id(opened: Opened, session_id: str) -> SessionRow | None:
    """Return the row of the session of an id."""
    rows = _sessions_of_key(opened, session_key(session_id))
    return next((row for row in rows if original(row.id) == session_id), None)


def row_of_key(opened: Opened, key: str) -> SessionRow | None:
    """Return the row of the session of a key, also of an id written as `~…`."""
    for row in _sessions_of_key(opened, storable(key) or ""):
        return row
    session_id = session_id_of_key(key)
    return None if session_id is None else row_of_id(opened, session_id)


def id_at_trace(opened: Opened, trace_id: str) -> str | None:
    """Return the id of the session that holds a trace, the newest where several do."""
    with opened.connections.reading() as connection:
        found = connection.execute(opened.sql.session_of_trace, (pack_trace_id(trace_id), 1)).fetchone()
    return None if found is None else original(found[0])


def _sessions_of_key(opened: Opened, key: str) -> list[SessionRow]:
    with opened.connections.reading() as connection:
        return [SessionRow(*columns) for columns in connection.execute(opened.sql.session_by_key, (key,))]


def _conversation(opened: Opened, row: SessionRow, now_ns: int) -> Conversation | None:
    found = read(opened, row, now_ns, Parts)
    if found is None:
        return None
    session, parts = found
    traces = with_signals(with_versions(parts.traces()))
    return Conversation(with_totals_of(session, traces), traces, parts.session_events(), parts.left_scores())


def read(opened: Opened, row: SessionRow, now_ns: int, kind: type[_Kind]) -> tuple[Session, _Kind] | None:
    """Return a session as its row tells it, and all that belongs to it, to be put together.

    Args:
        opened: The open store.
        row: The session, as it was found.
        now_ns: The moment that tells which processes live.
        kind: How it is put together.
    """
    with opened.connections.reading() as connection:
        # Read again: only inside one transaction do totals and turns agree.
        found = connection.execute(opened.sql.session_by_sid, (row.sid,)).fetchone()
        if found is None:
            return None
        row = SessionRow(*found)
        parts = _rows(opened.sql, connection, row, kind)
    if any(trace.status == "running" for trace in parts.trace_rows):
        parts.living = living_workers(opened, now_ns)
    return session_record(row, definitions_for(opened, row)), parts


def definitions_for(opened: Opened, row: SessionRow) -> dict[str, ScoreDefinition] | None:
    """Return the definitions of scores where a session has any scores."""
    return definitions(opened) if row.verdict else None


def with_totals_of(session: Session, traces: Sequence[Trace]) -> Session:
    """Return a session with the files and signs of its traces."""
    attachments = tuple(attachment for trace in traces for attachment in trace.attachments)
    return replace(session, attachments=attachments, signals=tuple(one for trace in traces for one in trace.signals))


def _rows(sql: Statements, connection: Connection, row: SessionRow, kind: type[_Kind]) -> _Kind:
    def rows(statement: str) -> Iterable[tuple[object, ...]]:
        return connection.execute(statement, (row.sid,))

    contents = [ContentRow._make(columns) for columns in rows(sql.contents_of)]
    traces = [trace_row(columns, with_bundle=True) for columns in rows(sql.traces_of)]
    return kind(
        original(row.id) or "",
        Contents([*contents, *(one for trace in traces for one in bundled(row.sid, trace.tk, trace.pressed))]),
        traces,
        [EventRow._make(columns) for columns in rows(sql.events_of)],
        [ScoreRow._make(columns) for columns in rows(sql.scores_of)],
    )


@dataclass
class Parts:
    """The rows of a session, to be put together."""

    session_id: str
    contents: Contents
    trace_rows: list[TraceRow]
    events: list[EventRow]
    scores: list[ScoreRow]
    light: frozenset[int] = frozenset()
    """Keys of the traces whose model calls are read without what grows with the conversation."""
    living: frozenset[int] = frozenset()
    """The processes that live; what runs in another one was interrupted."""

    def __post_init__(self) -> None:
        self._on_session: list[Event] = [event_record(event) for event in self.events]
        # By what they judge: trace (None for the session itself), then span (None for the trace itself).
        self._scores: dict[str | None, dict[str | None, list[Score]]] = {}
        for row in self.scores:
            score = score_record(self.session_id, row)
            of_trace = self._scores.setdefault(score.target.trace_id, {})
            of_trace.setdefault(score.target.span_id, []).append(score)

    def traces(self, before: int = 0) -> tuple[Trace, ...]:
        """Return the traces in the order in which they began, the turns numbered.

        Args:
            before: How many turns of the session stand before these.
        """
        ordered = sorted(self.trace_rows, key=lambda row: (row.started, unpack_trace_id(row.trace_id)))
        turns = before
        traces = []
        for row in ordered:
            turns += row.is_turn
            traces.append(self._trace(row, turns if row.is_turn else None))
        return tuple(traces)

    def session_events(self) -> tuple[Event, ...]:
        """Return the events of the session, whatever brought them; to be asked for after its traces."""
        return tuple(sorted(self._on_session, key=lambda event: event.at_ns))

    def left_scores(self) -> tuple[Score, ...]:
        """Return the scores of the session itself, and of traces that are not here."""
        left = [score for of_trace in self._scores.values() for scores in of_trace.values() for score in scores]
        return tuple(sorted(left, key=lambda score: score.at_ns))

    def _trace(self, row: TraceRow, turn: int | None) -> Trace:
        trace_id = unpack_trace_id(row.trace_id)
        found = self._happened(row)
        self._on_session += found.on_session
        spans, judged = found.spans, self._scores.pop(trace_id, None)
        scores: list[Score] = []
        if judged:
            spans = self._judged(spans, judged)
            # What judges a span that is not here is shown on its trace.
            scores = sorted((score for left in judged.values() for score in left), key=lambda score: score.at_ns)
        if row.status == "running" and row.worker not in self.living:
            row = row._replace(status="interrupted")
        return trace_record(self.contents, self.session_id, row, turn, spans, found.events, scores)

    def _happened(self, row: TraceRow) -> Happened:
        return happened(self.contents, row, _GROWING if row.tk in self.light else ())

    def _judged(self, spans: Sequence[Span], scores: dict[str | None, list[Score]]) -> tuple[Span, ...]:
        """Return spans with their scores, which are taken out of those given."""
        owned = [(span, scores.pop(span.id, None)) for span in spans]
        return tuple([span if own is None else replace(span, scores=tuple(own)) for span, own in owned])


_Kind = TypeVar("_Kind", bound=Parts)
