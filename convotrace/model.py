"""The records that rooms hand to each other: sessions, traces, spans, events, scores.

Every record is frozen; times are integer nanoseconds since 1970 (UTC), money integer nano-dollars,
and an unknown value is None, never 0. How they are stored or shown is decided elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, NamedTuple, Protocol

from convotrace.quick import quick

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


@dataclass(frozen=True, slots=True)
class Payload:
    """One side of an exchange: what the person wrote or saw, and the body it travelled in."""

    text: str | None = None
    body: Json = None


@dataclass(frozen=True, slots=True)
class Cut:
    """Whole size in bytes of a body that was cut at the limit; None where nothing was cut."""

    input: int | None = None
    output: int | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """What went wrong, in the words of the machine."""

    type: str
    message: str
    stack: str | None = None


@quick
@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one model call; input includes cached reads and writes, output includes reasoning."""

    input: int | None = None
    output: int | None = None
    cached_read: int | None = None
    cached_write: int | None = None
    reasoning: int | None = None
    audio: int | None = None


@quick
@dataclass(frozen=True, slots=True)
class Document:
    """One retrieved document."""

    id: str | None = None
    text: str | None = None
    score: float | None = None
    title: str | None = None
    url: str | None = None
    metadata: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ToolDefinition:
    """A tool as it was offered to the model."""

    name: str
    description: str | None = None
    schema: Json = None


@dataclass(frozen=True, slots=True)
class Target:
    """What a score judges: a session, one of its traces, or one span."""

    session_id: str
    trace_id: str | None = None
    span_id: str | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """A named moment on a session, trace or span."""

    name: str
    at_ns: int
    level: str | None = None
    attributes: Mapping[str, Json] = field(default_factory=dict)

    @property
    def at(self) -> datetime | None:
        return as_datetime(self.at_ns)


@dataclass(frozen=True, slots=True)
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


@quick
@dataclass(frozen=True, slots=True)
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


