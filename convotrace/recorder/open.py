"""Traces and spans while they are open: cheap to make, added to by the request, read once by the writer.

Rule: everything that changes the state of a trace or span must live here or in `seen.py`. No text is parsed here.
"""

from __future__ import annotations

from collections.abc import Callable
from random import getrandbits
from typing import TYPE_CHECKING, Any, Protocol

from convotrace.identity import Identity, Incoming
from convotrace.model import Failure, Json
from convotrace.propagation import Hosts
from convotrace.recorder.attached import MAX_ATTACHED, MAX_ATTACHMENTS, OpenAttachment
from convotrace.recorder.parts import OpenEvent, OpenScore, SessionNotes, Told
from convotrace.recorder.seen import ERROR, OK, RUNNING, OpenExchange
from convotrace.recorder.values import AS_IS, MAX_TEXT, PART, WORD, weighed

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


class OpenSpan:
    """A span from its start to the moment it is written; it ends exactly once."""

    __slots__ = ("ended", "events", "failure", "fields", "id", "kept", "kind", "name", "origin", "parent",
                 "parent_ref", "scores", "started", "status", "telemetry", "timed", "told", "trace")  # fmt: skip

    def __init__(
        self,
        trace: OpenTrace,
        parent: OpenSpan | None,
        name: str,
        kind: str,
        started: int,
        origin: str = "own",
        id: int | None = None,
    ) -> None:
        self.trace = trace
        self.parent = parent
        self.name = name
        self.kind = kind
        self.origin = origin
        self.id = id or getrandbits(64) or 1
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


class OpenTrace(OpenExchange):
    """A request from its first byte to the moment it is written for the last time."""

    __slots__ = ("__dict__", "__weakref__", "asked", "attached", "attachments_over", "closed", "content",
                 "continues", "counted", "due", "engine", "events_noted", "exported", "fallback", "follows",
                 "follows_up", "found", "held", "id", "identify", "input_text", "late", "latest", "log_level",
                 "logged", "name", "output_text", "parent_span", "queued", "reaches", "room", "route", "shared",
                 "shown", "shown_at", "skipped", "span_id", "spans", "spans_over", "telemetry", "undecided",
                 "user_id", "weight",
                 "written_as")  # fmt: skip

    # Made when first asked for: most traces have none of them, and each would cost the collector of garbage.
    events: list[OpenEvent]
    scores: list[OpenScore]
    attachments: list[OpenAttachment]
    tags: list[str]
    metadata: dict[str, Json]
    session: SessionNotes

    def __init__(self, incoming: Incoming | None, started: int, offset: int = 0, protocol: str = "http") -> None:
        super().__init__(incoming, started, offset, protocol)
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
        self.name: str | None = None
        self.route: str | None = None
        self.logged: Failure | None = None
        # Of a connection: whether it speaks the protocol of engine.io, whose its turns are where nothing names their
        # session, and, of the trace that it opened with, the turn that verbs belong to by now.
        self.engine = False
        self.fallback: Identity | None = None
        self.latest: OpenTrace | None = None
        # An SDK of the app's own exports its spans.
        self.exported = False
        # Nothing may be added any more.
        self.closed = False
        self.skipped = False
        # Whether its words may be kept, and whether that is not known yet: then they are not.
        self.content = True
        self.undecided = False
        self.held = 0
        self.found: Identity | None = None
        self.user_id: str | None = None
        # The trace id of the turn whose answer this request brings, where the app says so.
        self.continues: str | None = None
        # Whether it may bring an earlier turn's answer: False until that is known, None once it was waited for.
        self.follows_up: bool | None = False
        self.input_text: str | None = UNSET
        self.output_text: str | None = UNSET
        self.spans: list[OpenSpan] = []
        self.spans_over = 0
        self.room = MAX_SPANS
        self.events_noted = 0
        self.attachments_over = 0
        # How many bytes of files it holds.
        self.attached = 0
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

    if not TYPE_CHECKING:  # else every name would be one of its

        def __getattr__(self, name: str) -> Any:
            if name not in _NOTES:
                raise AttributeError(name)
            # Atomic: a span of another thread may ask at the same moment.
            return self.__dict__.setdefault(name, _NOTES[name]())

    def noted(self, name: str) -> Any:
        """Return one of these where there is one, else nothing that could be read: it is made for nobody."""
        return self.__dict__.get(name, ())

    @property
    def keeps_content(self) -> bool:
        """Tell whether its words may be kept, as far as that is known."""
        return self.content and not self.undecided

    @property
    def is_judged(self) -> bool:
        """Tell whether it, or its session, has a score."""
        noted = self.__dict__
        return bool(noted) and bool(noted.get("scores") or getattr(noted.get("session"), "scores", ()))

    @property
    def blank(self) -> bool:
        """Tell whether nothing is known of it but that it was opened."""
        # The instrumentation of ASGI makes a span of each message that passes.
        spans = [span for span in self.spans if not span.is_passage]
        said = getattr(self.noted("session"), "said", False)
        notes = (spans, *map(self.noted, ("events", "scores", "tags", "metadata")), said, self.user_id)
        seen = (self.request_chunks, self.chunks, self.failure, self.logged, self.name, self.status_code)
        return not any((*notes, *seen)) and self.input_text is UNSET and self.output_text is UNSET

    def close(self) -> None:
        """Give away what it holds and take nothing more: all is written, but a thread that lives on still has it."""
        self.closed = True
        self.incoming, self.late, self.identify, self.latest = None, None, None, None
        self.__dict__.clear()
        for held in (self.request_chunks, self.response_chunks, self.spans):
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
        if type(value) is str and len(value) <= MAX_TEXT and self.weight <= MAX_BYTES:
            self.weight += len(value)  # most of what is told, and nothing of it can be changed
            return value
        if self.weight > MAX_BYTES and not (isinstance(value, (int, float)) or _is_short(value)):
            return "[cut: the trace is too large]"
        copy, weight = weighed(value)
        self.weight += weight
        return copy

    def keep_each(self, values: dict[str, Any]) -> None:
        """Put a copy in the place of each value of a mapping, as `keep` makes it; most values need none."""
        weight = PART * len(values)
        for name, value in values.items():
            kind = type(value)
            if kind is str and len(value) <= MAX_TEXT and self.weight <= MAX_BYTES:
                weight += len(value)
            elif kind not in AS_IS and not (kind is int and -WORD < value < WORD):
                values[name] = self.keep(value)
        self.weight += weight

    def size(self) -> int:
        """Return about how many bytes this trace holds in memory."""
        bodies = sum(map(len, self.request_chunks)) + sum(map(len, self.response_chunks))
        return 2_000 + bodies + self.weight + self.attached + 1_000 * len(self.spans) + 500 * self.events_noted


_NOTES: dict[str, Callable[[], Any]] = {
    **dict.fromkeys(("events", "scores", "attachments", "tags"), list), "metadata": dict, "session": SessionNotes,
}  # fmt: skip


def _is_short(value: Any) -> bool:
    return type(value) is str and len(value) < _SMALL
