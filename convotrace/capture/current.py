"""What is current: the open trace or span that a verb called here belongs to.

A context variable holds it. That is not enough for a span held open across a `yield`: the generator's caller shares
its context (async) or the next step runs in a fresh copy (sync, in a thread pool). Such a span is tied to the
generator's frame instead: it is current wherever that frame is on the stack, and in tasks started from there.
"""

from __future__ import annotations

import contextlib
import sys
import threading
from contextvars import ContextVar
from inspect import CO_ASYNC_GENERATOR, CO_GENERATOR
from time import perf_counter_ns
from types import FrameType
from typing import Any

from convotrace.recorder import OpenSpan, OpenTrace

Node = OpenTrace | OpenSpan
current_node: ContextVar[Node | None] = ContextVar("convotrace_current", default=None)

_GENERATOR = CO_GENERATOR | CO_ASYNC_GENERATOR
_CONTEXTLIB = contextlib.__file__
_DEEPEST = 400


class Held:
    """A span held open by a generator: its frame, and the task or thread that entered it."""

    __slots__ = ("frame", "runner", "span")

    def __init__(self, span: OpenSpan, frame: FrameType) -> None:
        self.span = span
        self.frame = frame
        self.runner = _runner()


# By frame, the spans it holds, innermost last. Entries leave when their span ends, at the latest on garbage collection.
_held: dict[FrameType, list[Held]] = {}


Place = tuple[Node | None, Any]
"""Where code runs: the current node, and what OpenTelemetry calls its context."""


def enter(trace: OpenTrace, place: Place | None = None) -> Place:
    """Go to a place inside a trace, by default to its top; return where the code was before."""
    before = current_node.get()
    current_node.set(trace if place is None else place[0])
    if trace.telemetry is None:
        return before, None
    return before, trace.telemetry.swap(None if place is None else place[1])


def leave(trace: OpenTrace, before: Place) -> Place:
    """Go back to a place outside a trace; return where inside the code was."""
    node = current_node.get()
    current_node.set(before[0])
    return node, None if trace.telemetry is None else trace.telemetry.swap(before[1])


def place_of(node: Node) -> Place:
    """Return the place of a node that is current, with what OpenTelemetry calls its context."""
    telemetry = trace_of(node).telemetry
    if telemetry is None:
        return node, None
    context = telemetry.swap()
    telemetry.swap(context)
    return node, context


def settle_id(trace: OpenTrace) -> None:
    """Make sure that the id of a trace does not change any more: it is about to be told."""
    if trace.telemetry is not None:
        trace.telemetry.settle(trace)


def trace_of(node: Node) -> OpenTrace:
    """Return the trace a node belongs to."""
    return node if type(node) is OpenTrace else node.trace  # type: ignore[union-attr]


def now_of(trace: OpenTrace) -> int:
    """Return the time in ns since 1970 on the trace's own steady clock."""
    return perf_counter_ns() + trace.offset


def here() -> Node | None:
    """Return what the context says is current; for the beginning of a connection that is its latest turn by now."""
    node = current_node.get()
    if type(node) is OpenTrace and node.latest is not None:
        return node.latest
    return node


def current() -> Node | None:
    """Return the open trace or span that code running here belongs to, None outside a traced request."""
    node = current_node.get()
    if type(node) is OpenTrace:
        node = node.latest or node
    # Written out, not called: every verb passes here.
    if node is None or (node.ended is None and not (node if type(node) is OpenTrace else node.trace).held):  # type: ignore[union-attr]
        return node
    return None if trace_of(node).closed else _among_held(node, sys._getframe(1))


def _among_held(node: Node, frame: FrameType | None) -> Node | None:
    found = _on_stack(frame)
    if found is not None and found.span.trace is trace_of(node):
        return node if is_below(node, found.span) and not _left_behind(node, frame) else found.span
    while _left_behind(node, frame):
        node = node.parent or node.trace  # type: ignore[union-attr]
    return node


def _on_stack(frame: FrameType | None) -> Held | None:
    """Return the innermost span held by a frame on this stack."""
    for _ in range(_DEEPEST):
        if frame is None:
            return None
        if frame in _held:
            return _held[frame][-1]
        frame = frame.f_back
    return None


def is_below(node: Node | None, span: OpenSpan) -> bool:
    """Tell whether a node is a span or something inside it."""
    walker: Any = node
    while walker is not None:
        if walker is span:
            return True
        walker = None if type(walker) is OpenTrace else walker.parent
    return False


def _left_behind(node: Node, frame: FrameType | None) -> bool:
    """Tell whether a node is a held span seen by its generator's caller, which shares the context after a `yield`."""
    held = getattr(node, "held_by", None)
    if held is None:
        return False
    if node.ended is not None:
        return True
    return held.runner == _runner() and not _runs(held.frame, frame)


def _runs(wanted: FrameType, frame: FrameType | None) -> bool:
    for _ in range(_DEEPEST):
        if frame is None or frame is wanted:
            break
        frame = frame.f_back
    return frame is wanted


def hold(span: OpenSpan, frame: FrameType) -> Held | None:
    """Tie a span to the generator that enters it; None where its caller is no generator."""
    code = frame.f_code
    if not code.co_flags & _GENERATOR and code.co_filename != _CONTEXTLIB:
        return None
    owner = _owner(frame)
    if owner is None or not owner.f_code.co_flags & _GENERATOR:
        return None
    held = Held(span, owner)
    _held.setdefault(owner, []).append(held)
    span.trace.held += 1
    return held


def release(held: Held) -> None:
    """Untie a span from its generator."""
    spans = _held.get(held.frame, [])
    if held in spans:
        spans.remove(held)
        held.span.trace.held -= 1
    if not spans:
        _held.pop(held.frame, None)


def _owner(frame: FrameType | None) -> FrameType | None:
    """Return the frame whose `with` block enters: a generator behind `contextlib` stands for its caller."""
    while frame is not None:
        back = frame.f_back
        behind = frame.f_code.co_flags & _GENERATOR and back is not None and back.f_code.co_filename == _CONTEXTLIB
        if not behind and frame.f_code.co_filename != _CONTEXTLIB:
            break
        frame = back
    return frame


def _runner() -> object:
    """Return what runs this code: the asyncio task, else the thread."""
    asyncio = sys.modules.get("asyncio")  # an app of threads may never load it: then nothing runs in it
    try:
        return (asyncio and asyncio.current_task()) or threading.get_ident()
    except RuntimeError:
        return threading.get_ident()
