"""What the observer and the doors talk to: it opens an act for each trace, and keeps the memory of sessions fresh."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from convotrace.capture.acting import HOOKS, Hook, act_of
from convotrace.exchange.generic import MESSAGE_FIELDS
from convotrace.insight.budgets import Budget
from convotrace.insight.spending import spent_of
from convotrace.model import Change, Json
from convotrace.observer.acting.act import Act
from convotrace.observer.acting.known import Known
from convotrace.observer.acting.threads import Threads
from convotrace.observer.guard import Guard
from convotrace.observer.tally import Tallies
from convotrace.pricing import Prices
from convotrace.recorder import OpenTrace
from convotrace.store.native import Signal, start_thread

if TYPE_CHECKING:
    from convotrace.store import Store

REFRESH = 0.5
"""Seconds between two looks at what other processes did."""


class Acting:
    """Hooks and budgets of one ConvoTrace.

    Args:
        deeds: Its hooks, before which those of `convotrace.on_turn` come, and its budgets; more may be added.
        timeout: Seconds for which a request waits for its hooks, all together.
        guard: Counts what fails, and says it.
        prices: For calls without a cost of their own.
        open_store: Returns the store.
    """

    def __init__(
        self, deeds: Sequence[Hook | Budget], timeout: float, guard: Guard, prices: Prices,
        open_store: Callable[[], Store],
    ) -> None:  # fmt: skip
        self._deeds = deeds
        self.budgets = tuple(deed for deed in deeds if isinstance(deed, Budget))
        self.timeout = timeout
        self.guard = guard
        self.prices = prices
        self._open_store = open_store
        self._begin()

    def _begin(self) -> None:
        self.known = Known(self._open_store)
        self.threads = Threads()
        self.counts = Tallies()
        self._signal = Signal()
        self._runs = self._ends = False
        self._kept: set[asyncio.Task[Any]] = set()

    def forget(self) -> None:
        """Begin anew: in a forked child threads and numbers are its parent's."""
        self._begin()

    def hooks(self, when: str) -> list[Hook]:
        """Return the hooks of a moment."""
        return [hook for hook in (*HOOKS, *self._deeds) if isinstance(hook, Hook) and hook.when == when]

    def keep(self, task: asyncio.Task[Any]) -> None:
        """Hold a task until it is over: the loop itself does not."""
        self._kept.add(task)
        task.add_done_callback(self._kept.discard)

    # A trace

    def open(self, trace: OpenTrace) -> Act:
        """Begin to act on a trace."""
        act = Act(self, trace)
        trace.__dict__["act"] = act
        return act

    def act(self, trace: OpenTrace) -> Act | None:
        """Return what acts on a trace."""
        found: Act | None = act_of(trace)
        return found

    def at_the_door(self, trace: OpenTrace) -> Act | None:
        """Return what is to be asked before anything of the request has been read, None where it is too early."""
        act, incoming = self.act(trace), trace.incoming
        if act is None or incoming is None or not _may_be_turn(incoming.method, incoming.query_string):
            return None
        return act if act.session_id() is not None else None

    def in_time(self, trace: OpenTrace) -> Act | None:
        """Return what is to be asked now that the app has read the body, None where it has been asked."""
        act = self.act(trace)
        return None if act is None or act.began else act

    def ended(self, trace: OpenTrace) -> None:
        """Note that a trace is over: what it spent counts at once, and the hooks after the handler are called."""
        act = self.act(trace)
        if act is None or trace.skipped:
            return
        self._watch()
        session_id = act.session_id()
        incoming = trace.incoming
        is_turn = incoming is None or _may_be_turn(incoming.method, incoming.query_string)
        if session_id is not None:
            self.known.put(session_id, f"{trace.id:032x}", act.spent(int(is_turn)))
        if is_turn or trace.spans:
            act.after()

    def learn(self, trace: OpenTrace | None, change: Change) -> None:
        """Take what the writer found out about a trace: it is what is stored."""
        record = change.trace
        if record is None:
            return
        act = None if trace is None else self.act(trace)
        if trace is not None and trace.ended is None:
            return
        key = change.session.id if act is None or act.key is None else act.key
        spent = spent_of(record, tuple(event.name for event in change.session.events))
        if act is not None and len((live := act.spent()).calls) == len(spent.calls):
            # Patterns of redaction may have changed what they were called with: equal calls stay equal here.
            spent = replace(spent, calls=live.calls, failures=live.failures)
        self.known.put(key, record.id, spent, record.started_ns)
        if trace is not None:
            # The two hold each other: nobody should have to find that out.
            trace.__dict__.pop("act", None)

    def values(self) -> dict[str, Json]:
        """Return what was counted."""
        hooks = len(HOOKS) + len(self._deeds) - len(self.budgets)
        return {"hooks": hooks, "budgets": len(self.budgets), **self.counts.values()}

    # What other processes do

    def _watch(self) -> None:
        if self._runs:
            return
        self._runs = True
        try:
            start_thread(self._refresh, "convotrace-acting")
        except RuntimeError:  # the interpreter is ending
            self._ends = True

    def _refresh(self) -> None:
        while not self._ends:
            self.guard.attempt("acting", self.known.refresh)
            self._signal.wait(REFRESH)

    def end(self) -> None:
        """Look at the store no more."""
        self._ends = True
        self._signal.set()


def _may_be_turn(method: str, query: str) -> bool:
    """Tell whether a request may be a turn: what reads, and carries no message, is none."""
    return method not in ("GET", "HEAD") or any(f"{name}=" in query for name in MESSAGE_FIELDS)
