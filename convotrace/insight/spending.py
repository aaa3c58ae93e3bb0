"""What a session has spent so far: turns, errors, tokens, cost, tool calls; kept by trace, so that one may come again.

Pure. How an open trace is read is in `recorder.spending`, where the sums are kept in `observer.acting`.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from convotrace.insight.friction import call_key
from convotrace.model import Span, Trace, as_usd

_HANDED_OVER = frozenset({"handoff", "escalation"})


@dataclass(frozen=True, slots=True)
class Spent:
    """What one trace spent; what nobody told counts nothing."""

    turns: int = 0
    errors: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost_nano: int = 0
    calls: tuple[int, ...] = ()
    """One number for each tool call: equal where tool and arguments are."""
    failures: tuple[int, ...] = ()
    """One number for each tool call that failed: equal where tool and error are."""
    handed_over: bool = False


@dataclass(frozen=True, slots=True)
class Totals:
    """What a session, or a turn, has come to by now: sums of what is known.

    Attributes:
        turns: Turns before the running one.
        errors: Failed spans and requests.
        input_tokens, output_tokens, tokens: Of model calls; `tokens` is both together.
        cost: US dollars.
        tool_calls: How many tools were called.
        repeated_calls: How often the same tool was called with the same arguments, at most.
        same_failures: How often the same tool failed in the same way, at most.
        handed_over: Whether the session was handed over to a person.
        is_complete: False where what other processes did could not be read in time.
    """

    turns: int = 0
    errors: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost: float = 0.0
    tool_calls: int = 0
    repeated_calls: int = 0
    same_failures: int = 0
    handed_over: bool = False
    is_complete: bool = True

    @property
    def tokens(self) -> int:
        return self.input_tokens + self.output_tokens


class Sum:
    """Adds up what traces spent; a trace that comes again takes its own place."""

    __slots__ = ("_calls", "_failures", "_of", "_sums")

    def __init__(self) -> None:
        self._of: dict[str, Spent] = {}
        self._sums = [0, 0, 0, 0, 0, 0]
        self._calls: Counter[int] = Counter()
        self._failures: Counter[int] = Counter()

    def __contains__(self, trace_id: str) -> bool:
        return trace_id in self._of

    def put(self, trace_id: str, spent: Spent) -> None:
        """Take what a trace spent, in the place of what it had spent before."""
        before = self._of.get(trace_id)
        if before == spent:
            return
        if before is not None:
            self._add(before, -1)
        self._of[trace_id] = spent
        self._add(spent, 1)

    def drop(self, trace_id: str) -> None:
        """Forget a trace."""
        before = self._of.pop(trace_id, None)
        if before is not None:
            self._add(before, -1)

    def counts(self) -> tuple[int, int, int]:
        """Return how many traces there are, their turns and their errors."""
        return len(self._of), self._sums[0], self._sums[1]

    def with_running(self, running: Spent, is_complete: bool = True) -> Totals:
        """Return the totals, with the turn that runs added."""
        sums = self._sums
        calls, failures = self._calls, self._failures
        if running.calls:
            calls = calls + Counter(running.calls)
        if running.failures:
            failures = failures + Counter(running.failures)
        return Totals(
            sums[0],
            sums[1] + running.errors,
            sums[2] + running.input_tokens,
            sums[3] + running.output_tokens,
            as_usd(sums[4] + running.cost_nano) or 0.0,
            sum(calls.values()),
            max(calls.values(), default=0),
            max(failures.values(), default=0),
            sums[5] > 0 or running.handed_over,
            is_complete,
        )

    def _add(self, spent: Spent, sign: int) -> None:
        told = (spent.turns, spent.errors, spent.input_tokens, spent.output_tokens, spent.cost_nano, spent.handed_over)
        self._sums = [total + sign * value for total, value in zip(self._sums, told, strict=True)]
        for counter, keys in ((self._calls, spent.calls), (self._failures, spent.failures)):
            for key in keys:
                counter[key] += sign


def spent_of(trace: Trace, events: tuple[str, ...] = ()) -> Spent:
    """Return what a recorded trace spent.

    Args:
        trace: The record, with its spans.
        events: Names of the events that it brought to its session.
    """
    tools = [span for span in trace.spans if span.kind == "tool"]
    return Spent(
        int(trace.is_turn),
        trace.errors,
        trace.input_tokens or 0,
        trace.output_tokens or 0,
        trace.cost_nano or 0,
        tuple(key_of_call(span.name, span.arguments, span.id) for span in tools),
        tuple(_failure(span) for span in tools if span.status == "error" and span.error is not None),
        not _HANDED_OVER.isdisjoint((*events, *(event.name for event in trace.events))),
    )


def is_handing_over(name: str) -> bool:
    """Tell whether an event of this name says that a person takes over."""
    return name in _HANDED_OVER


def key_of_call(name: str, arguments: object, span_id: object) -> int:
    """Return a number for a tool call, equal where tool and arguments are; without arguments each is its own."""
    return hash((name, span_id)) if arguments is None else hash(call_key(name, arguments))


def key_of_failure(name: str, message: str) -> int:
    """Return a number for a failure of a tool, equal where tool and message are."""
    return hash((name, message))


def _failure(span: Span) -> int:
    assert span.error is not None
    return key_of_failure(span.name, span.error.message or span.error.type)
