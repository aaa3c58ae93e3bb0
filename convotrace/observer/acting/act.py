"""What acts on one trace: its hooks and budgets are asked, what they want is noted on it and told to the app."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Sequence
from functools import partial
from time import monotonic
from typing import Any

from convotrace.capture.acting import ADVICE, HANDOFF, NOTICE, REFUSAL, STOP, Advice, Effect, Hook, Turn
from convotrace.capture.spans import open_event
from convotrace.errors import StoreError
from convotrace.insight.budgets import Budget, Refusal
from convotrace.insight.spending import Spent, Sum, Totals
from convotrace.observer.acting.calling import Calls, House, loop_here, over
from convotrace.observer.acting.threads import Task, wait
from convotrace.recorder import OpenTrace
from convotrace.recorder.spending import Meter


class Act:
    """Asks hooks and budgets about one trace; whatever they do, the request goes on."""

    __slots__ = ("_advice", "_calls", "_effects", "_house", "_meter", "_trace", "began", "key")

    def __init__(self, house: House, trace: OpenTrace) -> None:
        self._house = house
        self._trace = trace
        self._meter = Meter(trace, house.prices)
        self._advice = Advice()
        self._effects: list[tuple[str, Effect]] = []
        self._calls = Calls(house, trace, self._turn)
        self.began = False
        """Whether the hooks before the handler have been called."""
        self.key: str | None = None
        """The session, as soon as it is known."""

    # What the session has come to

    def session_id(self) -> str | None:
        """Return the session id as far as it is known."""
        if self.key is None and self._trace.identify is not None:
            self.key = self._trace.identify(self._trace)
        return self.key

    def spent(self, turns: int = 0) -> Spent:
        """Return what this trace has spent by now."""
        return self._meter.spent(turns)

    def totals(self) -> Totals:
        """Return what the session has come to by now, with this turn."""
        return self._house.known.totals(self.session_id(), self.spent(), f"{self._trace.id:032x}")

    def _turn(self, when: str) -> Turn:
        trace, session_id, spent = self._trace, self.session_id(), self.spent()
        totals = self._house.known.totals(session_id, spent, f"{trace.id:032x}")
        return Turn(when, session_id, trace.user_id, totals, Sum().with_running(spent), trace.incoming)

    # Asking

    def before(self, may_refuse: bool = False) -> Refusal | None:
        """Ask before the handler, from where nothing can be awaited; return what to answer in its place."""
        self.began = True
        return self._guarded("before", may_refuse)

    async def before_async(self, may_refuse: bool = False) -> Refusal | None:
        """Ask before the handler, in the app's event loop."""
        self.began = True
        try:
            await self._read_async(monotonic() + self._house.timeout)
            found = await self._calls.ask_async("before", monotonic() + self._house.timeout)
            return self._take(found, "before", may_refuse)
        except Exception as fault:  # whatever is wrong with us, the app answers its request
            self._house.guard.failed("acting", fault)
            return None

    def ask(self) -> Advice:
        """Ask now, from inside the handler; return what there is to say by now. Never raises."""
        self.began = True
        self._guarded("asked", False)
        return self._advice

    def after(self) -> None:
        """Ask after the handler; nobody waits for it."""
        for hook in self._house.hooks("after"):
            turn = self._turn("after")
            if inspect.iscoroutinefunction(hook.function) and (loop := loop_here()) is not None:
                self._house.keep(loop.create_task(self._after_async(hook, turn)))
            else:
                self._calls.start(hook, turn, partial(self._came_after, hook, turn))

    def _guarded(self, when: str, may_refuse: bool) -> Refusal | None:
        try:
            if (task := self._reading()) is not None:
                wait([task], monotonic() + self._house.timeout)
            return self._take(self._calls.ask(when, monotonic() + self._house.timeout), when, may_refuse)
        except Exception as fault:  # whatever is wrong with us, the app answers its request
            self._house.guard.failed("acting", fault)
            return None

    def _reading(self) -> Task | None:
        """Have what is stored of the session read, unless it is known."""
        session_id, known = self.session_id(), self._house.known
        if session_id is None or known.is_read(session_id):
            return None
        return self._house.threads.start(("read", session_id), lambda: self._read(session_id))

    def _read(self, session_id: str) -> None:
        try:
            self._house.known.read(session_id)
        except StoreError:
            self._house.counts.add("unread")

    async def _read_async(self, deadline: float) -> None:
        if (task := self._reading()) is not None:
            await over([task], deadline)

    # What comes of it

    async def _after_async(self, hook: Hook, turn: Turn) -> None:
        try:
            await asyncio.wait_for(hook.function(turn), self._house.timeout)
        except TimeoutError:
            return self._calls.late(hook)
        except Exception as error:
            self._calls.succeeded(hook, error)
            return None
        self._calls.succeeded(hook, None)
        return self._finish_after(hook, turn)

    def _came_after(self, hook: Hook, turn: Turn, task: Task) -> None:
        if self._calls.succeeded(hook, task.error):
            self._finish_after(hook, turn)

    def _finish_after(self, hook: Hook, turn: Turn) -> None:
        for effect in list(turn.effects):
            if effect.kind == HANDOFF:
                self._note(hook.name, effect)
            else:
                self._house.counts.add("too late")
        if self._trace.late is not None and turn.effects:
            self._trace.late(self._trace)
        if self.key is not None:
            self._house.known.put(self.key, f"{self._trace.id:032x}", self.spent(1))

    def _take(self, asked: Sequence[tuple[Hook, Turn]], when: str, may_refuse: bool) -> Refusal | None:
        wanted = [(hook.name, effect) for hook, turn in asked for effect in list(turn.effects)]
        wanted += self._of_budgets()
        refusal: Refusal | None = None
        for name, effect in wanted:
            if (name, effect) in self._effects:
                continue  # said before in this turn
            self._effects.append((name, effect))
            is_late = effect.kind == REFUSAL and not may_refuse
            self._advice.take(effect, is_late)
            self._note(name, effect, is_late)
            if effect.kind == REFUSAL and may_refuse:
                refusal = refusal or effect.refusal
        return refusal

    def _of_budgets(self) -> list[tuple[str, Effect]]:
        if not self._house.budgets:
            return []
        spent = self.spent()
        totals = self.totals()
        running = Sum().with_running(spent)
        reached = [(one, why) for one in self._house.budgets if (why := one.reached(totals, running)) is not None]
        return [(one.name, effect) for one, why in reached for effect in _effects_of(one, why)]

    def _note(self, name: str, effect: Effect, is_late: bool = False) -> None:
        """Note on the trace what a hook or budget wanted; a hand-over belongs to the session, whose outcome it is."""
        trace = self._trace
        facts: dict[str, Any] = {"by": name, **effect.values}
        if effect.text:
            facts["text"] = effect.text
        if effect.refusal is not None:
            facts["status"] = effect.refusal.status
        if is_late:
            facts["too_late"] = True
            self._house.counts.add("too late")
        if effect.kind == HANDOFF:
            trace.note(open_event(trace, HANDOFF, None, facts), trace.session.events)
        else:
            trace.note(open_event(trace, f"turn.{effect.kind}", None, facts))
        self._house.counts.add(_COUNTED[effect.kind])


_COUNTED = {NOTICE: "notices", ADVICE: "advised", STOP: "stopped", HANDOFF: "handed over", REFUSAL: "refused"}


def _effects_of(budget: Budget, why: str) -> list[Effect]:
    notice = [Effect(NOTICE, budget.notice)] if budget.notice else []
    if budget.action == "notice":
        return notice
    if budget.action == "advise":
        return [*notice, Effect(ADVICE, None, dict(budget.values or {}))]
    if budget.action == "hand_over":
        return [*notice, Effect(HANDOFF, None, {"team": budget.team or ""})]
    if budget.action == "refuse":
        return [*notice, Effect(REFUSAL, None, {}, budget.refusal)]
    return [*notice, Effect(STOP, why)]
