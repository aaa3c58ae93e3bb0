"""The thread that brings finished work into the store, so that no request ever waits for a disk.

One a store and process. What an item is, only `prepare` knows; everything that may be slow happens in this thread.
"""

from __future__ import annotations

import atexit
import time
import weakref
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Generic

from convotrace.model import Change, Json
from convotrace.store import forks
from convotrace.store.backlog import Backlog, Entry, T
from convotrace.store.delivery import Delivery
from convotrace.store.native import Signal, new_lock, start_thread
from convotrace.store.store import Store

EXIT_PATIENCE = 2.0
"""Seconds that the end of the process waits for what is queued."""

_LAST = 1.0
"""Seconds that the end waits for what was left to be counted, where the store takes it."""

INTERVAL = 0.05
"""Seconds for which items gather. What waits grows old for the collector of garbage: with twice as long, its full runs,
of some 40 ms each, come often enough to be the p99 of an app with 300 requests a second."""


def _nothing_done(_item: Any, _session_id: str) -> None:
    return None


def _nothing() -> None:
    return None


class Writer(Generic[T]):
    """Takes items from any thread and writes what they become."""

    def __init__(
        self,
        open_store: Callable[[], Store],
        prepare: Callable[[T], Iterable[Change]],
        *,
        due: Callable[[int], Iterable[T]] | None = None,
        done: Callable[[T, str], None] = _nothing_done,
        busy: Callable[[], bool] | None = None,
        counters: Callable[[], Mapping[str, Json]] = dict,
        in_thread: Callable[[], None] = _nothing,
        max_rows: int = 20_000,
        max_bytes: int = 64 << 20,
        interval: float = INTERVAL,
        batch: int = 500,
    ) -> None:
        """Make a writer; its thread starts at the first item.

        Args:
            open_store: Returns the store; called in the writer's thread, again while it raises StoreError.
            prepare: Turns an item into changes, in the writer's thread.
            due: Returns the unfinished items that must be shown at a time in ns.
            done: Called after the commit with an item and the session id it was written under.
            busy: Tells whether anything unfinished may become due: after `wake` the thread looks until it is not.
            in_thread: Called in the writer's thread before each of its rounds.
            counters: What else this process counted, kept beside `stats` in its row of the store.
            max_rows: Rows that may wait; more are dropped and counted.
            max_bytes: Bytes that may wait.
            interval: Seconds between two batches.
            batch: Rows that make a batch without waiting longer.
        """
        self._limits = (max_rows, max_bytes)
        self._parts = (open_store, prepare, done, counters)
        self._due, self._busy, self._in_thread = due, busy, in_thread
        self._interval, self._batch = interval, batch
        self._closed, self._deadline = False, float("inf")
        self._begin()
        forks.register(self)
        _writers.add(self)

    def _begin(self) -> None:
        """Set up an empty queue and no thread: at first, and again in a forked child."""
        self._backlog: Backlog[T] = Backlog(*self._limits)
        self._delivery: Delivery[T] = Delivery(*self._parts, self._backlog.settle)
        self._marks: list[Signal] = []
        self._signal, self._stopped, self._start_lock = Signal(), Signal(), new_lock()
        self._running = self._working = self._urgent = False
        self._idle = True
        self._begun_ns = self._spent_ns = 0

    def put(self, item: T, size: int = 0, rows: int = 1, important: bool = False, kind: str = "trace") -> bool:
        """Queue an item without ever waiting.

        Args:
            item: What to write.
            size: About how many bytes it holds.
            rows: About how many rows it becomes.
            important: Drop it later than others.
            kind: Under what to count it, if it is dropped.

        Returns:
            False if it was dropped, because the queue is full or closed.
        """
        if self._closed or not self._backlog.put(Entry(item, rows, size, kind), important):
            self._delivery.drops.add(kind, self._why_refused())
            return False
        if self._idle:
            self._rouse()
        return True

    def has_spare_room(self) -> bool:
        """Tell whether there is room for what its sender would send again: the rest is for what would be lost."""
        return not (self._closed or self._backlog.is_filling())

    def wake(self) -> None:
        """Let the thread look whether anything is due, if it sleeps; to be called where something begins."""
        if self._idle:
            self._rouse()

    def start(self) -> None:
        """Start the thread, if it does not run."""
        with self._start_lock:
            if self._running or self._closed:
                return
            self._running = True
        try:
            start_thread(self._run, "convotrace-writer")
        except RuntimeError:
            # The interpreter is ending and starts no more threads: what is queued is written here and now.
            self._running = False
            self._finish()

    def drain(self, timeout: float) -> bool:
        """Wait until everything put before this call is stored, or given up.

        Returns:
            Whether it was within `timeout` seconds.
        """
        if self._closed or not (self._backlog or self._working or self._delivery.waiting or self._may_become_due()):
            return True
        mark = self._backlog.mark()
        self._urgent = True
        self._rouse()
        return mark.wait(timeout)

    flush = drain

    def close(self, timeout: float = EXIT_PATIENCE) -> bool:
        """Write what is queued, stop the thread and close the store.

        Returns:
            Whether all that was within `timeout` seconds; what was left is counted as dropped.
        """
        if self._closed:
            return True
        self._deadline = time.monotonic() + timeout
        drained = self.drain(timeout)
        self._closed = self._urgent = True
        self._signal.set()
        if self._running:
            stopped = self._stopped.wait(max(self._deadline - time.monotonic(), 0) + _LAST)
        else:
            stopped = True
            self._end()
        _writers.discard(self)
        return drained and stopped

    @property
    def trouble(self) -> str | None:
        """Why nothing can be written now, None while it can."""
        return self._delivery.trouble

    @property
    def is_urgent(self) -> bool:
        """Whether somebody waits for what is on its way, or it ends: then nothing more should gather."""
        return self._urgent or self._closed or bool(self._marks)

    def stats(self) -> dict[str, Json]:
        """Return what this process wrote, lost and waits for."""
        spent, elapsed = self._spent_ns, time.monotonic_ns() - self._begun_ns
        overhead: Json = {"writer_cpu_s": spent / 1e9, "writer_cpu_share": spent / elapsed} if spent else None
        own = {"queued": self._backlog.rows, "room": self._limits[0], "overhead": overhead}
        return {**own, **self._delivery.stats()}

    def before_fork(self) -> None:
        """Do nothing: the store itself waits until nobody is inside it."""

    def after_fork_in_parent(self) -> None:
        """Do nothing."""

    def after_fork_in_child(self) -> None:
        """Begin with an empty queue; what the parent had queued is the parent's to write."""
        forks.keep_for_ever(self._delivery)
        self._begin()

    def _rouse(self) -> None:
        self._idle = False
        if self._running:
            self._signal.set()
        else:
            self.start()

    def _run(self) -> None:
        self._begun_ns = time.monotonic_ns()
        try:
            while not self._closed:
                self._rest()
                self._in_thread()
                self._round()
                self._spent_ns = time.thread_time_ns()
        finally:
            self._end()
            self._running = False
            self._stopped.set()

    def _end(self) -> None:
        """Write what may still be written, count the rest as lost, and close the store."""
        try:
            self._finish()
            self._give_up()
            self._delivery.close()
        except BaseException as error:  # whatever it is, who waits for this end must be told that it came
            self._delivery.note(error)

    def _rest(self) -> None:
        """Sleep until there is something to do, then a moment longer for others to join it."""
        if self._delivery.waiting:
            self._signal.wait(0 if self._urgent else self._delivery.pause)
            return
        if not (self._backlog or self._is_busy()):
            self._idle = True
            # Looked at again: what came before the flag stood could not know that it had to wake anybody.
            if not (self._backlog or self._urgent or self._closed):
                self._signal.wait(self._delivery.until_shown())
            self._idle = False
        if not self._urgent and self._backlog.rows < self._batch:
            self._signal.wait(self._interval)

    def _round(self) -> None:
        """Write a batch; one that the store refused comes first."""
        self._working = True
        try:
            if not self._delivery.waiting:
                self._take()
            self._delivery.carry()
            if not self._delivery.waiting:
                self._backlog.balance()
                self._release()
            self._delivery.show()
        except BaseException as error:  # nothing may end this thread but its close
            self._delivery.note(error)
            self._delivery.give_up()
        finally:
            self._working = False

    def _take(self) -> None:
        entries, marks = self._backlog.take(self._batch)
        self._marks += marks
        if not self._backlog:
            self._urgent = False
            entries += self._unfinished()
        self._delivery.take(entries)

    def _finish(self) -> None:
        """Write what is queued, without a rest, as long as the store takes it and there is time."""
        while (self._backlog or self._delivery.waiting) and not self._delivery.trouble:
            if time.monotonic() > self._deadline:
                return
            self._round()

    def _give_up(self) -> None:
        entries, marks = self._backlog.take(1 << 62)
        self._delivery.take(entries)
        self._delivery.give_up()
        self._marks += marks
        self._release()

    def _release(self) -> None:
        marks, self._marks = self._marks, []
        for mark in marks:
            mark.set()

    def _unfinished(self) -> list[Entry[T]]:
        try:
            return [Entry(item, kind="running") for item in self._due(time.time_ns())] if self._due else []
        except BaseException as error:  # foreign code may raise anything, and must not end the thread
            self._delivery.note(error)
            return []

    def _is_busy(self) -> bool:
        try:
            return self._busy is not None and self._busy()
        except BaseException as error:  # foreign code may raise anything, and must not end the thread
            self._delivery.note(error)
            return False

    def _may_become_due(self) -> bool:
        return self._is_busy() if self._busy is not None else self._due is not None

    def _why_refused(self) -> str:
        if self._closed:
            return "closed"
        return f"store: {self._delivery.trouble}" if self._delivery.trouble else "queue_full"


_writers: weakref.WeakSet[Writer[Any]] = weakref.WeakSet()


def _close_all() -> None:
    deadline = time.monotonic() + EXIT_PATIENCE
    for writer in list(_writers):
        writer.close(max(deadline - time.monotonic(), 0))


atexit.register(_close_all)
