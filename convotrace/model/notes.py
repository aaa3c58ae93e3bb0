"""What is said about a session, a trace or a span: events, scores, signs of friction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from datetime import datetime

from convotrace.model.values import Json, as_datetime, as_ms
from convotrace.quick import record


@record(frozen=True, slots=True)
class Event:
    """A named moment on a session, trace or span."""

    name: str
    at_ns: int
    level: str | None = None
    attributes: Mapping[str, Json] = field(default_factory=dict)

    @property
    def at(self) -> datetime | None:
        return as_datetime(self.at_ns)


@record(frozen=True, slots=True)
class Target:
    """What a score judges: a session, one of its traces, or one span."""

    session_id: str
    trace_id: str | None = None
    span_id: str | None = None


@record(frozen=True, slots=True)
class Score:
    """A judgement with its author; a newer one never overwrites an older one."""

    id: str
    name: str
    type: str
    value: float | bool | str
    at_ns: int
    target: Target
    source: str = "code"
    comment: str | None = None
    author: str | None = None
    evaluator: str | None = None
    version: str | None = None
    reason: str | None = None
    passed: bool | None = None
    duration_ns: int | None = None
    """How long an evaluator took."""
    turns: int | None = None
    """How many turns the session had when an evaluator judged it."""

    @property
    def duration_ms(self) -> float | None:
        return as_ms(self.duration_ns)

    @property
    def at(self) -> datetime | None:
        return as_datetime(self.at_ns)


@record(frozen=True, slots=True)
class Signal:
    """A sign of friction, with its reason in words and the span it points at."""

    name: str
    why: str
    span_id: str | None = None
