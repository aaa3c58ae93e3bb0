"""Who looked at, searched, judged, exported or erased what: noted in memory, written by the writer's thread.

No page waits for it, and none fails because of it; what could not be kept is counted.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from convotrace.observer.tally import Tally

if TYPE_CHECKING:
    from convotrace.model import Act
    from convotrace.store import Store

_MOST_WAITING = 10_000
_AT_ONCE = 500
_AGAIN_NS = 60_000_000_000
_REMEMBERED = 2_000
_REPEATED = frozenset({"view", "search"})
_DAY_NS = 86_400 * 10**9


class Auditor:
    """Takes lines from any thread.

    Args:
        store: Returns the store; may raise StoreError.
        keep_days: For how many days lines are kept, None for ever.
        wake: Wakes the thread that will call `write`.
    """

    def __init__(self, store: Callable[[], Store], keep_days: float | None, wake: Callable[[], None]) -> None:
        self._store = store
        self._keep_ns = None if keep_days is None else int(keep_days * _DAY_NS)
        self._wake = wake
        self.forget()

    def forget(self) -> None:
        """Begin anew: what a parent process had noted is the parent's to write."""
        self.lost = Tally()
        """Lines for which there was no room."""
        self._waiting: deque[Act] = deque()
        self._lock = threading.Lock()
        self._lately: dict[tuple[str, str, str | None, str], int] = {}

    def add(self, act: Act) -> None:
        """Note what somebody did; the same look within a minute is one."""
        if act.action in _REPEATED and self._is_again(act):
            return
        if len(self._waiting) >= _MOST_WAITING:
            self.lost.add()
            return
        self._waiting.append(act)
        self._wake()

    def write(self) -> None:
        """Write what was noted; what the store refuses waits for the next call.

        Raises:
            StoreError: The store cannot be written now.
        """
        if not self._waiting:
            return
        with self._lock:
            while self._waiting:
                some = [self._waiting[place] for place in range(min(_AT_ONCE, len(self._waiting)))]
                self._store().note_acts(some, self._keep_ns)
                for _ in some:
                    self._waiting.popleft()

    def _is_again(self, act: Act) -> bool:
        seen = (act.actor, act.action, act.target, str(act.detail))
        before = self._lately.get(seen)
        if before is not None and 0 <= act.at_ns - before < _AGAIN_NS:
            return True
        if len(self._lately) >= _REMEMBERED:
            self._lately.clear()
        self._lately[seen] = act.at_ns
        return False
