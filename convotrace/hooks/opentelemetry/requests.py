"""A request as it comes in: whose span it is, and what it says of its caller."""

from __future__ import annotations

from typing import Any

from opentelemetry import propagate
from opentelemetry.context import Context, get_current
from opentelemetry.propagators.textmap import TextMapPropagator
from opentelemetry.trace import Span, SpanContext, SpanKind, Tracer, get_current_span, set_span_in_context
from opentelemetry.trace import TracerProvider as AnyProvider

from convotrace.capture.current import current_node, here, trace_of
from convotrace.hooks.opentelemetry.live import RequestTelemetry
from convotrace.hooks.opentelemetry.modes import provider
from convotrace.hooks.opentelemetry.processor import server_span_of
from convotrace.hooks.opentelemetry.server import Follower, Server, is_adopted
from convotrace.identity import Incoming
from convotrace.recorder import OpenTrace
from convotrace.settings import Settings

_SEEN = "convotrace.stores"


def begin(settings: Settings, trace: OpenTrace) -> RequestTelemetry:
    """Return how a trace that has just been opened speaks to OpenTelemetry."""
    found = provider(settings)
    if trace.protocol == "websocket":
        server = Server(trace, Context(), None, None if found is None else _tracer(found))
        server.is_left_out = _is_left_out()
        # The beginning of a connection stays out of the context: the connection's server span may begin in it.
        inside = set_span_in_context(Follower(server), get_current()) if _is_message(trace) else None
        return RequestTelemetry(settings, server, inside)
    same = _same_request(trace)
    if same is not None:
        same.join(trace)
        return RequestTelemetry(settings, same, None)
    server = _server(trace, None if found is None else _tracer(found))
    if server.span is None:
        return RequestTelemetry(settings, server, set_span_in_context(Follower(server), server.around))
    made = RequestTelemetry(settings, server, None)
    made.stamp(trace, server.span)
    return made


def _is_message(trace: OpenTrace) -> bool:
    """Tell whether a trace is a message of the connection that is current."""
    node = here()
    before = None if node is None else trace_of(node).incoming
    return before is not None and trace.incoming is not None and trace.incoming.native is before.native


def _is_left_out() -> bool:
    """Tell whether a sampler has left out the connection that is current."""
    span = get_current_span()
    if isinstance(span, Follower):  # the message before
        return span.server.is_left_out
    ids = span.get_span_context()
    return ids.is_valid and not ids.trace_flags.sampled


def _same_request(trace: OpenTrace) -> Server | None:
    """Return what another ConvoTrace object knows of this request."""
    node = current_node.get()
    if node is None or trace.incoming is None or _SEEN not in trace.incoming.native:
        return None
    telemetry = trace_of(node).telemetry
    return telemetry.server if isinstance(telemetry, RequestTelemetry) else None


def _server(trace: OpenTrace, tracer: Tracer | None) -> Server:
    outside = get_current()
    span = get_current_span(outside)
    # A follower of another request, which calls this one in its own process, is asked only when it has to be.
    here = None if isinstance(span, Follower) else span.get_span_context()
    is_inside = here is None or (here.is_valid and not here.is_remote)
    if trace.incoming is not None and here is not None and is_inside:
        there = _server_span(span, here)
        if there is not None:
            # A span that was not sampled does not tell its parent.
            knows = hasattr(there, "parent")
            around = outside if knows else _extracted(trace.incoming, outside)
            server = Server(trace, outside, get_current_span(around).get_span_context(), tracer)
            server.adopt(there)
            return server
    around = outside if trace.incoming is None else _extracted(trace.incoming, outside)
    caller = here if around is outside else get_current_span(around).get_span_context()
    if is_inside and here is not None and caller is not None and _is_around(caller, here):
        around, caller = outside, here
    is_server = trace.incoming is not None and (not is_inside or (caller is not None and caller.is_remote))
    if caller is None or not caller.is_valid:
        return Server(trace, around, None, tracer, is_server)
    if tracer is None:
        # Whether the trace takes the ids of its caller has been decided; nobody makes a span that has others.
        return Server(trace, around, caller if trace.parent_span == caller.span_id else None, None)
    trace.id, trace.parent_span, trace.shared = caller.trace_id, caller.span_id, True
    return Server(trace, around, caller, tracer, is_server)


def _is_around(caller: SpanContext, here: SpanContext) -> bool:
    """Tell whether the caller that the headers name called what runs here: then what is here is nearer."""
    return caller.trace_id == here.trace_id and caller.span_id != here.span_id


def _server_span(span: Span, ids: SpanContext) -> Span | None:
    """Return the server span that a request runs in, None where what is current is another's.

    A span that was not sampled does not tell its kind: at the door of a request it is taken for the server's.
    """
    kind = getattr(span, "kind", None)
    if kind is SpanKind.SERVER or (kind is None and not span.is_recording()):
        return None if is_adopted(ids.span_id) else span
    there = server_span_of(ids.trace_id)
    return None if there is None or is_adopted(there.get_span_context().span_id) else there


def _extracted(incoming: Incoming, outside: Context) -> Context:
    """Return the context with what the headers say of the caller; the headers are read only where they may."""
    if not incoming.may_have(_field_names()):
        return outside
    return propagate.extract(incoming.headers, context=outside)


def _field_names() -> frozenset[Any]:
    """Return the names of the headers that propagators read, as both doors have them."""
    propagator = propagate.get_global_textmap()
    known = _known.get("names")
    if known is None or known[0] is not propagator:
        fields = [field.lower() for field in propagator.fields]
        environ = ["HTTP_" + field.upper().replace("-", "_") for field in fields]
        known = _known["names"] = propagator, frozenset([*(field.encode() for field in fields), *environ])
    return known[1]


# Asked for with every request: the propagator makes a new set of them each time.
_known: dict[str, tuple[TextMapPropagator, frozenset[Any]]] = {}


def _tracer(found: AnyProvider) -> Tracer:
    known = _tracers.get("ours")
    if known is None or known[0] is not found:
        known = _tracers["ours"] = found, found.get_tracer("convotrace")
    return known[1]


# An SDK makes a new one each time that it is asked.
_tracers: dict[str, tuple[AnyProvider, Tracer]] = {}
