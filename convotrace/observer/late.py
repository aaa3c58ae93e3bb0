"""When a trace is written though nobody queued it: while it runs, and when it grew after its end.

Each time, all of a trace is written: the larger it is, the rarer, so that one trace cannot occupy the writer.
"""

from __future__ import annotations

from time import time_ns

from convotrace.recorder import OpenTrace

_SECOND = 1_000_000_000
_PER_SPAN = 2_000_000
_PER_CHUNK = 100_000
PATIENCE = 300_000_000
"""Every process has written a finished turn after so many ns: three times what its writer waits for more."""


def pause(trace: OpenTrace) -> int:
    """Return the ns to wait before a trace is written again: some thirty times what writing it takes."""
    return _PER_SPAN * len(trace.spans) + _PER_CHUNK * len(trace.response_chunks)


def show(trace: OpenTrace, now: int, unnamed: bool) -> bool:
    """Tell whether an open trace is to be written now, and note that it was.

    Args:
        trace: The trace.
        now: The time in ns.
        unnamed: Its session is not known before its answer.
    """
    if trace.answered is None and (now - trace.started < _SECOND or unnamed):
        return False
    # Once a reply has been cut, more of it changes nothing but its size.
    size = 0 if trace.cut_output else trace.response_bytes
    state = len(trace.spans) + size + (trace.answered is not None)
    if trace.shown == state or now < max(trace.due, trace.shown_at + _SECOND):
        return False
    trace.shown, trace.shown_at = state, now
    return True


class Late:
    """Ended traces that may not be written yet: something was added too soon, or they follow up on another's turn."""

    def __init__(self) -> None:
        self._waiting: dict[int, OpenTrace] = {}
        self._hurried = 0

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def must_wait(self, trace: OpenTrace) -> bool:
        """Tell whether a trace was written too lately; then it is remembered."""
        if trace.due <= time_ns():
            return False
        self._waiting[id(trace)] = trace
        return True

    def must_follow(self, trace: OpenTrace) -> bool:
        """Tell whether a trace that may bring an answer waits, once, for the turn that another process writes."""
        if trace.ended is None or trace.follows_up is not True:
            return False
        trace.follows_up = None
        if trace.ended <= self._hurried or trace.ended + PATIENCE <= time_ns():
            return False
        trace.due = trace.ended + PATIENCE
        self._waiting[id(trace)] = trace
        return True

    def take(self, now: int | None = None) -> list[OpenTrace]:
        """Return and forget the traces whose pause is over at a time in ns; all of them without one."""
        if now is None:
            self._hurried = time_ns()
        ready = [trace for trace in list(self._waiting.values()) if now is None or trace.due <= now]
        return [trace for trace in ready if self._waiting.pop(id(trace), None) is not None]
