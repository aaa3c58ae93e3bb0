"""The one thread of a process that runs jobs of every store: it starts with the first and ends with the last."""

from __future__ import annotations

import time

from convotrace.jobs.work import Work
from convotrace.store import forks
from convotrace.store.native import Signal, new_lock, start_thread

_LONGEST_SLEEP = 3600.0


class Runner:
    """Looks at the work of each store when something in it is due."""

    def __init__(self) -> None:
        self._begin()
        forks.register(self)

    def _begin(self) -> None:
        self._lock, self._signal = new_lock(), Signal()
        self._works: list[Work] = []
        self._running = False

    def add(self, work: Work) -> None:
        """Take work over; where the interpreter is ending and starts no more threads, nothing is done."""
        with self._lock:
            self._works.append(work)
            starts, self._running = not self._running, True
        if not starts:
            self._signal.set()
            return
        try:
            start_thread(self._run, "convotrace-jobs")
        except RuntimeError:
            self._begin()

    def remove(self, work: Work, timeout: float = 0.0) -> bool:
        """Give work back; return whether none of it runs after so many seconds."""
        ended = work.stop(timeout)
        with self._lock:
            if work in self._works:
                self._works.remove(work)
        self._signal.set()
        return ended

    def before_fork(self) -> None:
        """Do nothing: the store itself waits until nobody is inside it."""

    def after_fork_in_parent(self) -> None:
        """Do nothing."""

    def after_fork_in_child(self) -> None:
        """Begin without work and thread; a child that records brings its own."""
        forks.keep_for_ever(self._works)
        self._begin()

    def _run(self) -> None:
        while (works := self._left()) is not None:
            now_ns = time.time_ns()
            for work in works:
                work.look(now_ns)
            self._sleep(works)

    def _left(self) -> list[Work] | None:
        """Return the work there is; with none, the thread ends, and the next work starts another."""
        with self._lock:
            self._running = bool(self._works)
            return list(self._works) or None

    def _sleep(self, works: list[Work]) -> None:
        now_ns = time.time_ns()
        known = [left for work in works if (left := work.seconds_left(now_ns)) is not None]
        self._signal.wait(min([*known, _LONGEST_SLEEP]))


RUNNER, JUDGES, ALERTS, FORWARDERS = Runner(), Runner(), Runner(), Runner()
"""The runners of this process: for the upkeep of stores, evaluators, alerts, forwarding. Importing starts none."""
