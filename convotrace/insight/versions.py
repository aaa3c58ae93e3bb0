"""What the turns of one session say about each other: new versions, retries, double submits, the current branch.

Told when a session is read, from its turns in order: so it is right however late and by whom each was written.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from convotrace.insight.history import chained, said_in
from convotrace.model import Signal, Trace

QUICK_NS = 2_000_000_000
"""The same message again within this time of the first is a double submit."""

_FAILED = frozenset({"error", "disconnected", "cancelled", "interrupted"})


def with_versions(traces: Sequence[Trace]) -> tuple[Trace, ...]:
    """Return traces, in order, with what each turn is to the earlier ones: `replaces`, `retries`, signals.

    A turn replaces an answered one where the history that it sent again ends before that one, or where it asks for
    another answer to the same message; and one that failed, where the same message comes again. Equal texts alone
    replace nothing.
    """
    branch = Branch(any(trace.resent for trace in traces))
    return tuple(branch.add(trace) if trace.is_turn else trace for trace in traces)


def current(turns: Sequence[Trace]) -> list[Trace]:
    """Return the turns of the current branch: those that nothing replaced."""
    branch = Branch(any(turn.resent for turn in turns))
    for turn in turns:
        branch.add(turn)
    return branch.turns


def superseded(traces: Iterable[Trace]) -> dict[str, str]:
    """Return, by id, the turns that are no longer in the current branch, each with the id of what took its place.

    With an edited turn all that came after it in its branch went.
    """
    gone: dict[str, str] = {}
    standing: list[str] = []
    for trace in traces:
        if not trace.is_turn:
            continue
        if trace.replaces in standing:
            place = standing.index(trace.replaces)
            gone |= dict.fromkeys(standing[place:], trace.id)
            del standing[place:]
        standing.append(trace.id)
    return gone


class Branch:
    """The turns that stand at a moment, with the sum of what was said up to each.

    Args:
        summing: Whether any of the turns sent a history again; else there is nothing to compare with.
    """

    def __init__(self, summing: bool) -> None:
        self._summing = summing
        self.turns: list[Trace] = []
        self._sums: list[str] = []
        # Names of the requests that send the history again: one of them without any begins anew.
        self._resending: set[str] = set()

    def add(self, turn: Trace) -> Trace:
        """Add the next turn; return it with what it is to those before."""
        if not self.turns:
            self._sums = [turn.resent or ""]
        place = self._place(turn)
        told = self._told(turn, place)
        if told.replaces is not None:
            place = next((i for i, one in enumerate(self.turns) if one.id == told.replaces), place)
        del self.turns[place:], self._sums[place + 1 :]
        self.turns.append(told)
        self._sums.append(chained(self._sums[-1], said_in([turn])) if self._summing else "")
        return told

    def _place(self, turn: Trace) -> int:
        """Return after how many of the turns a new one goes on: all of them, unless its history says otherwise."""
        if turn.resent is None:
            return 0 if turn.name in self._resending and turn.input.text and not self._sums[0] else len(self.turns)
        found = next((n for n in range(len(self.turns), -1, -1) if self._sums[n] == turn.resent), None)
        if found:
            self._resending.add(turn.name)
        return len(self.turns) if found is None else found

    def _told(self, turn: Trace, place: int) -> Trace:
        before = self.turns[-1] if self.turns else None
        if turn.replaces is not None or before is None:
            return turn
        if (again := self._answered_before(turn)) is not None:
            return replace(turn, replaces=again.id)
        if _is_same(turn, before) and _failed_before(before, turn):
            return _retried(turn, before)
        if place < len(self.turns) and _answered_by(self.turns[place], turn.started_ns):
            return replace(turn, replaces=self.turns[place].id)
        # One whose history holds the turn before is a message of its own.
        goes_on = turn.resent is not None and place == len(self.turns) and self._sums[place] == turn.resent
        return turn if goes_on or not _is_double(turn, before) else _doubled(turn, before)

    def _answered_before(self, turn: Trace) -> Trace | None:
        """Return the turn whose message is to be answered anew, where one asks for that."""
        if not turn.regenerates:
            return None
        asked = (one for one in reversed(self.turns) if not turn.input.text or _is_same(turn, one))
        found = next(asked, None)
        return found if found is not None and _answered_by(found, turn.started_ns) else None


def _retried(turn: Trace, before: Trace) -> Trace:
    times = (before.retries or 0) + 1
    sent = "once" if times == 1 else f"{times} times"
    why = f"The same message had been sent {sent} before, without an answer."
    return replace(turn, replaces=before.id, retries=times, signals=(*turn.signals, Signal("retry", why)))


def _doubled(turn: Trace, before: Trace) -> Trace:
    seconds = (turn.started_ns - before.started_ns) / 1e9
    ran = ", while that one still ran" if _end(before) > turn.started_ns else ""
    which = "the turn before" if before.turn is None else f"turn {before.turn}"
    why = f"The same message came again {seconds:.1f} s after {which}{ran}."
    return replace(turn, signals=(*turn.signals, Signal("double_submit", why)))


def _is_same(one: Trace, other: Trace) -> bool:
    return bool(one.input.text) and (one.input.text or "").split() == (other.input.text or "").split()


def _is_double(turn: Trace, before: Trace) -> bool:
    soon = turn.started_ns - before.started_ns <= QUICK_NS or turn.started_ns < _end(before)
    return soon and _is_same(turn, before) and not turn.regenerates


def _failed_before(before: Trace, turn: Trace) -> bool:
    return before.status in _FAILED and not before.output.text and _end(before) <= turn.started_ns


def _answered_by(turn: Trace, at_ns: int) -> bool:
    return bool(turn.output.text) and _end(turn) <= at_ns


def _end(trace: Trace) -> float:
    """Return when a trace ended; what still runs has not."""
    if trace.duration_ns is None:
        return float("inf") if trace.status == "running" else trace.started_ns
    return trace.started_ns + trace.duration_ns
