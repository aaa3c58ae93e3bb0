"""Calling the hooks of one trace: plain ones in threads, async ones in the app's loop; nobody waits for long."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Sequence
from functools import partial
from time import monotonic
from typing import Any, Protocol

from convotrace.capture.acting import Hook, Turn
from convotrace.capture.current import enter, leave
from convotrace.insight.budgets import Budget
from convotrace.observer.acting.known import Known
from convotrace.observer.acting.threads import Task, Threads, wait
from convotrace.observer.guard import Guard
from convotrace.observer.tally import Tallies
from convotrace.pricing import Prices
from convotrace.recorder import OpenTrace


class House(Protocol):
    """The part of `house.Acting` that is needed here."""

    budgets: tuple[Budget, ...]
    timeout: float
    guard: Guard
    prices: Prices
    known: Known
    threads: Threads
    counts: Tallies

    def hooks(self, when: str) -> list[Hook]: ...

    def keep(self, task: asyncio.Task[Any]) -> None: ...


class Calls:
    """Calls the hooks of one trace.

    Args:
        house: Has the hooks, and the threads.
        trace: The trace; it is current in them.
        turn: Makes what a hook sees.
    """

    __slots__ = ("_house", "_trace", "_turn", "hung")

    def __init__(self, house: House, trace: OpenTrace, turn: Callable[[str], Turn]) -> None:
        self._house = house
        self._trace = trace
        self._turn = turn
        self.hung: set[str] = set()
        """Hooks that took too long: the app is not kept waiting for them again in this turn."""

    def ask(self, when: str, deadline: float) -> list[tuple[Hook, Turn]]:
        """Call the hooks before the handler from where nothing can be awaited; return those that came to their end."""
        asked = []
        for hook in self._house.hooks("before"):
            # In the handler nothing can be awaited, and a client of the app's own belongs to its loop.
            if when == "asked" and (inspect.iscoroutinefunction(hook.function) or hook.name in self.hung):
                continue
            turn = self._turn(when)
            task = self.start(hook, turn)
            if task is not None:
                asked.append((hook, turn, task))
        wait([task for *_, task in asked], deadline)
        return [(hook, turn) for hook, turn, task in asked if self._came(hook, turn, task)]

    async def ask_async(self, when: str, deadline: float) -> list[tuple[Hook, Turn]]:
        """Do the same in an event loop."""
        if loop_here() is None:  # another event loop than asyncio's: hooks are short, so it may wait
            return self.ask(when, deadline)
        plain: list[tuple[Hook, Turn, Task]] = []
        awaited: list[tuple[Hook, Turn, asyncio.Task[Any]]] = []
        for hook in self._house.hooks("before"):
            turn = self._turn(when)
            if inspect.iscoroutinefunction(hook.function):
                awaited.append((hook, turn, self._awaited(hook, turn)))
            elif (task := self.start(hook, turn)) is not None:
                plain.append((hook, turn, task))
        await over([task for *_, task in plain], deadline)
        if awaited:
            await asyncio.wait([task for *_, task in awaited], timeout=max(0.0, deadline - monotonic()))
        came = [(hook, turn) for hook, turn, task in plain if self._came(hook, turn, task)]
        return came + [(hook, turn) for hook, turn, task in awaited if self._was_awaited(hook, task)]

    def start(self, hook: Hook, turn: Turn, then: Callable[[Task], None] | None = None) -> Task | None:
        """Begin a hook in a thread; None where it hangs too often already."""
        task = self._house.threads.start(hook, lambda: self._call(hook, turn))
        if task is None:
            self._house.counts.add("passed over")
        elif then is not None:
            task.then(lambda: then(task))
        return task

    def _call(self, hook: Hook, turn: Turn) -> None:
        before = enter(self._trace)
        try:
            result = hook.function(turn)
            if inspect.isawaitable(result):
                asyncio.run(_all_of(result))
        finally:
            leave(self._trace, before)

    def _awaited(self, hook: Hook, turn: Turn) -> asyncio.Task[Any]:
        before = enter(self._trace)
        try:
            task = asyncio.get_running_loop().create_task(_all_of(hook.function(turn)))
        finally:
            leave(self._trace, before)
        self._house.keep(task)
        return task

    def _was_awaited(self, hook: Hook, task: asyncio.Task[Any]) -> bool:
        if not task.done():
            task.cancel()
            self.late(hook)
            return False
        error = None if task.cancelled() else task.exception()
        return self.succeeded(hook, error)

    def _came(self, hook: Hook, turn: Turn, task: Task) -> bool:
        """Tell whether a hook has come to its end; what one says that is too late is not heard."""
        if not task.done:
            self._house.threads.hangs(task)
            turn.effects = []
            self.late(hook)
            return False
        return self.succeeded(hook, task.error)

    def late(self, hook: Hook) -> None:
        """Count a hook that took too long."""
        self.hung.add(hook.name)
        self._house.counts.add("timed out")
        self._house.guard.failures.add(f"on_turn {hook.name} (timed out)")

    def succeeded(self, hook: Hook, error: BaseException | None) -> bool:
        """Count a hook that came to its end; return whether it raised nothing."""
        self._house.counts.add("asked")
        if error is not None:
            self._house.counts.add("failed")
            self._house.guard.failed(f"on_turn {hook.name}", error)
        return error is None


async def _all_of(awaitable: Any) -> Any:
    return await awaitable


async def over(tasks: Sequence[Task], deadline: float) -> None:
    """Wait, in an event loop of asyncio, until every task is over or a moment has come."""
    loop = loop_here()
    if loop is None:
        return wait(tasks, deadline)
    for task in tasks:
        if not task.done and (left := deadline - monotonic()) > 0:
            over = loop.create_future()
            task.then(partial(_wake, loop, over))
            await asyncio.wait([over], timeout=left)
    return None


def _wake(loop: asyncio.AbstractEventLoop, over: asyncio.Future[None]) -> None:
    try:
        loop.call_soon_threadsafe(lambda: None if over.done() else over.set_result(None))
    except RuntimeError:  # the loop has ended: nobody waits
        return


def loop_here() -> asyncio.AbstractEventLoop | None:
    """Return the running event loop, None where there is none of asyncio's."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
