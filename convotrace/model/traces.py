"""One request-response cycle, with all its work."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from datetime import datetime

from convotrace.model.exchange import Attachment, Cut, Failure, Flow, Left, Payload, Request
from convotrace.model.notes import Event, Score, Signal
from convotrace.model.spans import Span
from convotrace.model.values import Json, as_datetime, as_ms, as_usd
from convotrace.quick import record

_UNSAID, _WHOLE = Payload(), Cut()


@record(frozen=True, slots=True)
class Trace:
    """One request-response cycle; a turn when it carries a message or the work for one."""

    id: str
    session_id: str
    name: str = ""
    is_turn: bool = False
    turn: int | None = None
    """Number from 1, computed when reading; None when the trace is no turn."""
    replaces: str | None = None
    """Id of the earlier turn of which this one is a new version: regenerated, edited or sent again."""
    span_id: str | None = None
    """W3C span id of the request itself, where anybody outside this process may know it."""
    parent_id: str | None = None
    """Span id of the caller, where the request came with one."""
    answer_ids: tuple[str, ...] = ()
    """Under what names another request may fetch the answer, the most specific first; none where it came at once."""
    resent: str | None = None
    """The earlier messages that the request sent again, as `insight.history` sums them up; None for none."""
    regenerates: bool = False
    """Whether the request asked for another answer to the same message."""
    placed: bool = False
    """Whether others put it where it stands or added to it: its own later states keep that."""
    route: str | None = None
    status: str = "ok"
    status_code: int | None = None
    started_ns: int = 0
    duration_ns: int | None = None
    first_byte_ns: int | None = None
    input: Payload = _UNSAID
    output: Payload = _UNSAID
    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None
    reasoning_tokens: int | None = None
    cost_nano: int | None = None
    errors: int = 0
    error: Failure | None = None
    service: str | None = None
    user_id: str | None = None
    id_source: str = "none"
    tags: tuple[str, ...] = ()
    metadata: Mapping[str, Json] = field(default_factory=dict)
    protocol: str = "http"
    close_code: int | None = None
    request: Request | None = None
    request_bytes: int | None = None
    response_bytes: int | None = None
    chunks: int | None = None
    largest_gap_ns: int | None = None
    retries: int | None = None
    """How often the same message was sent before, without an answer; None for never."""
    left: Left | None = None
    flow: tuple[Flow, ...] = ()
    """Of an answer in several parts, when they went out: each, or as many as `recorder.seen.MOST_MARKS`."""
    cut: Cut = _WHOLE
    signals: tuple[Signal, ...] = ()
    attachments: tuple[Attachment, ...] = ()
    spans: tuple[Span, ...] = ()
    events: tuple[Event, ...] = ()
    scores: tuple[Score, ...] = ()
    origin: str = "own"
    """`own` for a request that was seen here, `otlp` for one known only from spans that were sent."""
    exported: bool = False
    """Whether an SDK of the app's own exports its spans: then nobody else is to send them again."""

    @property
    def started_at(self) -> datetime | None:
        return as_datetime(self.started_ns)

    @property
    def duration_ms(self) -> float | None:
        return as_ms(self.duration_ns)

    @property
    def first_byte_ms(self) -> float | None:
        return as_ms(self.first_byte_ns)

    @property
    def largest_gap_ms(self) -> float | None:
        return as_ms(self.largest_gap_ns)

    @property
    def cost(self) -> float | None:
        return as_usd(self.cost_nano)
