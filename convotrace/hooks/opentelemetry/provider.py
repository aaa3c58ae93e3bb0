"""A tracer provider on the API alone, for processes without an SDK: its spans go to processors and nowhere else.

Its spans are shaped like the SDK's finished ones, so that the SDK's own processors and exporters take them.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from random import getrandbits
from time import time_ns
from types import TracebackType
from typing import Any

from opentelemetry import context as context_api
from opentelemetry import trace as trace_api
from opentelemetry.context import Context, attach, detach, get_current
from opentelemetry.trace import (
    INVALID_SPAN,
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    set_span_in_context,
)
from opentelemetry.util._decorator import _agnosticcontextmanager

from convotrace.recorder import failure_of

_SAMPLED = TraceFlags(TraceFlags.SAMPLED)
_SUPPRESS: str | None = getattr(context_api, "_SUPPRESS_INSTRUMENTATION_KEY", None)
# Under which name the API keeps the current span: to ask by its own functions takes longer than all the rest.
_CURRENT = next(iter(set_span_in_context(INVALID_SPAN, Context())))
_MANY = 1_000
_UNSET = Status(StatusCode.UNSET)


class Resource:
    """Facts about the process, as the SDK's exporters ask for them."""

    def __init__(self, attributes: Mapping[str, Any]) -> None:
        self.attributes = dict(attributes)
        self.schema_url = ""


class Scope:
    """The library that makes spans."""

    def __init__(self, name: str, version: str | None, schema_url: str | None, attributes: Any) -> None:
        self.name = name
        self.version = version
        self.schema_url = schema_url or ""
        self.attributes = dict(attributes or {})


class SpanEvent:
    """A moment of a span."""

    __slots__ = ("attributes", "dropped_attributes", "name", "timestamp")

    def __init__(self, name: str, attributes: Mapping[str, Any], timestamp: int) -> None:
        self.name = name
        self.attributes = attributes
        self.timestamp = timestamp
        self.dropped_attributes = 0


class Span(trace_api.Span):
    """A span that records until it ends; afterwards nothing changes it."""

    dropped_attributes = dropped_events = dropped_links = 0
    # What most spans have none of stands here once, for all of them.
    events: Any = ()
    links: Any = ()
    status = _UNSET
    end_time: int | None = None
    # What a processor has made of it.
    noted: Any = None
    _raised: BaseException | None = None

    def __init__(
        self,
        tracer: Tracer,
        name: str,
        context: SpanContext,
        parent: SpanContext | None,
        kind: SpanKind,
        attributes: Mapping[str, Any] | None,
        links: Sequence[Any] | None,
        start_time: int | None,
    ) -> None:
        self.name = name
        self.context = context
        self.parent = parent
        self.kind = kind
        self.attributes: dict[str, Any] = {}
        if links:
            self.links = list(links)
        self.start_time = start_time or time_ns()
        self.instrumentation_scope = tracer.scope
        self._tracer = tracer
        # Those of its beginning: one that comes later does not hear of its end alone.
        self._processors = tracer.provider.processors
        if attributes:
            self.set_attributes(attributes)

    @property
    def heard(self) -> bool:
        """Whether anybody but convotrace hears of it."""
        return self._tracer.provider.heard

    @property
    def resource(self) -> Resource:
        """Facts about the process."""
        return self._tracer.provider.resource

    @property
    def instrumentation_info(self) -> Scope:
        """The library that made it, by the name of older exporters."""
        return self.instrumentation_scope

    def get_span_context(self) -> SpanContext:
        """Return the ids."""
        return self.context

    def is_recording(self) -> bool:
        """Tell whether the span has not ended."""
        return self.end_time is None

    def set_attribute(self, key: str, value: Any) -> None:
        """Set an attribute; None sets nothing."""
        if value is not None and self.end_time is None:
            self.attributes[key] = tuple(value) if type(value) is list else value

    def set_attributes(self, attributes: Mapping[str, Any]) -> None:
        """Set several attributes."""
        if self.end_time is not None:
            return
        for value in attributes.values():
            if value is None or type(value) is list:
                break
        else:
            self.attributes.update(attributes)
            return
        for key, value in attributes.items():
            self.set_attribute(key, value)

    def add_event(
        self, name: str, attributes: Mapping[str, Any] | None = None, timestamp: int | None = None, **_: Any
    ) -> None:
        """Add a moment, up to a thousand."""
        if self.end_time is None and len(self.events) < _MANY:
            self.events = self.events or []
            self.events.append(SpanEvent(name, dict(attributes or {}), timestamp or time_ns()))

    def add_link(self, context: SpanContext, attributes: Any = None, **_: Any) -> None:
        """Add a link to a span of another trace."""
        if self.end_time is None and len(self.links) < _MANY:
            self.links = self.links or []
            self.links.append(trace_api.Link(context, attributes))

    def update_name(self, name: str) -> None:
        """Change the name."""
        if self.end_time is None:
            self.name = name

    def set_status(self, status: Status | StatusCode, description: str | None = None) -> None:
        """Set the status; one that is OK stays, and none is taken back."""
        if isinstance(status, StatusCode):
            status = Status(status, description if status is StatusCode.ERROR else None)
        final = self.status.status_code is StatusCode.OK or status.status_code is StatusCode.UNSET
        if self.end_time is None and not final:
            self.status = status

    def record_exception(
        self,
        exception: BaseException,
        attributes: Mapping[str, Any] | None = None,
        timestamp: int | None = None,
        escaped: bool = False,
        **_: Any,
    ) -> None:
        """Note an exception, each once."""
        if exception is self._raised:
            return
        self._raised = exception
        failure = failure_of(exception)
        told = {"exception.type": failure.type, "exception.message": failure.message}
        if failure.stack:
            told["exception.stacktrace"] = failure.stack
        self.add_event("exception", {**told, "exception.escaped": str(escaped), **(attributes or {})}, timestamp)

    def end(self, end_time: int | None = None) -> None:
        """End the span, once."""
        if self.end_time is not None:
            return
        self.end_time = end_time or time_ns()
        for processor in self._processors:
            processor.on_end(self)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        if isinstance(error, Exception) and self.end_time is None:
            self.record_exception(error)
            self.set_status(StatusCode.ERROR, f"{type(error).__name__}: {error}")
        self.end()


