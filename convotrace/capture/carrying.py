"""What goes along when work leaves the request: the carrier for other processes, the ids for other services."""

from __future__ import annotations

from convotrace.capture.current import Node, current, settle_id, trace_of
from convotrace.capture.spans import settle
from convotrace.identity import as_id
from convotrace.propagation import TRACEPARENT, TRACESTATE, Caller, read_traceparent, write_carrier
from convotrace.recorder import OpenTrace


def carrier() -> dict[str, str]:
    """Return what `ct.resume` needs to go on with this work elsewhere: a small mapping of texts, for any queue.

    Returns:
        The W3C headers `traceparent`, `tracestate` and `baggage`; empty outside a traced request.
    """
    node = current()
    if node is None or trace_of(node).skipped:
        return {}
    trace = trace_of(node)
    headers = write_carrier(caller_of(trace, node), state_of(trace))
    settle(trace)
    return headers


def caller_of(trace: OpenTrace, node: Node) -> Caller:
    """Return how a span of a trace, or the trace, names itself as the caller; now others may know of the trace."""
    settle_id(trace)
    trace.shared = True
    span_id = trace.span_id if node is trace else node.id
    return Caller(trace.id, span_id, _flags(trace), _session(trace), _user(trace), ours=True)


def state_of(trace: OpenTrace) -> str | None:
    """Return the `tracestate` of the trace's own caller, which is passed on."""
    return _inherited(trace, TRACESTATE)


def _flags(trace: OpenTrace) -> int:
    # What the caller chose to record holds for those we call, too.
    found = read_traceparent(_inherited(trace, TRACEPARENT))
    return 1 if found is None else found[2]


def _inherited(trace: OpenTrace, header: str) -> str | None:
    if trace.incoming is None or trace.parent_span is None:
        return None
    return trace.incoming.headers.get(header)


def _session(trace: OpenTrace) -> str | None:
    if trace.identify is None or (trace.found is not None and trace.found.source == "none"):
        return None  # the trace's own id stands in for a session that nobody named
    return trace.identify(trace)


def _user(trace: OpenTrace) -> str | None:
    if trace.user_id is not None or trace.incoming is None:
        return as_id(trace.user_id)
    return trace.incoming.named_user
