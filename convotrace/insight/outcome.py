"""How a session ended, by facts alone: what the app said, a declared hand-off, the state of its last turn, silence.

Whether the user got what they came for (`resolved`) is another question, and only the app, a score or a rule of the
app answers it: many conversations that are handed over end well.
"""

from __future__ import annotations

from collections.abc import Iterable, Set
from dataclasses import dataclass, replace
from enum import IntEnum

from convotrace.model import Change, Event, Span, Trace

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


_AFTER_SILENCE = {
    Ending.ANSWERED: Ended("completed", "the last turn was answered, and silence followed"),
    Ending.UNANSWERED: Ended("abandoned", "the last turn was not answered, and silence followed"),
    Ending.FAILED: Ended("failed", "the last turn failed, and silence followed"),
    Ending.LEFT: Ended("abandoned", "the client left in the middle of the last answer, and silence followed"),
    Ending.RUNNING: Ended("failed", "the last turn never ended, and silence followed"),
}


def ending(turn: Trace) -> Ending:
    """Return the state in which a turn leaves its session."""
    if turn.status == "running":
        return Ending.RUNNING
    if turn.left is not None or turn.status == "disconnected":
        return Ending.LEFT
    if turn.status in ("error", "interrupted", "cancelled") or turn.error is not None:
        return Ending.FAILED
    return Ending.ANSWERED if turn.output.text or turn.attachments else Ending.UNANSWERED


def after_silence(left_as: Ending, last_ns: int, now_ns: int, idle_ns: int) -> Ended | None:
    """Return how a session ended of which nobody said so; None while it may go on.

    Args:
        left_as: The state in which its last turn left it.
        last_ns: When anything last happened in it.
        now_ns: The time.
        idle_ns: After how long a silence it counts as ended.
    """
    return _AFTER_SILENCE[left_as] if now_ns - last_ns > idle_ns else None


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
