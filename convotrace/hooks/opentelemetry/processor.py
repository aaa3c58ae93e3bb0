"""The spans of other libraries → the traces that they belong to. Added to a provider, never in place of one.

A span is noted when it starts, so that a running one shows; what it says is kept as it stands and read by the writer.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from opentelemetry.trace import Span, SpanKind, StatusCode

from convotrace.capture.current import here, trace_of
from convotrace.capture.spans import settle
from convotrace.hooks.opentelemetry.live import SCOPE, RequestTelemetry
from convotrace.hooks.opentelemetry.provider import Span as OwnSpan
from convotrace.hooks.opentelemetry.server import is_adopted, remember, traces_under_way
from convotrace.identity import Incoming
from convotrace.model import Failure
from convotrace.recorder import OpenSpan, OpenTrace
from convotrace.recorder.parts import OpenEvent, Told
from convotrace.recorder.seen import ERROR, OK

# Spans under way, by span id, as each of the traces that record them has them.
_started: dict[int, list[OpenSpan]] = {}
# Server spans that no request of ours has taken yet, by trace id.
_servers: dict[int, Span] = {}
# Spans that could not be noted; the page says so.
lost = {"spans": 0}
_WIDE = 200
# To look up a member of an enumeration takes longer than all that is done with it here.
_SERVER, _FAILED = SpanKind.SERVER, StatusCode.ERROR


class ConvoTraceProcessor:
    """Copies finished spans into the traces of the requests they belong to; a span processor of OpenTelemetry's."""

    is_ours = True

    def on_start(self, span: Any, parent_context: Any = None) -> None:
        """Note a span, and write the session and user on it where they are known."""
        try:
            _start(span)
        except Exception:  # a fault of ours is none of the app's
            lost["spans"] += 1

    def on_end(self, span: Any) -> None:
        """Keep what a finished span says."""
        try:
            _end(span)
        except Exception:
            lost["spans"] += 1

    def _on_ending(self, span: Any) -> None:
        """Do nothing; newer SDKs call it."""

    def shutdown(self) -> None:
        """Do nothing: the spans are not ours to keep."""

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Do nothing: what was noted is queued by the traces."""
        return True


def server_span_of(trace_id: int) -> Span | None:
    """Return the server span under way in a trace, if no request has taken it yet."""
    return _servers.get(trace_id)


def _start(span: Any) -> None:
    if _scope(span) == SCOPE:
        return
    ids = span.get_span_context()
    node = here()
    trace = None if node is None else trace_of(node)
    if span.kind is _SERVER and _is_server_span(span, trace):
        return
    # Inside a connection's server span all of its messages have one trace id there: the context tells them apart.
    is_known = trace is not None and (trace.id == ids.trace_id or trace.protocol == "websocket")
    if trace is not None and is_known and isinstance(trace.telemetry, RequestTelemetry):
        traces = trace.telemetry.server.traces or [trace]
    else:
        traces = traces_under_way(ids.trace_id)
    if not traces:
        return
    is_own = type(span) is OwnSpan
    if (not is_own or span.heard) and isinstance(telemetry := traces[0].telemetry, RequestTelemetry):
        telemetry.stamp(traces[0], span)
    opened = [_opened(trace, span, ids.span_id) for trace in traces]
    if is_own:
        span.noted = opened
    else:
        remember(_started, ids.span_id, opened)


def _is_server_span(span: Any, trace: OpenTrace | None) -> bool:
    """Tell whether a server span is that of a request, or may become it: it is no span inside a trace."""
    telemetry = None if trace is None else trace.telemetry
    if trace is None or not isinstance(telemetry, RequestTelemetry):
        remember(_servers, span.get_span_context().trace_id, span)
        return trace is None
    if telemetry.server.is_message:
        return True
    if telemetry.server.span is not None or _is_of_another_request(span, trace.incoming):
        return False
    telemetry.server.adopt(span)
    telemetry.stamp(trace, span)
    return True


def _is_of_another_request(span: Any, request: Incoming | None) -> bool:
    """Tell whether a server span is that of a request which this one makes inside its own process."""
    if request is None:
        return True
    said = span.attributes or {}
    method = said.get("http.request.method", said.get("http.method", request.method))
    path = said.get("url.path", said.get("http.target", request.path))
    return bool(method != request.method) or not str(path).partition("?")[0].endswith(request.path)


def _opened(trace: OpenTrace, span: Any, span_id: int) -> OpenSpan:
    made = OpenSpan(trace, None, span.name, "internal", span.start_time or trace.started, "otel", span_id)
    parent = span.parent
    if parent is not None:
        made.parent_ref = parent.span_id
    trace.add(made)
    return made


def _end(span: Any) -> None:
    ids = span.get_span_context()
    if span.kind is _SERVER:
        _servers.pop(ids.trace_id, None)
    opened = span.noted if type(span) is OwnSpan else _started.pop(ids.span_id, None)
    if opened is None:
        if is_adopted(ids.span_id) or _scope(span) == SCOPE or not (traces := traces_under_way(ids.trace_id)):
            return
        # It began before there was a processor, or a request.
        opened = [_opened(trace, span, ids.span_id) for trace in traces]
    for one in opened:
        _fill(one, span)


def _fill(made: OpenSpan, span: Any) -> None:
    trace = made.trace
    made.name = span.name
    is_own = type(span) is OwnSpan
    # The SDK makes a copy of its events each time they are asked for, of none too.
    noted = span.events if is_own or getattr(span, "_events", True) else ()
    events = [OpenEvent(e.name, e.timestamp, None, e.attributes or {}) for e in noted] if noted else ()
    attributes = span.attributes if span.attributes is not None else {}
    if not is_own:  # ours takes nothing more
        # Its own mapping takes a lock for each value that is read; its copy is a plain one.
        attributes = attributes.copy()
    made.told = Told(attributes, events, _scope(span))
    trace.weight += _weight(attributes)
    for event in events:
        trace.weight += _weight(event.attributes)
    if span.status.status_code is _FAILED:
        made.fail(_failure(span, events))
    if made.end(span.end_time or made.started, OK):
        settle(trace)


def _failure(span: Any, events: Sequence[OpenEvent]) -> Failure:
    raised: Any = next((event.attributes for event in reversed(events) if event.name == "exception"), {})
    kind = raised.get("exception.type") or (span.attributes or {}).get("error.type") or ERROR
    message = raised.get("exception.message") or span.status.description or ""
    return Failure(str(kind), str(message), raised.get("exception.stacktrace"))


def _weight(attributes: Any) -> int:
    weight = 0
    for value in attributes.values():
        weight += len(value) if type(value) is str else _WIDE
    return weight


def _scope(span: Any) -> str | None:
    scope = span.instrumentation_scope
    return None if scope is None else scope.name