@dataclass(frozen=True, slots=True)
class Signal:
    """A sign of friction, with its reason in words and the span it points at."""

    name: str
    why: str
    span_id: str | None = None


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that belongs to a trace; `data` is there while it is written and where it was asked for by its id."""

    id: str
    name: str
    type: str
    size: int | None
    url: str | None = None
    """Where it lies, for one that was given by its address: nothing is fetched, so `size` is None."""
    data: bytes | None = field(default=None, repr=False)
    hash: str | None = None
    """Under what name its session holds the bytes; None where it does not."""
    left_out: str | None = None
    """Why its bytes are not kept: `size` `content` (switched off) `upload` (of a form) `unreadable`; else None."""

    @property
    def stored(self) -> bool:
        """Whether the bytes are kept."""
        return self.data is not None or self.hash is not None


@dataclass(frozen=True, slots=True)
class Left:
    """Where a client left an answer; `share` of all its bytes is known where their number is."""

    bytes: int
    after_ns: int
    chunks: int
    share: float | None = None


@quick
@dataclass(frozen=True, slots=True)
class Request:
    """How the exchange reached the app, without cookies and secrets."""

    method: str
    path: str
    query: Mapping[str, Json] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    client: str | None = None
    """Keyed hash of the peer address and user agent: tells clients apart, names nobody."""


@quick
@dataclass(frozen=True, slots=True)
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
    input: Payload = Payload()
    output: Payload = Payload()
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
    cut: Cut = Cut()
    signals: tuple[Signal, ...] = ()
    attachments: tuple[Attachment, ...] = ()
    spans: tuple[Span, ...] = ()
    events: tuple[Event, ...] = ()
    scores: tuple[Score, ...] = ()
    origin: str = "own"
    """`own` for a request that was seen here, `otlp` for one known only from spans that were sent."""

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


@dataclass(frozen=True, slots=True)
class Link:
    """A relation of one session to another."""

    session_id: str
    relation: str


@dataclass(frozen=True, slots=True)
class Warning:
    """Something about a session that its reader should know, by code and in words."""

    code: str
    message: str


class TurnMark(NamedTuple):
    """One bar of the turn strip; a tuple, since a list of sessions holds hundreds of them."""

    duration_ns: int | None
    errors: int
    started_ns: int


@dataclass(frozen=True, slots=True)
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


@dataclass(frozen=True, slots=True)
class Conversation:
    """A session and all in it: traces in order (spans, events, scores inside), its own events and scores."""

    session: Session
    traces: tuple[Trace, ...] = ()
    events: tuple[Event, ...] = ()
    scores: tuple[Score, ...] = ()


@dataclass(frozen=True, slots=True)
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


@dataclass(frozen=True, slots=True)
class SessionPage:
    """One page of a list of sessions; `next` is the cursor of the following page, None at the end."""

    sessions: tuple[Session, ...] = ()
    next: str | None = None

    def __iter__(self) -> Iterator[Session]:
        return iter(self.sessions)

    def __len__(self) -> int:
        return len(self.sessions)


@dataclass(frozen=True, slots=True)
class View:
    """A list under a name: its filter and its order."""

    name: str
    q: str = ""
    order: str = "-last"


@dataclass(frozen=True, slots=True)
class Places:
    """Where the pages of a whole list begin, so that any of them can be read alone."""

    every: int
    """Rows from one cursor to the next."""
    cursors: tuple[str, ...] = ()
    """The `after` of the second page, the third, and so on."""
    total: int = 0
    is_capped: bool = False
    """Whether there are more rows than were counted."""


@dataclass(frozen=True, slots=True)
class Facet:
    """One value of a field, and how many sessions have it."""

    value: str
    count: int


@dataclass(frozen=True, slots=True)
class Facets:
    """What the newest sessions of a filter have in common, by the name of the field, the commonest value first."""

    total: int = 0
    is_capped: bool = False
    """Whether there are more sessions than were counted: then every count may be higher."""
    fields: Mapping[str, tuple[Facet, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Bar:
    """One stretch of time: sessions that were last active in it, and those of them with errors."""

    start_ns: int
    sessions: int
    failing: int


@dataclass(frozen=True, slots=True)
class Activity:
    """How a session stands: what tells a live view that there is something new; each change counts `version` up."""

    key: str
    version: int
    last_ns: int
    turns: int
    errors: int
    outcome: str


@dataclass(frozen=True, slots=True)
class Passage:
    """A piece of a text in which something was found; `marks` are from where to where in it, in characters."""

    where: str
    """One of `input output error note`."""
    text: str
    marks: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Hit:
    """One trace in which something was found; `turn` is None where it is no turn."""

    session: Session
    trace_id: str
    turn: int | None
    at_ns: int
    found: tuple[Passage, ...] = ()


@dataclass(frozen=True, slots=True)
class HitPage:
    """One page of what a search found; `next` is the cursor of the following page, None at the end."""

    hits: tuple[Hit, ...] = ()
    next: str | None = None
    waiting: int = 0
    """Traces that are not in the index yet, so that a search cannot find them; at most 10,000 are counted."""

    def __iter__(self) -> Iterator[Hit]:
        return iter(self.hits)

    def __len__(self) -> int:
        return len(self.hits)


@dataclass(frozen=True, slots=True)
class Mention:
    """A turn of a session that says what was looked for in it: its number, its trace and when that began."""

    turn: int
    trace_id: str
    at_ns: int


@dataclass(frozen=True, slots=True)
class Times:
    """How long turns, calls or sessions took: percentiles by nearest rank, within 3.2 % of the true ones."""

    count: int = 0
    """Of how many it is known."""
    total_ns: int = 0
    p50_ns: int | None = None
    p95_ns: int | None = None
    p99_ns: int | None = None

    @property
    def mean_ms(self) -> float | None:
        return self.total_ns / self.count / 1e6 if self.count else None

    @property
    def p50_ms(self) -> float | None:
        return as_ms(self.p50_ns)

    @property
    def p95_ms(self) -> float | None:
        return as_ms(self.p95_ns)

    @property
    def p99_ms(self) -> float | None:
        return as_ms(self.p99_ns)


@dataclass(frozen=True, slots=True)
class Tally:
    """What turns come to, or calls where they are told by model or tool; a sum of which nothing is known is None."""

    count: int = 0
    """Turns; or calls."""
    traces: int = 0
    """All requests of the sessions, turns and others: errors, tokens and cost are theirs. Or calls."""
    failed: int = 0
    """Turns with an error; or calls."""
    errors: int = 0
    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None
    reasoning_tokens: int | None = None
    cost_nano: int | None = None
    duration: Times = Times()
    first_byte: Times = Times()
    """Of a turn to the first byte of its answer, of a call to the first token."""

    @property
    def cost(self) -> float | None:
        return as_usd(self.cost_nano)

    @property
    def tokens(self) -> int | None:
        known = [number for number in (self.input_tokens, self.output_tokens) if number is not None]
        return sum(known) if known else None

    @property
    def error_rate(self) -> float | None:
        return self.failed / self.count if self.count else None


@dataclass(frozen=True, slots=True)
class SessionTally:
    """What sessions come to that began in some time, by how they ended."""

    count: int = 0
    turns: int = 0
    open: int = 0
    completed: int = 0
    escalated: int = 0
    abandoned: int = 0
    failed: int = 0
    resolved: int = 0
    unresolved: int = 0
    duration: Times = Times()

    def rate(self, outcome: str) -> float | None:
        """Return the share of the sessions with an outcome, None of none."""
        return int(getattr(self, outcome)) / self.count if self.count else None

    @property
    def turns_per_session(self) -> float | None:
        return self.turns / self.count if self.count else None


@dataclass(frozen=True, slots=True)
class MetricPoint:
    """What happened from a moment on, for the width of the points."""

    at_ns: int
    tally: Tally = Tally()
    sessions: SessionTally | None = None

    @property
    def at(self) -> datetime | None:
        return as_datetime(self.at_ns)


@dataclass(frozen=True, slots=True)
class MetricSeries:
    """One group: its sums over the whole range, and one point for each width of it."""

    key: str | None
    """None where the value is unknown, or there is one group only; `(other)` holds those without a series."""
    tally: Tally
    points: tuple[MetricPoint, ...] = ()
    sessions: SessionTally | None = None


@dataclass(frozen=True, slots=True)
class Incident:
    """One firing of an alert rule."""

    id: str
    rule: str
    state: str
    """How it stood last before it ended: `warn` `alert` `no_data`."""
    opened_ns: int
    closed_ns: int | None = None
    value: float | None = None
    threshold: float | None = None
    reason: str = ""
    sessions: tuple[str, ...] = ()
    """Ids of sessions that show it."""
    told_ns: int = 0
    of_session: bool = False
    """Whether a rule over one session fired."""

    @property
    def opened_at(self) -> datetime | None:
        return as_datetime(self.opened_ns)

    @property
    def closed_at(self) -> datetime | None:
        return as_datetime(self.closed_ns)


@dataclass(frozen=True, slots=True)
class Metrics:
    """The answer to one question about many turns."""

    since_ns: int
    until_ns: int
    """The range is widened to whole points; what happens at its end is not in it."""
    width_ns: int
    by: str | None
    series: tuple[MetricSeries, ...]
    total: Tally
    sessions: SessionTally | None = None
    tier: str = "buckets"
    """From what it was told: `buckets` `turns` `spans`."""
    rolled_up: bool = False
    """Whether sessions of this time may have been deleted by retention: buckets still count them, lists do not."""
    sampled: bool = False
    """Whether only a share of the sessions was read: then numbers are estimates, scaled up. Where the tier is buckets,
    only those of sessions are."""
    share: float = 1.0

    @property
    def since(self) -> datetime | None:
        return as_datetime(self.since_ns)

    @property
    def until(self) -> datetime | None:
        return as_datetime(self.until_ns)


@quick
@dataclass(frozen=True, slots=True)
class SessionFacts:
    """What one trace says about its session; None and empty say nothing and change nothing."""

    id: str
    id_source: str = "none"
    id_name: str | None = None
    user_id: str | None = None
    other_id: str | None = None
    """The id to use where the session of `id` is another user's; None where it is shared."""
    name: str | None = None
    environment: str | None = None
    release: str | None = None
    service: str | None = None
    tags: tuple[str, ...] = ()
    metadata: Mapping[str, Json] = field(default_factory=dict)
    outcome: str | None = None
    outcome_reason: str | None = None
    resolved: bool | None = None
    ended_ns: int | None = None
    events: tuple[Event, ...] = ()
    scores: tuple[Score, ...] = ()
    links: tuple[Link, ...] = ()


