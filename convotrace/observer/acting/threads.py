"""Threads that plain hooks run in: as many as are busy; none keeps the process from ending, none idles for long."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Sequence
from time import monotonic
from typing import Any

_IDLE = 60.0
MOST_HANGING = 4
"""Runs of one hook that may hang at once; as long as so many do, it is passed over."""


class Task:
    """One call in a thread: what came of it, once `done` is set."""

    __slots__ = ("_done", "_lock", "_then", "error", "key", "result", "work")

    def __init__(self, key: object, work: Callable[[], Any]) -> None:
        self.key = key
        self.work = work
        self.result: Any = None
        self.error: BaseException | None = None
        self._lock = threading.Lock()
        self._done = False
        self._then: Callable[[], None] | None = None

    @property
    def done(self) -> bool:
        """Whether it is over."""
        return self._done

    def run(self) -> None:
        """Do the work; whatever it raises is kept."""
        try:
            self.result = self.work()
        except BaseException as error:  # also SystemExit: a hook must end nobody's thread
            self.error = error
        with self._lock:
            self._done, then = True, self._then
        if then is not None:
            then()

    def then(self, call: Callable[[], None]) -> None:
        """Have something called when it is over, in its thread; at once where it is."""
        with self._lock:
            if not self._done:
                self._then = call
                return
        call()


class Threads:
    """Runs tasks at once: in an idle thread where there is one, else in a new one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._queue: queue.SimpleQueue[Task] = queue.SimpleQueue()
        self._idle = 0
        self._hanging: dict[object, int] = {}

    def start(self, key: object, work: Callable[[], Any]) -> Task | None:
        """Begin a task; None where too many of its key hang already, or no thread can be started."""
        task = Task(key, work)
        with self._lock:
            if self._hanging.get(key, 0) >= MOST_HANGING:
                return None
            needs_one = self._idle == 0
            if not needs_one:
                self._idle -= 1
        if needs_one:
            try:
                threading.Thread(target=self._run, name="convotrace-hooks", daemon=True).start()
            except RuntimeError:  # the interpreter is ending
                return None
        self._queue.put(task)
        return task

    def hangs(self, task: Task) -> None:
        """Note that nobody waits any more for a task that still runs."""
        with self._lock:
            self._hanging[task.key] = self._hanging.get(task.key, 0) + 1
        task.then(lambda: self._back(task.key))

    def _back(self, key: object) -> None:
        with self._lock:
            left = self._hanging.get(key, 1) - 1
            if left:
                self._hanging[key] = left
            else:
                self._hanging.pop(key, None)

    def _run(self) -> None:
        while True:
            try:
                task = self._queue.get(timeout=_IDLE)
            except queue.Empty:
                with self._lock:
                    if self._idle:  # else somebody counts on this thread at this moment
                        self._idle -= 1
                        return
                continue
            task.run()
            del task
            with self._lock:
                self._idle += 1


def wait(tasks: Sequence[Task], deadline: float) -> None:
    """Wait until every task is over, or a moment of the monotonic clock has come."""
    if all(task.done for task in tasks):
        return
    over = threading.Event()
    for task in tasks:
        task.then(over.set)
    while not all(task.done for task in tasks):
        left = deadline - monotonic()
        if left <= 0 or not over.wait(left):
            return
        over.clear()
