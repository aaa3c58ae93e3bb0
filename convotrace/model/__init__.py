"""The records that rooms hand to each other: sessions, traces, spans, events, scores.

Every record is frozen; times are integer nanoseconds since 1970 (UTC), money integer nano-dollars,
and an unknown value is None, never 0. How they are stored or shown is decided elsewhere.
A file is loaded with the first name that is asked of it: to record takes few of them.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from convotrace.model.answers import (
        Activity,
        Bar,
        Facet,
        Facets,
        Hit,
        HitPage,
        Incident,
        Mention,
        Passage,
        Places,
        View,
    )
    from convotrace.model.audit import ACTIONS, Act
    from convotrace.model.changes import Change, Lookup, SessionFacts, Stored
    from convotrace.model.exchange import Attachment, Cut, Failure, Flow, Left, Payload, Request
    from convotrace.model.metrics import MetricPoint, Metrics, MetricSeries, SessionTally, Tally, Times
    from convotrace.model.notes import Event, Score, Signal, Target
    from convotrace.model.sessions import Conversation, Excerpt, Link, Session, SessionPage, TurnMark, Warning
    from convotrace.model.spans import Document, Span, ToolDefinition, Usage
    from convotrace.model.traces import Trace
    from convotrace.model.values import (
        OUTCOMES,
        SCORE_SOURCES,
        SPAN_KINDS,
        TURN_KINDS,
        Json,
        Outcome,
        ScoreSource,
        ScoreType,
        SpanKind,
        SpanStatus,
        TraceStatus,
        as_datetime,
        as_ms,
        as_usd,
    )

_INSIDE = {
    "values": (
        "Json OUTCOMES Outcome SCORE_SOURCES SPAN_KINDS ScoreSource ScoreType SpanKind SpanStatus "
        "TURN_KINDS TraceStatus as_datetime as_ms as_usd"
    ),
    "audit": "ACTIONS Act",
    "exchange": "Attachment Cut Failure Flow Left Payload Request",
    "notes": "Event Score Signal Target",
    "spans": "Document Span ToolDefinition Usage",
    "traces": "Trace",
    "sessions": "Conversation Excerpt Link Session SessionPage TurnMark Warning",
    "answers": "Activity Bar Facet Facets Hit HitPage Incident Mention Passage Places View",
    "metrics": "MetricPoint MetricSeries Metrics SessionTally Tally Times",
    "changes": "Change Lookup SessionFacts Stored",
}
_FILES = {name: file for file, names in _INSIDE.items() for name in names.split()}


def __getattr__(name: str) -> Any:
    if name not in _FILES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = globals()[name] = getattr(import_module(f"{__name__}.{_FILES[name]}"), name)
    return found


__all__ = [
    "ACTIONS",
    "OUTCOMES",
    "SCORE_SOURCES",
    "SPAN_KINDS",
    "TURN_KINDS",
    "Act",
    "Activity",
    "Attachment",
    "Bar",
    "Change",
    "Conversation",
    "Cut",
    "Document",
    "Event",
    "Excerpt",
    "Facet",
    "Facets",
    "Failure",
    "Flow",
    "Hit",
    "HitPage",
    "Incident",
    "Json",
    "Left",
    "Link",
    "Lookup",
    "Mention",
    "MetricPoint",
    "MetricSeries",
    "Metrics",
    "Outcome",
    "Passage",
    "Payload",
    "Places",
    "Request",
    "Score",
    "ScoreSource",
    "ScoreType",
    "Session",
    "SessionFacts",
    "SessionPage",
    "SessionTally",
    "Signal",
    "Span",
    "SpanKind",
    "SpanStatus",
    "Stored",
    "Tally",
    "Target",
    "Times",
    "ToolDefinition",
    "Trace",
    "TraceStatus",
    "TurnMark",
    "Usage",
    "View",
    "Warning",
    "as_datetime",
    "as_ms",
    "as_usd",
]  # fmt: skip