@dataclass(frozen=True, slots=True)
class Stored:
    """A trace as it stands in the store, with the events and scores that it brought to its session."""

    trace: Trace
    session_events: tuple[Event, ...] = ()
    session_scores: tuple[Score, ...] = ()


class Lookup(Protocol):
    """What a decision may ask of the store, inside the transaction that writes it."""

    def traces(self, trace_id: str) -> Sequence[Stored]:
        """Return every trace of this id, in any session."""
        ...

    def awaiting(self, names: Sequence[str], since_ns: int) -> Sequence[Stored]:
        """Return the turns begun since that promised an answer under one of these names, the latest first."""
        ...

    def home(self, trace: Trace) -> str | None:
        """Return the id of the session in which an earlier state of a trace stands, None where none was written."""
        ...

    def session(self, session_id: str) -> Conversation | None:
        """Return a session with its last turns in order, each without its spans and bodies."""
        ...

    def holds(self, session_id: str) -> bool:
        """Tell whether a session is stored."""
        ...

    def whole(self, session_id: str) -> Sequence[Stored]:
        """Return every trace of a session, with all that it brought, the earliest first."""
        ...

    def having_said(self, exchange: int, since_ns: int) -> Sequence[Conversation]:
        """Return the sessions, as `session` does, with a turn of this `exchange_hash` that were active since."""
        ...


@quick
@dataclass(frozen=True, slots=True)
class Change:
    """One thing to write: a trace as it stands now (it replaces what was written of it before) and its session's facts.

    `trace` is None where only the session changes (a score or an event from outside a request).
    `written_as` is the session id under which an earlier state of the trace was written, None on its first write.
    """

    session: SessionFacts
    trace: Trace | None = None
    written_as: str | None = None
    decide: Callable[[Lookup], Change | None] | None = None
    """What is to be written depends on what is stored: called in the transaction, maybe again; it returns a change
    without `decide`, or None for nothing. What stands here until then is a guess, for counting."""
    unites: Callable[[Sequence[Change]], Change] | None = None
    """How this one and earlier ones of its trace that have this too become one, where none of them is decided yet."""
    takes: tuple[Trace, ...] = ()
    """Stored traces whose place this one takes: they are deleted, wherever they stand."""
    moves: tuple[Change, ...] = ()
    """Further changes that a decision brings along; they are written first."""
