"""The span that is a request: one that is there already, one that an instrumentation makes further in, or our own.

Ours is begun when somebody asks for it, at the latest with the end of the request, backdated to its beginning. An
instrumentation further in that makes a server span never asks, since it starts from the headers alone; one that asks
becomes a child of ours. So there is exactly one server span, wherever our middleware stands.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Any

from opentelemetry.context import Context
from opentelemetry.trace import (
    INVALID_SPAN,
    INVALID_SPAN_CONTEXT,
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    TraceFlags,
    Tracer,
    TraceState,
    set_span_in_context,
)

from convotrace.capture.current import current, is_below
from convotrace.recorder import OpenSpan, OpenTrace

_starting = threading.RLock()
# Whether a sampler has left out a request, for the page to say so.
sampling = {"dropped": False}
_MANY = 4096
# Spans that are a request already: a second request inside the first one does not take the same.
_adopted: dict[int, None] = {}
# The requests under way, by trace id: spans are told to those they belong to.
_under_way: dict[int, list[Server]] = {}


class Server:
    """The span of one request, and the traces (one for each ConvoTrace object) that record it.

    Args:
        trace: The first trace of the request.
        around: OpenTelemetry's context outside the request, with the caller's span in it.
        caller: That span's ids, None where there is none.
        tracer: Makes our own span; None where no provider is there.
        is_server: Our own span is the server's: no span of this process is around the request.
    """

    __slots__ = (
        "_beginning",
        "around",
        "caller",
        "ids",
        "is_left_out",
        "is_message",
        "is_server",
        "own",
        "span",
        "tracer",
        "traces",
    )

    def __init__(
        self,
        trace: OpenTrace,
        around: Context,
        caller: SpanContext | None,
        tracer: Tracer | None,
        is_server: bool = False,
    ) -> None:
        self.traces = [trace]
        # Of the trace, once it has ended and is let go.
        self.ids = (0, 0)
        self.around = around
        self.caller = caller
        self.tracer = tracer
        self.is_server = is_server
        # A message of a connection: it has a span of its own, and the connection's server span is not it.
        self.is_message = trace.protocol == "websocket"
        # A sampler has left out the connection: then it leaves out its messages as well.
        self.is_left_out = False
        self.span: Span | None = None
        self.own = False
        self._beginning = False

    def adopt(self, span: Span) -> None:
        """Take a span that is there already as the one of this request."""
        with _starting:
            if self.span is not None:
                return
            self.span = span
        found = span.get_span_context()
        remember(_adopted, found.span_id, None)
        parent = getattr(span, "parent", None)
        if parent is None and self.caller is not None and self.caller.trace_id == found.trace_id:
            parent = None if self.caller.span_id == found.span_id else self.caller
        if parent is None or not parent.is_valid:
            parent = None
        self._identify(found, parent)

    def ensure(self) -> Span:
        """Return the span of this request; ours begins now where there is no other."""
        with _starting:
            if self.span is None:
                if self._beginning:  # somebody who hears of our span's start asks for its parent
                    return INVALID_SPAN
                self._beginning = True
                try:
                    self.span = self._begin()
                except Exception:  # a provider that fails must not fail the request: ours is recorded all the same
                    self.span, self.own = NonRecordingSpan(self._own_context()), False
                self._identify(self.span.get_span_context(), self.caller)
            return self.span

    def _begin(self) -> Span:
        if self.tracer is None or self.is_left_out or not self.traces or not _is_heard(self.tracer):
            return NonRecordingSpan(self._own_context())
        trace = self.traces[0]
        self.own = True
        request = trace.incoming
        made = self.tracer.start_span(
            "session" if request is None else request.method,
            context=self._parents(trace),
            kind=SpanKind.SERVER if self.is_server else SpanKind.INTERNAL,
            attributes={} if request is None else {"http.request.method": request.method, "url.path": request.path},
            start_time=trace.started,
        )
        return made if made.get_span_context().is_valid else NonRecordingSpan(self._own_context())

    def _parents(self, trace: OpenTrace) -> Context:
        """Return the context that our own span begins in: for work that goes on elsewhere, its carrier says which."""
        known = None if self.caller is None else self.caller.span_id
        if trace.incoming is not None or trace.parent_span in (None, known):
            return self.around
        self.caller = SpanContext(trace.id, trace.parent_span or 0, True, TraceFlags(TraceFlags.SAMPLED))
        return set_span_in_context(NonRecordingSpan(self.caller), self.around)

    def _own_context(self) -> SpanContext:
        if self.traces:
            self.ids = (self.traces[0].id, self.traces[0].span_id)
        chosen = TraceFlags(TraceFlags.DEFAULT if self.is_left_out else TraceFlags.SAMPLED)
        flags = chosen if self.caller is None else self.caller.trace_flags
        state = TraceState() if self.caller is None else self.caller.trace_state
        return SpanContext(*self.ids, is_remote=False, trace_flags=flags, trace_state=state)

    def _identify(self, found: SpanContext, parent: SpanContext | None) -> None:
        if self.tracer is not None and not found.trace_flags.sampled:
            sampling["dropped"] = True
        for trace in self.traces:
            self.tell(trace, found, parent)
        _under_way.setdefault(found.trace_id, []).append(self)

    def tell(self, trace: OpenTrace, found: SpanContext, parent: SpanContext | None) -> None:
        """Give a trace the ids of the request's span."""
        trace.id, trace.span_id = found.trace_id, found.span_id
        if parent is not None and parent.is_valid:
            trace.parent_span = parent.span_id
        # Whoever gets these ids, an exporter or another service, may tell more of this trace.
        trace.shared = True
        trace.exported = self.tracer is not None and found.trace_flags.sampled and _is_heard(self.tracer)

    def join(self, trace: OpenTrace) -> None:
        """Add the trace of another ConvoTrace object that records the same request."""
        self.traces.append(trace)
        if self.span is not None:
            self.tell(trace, self.span.get_span_context(), None)
            trace.parent_span = self.traces[0].parent_span

    def leave(self, trace: OpenTrace) -> bool:
        """Note that a trace has ended; return whether it was the last."""
        self.ids = (trace.id, trace.span_id)
        if trace in self.traces:
            self.traces.remove(trace)
        if self.traces:
            return False
        self.forget()
        return True

    def forget(self) -> None:
        """Tell this request no more spans that do not belong to its context."""
        if self.span is None:
            return
        id = self.span.get_span_context().trace_id
        servers = _under_way.get(id, [])
        if self in servers:
            servers.remove(self)
        if not servers:
            _under_way.pop(id, None)