class Current:
    """A span that is current for a block, or for each call of a function that it decorates.

    The API's own way is a generator inside a generator, which takes as long as making the span and storing it.

    Args:
        begin: Makes the span.
        given: What that is called with.
        record_exception: Whether an exception that leaves the block is noted.
        set_status: Whether it marks the span as failed.
        end: Whether the span ends with the block.
    """

    __slots__ = ("_begin", "_ends", "_given", "_span", "_tells", "_token")
    _span: trace_api.Span

    def __init__(
        self,
        begin: Callable[..., trace_api.Span],
        given: tuple[Any, ...],
        record_exception: bool,
        set_status: bool,
        end: bool,
    ) -> None:
        self._begin = begin
        self._given = given
        self._tells = record_exception, set_status
        self._ends = end

    def __enter__(self) -> trace_api.Span:
        self._span = made = self._begin(*self._given)
        inside = Context(get_current())
        dict.__setitem__(inside, _CURRENT, made)  # it is nobody's yet
        self._token = attach(inside)
        return made

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        made = self._span
        detach(self._token)
        try:
            if isinstance(error, Exception) and made.is_recording():
                records, sets = self._tells
                if records:
                    made.record_exception(error)
                if sets:
                    made.set_status(Status(StatusCode.ERROR, f"{type(error).__name__}: {error}"))
        finally:
            if self._ends:
                made.end()

    def __call__(self, function: Any) -> Any:
        """Return a function, of either sort, each call of which is such a block."""
        return _each_call(self)(function)


@_agnosticcontextmanager
def _each_call(of: Current) -> Iterator[trace_api.Span]:
    with Current(of._begin, of._given, *of._tells, of._ends) as span:
        yield span


class Tracer(trace_api.Tracer):
    """Makes the spans of one library."""

    def __init__(self, provider: TracerProvider, scope: Scope) -> None:
        self.provider = provider
        self.scope = scope

    def start_span(
        self,
        name: str,
        context: Context | None = None,
        kind: SpanKind = SpanKind.INTERNAL,
        attributes: Any = None,
        links: Any = None,
        start_time: int | None = None,
        record_exception: bool = True,
        set_status_on_exception: bool = True,
        **_: Any,
    ) -> trace_api.Span:
        """Begin a span below the one that is current in a context."""
        place = get_current() if context is None else context
        parent = _context_of(place.get(_CURRENT))
        if _SUPPRESS is not None and place.get(_SUPPRESS):
            return INVALID_SPAN if parent is None else NonRecordingSpan(parent)
        made = Span(self, name, _ids(parent), parent, kind, attributes, links, start_time)
        for processor in self.provider.processors:
            processor.on_start(made, parent_context=context)
        return made

    def start_as_current_span(  # type: ignore[override]
        self,
        name: str,
        context: Context | None = None,
        kind: SpanKind = SpanKind.INTERNAL,
        attributes: Any = None,
        links: Any = None,
        start_time: int | None = None,
        record_exception: bool = True,
        set_status_on_exception: bool = True,
        end_on_exit: bool = True,
        **_: Any,
    ) -> Current:
        """Begin a span and make it current for a block."""
        given = name, context, kind, attributes, links, start_time
        return Current(self.start_span, given, record_exception, set_status_on_exception, end_on_exit)


class TracerProvider(trace_api.TracerProvider):
    """Makes tracers; takes span processors, ours and the SDK's.

    Args:
        attributes: Facts about the process for exporters, such as `service.name`.
    """

    def __init__(self, attributes: Mapping[str, Any] | None = None) -> None:
        self.resource = Resource(attributes or {})
        self.processors: tuple[Any, ...] = ()
        self.heard = False
        """Whether anybody but convotrace hears of its spans."""
        self._lock = threading.Lock()

    def get_tracer(
        self,
        instrumenting_module_name: str,
        instrumenting_library_version: str | None = None,
        schema_url: str | None = None,
        attributes: Any = None,
        **_: Any,
    ) -> Tracer:
        """Return a tracer for a library."""
        return Tracer(self, Scope(instrumenting_module_name, instrumenting_library_version, schema_url, attributes))

    def add_span_processor(self, span_processor: Any) -> None:
        """Tell a processor of every span that begins from now on."""
        with self._lock:
            self.heard = self.heard or not getattr(span_processor, "is_ours", False)
            self.processors = (*self.processors, span_processor)

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Have every processor hand on what it holds."""
        flushed = [processor.force_flush(timeout_millis) for processor in self.processors]
        return all(flushed)

    def shutdown(self) -> None:
        """Shut every processor down."""
        for processor in self.processors:
            processor.shutdown()


def _context_of(span: object) -> SpanContext | None:
    """Return the ids of a span that is current; None where it is none, or stands for none."""
    if type(span) is Span:
        return span.context
    found = span.get_span_context() if isinstance(span, trace_api.Span) else None
    return found if found is not None and found.is_valid else None


def _ids(parent: SpanContext | None) -> SpanContext:
    span_id = getrandbits(64) or 1
    if parent is None:
        return SpanContext(getrandbits(128) or 1, span_id, False, _SAMPLED)
    return SpanContext(parent.trace_id, span_id, False, parent.trace_flags, parent.trace_state)
