"""What all records share: JSON, the words of a fixed set, and how numbers are read. No record lives here."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Literal

Json = Any
"""A JSON value: None, bool, int, float, str, or lists and string-keyed dicts of these."""

SpanKind = Literal[
    "generation", "retrieval", "tool", "agent", "chain", "embedding",
    "reranker", "guardrail", "evaluator", "internal", "http",
]  # fmt: skip
SPAN_KINDS: tuple[str, ...] = (
    "generation", "retrieval", "tool", "agent", "chain", "embedding",
    "reranker", "guardrail", "evaluator", "internal", "http",
)  # fmt: skip
TURN_KINDS = frozenset({"generation", "agent", "tool", "retrieval"})
"""Span kinds that make their trace a turn, whatever its text."""

TraceStatus = Literal["ok", "error", "cancelled", "disconnected", "interrupted", "running"]
SpanStatus = Literal["ok", "error", "cancelled", "running"]
Outcome = Literal["open", "completed", "escalated", "abandoned", "failed"]
OUTCOMES: tuple[str, ...] = ("open", "completed", "escalated", "abandoned", "failed")
ScoreSource = Literal["end_user", "annotator", "evaluator", "code"]
SCORE_SOURCES: tuple[str, ...] = ("end_user", "annotator", "evaluator", "code")
ScoreType = Literal["numeric", "boolean", "categorical", "text"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def as_datetime(ns: int | None) -> datetime | None:
    """Return nanoseconds since 1970 as an aware UTC datetime (microseconds, cut, not rounded)."""
    return None if ns is None else _EPOCH + timedelta(microseconds=ns // 1000)


def as_ms(ns: int | None) -> float | None:
    """Return nanoseconds as milliseconds."""
    return None if ns is None else ns / 1e6


def as_usd(nano: int | None) -> float | None:
    """Return nano-dollars as US dollars."""
    return None if nano is None else nano / 1e9
