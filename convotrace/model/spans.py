"""A unit of work in a trace, and what it holds: tokens, documents, tools."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from datetime import datetime

from convotrace.model.exchange import Failure
from convotrace.model.notes import Event, Score
from convotrace.model.values import Json, as_datetime, as_ms, as_usd
from convotrace.quick import record


@record(frozen=True, slots=True)
class Usage:
    """Tokens of one model call; input includes cached reads and writes, output includes reasoning."""

    input: int | None = None
    output: int | None = None
    cached_read: int | None = None
    cached_write: int | None = None
    reasoning: int | None = None
    audio: int | None = None


@record(frozen=True, slots=True)
class Document:
    """One retrieved document."""

    id: str | None = None
    text: str | None = None
    score: float | None = None
    title: str | None = None
    url: str | None = None
    metadata: Mapping[str, Json] = field(default_factory=dict)


@record(frozen=True, slots=True)
class ToolDefinition:
    """A tool as it was offered to the model."""

    name: str
    description: str | None = None
    schema: Json = None


@record(frozen=True, slots=True)
class Span:
    """A unit of work in a trace."""

    id: str
    trace_id: str
    name: str
    kind: str = "internal"
    parent_id: str | None = None
    service: str | None = None
    status: str = "ok"
    error: Failure | None = None
    started_ns: int = 0
    duration_ns: int | None = None
    model: str | None = None
    provider: str | None = None
    parameters: Mapping[str, Json] = field(default_factory=dict)
    tools: tuple[ToolDefinition, ...] = ()
    input: Json = None
    output: Json = None
    arguments: Json = None
    result: Json = None
    query: Json = None
    documents: tuple[Document, ...] = ()
    usage: Usage | None = None
    call_id: str | None = None
    tags: tuple[str, ...] = ()
    metadata: Mapping[str, Json] = field(default_factory=dict)
    cost_nano: int | None = None
    finish_reason: str | None = None
    first_token_ns: int | None = None
    attributes: Mapping[str, Json] = field(default_factory=dict)
    events: tuple[Event, ...] = ()
    scores: tuple[Score, ...] = ()
    origin: str = "own"

    @property
    def started_at(self) -> datetime | None:
        return as_datetime(self.started_ns)

    @property
    def duration_ms(self) -> float | None:
        return as_ms(self.duration_ns)

    @property
    def first_token_ms(self) -> float | None:
        return as_ms(self.first_token_ns)

    @property
    def cost(self) -> float | None:
        return as_usd(self.cost_nano)
