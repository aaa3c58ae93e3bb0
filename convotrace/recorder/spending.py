"""What an open trace has spent so far, as the request itself can tell: read again and again while it grows."""

from __future__ import annotations

from typing import Any

from convotrace.dialects.messages import as_nano
from convotrace.insight.spending import Spent, is_handing_over, key_of_call, key_of_failure
from convotrace.pricing import PRICED, Prices
from convotrace.recorder.open import OpenSpan, OpenTrace
from convotrace.recorder.usage import told_usage
from convotrace.redaction import Redactor


class Meter:
    """Reads one open trace; each span that has ended is read once.

    Args:
        trace: The trace.
        prices: For calls without a cost of their own.
    """

    __slots__ = ("_calls", "_failures", "_open", "_prices", "_read", "_sums", "_trace")

    def __init__(self, trace: OpenTrace, prices: Prices) -> None:
        self._trace = trace
        self._prices = prices
        self._read = 0
        self._open: list[OpenSpan] = []
        # Errors, input tokens, output tokens, nano dollars.
        self._sums = [0, 0, 0, 0]
        self._calls: list[int] = []
        self._failures: list[int] = []

    def spent(self, turns: int = 0) -> Spent:
        """Return what has been spent by now.

        Args:
            turns: 1 where the trace is over and was a turn.
        """
        spans = self._trace.spans
        waiting, self._open = [*self._open, *spans[self._read :]], []
        self._read = len(spans)
        running: list[int] = []
        for span in waiting:
            if span.ended is not None:
                self._add(span)
            else:
                self._open.append(span)
                if span.kind == "tool":
                    running.append(_key(span))
        errors, tokens_in, tokens_out, nano = self._sums
        errors = errors or int(self._trace.failure is not None)
        calls = (*self._calls, *running)
        return Spent(
            turns, errors, tokens_in, tokens_out, nano, calls, tuple(self._failures), _is_handed_over(self._trace)
        )

    def _add(self, span: OpenSpan) -> None:
        if span.status == "error":
            self._sums[0] += 1
        if span.kind == "tool":
            self._calls.append(_key(span))
            if span.failure is not None:
                self._failures.append(key_of_failure(span.name, span.failure.message or span.failure.type))
        fields = span.fields
        usage = told_usage(fields["usage"]) if "usage" in fields else None
        if usage is not None:
            self._sums[1] += usage.input or 0
            self._sums[2] += usage.output or 0
        self._sums[3] += self._cost(span.kind, fields, usage, span.started) or 0

    def _cost(self, kind: str, fields: dict[str, Any], usage: Any, started: int) -> int | None:
        own = as_nano(fields["cost"]) if fields.get("cost") is not None else None
        if own is not None or kind not in PRICED or usage is None:
            return own
        return self._prices.cost(fields.get("provider"), fields.get("model"), usage, started)


def _key(span: OpenSpan) -> int:
    # As they are stored: what other processes read back has to be equal.
    return key_of_call(span.name, Redactor().clean(span.fields.get("arguments")), span.id)


def _is_handed_over(trace: OpenTrace) -> bool:
    events = [*getattr(trace.noted("session"), "events", ()), *trace.noted("events")]
    return any(is_handing_over(event.name) for event in events)
