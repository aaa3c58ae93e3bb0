"""What changed lately, asked of the store at most once a tick for each topic, however many tabs want to know."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from convotrace.model import Activity

TICK = 0.4
"""Seconds for which an answer is fresh."""
WINDOW_NS = 30 * 10**9
"""How far back a shared answer reaches; who was away longer asks alone."""
MOST_STREAMS = 64
"""Streams that one process holds; whoever comes after that asks again and again instead."""
_MOST_TOPICS = 256

Changes = Sequence[Activity]


@dataclass
class _Look:
    lock: threading.Lock = field(default_factory=threading.Lock)
    at: float | None = None
    found: Changes = ()


class Watch:
    """One for all tabs of a process; it has no thread of its own, and asks only while somebody wants to know.

    Args:
        clock: Seconds that only go forward.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._looks: dict[str, _Look] = {}
        self._streams = 0

    def look(self, topic: str, ask: Callable[[], Changes]) -> Changes:
        """Return what changed lately under a topic; `ask` is called where that is not known freshly.

        Args:
            topic: What is asked about.
            ask: Reads the store.
        """
        look = self._look(topic)
        if self._is_fresh(look):
            return look.found
        with look.lock:
            if not self._is_fresh(look):
                look.found = ask()
                look.at = self._clock()
        return look.found

    def fresh(self, topic: str) -> Changes | None:
        """Return what is known freshly, or what somebody else is asking for right now; None where it is time to ask."""
        look = self._look(topic)
        return look.found if self._is_fresh(look) or look.lock.locked() else None

    def open_stream(self) -> bool:
        """Count one more stream, False where there are as many as may be."""
        with self._lock:
            if self._streams >= MOST_STREAMS:
                return False
            self._streams += 1
            return True

    def close_stream(self) -> None:
        """Count one stream less."""
        with self._lock:
            self._streams -= 1

    def _is_fresh(self, look: _Look) -> bool:
        return look.at is not None and self._clock() - look.at < TICK

    def _look(self, topic: str) -> _Look:
        with self._lock:
            if topic not in self._looks and len(self._looks) >= _MOST_TOPICS:
                self._looks.clear()
            return self._looks.setdefault(topic, _Look())
