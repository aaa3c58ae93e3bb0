"""Traces and spans while they are open: cheap to make, added to by the request, read once by the writer.

Rule: everything that changes the state of a trace or span must live here. No text is parsed here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from random import getrandbits
from typing import Any, Protocol

from convotrace.identity import Identity, Incoming
from convotrace.model import Failure, Json, Left
from convotrace.propagation import Hosts
from convotrace.recorder.attached import MAX_ATTACHED, MAX_ATTACHMENTS, OpenAttachment
from convotrace.recorder.values import weighed

UNSET: Any = object()
"""Marks what nobody said, where None is something to say."""
MAX_SPANS = 10_000
"""Spans kept of one trace; further ones are counted in its metadata as `spans_over_limit`."""
MAX_EVENTS = 10_000
"""Events kept of one trace and its spans; further ones are counted as `events_over_limit`."""
MAX_BYTES = 32 << 20
"""What the values of one trace may hold together; a larger one after that is replaced by a mark."""
_SMALL = 200
_PASSAGES = (" receive", " send")

RUNNING, OK, ERROR, CANCELLED = "running", "ok", "error", "cancelled"


class OpenEvent:
    """A moment noted on a span or trace."""

    __slots__ = ("at", "attributes", "level", "name")

    def __init__(self, name: str, at: int, level: str | None, attributes: Mapping[str, Json]) -> None:
        self.name = name
        self.at = at
        self.level = level
        self.attributes = attributes


class OpenScore:
    """A judgement noted on a span, a trace or its session."""

    __slots__ = ("at", "fields", "id", "name", "value")

    def __init__(self, name: str, value: Any, at: int, fields: Mapping[str, Any]) -> None:
        self.id = getrandbits(128)
        self.name = name
        self.value = value
        self.at = at
        self.fields = fields


class Told:
    """What a library said of a span of its own, in its own names; it is read when the trace is written."""

    __slots__ = ("attributes", "events", "reading", "scope")

    def __init__(self, attributes: Mapping[str, Any], events: Sequence[OpenEvent], scope: str | None) -> None:
        self.attributes = attributes
        self.events = events
        self.scope = scope
        # What the writer found in it, the first time.
        self.reading: Any = None


class OpenSpan:
    """A span from its start to the moment it is written; it ends exactly once."""

    __slots__ = ("ended", "events", "failure", "fields", "id", "kept", "kind", "name", "origin", "parent",
                 "parent_ref", "scores", "started", "status", "telemetry", "timed", "told", "trace")  # fmt: skip

    def __init__(
        self, trace: OpenTrace, parent: OpenSpan | None, name: str, kind: str, started: int, origin: str = "own"
    ) -> None:
        self.trace = trace
        self.parent = parent
        self.name = name
        self.kind = kind
        self.origin = origin
        self.id = getrandbits(64) or 1
        # Span id of a parent that is none of ours: one that OpenTelemetry made. It counts before `parent`.
        self.parent_ref: int | None = None
        # What belongs to this span on the side of OpenTelemetry; only `hooks` looks into it.
        self.telemetry: Any = None
        # Of a span that another library made: its attributes and events, once it has ended.
        self.told: Told | None = None
        self.started = started
        self.ended: int | None = None
        # False where only the end is known: then the duration is not, and 0 would be a lie.
        self.timed = True
        self.status = RUNNING
        # Whether its trace had room for it.
        self.kept = False
        self.failure: Failure | None = None
        self.fields: dict[str, Any] = {}
        self.events: list[OpenEvent] | None = None
        self.scores: list[OpenScore] | None = None

    @property
    def is_passage(self) -> bool:
        """Tell whether it is no work, but another's span around a message that goes through."""
        return self.origin == "otel" and self.name.endswith(_PASSAGES)

    def end(self, now: int, status: str = OK) -> bool:
        """End the span; a second end changes nothing and returns False."""
        if self.ended is not None:
            return False
        self.ended = now
        if self.status == RUNNING:
            self.status = status
        return True

    def fail(self, failure: Failure) -> None:
        """Mark the span as failed; the first failure is kept."""
        self.status = ERROR
        self.failure = self.failure or failure

    def note(self, event: OpenEvent) -> None:
        """Add an event, up to the limit of the trace."""
        if self.events is None:
            self.events = []
        self.trace.note(event, self.events)

    def judge(self, score: OpenScore) -> None:
        """Add a score."""
        if self.scores is None:
            self.scores = []
        self.scores.append(score)