def _is_heard(tracer: Tracer) -> bool:
    """Tell whether anybody but convotrace hears of a tracer's spans: of a request it knows all that one would tell."""
    return bool(getattr(getattr(tracer, "provider", None), "heard", True))


class Follower(NonRecordingSpan):
    """Stands in OpenTelemetry's context for whichever of our spans is current where it is asked.

    A span held open across a `yield` cannot stand there itself: its generator's caller would be inside it. Everything
    but being there is done by the span it stands for.
    """

    def __init__(self, server: Server, held: OpenSpan | None = None, under: Span | None = None) -> None:
        self.server = server
        self._held = held
        self._under = under

    def target(self) -> Span:
        """Return the span that this one stands for, here and now."""
        node = current()
        if self._held is not None:
            if self._held.ended is None and isinstance(node, OpenSpan) and is_below(node, self._held):
                return span_of(node) or self._held.telemetry.span
            return self._under or INVALID_SPAN
        if isinstance(node, OpenSpan) and node.trace in self.server.traces:
            if self.server.tracer is None:
                return self._recorded_only(node)
            return span_of(node) or self.server.ensure()
        return self.server.ensure()

    def _recorded_only(self, node: OpenSpan) -> Span:
        request = self.server.ensure().get_span_context()
        return NonRecordingSpan(SpanContext(request.trace_id, node.id, False, request.trace_flags, request.trace_state))

    def get_span_context(self) -> SpanContext:
        """Return the ids of the span that this one stands for."""
        try:
            return self.target().get_span_context()
        except Exception:  # whoever asks is not ours
            return INVALID_SPAN_CONTEXT

    def is_recording(self) -> bool:
        """Tell whether the span that this one stands for records anything."""
        return self.target().is_recording()

    def __getattr__(self, name: str) -> Any:
        # What the span of an SDK has besides: its name, its attributes.
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self.target(), name)


def _passed_on(name: str) -> Callable[..., Any]:
    def call(self: Follower, *args: Any, **named: Any) -> Any:
        return getattr(self.target(), name)(*args, **named)

    return call


for _name in ("set_attribute", "set_attributes", "add_event", "add_link", "update_name", "set_status",
              "record_exception", "end"):  # fmt: skip
    setattr(Follower, _name, _passed_on(_name))


def span_of(node: Any) -> Span | None:
    """Return OpenTelemetry's span for one of ours, or for the next above it that has one."""
    while isinstance(node, OpenSpan):
        made = getattr(node.telemetry, "span", None)
        if made is not None:
            return made  # type: ignore[no-any-return]
        node = node.parent
    return None


def traces_under_way(trace_id: int) -> list[OpenTrace]:
    """Return the open traces of a trace id: those of the innermost request with it."""
    servers = _under_way.get(trace_id)
    return servers[-1].traces if servers else []


def is_adopted(span_id: int) -> bool:
    """Tell whether a span is a request already."""
    return span_id in _adopted


def _after_fork() -> None:
    global _starting
    _starting = threading.RLock()  # another thread of the parent may have held it


os.register_at_fork(after_in_child=_after_fork)


def remember(known: dict[int, Any], key: int, value: Any) -> None:
    """Keep a value by a number, the oldest of very many going."""
    known[key] = value
    while len(known) > _MANY:
        try:
            known.pop(next(iter(known)), None)
        except (StopIteration, RuntimeError):  # another thread was faster
            return
