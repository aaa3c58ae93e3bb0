"""Which trace a request belongs to that came with a `traceparent`: its caller's, or one of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from convotrace.identity import Incoming
from convotrace.propagation import TRACEPARENT, Caller, read_headers
from convotrace.recorder import OpenTrace

MAX_TRACES = 10_000
"""Trace ids of callers remembered in one process."""
_MAX_PARENTS = 100


class Callers:
    """Lets requests join the traces of their callers, but never two unrelated requests share one id.

    A browser or a load tester may send the same `traceparent` with every request: the first takes its ids, the others
    get their own. A service that convotrace records says so (`tracestate`), and one that names its session in its
    baggage has a span for each of its calls: their requests are parts of one trace, however many there are.
    """

    def __init__(self) -> None:
        # By trace id, the span ids that requests came from; the oldest leave first.
        self._parents: dict[int, set[int]] = {}

    def join(self, trace: OpenTrace, incoming: Incoming) -> None:
        """Give a new trace the ids of its caller, where it came with one; headers of any shape may come."""
        try:
            if _has_caller(incoming) and (caller := read_headers(incoming.headers)) is not None:
                self._join(trace, incoming, caller)
        except Exception:  # the request stands for itself
            return

    def _join(self, trace: OpenTrace, incoming: Incoming, caller: Caller) -> None:
        if self._is_part(caller):
            trace.id, trace.parent_span, trace.shared = caller.trace_id, caller.span_id, True
        else:
            trace.metadata[TRACEPARENT] = incoming.headers[TRACEPARENT]

    def _is_part(self, caller: Caller) -> bool:
        parents = self._parents.get(caller.trace_id)
        if parents is None:
            if len(self._parents) >= MAX_TRACES:
                self._forget()
            self._parents[caller.trace_id] = {caller.span_id}
            return True
        is_new = caller.span_id not in parents and len(parents) < _MAX_PARENTS
        if is_new:
            parents.add(caller.span_id)
        return caller.ours or (is_new and caller.session_id is not None)

    def _forget(self) -> None:
        try:
            self._parents.pop(next(iter(self._parents)), None)
        except RuntimeError:  # another thread adds at this moment: it will forget one
            return


def _has_caller(incoming: Incoming) -> bool:
    """Tell whether a request has one `traceparent`; looks at the bytes, since most have none.

    Two of them are none, as the specification says; a WSGI server has joined them to a text that is not valid.
    """
    native: Mapping[str, Any] = incoming.native
    if "HTTP_TRACEPARENT" in native:
        return True
    headers = native.get("headers", ())
    if type(headers) is not list and type(headers) is not tuple:
        return TRACEPARENT in incoming.headers  # it may be one that can be read only once
    found = 0
    for name, _ in headers:
        if name == b"traceparent":
            found += 1
    return found == 1
