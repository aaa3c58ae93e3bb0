"""Work that leaves the request for another thread: bound to what was current, without keeping a trace for ever."""

from __future__ import annotations

import functools
import inspect
import weakref
from collections.abc import Callable
from typing import Any, TypeVar

from convotrace.capture.current import Node, Place, current, enter, leave, place_of, trace_of
from convotrace.recorder import OpenTrace

F = TypeVar("F", bound=Callable[..., Any])
GRACE = 600 * 1_000_000_000
"""ns after its end during which bound work may still add to a trace."""

# Traces that a thread may hold on to for as long as it lives, by their identity.
_bound: dict[int, weakref.ref[OpenTrace]] = {}


def bind(function: F) -> F:
    """Return a function bound to the current session, trace and span, wherever it is called.

    For what takes no context along: `loop.run_in_executor`, `threading.Thread`, `ThreadPoolExecutor.submit`,
    `gevent.spawn`. What it adds counts until ten minutes after the end of the request.

    Args:
        function: A function or coroutine function; returned as it is outside a traced request.
    """
    node = current()
    return function if node is None else bound(node, function)


def bound(node: Node, function: Any) -> Any:
    """Return a function that runs with a node current."""
    trace = trace_of(node)
    _bound[id(trace)] = weakref.ref(trace)
    try:
        make = _coroutine if inspect.iscoroutinefunction(function) else _plain
        return functools.wraps(function)(make(trace, place_of(node), function))
    except Exception:  # a callable of the app's that answers each look at it with an error, such as an unbound proxy
        return _plain(trace, place_of(node), function)


def _plain(trace: OpenTrace, place: Place, function: Callable[..., Any]) -> Callable[..., Any]:
    def call(*args: Any, **named: Any) -> Any:
        if trace.closed:
            return function(*args, **named)
        before = enter(trace, place)
        try:
            return function(*args, **named)
        finally:
            leave(trace, before)

    return call


def _coroutine(trace: OpenTrace, place: Place, function: Callable[..., Any]) -> Callable[..., Any]:
    async def call(*args: Any, **named: Any) -> Any:
        if trace.closed:
            return await function(*args, **named)
        before = enter(trace, place)
        try:
            return await function(*args, **named)
        finally:
            leave(trace, before)

    return call


def let_go(now: int) -> None:
    """Close those bound traces that ended long ago, so that a thread which lives on holds no more than a shell.

    Args:
        now: The time in ns since 1970.
    """
    for key, found in list(_bound.items()):
        trace = found()
        if trace is not None and _is_over(trace, now):
            trace.close()
        if trace is None or trace.closed:
            _bound.pop(key, None)


def _is_over(trace: OpenTrace, now: int) -> bool:
    if trace.ended is None or now - trace.ended <= GRACE:
        return False
    return trace.counted and not trace.queued and trace.due <= now
