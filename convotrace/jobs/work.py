"""The jobs of one store in this process: which are due, and that no other process on the store runs them too.

Knows no thread: time is an argument, and `runner` calls `look`.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from convotrace.store import Store
from convotrace.store.native import new_lock

SECOND_NS = 10**9
HOLD_NS = 60 * SECOND_NS
"""A job whose process died is free for others after so long; one that runs longer says so."""

_KEEP_NS = 15 * SECOND_NS
_FIRST_LOOK_NS = 10 * SECOND_NS
"""Nothing runs in the first seconds: most scripts are over by then."""

# Of our own: the app may have seeded the one that all share.
_uneven = random.Random()

GoOn = Callable[[], bool]
"""Asked by a job between two steps of a second at most: False when it has to stop there."""


@dataclass(frozen=True)
class Job:
    """Something to be done now and then.

    Args:
        name: Its lease: the same job of another process has the same name.
        interval_ns: From the beginning of one run to that of the next, in any process.
        run: Does it, with the store, the time, and what it asks before each step.
        wanted: Tells whether there is anything to do, by a look that costs less than taking the lease.
    """

    name: str
    interval_ns: int
    run: Callable[[Store, int, GoOn], None]
    wanted: Callable[[Store], bool] | None = None

    @property
    def longest_ns(self) -> int:
        """How far ahead its lease can end, unless a clock was set back."""
        return self.interval_ns + HOLD_NS


def next_look(until_ns: int | None, now_ns: int, interval_ns: int, share: float) -> int:
    """Return when to look at a job again that another process has, or had.

    Args:
        until_ns: From when on its lease is free.
        now_ns: The time.
        interval_ns: Of the job.
        share: Of the interval, from 0 to 1: so much later, that processes do not all look at one moment.
    """
    free = now_ns if until_ns is None else min(max(until_ns, now_ns), now_ns + interval_ns + HOLD_NS)
    return free + SECOND_NS // 10 + int(min(interval_ns, 5 * SECOND_NS) * share)


class Work:
    """Runs what is due.

    Args:
        open_store: Returns the store.
        jobs: What is to be done.
        failed: Takes the name of a job and what it raised.
        now_ns: The time.
    """

    def __init__(
        self,
        open_store: Callable[[], Store],
        jobs: Sequence[Job],
        failed: Callable[[str, BaseException], None],
        now_ns: int,
    ) -> None:
        self._open_store, self._failed = open_store, failed
        self._at = {job: next_look(None, now_ns + _FIRST_LOOK_NS, job.interval_ns, _uneven.random()) for job in jobs}
        self._stopped = False
        self._running = new_lock()

    @property
    def stopped(self) -> bool:
        """Whether nothing will be run any more."""
        return self._stopped

    def seconds_left(self, now_ns: int) -> float | None:
        """Return how long to sleep before the next look, None where there is nothing to do."""
        return max(min(self._at.values()) - now_ns, 0) / SECOND_NS if self._at else None

    def stop(self, timeout: float = 0.0) -> bool:
        """Let no job begin, and a running one end after its step; return whether none runs.

        Args:
            timeout: Seconds to wait for it.
        """
        self._stopped = True
        ended = bool(self._running.acquire(timeout=timeout) if timeout > 0 else self._running.acquire(False))
        if ended:
            self._running.release()
        return ended

    def look(self, now_ns: int) -> None:
        """Run every job that is due and that no other process runs; never raises."""
        for job, at in list(self._at.items()):
            with self._running:
                if at <= now_ns and not self._stopped:
                    self._at[job] = self._tried(job, now_ns)

    def _tried(self, job: Job, now_ns: int) -> int:
        """Run a job, if its lease is free; return when to look at it again."""
        try:
            store = self._open_store()
            if job.wanted is not None and not job.wanted(store):
                return now_ns + job.interval_ns
            if not store.leases.take(job.name, now_ns, now_ns + HOLD_NS, job.longest_ns):
                return next_look(store.leases.until(job.name), now_ns, job.interval_ns, _uneven.random())
            job.run(store, now_ns, _Holding(store, job, lambda: not self._stopped))
            # One that was told to stop is for another process to end.
            store.leases.keep(job.name, time.time_ns() if self._stopped else now_ns + job.interval_ns)
        except BaseException as error:  # a job of others may raise anything, and must not end the thread
            # A store that is closed under a job that was told to stop is no failure of it.
            if not self._stopped:
                self._failed(job.name, error)
        return next_look(now_ns + job.interval_ns, now_ns, job.interval_ns, _uneven.random())


class _Holding:
    """Tells a running job whether to go on, and keeps its lease while it does."""

    def __init__(self, store: Store, job: Job, may: GoOn) -> None:
        self._store, self._name, self._may = store, job.name, may
        self._kept = time.monotonic_ns()

    def __call__(self) -> bool:
        if not self._may():
            return False
        now = time.monotonic_ns()
        if now - self._kept < _KEEP_NS:
            return True
        self._kept = now
        return self._store.leases.keep(self._name, time.time_ns() + HOLD_NS)
