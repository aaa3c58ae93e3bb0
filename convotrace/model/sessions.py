"""One conversation of one user: its totals, all of it, or some turns of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import field
from datetime import datetime
from typing import NamedTuple

from convotrace.model.exchange import Attachment
from convotrace.model.notes import Event, Score, Signal
from convotrace.model.traces import Trace
from convotrace.model.values import Json, as_datetime, as_ms, as_usd
from convotrace.quick import record


@record(frozen=True, slots=True)
class Link:
    """A relation of one session to another."""

    session_id: str
    relation: str


@record(frozen=True, slots=True)
class Warning:
    """Something about a session that its reader should know, by code and in words."""

    code: str
    message: str


class TurnMark(NamedTuple):
    """One bar of the turn strip; a tuple, since a list of sessions holds hundreds of them."""

    duration_ns: int | None
    errors: int
    started_ns: int


@record(frozen=True, slots=True)
class Session:
    """One conversation of one user, with the totals of all its traces."""

    id: str
    key: str
    id_source: str = "none"
    id_name: str | None = None
    """The header, parameter, field or cookie that held the id; None where no name applies."""
    user_id: str | None = None
    name: str | None = None
    environment: str | None = None
    release: str | None = None
    service: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    metadata: Mapping[str, Json] = field(default_factory=dict)
    started_ns: int = 0
    last_ns: int = 0
    ended_ns: int | None = None
    outcome: str = "open"
    outcome_reason: str | None = None
    resolved: bool | None = None
    turns: int = 0
    traces: int = 0
    spans: int = 0
    errors: int = 0
    events: int = 0
    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None
    reasoning_tokens: int | None = None
    cost_nano: int | None = None
    p50_ns: int | None = None
    first_byte_ns: int | None = None
    first_input: str | None = None
    last_output: str | None = None
    feedback: Mapping[str, int] = field(default_factory=lambda: {"up": 0, "down": 0})
    scores: Mapping[str, float] = field(default_factory=dict)
    passes: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """Of each score that is defined with a pass criterion: how many `passed`, `of` how many."""
    links: tuple[Link, ...] = ()
    attachments: tuple[Attachment, ...] = ()
    signals: tuple[Signal, ...] = ()
    warnings: tuple[Warning, ...] = ()
    strip: tuple[TurnMark, ...] = ()
    """The last turns as bars, oldest first (at most 14)."""

    @property
    def started_at(self) -> datetime | None:
        return as_datetime(self.started_ns)

    @property
    def last_at(self) -> datetime | None:
        return as_datetime(self.last_ns)

    @property
    def ended_at(self) -> datetime | None:
        return as_datetime(self.ended_ns)

    @property
    def duration_ms(self) -> float | None:
        return as_ms(self.last_ns - self.started_ns)

    @property
    def p50_ms(self) -> float | None:
        return as_ms(self.p50_ns)

    @property
    def first_byte_ms(self) -> float | None:
        return as_ms(self.first_byte_ns)

    @property
    def cost(self) -> float | None:
        return as_usd(self.cost_nano)


@record(frozen=True, slots=True)
class SessionPage:
    """One page of a list of sessions; `next` is the cursor of the following page, None at the end."""

    sessions: tuple[Session, ...] = ()
    next: str | None = None

    def __iter__(self) -> Iterator[Session]:
        return iter(self.sessions)

    def __len__(self) -> int:
        return len(self.sessions)


@record(frozen=True, slots=True)
class Conversation:
    """A session and all in it: traces in order (spans, events, scores inside), its own events and scores."""

    session: Session
    traces: tuple[Trace, ...] = ()
    events: tuple[Event, ...] = ()
    scores: tuple[Score, ...] = ()


@record(frozen=True, slots=True)
class Excerpt:
    """Some turns of a conversation, by their numbers; a few around them are there too, without bodies and prompts."""

    conversation: Conversation
    first: int
    """Number of the first turn wanted."""
    last: int
    """Number of the last turn wanted; one less than `first` where the session has none."""
    total: int
    """How many turns the session has."""
    failing: str | None = None
    """Trace id of the first turn with an error behind the last one wanted, else of the first of all."""
    left_out: int = 0
    """Other requests among these turns that were not read, since there are very many."""
    twins: tuple[int, ...] = ()
    """When each trace of the session began that has the id asked for; more than one where requests share it."""
    left_scores: int = 0
    """Scores of the session that were not read, since it has very many: neither on these turns nor among the latest."""
