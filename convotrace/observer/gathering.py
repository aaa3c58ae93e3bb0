"""Parts of a great trace that wait for more of it, since all that is stored of it is read and written with each.

A trace is written again when as much waits as was written, or when some time has passed since it was, which grows with
it: so the work grows with its spans and not with their square. Time is an argument; many threads may use one.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from convotrace.model import Change

GREAT = 1_000
"""Spans of a trace from which its parts wait: fewer are written in a few tenths of a second."""

_WAIT_NS_A_SPAN, _LONGEST_NS = 500_000, 5 * 10**9
_IN_FLIGHT_NS = 60 * 10**9
"""What was given out and is not known to be stored is waited for no longer."""

_MOST_SPANS, _MOST_BYTES = 10_000, 16 << 20
_KNOWN = 1_000


@dataclass(slots=True)
class _Trace:
    """What came of a trace."""

    written: int = 0
    due_ns: int = 0
    waiting: list[tuple[Change, int]] = field(default_factory=list)
    spans: int = 0
    size: int = 0


class Gather:
    """What waits, of the traces that came last."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._traces: OrderedDict[str, _Trace] = OrderedDict()
        self._waiting: dict[str, _Trace] = {}
        self._spans = self._size = 0

    @property
    def is_waiting(self) -> bool:
        """Whether anything waits."""
        return bool(self._waiting)

    @property
    def is_full(self) -> bool:
        """Whether no more should be taken before some of it is written."""
        return self._spans > _MOST_SPANS or self._size > _MOST_BYTES

    def take(self, change: Change, size: int, now_ns: int) -> list[tuple[Change, int]]:
        """Return the change where it is to be written now, nothing where it waits.

        Args:
            change: What a request told of one trace.
            size: About how many bytes that is.
            now_ns: The time.

        Returns:
            Each with its size.
        """
        trace = change.trace
        if trace is None:
            return [(change, size)]
        with self._lock:
            known = self._known(trace.id)
            known.waiting.append((change, size))
            known.spans += len(trace.spans)
            known.size += size
            self._spans, self._size = self._spans + len(trace.spans), self._size + size
            if known.written < GREAT:
                return self._released(trace.id, known, now_ns)
            self._waiting[trace.id] = known
            if known.spans >= known.written:
                # All of it at once, by `due`: one by one, each would be written with all that is stored.
                known.due_ns = now_ns
            return []

    def due(self, now_ns: int, all_of_it: bool = False) -> list[tuple[Change, int]]:
        """Return what has waited long enough, or everything that waits."""
        if not self._waiting:
            return []
        with self._lock:
            hurry = all_of_it or self.is_full
            due = [(id, one) for id, one in self._waiting.items() if hurry or one.due_ns <= now_ns]
            return [one for id, known in due for one in self._released(id, known, now_ns)]

    def stored(self, trace_id: str, now_ns: int) -> None:
        """Note that what was given out of a trace is stored."""
        with self._lock:
            known = self._traces.get(trace_id) or self._waiting.get(trace_id)
            if known is not None:
                known.due_ns = now_ns + min(known.written * _WAIT_NS_A_SPAN, _LONGEST_NS)

    def _known(self, trace_id: str) -> _Trace:
        known = self._traces.get(trace_id)
        if known is None:
            # One that waits is kept among those, whatever is forgotten here.
            known = self._traces[trace_id] = self._waiting.get(trace_id) or _Trace()
        self._traces.move_to_end(trace_id)
        if len(self._traces) > _KNOWN:
            self._traces.popitem(last=False)
        return known

    def _released(self, trace_id: str, known: _Trace, now_ns: int) -> list[tuple[Change, int]]:
        self._waiting.pop(trace_id, None)
        self._spans, self._size = self._spans - known.spans, self._size - known.size
        known.written += known.spans
        known.due_ns = now_ns + _IN_FLIGHT_NS
        changes, known.waiting, known.spans, known.size = known.waiting, [], 0, 0
        return changes
