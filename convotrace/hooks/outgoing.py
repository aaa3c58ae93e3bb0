"""Calls to services that may see our ids: the headers that go out, and the span that shows the hop.

How each client library is hooked stands in `clients.py`.
"""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Any

from convotrace.capture.carrying import caller_of, state_of
from convotrace.capture.current import Node, current, current_node, trace_of
from convotrace.capture.spans import LiveSpan
from convotrace.hooks.clients import CLIENTS
from convotrace.propagation import (
    BAGGAGE,
    SESSION,
    TRACEPARENT,
    TRACESTATE,
    USER,
    marked,
    merged,
    read_traceparent,
    write_traceparent,
)

_LONGEST_NAME = 200
_hooked: dict[str, object] = {}


def install() -> None:
    """Hook into those client libraries that are loaded by now, once per process; none is imported. Safe to call again.

    A request whose trace names no hosts is not touched.
    """
    if len(_hooked) == len(CLIENTS):
        return
    for name, hook in CLIENTS.items():
        module, mark = sys.modules.get(name), object()
        # Two threads may look at once: one of them gets its own mark back.
        if module is None or _hooked.setdefault(name, mark) is not mark:
            continue
        if not hook(module, call_to, headers_to):
            _hooked.pop(name, None)  # it is still being loaded


def call_to(method: Any, host: Any, port: Any, path: Any, headers: Any, is_instrumented: bool = False) -> Call | None:
    """Return a call that is about to be made, None where it is none of our business. Never raises.

    Args:
        method: HTTP method.
        host: Host name.
        port: The port that will be used.
        path: Path without the query.
        headers: The headers of the call, which can be changed; None where they come later.
        is_instrumented: Another library makes a span of this call and names it in the headers.
    """
    if current_node.get() is None:
        return None
    try:
        node = _node_for(host, port)
        return None if node is None else Call(node, (str(method), str(host), port, str(path)), headers, is_instrumented)
    except Exception:  # whatever came, the app makes its call
        return None


def headers_to(host: Any, port: Any, headers: Any) -> None:
    """Put our ids into the headers of one call to a host, for good. Never raises."""
    if current_node.get() is None:
        return
    try:
        if (node := _node_for(host, port)) is not None:
            Headers(headers).put(node, names_span=True)
    except Exception:
        return


def _node_for(host: Any, port: Any) -> Node | None:
    node = current()
    if node is None:
        return None
    trace = trace_of(node)
    reaches = trace.reaches
    return node if reaches is not None and not trace.skipped and reaches.names(str(host or ""), port) else None


class Call:
    """A call as a span of the current trace; its headers name that span while the call is made, and only then.

    A client copies the headers of a call into the one that follows a redirect, to whatever host: there is nothing to
    copy when they are taken back in time.
    """

    __slots__ = ("_facts", "_headers", "_is_instrumented", "_node", "_span")

    def __init__(
        self, node: Node, facts: tuple[str, str, int | None, str], headers: Any, is_instrumented: bool
    ) -> None:
        self._node = node
        self._facts = facts
        self._headers = None if headers is None else Headers(headers)
        # One whose traceparent names this very trace has a span already.
        named = self._headers is not None and self._headers.names(trace_of(node).id)
        self._is_instrumented = named or (is_instrumented and trace_of(node).telemetry is not None)
        self._span: LiveSpan | None = None

    def __enter__(self) -> Call:
        try:
            if not self._is_instrumented:
                self._open()
            if self._headers is not None:
                self._headers.put(self._span or self._node, names_span=not self._is_instrumented)
        except Exception:
            pass
        return self

    def _open(self) -> None:
        method, host, port, path = self._facts
        span = LiveSpan(self._node, f"{method} {host}{path}"[:_LONGEST_NAME], "http")
        span.set(**{"http.request.method": method, "server.address": host, "server.port": port, "url.path": path})
        self._span = span.__enter__()

    def answered(self, status_code: Any) -> None:
        """Note the status of the answer."""
        if self._span is None:
            return
        try:
            code = int(status_code)
            self._span.set(**{"http.response.status_code": code})
            if code >= 500:
                self._span.error(f"HTTP {code}", type=str(code))
        except Exception:
            pass

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        try:
            if self._headers is not None:
                self._headers.take_back()
            if self._span is not None:
                self._span.__exit__(kind, error, tb)
        except Exception:
            pass


class Headers:
    """The headers of one call, of whatever class its client has for them."""

    __slots__ = ("_before", "_headers", "_ours")

    def __init__(self, headers: Any) -> None:
        self._headers = headers
        self._ours: dict[str, str] = {}
        self._before: dict[str, str] = {}

    def names(self, trace_id: int) -> bool:
        """Tell whether they name a span of this trace already."""
        found = read_traceparent(self._get(TRACEPARENT))
        return found is not None and found[0] == trace_id

    def put(self, node: Node, names_span: bool) -> None:
        """Add our ids; a `traceparent` that is there is left alone, baggage is added to.

        Args:
            node: The span or trace that makes the call.
            names_span: Name it as the caller.
        """
        trace = trace_of(node)
        caller = caller_of(trace, node)
        if names_span and self._get(TRACEPARENT) is None:
            self._set(TRACEPARENT, write_traceparent(caller.trace_id, caller.span_id, caller.flags))
            self._set(TRACESTATE, marked(self._get(TRACESTATE) or state_of(trace), caller.span_id))
        members = merged(self._get(BAGGAGE), {SESSION: caller.session_id, USER: caller.user_id})
        if members is not None:
            self._set(BAGGAGE, members)

    def take_back(self) -> None:
        """Leave them as they were, but for what somebody else has changed since."""
        for name, text in self._ours.items():
            if self._get(name) != text:
                continue
            if name in self._before:
                self._headers[name] = self._before[name]
            else:
                del self._headers[name]

    def _get(self, name: str) -> str | None:
        every = getattr(self._headers, "getall", None)  # a multidict: `get` knows only the first
        values = every(name, ()) if every is not None else (self._headers.get(name),)
        found = [value.decode("latin-1") if isinstance(value, bytes) else value for value in values if value]
        return ",".join(found) if found else None

    def _set(self, name: str, text: str) -> None:
        before = self._get(name)
        if before is not None:
            self._before[name] = before
        self._ours[name] = text
        self._headers[name] = text
