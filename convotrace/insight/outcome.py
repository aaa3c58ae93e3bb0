"""How a session ended, by facts alone: what the app said, a declared hand-off, the state of its last turn, silence.

Whether the user got what they came for (`resolved`) is another question, and only the app, a score or a rule of the
app answers it: many conversations that are handed over end well.
"""

from __future__ import annotations

from collections.abc import Iterable, Set
from dataclasses import dataclass, replace
from enum import IntEnum

from convotrace.model import OUTCOMES, Change, Event, Span, Trace

HANDOFF_EVENTS = frozenset({"escalation", "escalated", "handoff", "hand_off", "handover"})
"""Names of events, the last word behind a dot, that say of themselves that a person takes over."""

COMPLETION_EVENTS = frozenset({"completion", "completed"})


class Ending(IntEnum):
    """The state in which a turn left its session; what silence after it means."""

    ANSWERED = 0
    UNANSWERED = 1
    FAILED = 2
    LEFT = 3
    RUNNING = 4


@dataclass(frozen=True)
class Ended:
    """How a session ended, and by which fact."""

    outcome: str
    reason: str


_SILENCE = ", and silence followed"

_AFTER_SILENCE = {
    # Who got an answer and says no more may have what they came for, or not: nobody knows, so nothing is said.
    Ending.ANSWERED: None,
    Ending.UNANSWERED: Ended("abandoned", "the last turn was not answered" + _SILENCE),
    Ending.FAILED: Ended("failed", "the last turn failed" + _SILENCE),
    Ending.LEFT: Ended("abandoned", "the client left in the middle of the last answer" + _SILENCE),
    Ending.RUNNING: Ended("failed", "the last turn never ended" + _SILENCE),
}


def ending(turn: Trace) -> Ending:
    """Return the state in which a turn leaves its session."""
    if turn.status == "running":
        return Ending.RUNNING
    if turn.left is not None or turn.status == "disconnected":
        return Ending.LEFT
    if turn.status in ("error", "interrupted", "cancelled") or turn.error is not None:
        return Ending.FAILED
    return Ending.ANSWERED if _may_be_answered(turn) else Ending.UNANSWERED


def _may_be_answered(turn: Trace) -> bool:
    """Tell whether a turn was answered, or nobody can tell: no text was kept, or the reply was not understood."""
    if turn.output.text or turn.attachments or (turn.input.text is None and turn.output.text is None):
        return True
    is_refused = turn.status_code is not None and turn.status_code >= 400
    said = turn.output.body is not None or any(span.kind == "generation" and span.output for span in turn.spans)
    return said and turn.output.text is None and not is_refused


def after_silence(left_as: Ending, last_ns: int, now_ns: int, idle_ns: int) -> Ended | None:
    """Return how a session ended of which nobody said so; None while it may go on, and where nobody can tell.

    Args:
        left_as: The state in which its last turn left it.
        last_ns: When anything last happened in it.
        now_ns: The time.
        idle_ns: After how long a silence it counts as ended.
    """
    return _AFTER_SILENCE[left_as] if now_ns - last_ns > idle_ns else None


def by_app(answer: object) -> Ended | None:
    """Return what the app's own rule says of a session that has fallen silent: an outcome, or one with its reason.

    Args:
        answer: What it returned; None says nothing.

    Raises:
        ValueError: It is neither.
    """
    if answer is None:
        return None
    outcome, reason = answer if isinstance(answer, tuple) and len(answer) == 2 else (answer, "the app's rule says so")
    if outcome not in OUTCOMES or not isinstance(reason, str):
        accepted = ", ".join(OUTCOMES)
        raise ValueError(f"outcome= returned {str(answer)[:60]!r}; return None, or one of {accepted}, or (one, why).")
    return Ended(outcome, reason + _SILENCE)


def is_by_silence(reason: str | None) -> bool:
    """Tell whether an outcome was concluded from silence: a turn that comes then shows that it was none."""
    return reason is not None and reason.endswith(_SILENCE)


def told_by(trace: Trace, events: Iterable[Event], handoff_tools: Set[str]) -> Ended | None:
    """Return how a trace says that its session ends: handed over to a person, completed, or not at all.

    Args:
        trace: The trace.
        events: What was noted on its session beside it.
        handoff_tools: Names of the tools by which the app hands over.
    """
    for span in trace.spans:
        if (by := _hands_over(span, handoff_tools)) is not None:
            return Ended("escalated", by)
    noted = [*events, *trace.events, *(event for span in trace.spans for event in span.events)]
    for event in noted:
        if event.name.rpartition(".")[2] in HANDOFF_EVENTS:
            return Ended("escalated", f"the event {event.name} was noted")
    for event in noted:
        if event.name.rpartition(".")[2] in COMPLETION_EVENTS:
            return Ended("completed", f"the event {event.name} was noted")
    return None


def with_outcome(change: Change, handoff_tools: Set[str]) -> Change:
    """Return a change with the outcome that its trace tells of, where the app itself names none."""
    facts, trace = change.session, change.trace
    if trace is None or facts.outcome is not None:
        return change
    told = told_by(trace, facts.events, handoff_tools)
    if told is None:
        return change
    return replace(change, session=replace(facts, outcome=told.outcome, outcome_reason=told.reason))


def _hands_over(span: Span, handoff_tools: Set[str]) -> str | None:
    # One that failed has handed nothing over.
    if span.kind == "tool" and span.name in handoff_tools and span.status != "error":
        return f"the tool {span.name} was called"
    return None