class Telemetry(Protocol):
    """What a trace tells OpenTelemetry of itself and its spans; no call ever raises."""

    def swap(self, context: Any = None) -> Any:
        """Make a context of OpenTelemetry's current, the request's own by default; return the one before."""
        ...

    def answering(self, trace: OpenTrace) -> None:
        """Note that the answer begins: whose server span it is, is known now."""
        ...

    def settle(self, trace: OpenTrace) -> None:
        """Make sure that the ids of the trace do not change any more."""
        ...

    def finish(self, trace: OpenTrace) -> None:
        """Note that the trace has ended, with its status; its ids are final."""
        ...

    def drop(self, trace: OpenTrace) -> None:
        """Forget a trace that turned out to be none: nothing is told of it."""
        ...

    def opened(self, span: OpenSpan) -> None:
        """Note that a span of ours has become current; its `id` and `parent_ref` may be set here."""
        ...

    def closed(self, span: OpenSpan) -> None:
        """Note that a span of ours has ended, with all its fields."""
        ...

    def parent_of(self, span: OpenSpan) -> int | None:
        """Return the id of a span that is not ours and that one of ours begins in; None where ours is nearer."""
        ...


class OpenTrace:
    """A request from its first byte to the moment it is written for the last time."""

    __slots__ = ("__weakref__", "answered", "asked", "attached", "attachments", "attachments_over",
                 "bodies", "chunks", "close_code", "closed", "content", "continues", "counted",
                 "cut_input",
                 "cut_output", "disconnected", "due", "ended", "engine", "events", "events_noted",
                 "expected_bytes", "failure", "fallback", "first_byte", "follows", "follows_up", "found", "held", "id",
                 "identify", "incoming", "input_text", "largest_gap", "last_chunk", "late", "latest",
                 "left", "log_level", "logged", "metadata", "name", "offset", "output_text", "parent_span",
                 "protocol", "queued", "reaches", "request_bytes", "request_chunks", "response_bytes",
                 "response_chunks", "response_encoding", "response_type", "room", "route", "scores",
                 "session", "shared", "shown", "shown_at", "skipped", "span_id", "spans", "spans_over",
                 "started", "status", "status_code", "tags", "telemetry", "user_id", "weight",
                 "written_as")  # fmt: skip

    def __init__(self, incoming: Incoming | None, started: int, offset: int = 0, protocol: str = "http") -> None:
        self.id = getrandbits(128) or 1
        # The request's own span id, and its caller's where one came; `shared` once anybody else may know of it:
        # then other parts of this trace may stand in the store, or come later.
        self.span_id = getrandbits(64) or 1
        self.parent_span: int | None = None
        self.shared = False
        # The hosts that may see our ids, where the options name some.
        self.reaches: Hosts | None = None
        # Whether threads that it starts belong to it by themselves.
        self.follows = False
        # How OpenTelemetry hears of our spans: set by `hooks`, None where it is not there.
        self.telemetry: Telemetry | None = None
        self.incoming = incoming
        self.started = started
        self.offset = offset
        self.protocol = protocol
        self.name: str | None = None
        self.status = RUNNING
        self.status_code: int | None = None
        self.route: str | None = None
        self.ended: int | None = None
        self.answered: int | None = None
        self.first_byte: int | None = None
        self.last_chunk: int | None = None
        self.largest_gap: int | None = None
        self.failure: Failure | None = None
        self.logged: Failure | None = None
        self.disconnected = False
        # Where the client left, and how many bytes the answer was announced to have.
        self.left: Left | None = None
        self.expected_bytes: int | None = None
        # Of a connection: how it was closed, whose its turns are where nothing names their session, and, of the trace
        # that it opened with, the turn that verbs belong to by now.
        self.close_code: int | None = None
        self.engine = False
        self.fallback: Identity | None = None
        self.latest: OpenTrace | None = None
        # Nothing may be added any more.
        self.closed = False
        self.skipped = False
        self.content = True
        self.bodies = True
        self.held = 0
        self.found: Identity | None = None
        self.user_id: str | None = None
        # The trace id of the turn whose answer this request brings, where the app says so.
        self.continues: str | None = None
        # Whether it may bring an earlier turn's answer: False until that is known, None once it was waited for.
        self.follows_up: bool | None = False
        self.input_text: str | None = UNSET
        self.output_text: str | None = UNSET
        self.request_chunks: list[bytes] = []
        self.request_bytes = 0
        self.cut_input = False
        self.response_chunks: list[bytes] = []
        self.response_type = ""
        self.response_encoding = ""
        self.response_bytes = 0
        self.cut_output = False
        self.chunks = 0
        self.spans: list[OpenSpan] = []
        self.spans_over = 0
        self.room = MAX_SPANS
        self.events: list[OpenEvent] = []
        self.events_noted = 0
        self.scores: list[OpenScore] = []
        self.attachments: list[OpenAttachment] = []
        self.attachments_over = 0
        # How many bytes of files it holds.
        self.attached = 0
        self.tags: list[str] = []
        self.metadata: dict[str, Json] = {}
        self.session = SessionNotes()
        # About how many bytes the values of spans and events hold.
        self.weight = 0
        self.written_as: str | None = None
        # Log lines under this level are not kept (numbers as in the logging module).
        self.log_level = 20
        # The writer's own marks: waiting in the queue, what was last shown while running, when it may be written
        # again, counted as a request, and that the app's own functions need not be asked again.
        self.queued = False
        self.shown: int | None = None
        self.shown_at = 0
        self.due = 0
        self.counted = False
        self.asked = False
        # Set by the observer: tells the session id as far as it is known; writes what is added after the end.
        self.identify: Callable[[OpenTrace], str | None] | None = None
        self.late: Callable[[OpenTrace], None] | None = None

    # What the door saw

    def read(self, chunk: bytes, limit: int) -> None:
        """Keep a part of the request body that the app has just read, up to the limit in bytes."""
        room = limit - self.request_bytes
        self.request_bytes += len(chunk)
        self.cut_input = self.cut_input or len(chunk) > room
        if room > 0:
            self.request_chunks.append(bytes(chunk[:room]))

    def respond(self, status_code: int, content_type: str, keep: bool, encoding: str = "", length: str = "") -> None:
        """Note the start of the response; `keep` tells whether its body is worth keeping.

        Args:
            status_code: HTTP status.
            content_type: Content-Type header.
            keep: Whether the body is kept.
            encoding: Content-Encoding header.
            length: Content-Length header.
        """
        self.status_code = status_code
        self.response_type = content_type
        self.response_encoding = encoding
        self.expected_bytes = int(length) if length.isascii() and length.isdecimal() and len(length) < 19 else None
        self.bodies = keep

    def sent(self, chunk: bytes, now: int, limit: int) -> None:
        """Note a part of the response that has been forwarded, keeping it up to the limit in bytes."""
        if not chunk or not isinstance(chunk, (bytes, bytearray, memoryview)):
            return  # nothing, or a mistake of the app's that the server answers for
        self.passed(now)
        self._keep(chunk, limit)

    def passed(self, now: int) -> None:
        """Note when a part of the response has been forwarded."""
        if self.first_byte is None:
            self.first_byte = now
        else:
            self.largest_gap = max(self.largest_gap or 0, now - (self.last_chunk or now))
        self.last_chunk = now
        self.chunks += 1

    def _keep(self, chunk: bytes, limit: int) -> None:
        room = limit - self.response_bytes
        self.response_bytes += len(chunk)
        if self.bodies:
            self.cut_output = self.cut_output or len(chunk) > room
            if room > 0:
                # The app may fill the same buffer again; of bytes this is no copy.
                self.response_chunks.append(bytes(chunk[:room]))

    def finish_response(self, now: int) -> None:
        """Note that the last byte has been forwarded; the app may still be working."""
        self.answered = self.answered or now

    def disconnect(self, now: int | None = None) -> None:
        """Note that the client left before the last byte and, where the time is known, how far it came."""
        if self.answered is None and not self.disconnected:
            self.disconnected = True
            self.left = None if now is None else Left(self.response_bytes, max(0, now - self.started), self.chunks)

    def rest(self, since: int | None) -> None:
        """Note since when a reply without an end of its own rests, None where it goes on."""
        self.answered = since

    @property
    def blank(self) -> bool:
        """Tell whether nothing is known of it but that it was opened."""
        # The instrumentation of ASGI makes a span of each message that passes.
        spans = [span for span in self.spans if not span.is_passage]
        notes = (spans, self.events, self.scores, self.tags, self.metadata, self.session.said, self.user_id)
        seen = (self.request_chunks, self.chunks, self.failure, self.logged, self.name, self.status_code)
        return not any((*notes, *seen)) and self.input_text is UNSET and self.output_text is UNSET

    def fail(self, failure: Failure, status_code: int | None = None) -> None:
        """Mark the trace as failed; the first failure is kept, a status already sent too."""
        self.status = ERROR
        self.failure = self.failure or failure
        if self.status_code is None:
            self.status_code = status_code

    def end(self, now: int) -> bool:
        """End the trace; what is still open in it stays open. A second end returns False."""
        if self.ended is not None:
            return False
        self.ended = now
        if self.status == RUNNING:
            self.status = "disconnected" if self.disconnected else _by_code(self.status_code)
        return True

    def cancel(self) -> None:
        """Mark the trace as cancelled, unless its client left, which is the better reason."""
        if self.status == RUNNING:
            self.status = "disconnected" if self.disconnected else CANCELLED

    def close(self) -> None:
        """Give away what it holds and take nothing more: all is written, but a thread that lives on still has it."""
        self.closed = True
        self.incoming, self.late, self.identify, self.latest = None, None, None, None
        self.session = SessionNotes()
        self.metadata, self.tags = {}, []
        for held in (self.request_chunks, self.response_chunks, self.spans, self.events, self.scores, self.attachments):
            held.clear()
        self.room, self.events_noted, self.weight = 0, MAX_EVENTS, MAX_BYTES + 1

    # What the verbs say

    def add(self, span: OpenSpan) -> None:
        """Add a span, up to the limit of one trace."""
        span.kept = len(self.spans) < self.room
        if span.kept:
            self.spans.append(span)
        else:
            self.spans_over += 1

    def note(self, event: OpenEvent, on: list[OpenEvent] | None = None) -> None:
        """Add an event to the trace or to a list of one of its parts, up to the limit of one trace."""
        self.events_noted += 1
        if self.events_noted <= MAX_EVENTS:
            (self.events if on is None else on).append(event)
        else:
            self.metadata["events_over_limit"] = self.events_noted - MAX_EVENTS

    def attach(self, file: OpenAttachment) -> None:
        """Add a file, up to the limit of one trace."""
        if len(self.attachments) < MAX_ATTACHMENTS:
            self.attachments.append(file)
        else:
            self.attachments_over += 1

    def fill(self, file: OpenAttachment, data: bytes, size: int | None) -> None:
        """Give a file its bytes, or its first ones; they are kept up to the limits of a file and of one trace."""
        file.fill(data, size, MAX_ATTACHED - self.attached)
        self.attached += 0 if file.data is None else len(file.data)

    def keep(self, value: Any) -> Json:
        """Return a copy of a value of the user's, or a mark where the trace holds too much already."""
        if self.weight > MAX_BYTES and not (isinstance(value, (int, float)) or _is_short(value)):
            return "[cut: the trace is too large]"
        copy, weight = weighed(value)
        self.weight += weight
        return copy

    def size(self) -> int:
        """Return about how many bytes this trace holds in memory."""
        bodies = sum(map(len, self.request_chunks)) + sum(map(len, self.response_chunks))
        return 2_000 + bodies + self.weight + self.attached + 1_000 * len(self.spans) + 500 * self.events_noted


class SessionNotes:
    """What a request said about its session."""

    __slots__ = ("ended", "events", "links", "metadata", "name", "outcome", "resolved", "scores", "tags")

    def __init__(self) -> None:
        self.tags: list[str] = []
        self.metadata: dict[str, Json] = {}
        self.events: list[OpenEvent] = []
        self.scores: list[OpenScore] = []
        # Ids of other sessions, each with its relation.
        self.links: list[tuple[str, str]] = []
        self.name: str | None = None
        self.outcome: str | None = None
        self.resolved: bool | None = None
        self.ended: int | None = None

    @property
    def said(self) -> bool:
        """Whether anything was said."""
        told = (self.tags, self.metadata, self.events, self.scores, self.links, self.name, self.outcome)
        return any(told) or self.resolved is not None or self.ended is not None


def _is_short(value: Any) -> bool:
    return type(value) is str and len(value) < _SMALL


def _by_code(code: int | None) -> str:
    return ERROR if code is not None and code >= 500 else OK
