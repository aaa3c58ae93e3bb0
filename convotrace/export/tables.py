"""Conversations as rows of CSV: one table each of sessions, traces, spans, scores and events, with documented columns.

A cell that a spreadsheet would take for a formula gets an apostrophe in front; numbers stay numbers.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from convotrace.export.records import dump, iso
from convotrace.model import Conversation, Document, Event, Json, Score, Session, Span, Trace

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
Row = dict[str, Json]

SESSION = (
    "session_id", "key", "id_source", "user_id", "name", "environment", "release", "service", "tags", "metadata",
    "started_at", "last_at", "ended_at", "started_ns", "last_ns", "ended_ns", "outcome", "outcome_reason", "resolved",
    "turns", "traces", "spans", "errors", "events", "input_tokens", "output_tokens", "cached_tokens",
    "cache_write_tokens", "reasoning_tokens", "cost_usd", "duration_ms", "p50_ms", "first_byte_ms", "first_input",
    "last_output", "feedback_up", "feedback_down", "scores",
)  # fmt: skip
TRACE = (
    "session_id", "trace_id", "turn", "replaces", "name", "route", "protocol", "status", "status_code", "started_at",
    "started_ns", "duration_ms", "first_byte_ms", "input", "output", "input_tokens", "output_tokens", "cached_tokens",
    "cache_write_tokens", "reasoning_tokens", "cost_usd", "spans", "errors", "error_type", "error_message", "service",
    "user_id", "id_source", "tags", "metadata", "signals",
)  # fmt: skip
SPAN = (
    "session_id", "trace_id", "turn", "span_id", "parent_id", "kind", "name", "service", "status", "error_type",
    "error_message", "started_at", "started_ns", "duration_ms", "first_token_ms", "model", "provider", "parameters",
    "input", "output", "arguments", "result", "query", "documents", "input_tokens", "output_tokens",
    "cached_read_tokens", "cached_write_tokens", "reasoning_tokens", "cost_usd", "finish_reason", "call_id", "tags",
    "metadata", "attributes",
)  # fmt: skip
SCORE = (
    "session_id", "trace_id", "span_id", "turn", "score_id", "name", "type", "value", "passed", "comment", "source",
    "author", "at", "at_ns", "evaluator", "version", "reason", "duration_ms",
    "turns",
)  # fmt: skip
EVENT = ("session_id", "trace_id", "span_id", "turn", "name", "level", "at", "at_ns", "attributes")


class Table:
    """One kind of record as CSV: the header, then the rows of each conversation."""

    def __init__(self, columns: tuple[str, ...], rows: Callable[[Conversation], Iterator[Row]]) -> None:
        self.columns = columns
        self.rows = rows

    def header(self) -> str:
        """Return the line of column names."""
        return _csv([self.columns])

    def lines(self, conversation: Conversation) -> str:
        """Return the rows of one conversation, each ended by a line break; a text may hold more of them."""
        return _csv([[_cell(row[name]) for name in self.columns] for row in self.rows(conversation)])


def line_of(values: Iterable[Json]) -> str:
    """Return one line of CSV, in which nothing is a formula."""
    return _csv([[_cell(value) for value in values]])


def _csv(rows: Any) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerows(rows)
    return text.getvalue()


def _cell(value: Json) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return str(value)
    text = value if isinstance(value, str) else dump(value).decode() if value else ""
    # NUL ends a text in many readers, and lone surrogates have no bytes.
    text = text.replace("\0", "\ufffd").encode("utf-8", "replace").decode()
    return "'" + text if text.startswith(_FORMULA) else text


def _sessions(it: Conversation) -> Iterator[Row]:
    s: Session = it.session
    same = {name: getattr(s, name) for name in SESSION if hasattr(s, name)}
    yield same | {
        "session_id": s.id, "started_at": iso(s.started_ns), "last_at": iso(s.last_ns), "ended_at": iso(s.ended_ns),
        "service": list(s.service), "tags": list(s.tags), "cost_usd": s.cost, "feedback_up": s.feedback["up"],
        "feedback_down": s.feedback["down"],
    }  # fmt: skip


def _traces(it: Conversation) -> Iterator[Row]:
    for t in it.traces:
        same = {name: getattr(t, name) for name in TRACE if hasattr(t, name)}
        yield same | {
            "trace_id": t.id, "started_at": iso(t.started_ns), "input": t.input.text, "output": t.output.text,
            "cost_usd": t.cost, "spans": len(t.spans), "error_type": t.error and t.error.type,
            "error_message": t.error and t.error.message, "tags": list(t.tags),
            "signals": [signal.name for signal in t.signals],
        }  # fmt: skip


def _spans(it: Conversation) -> Iterator[Row]:
    for t in it.traces:
        for s in t.spans:
            yield {"session_id": it.session.id, "turn": t.turn, **_span(s)}


def _span(s: Span) -> Row:
    same = {name: getattr(s, name) for name in SPAN if hasattr(s, name)}
    usage = s.usage
    return same | {
        "span_id": s.id, "started_at": iso(s.started_ns), "cost_usd": s.cost, "error_type": s.error and s.error.type,
        "error_message": s.error and s.error.message, "tags": list(s.tags),
        "documents": list(map(_document, s.documents)),
        "input_tokens": usage and usage.input, "output_tokens": usage and usage.output,
        "cached_read_tokens": usage and usage.cached_read, "cached_write_tokens": usage and usage.cached_write,
        "reasoning_tokens": usage and usage.reasoning,
    }  # fmt: skip


def _document(it: Document) -> Row:
    return {"id": it.id, "title": it.title, "url": it.url, "score": it.score, "text": it.text}


def _scores(it: Conversation) -> Iterator[Row]:
    for score in it.scores:
        yield _score(score, None)
    for t in it.traces:
        for score in (*t.scores, *(score for s in t.spans for score in s.scores)):
            yield _score(score, t.turn)


def _score(it: Score, turn: int | None) -> Row:
    same = {name: getattr(it, name) for name in SCORE if hasattr(it, name)}
    target = {"session_id": it.target.session_id, "trace_id": it.target.trace_id, "span_id": it.target.span_id}
    return same | target | {"score_id": it.id, "turn": turn, "at": iso(it.at_ns)}


def _events(it: Conversation) -> Iterator[Row]:
    yield from (_event(it, event) for event in it.events)
    for t in it.traces:
        yield from (_event(it, event, t) for event in t.events)
        yield from (_event(it, event, t, s) for s in t.spans for event in s.events)


def _event(it: Conversation, event: Event, trace: Trace | None = None, span: Span | None = None) -> Row:
    return {
        "session_id": it.session.id, "trace_id": trace and trace.id, "span_id": span and span.id,
        "turn": trace and trace.turn, "name": event.name, "level": event.level, "at": iso(event.at_ns),
        "at_ns": event.at_ns, "attributes": dict(event.attributes),
    }  # fmt: skip


TABLES = {
    "sessions": Table(SESSION, _sessions), "traces": Table(TRACE, _traces), "spans": Table(SPAN, _spans),
    "scores": Table(SCORE, _scores), "events": Table(EVENT, _events),
}  # fmt: skip
"""Every table, by what its rows are."""
