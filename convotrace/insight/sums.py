"""What many turns, or many calls, come to: counts, sums, and sketches of their times. Pure.

Everything here can be taken back by adding it with the sign turned, exactly.
"""

from __future__ import annotations

from convotrace.insight.sketch import Sketch, cell, of_cells

COUNTS = ("count", "traces", "failed", "errors", "duration", "first_byte")
"""What is never unknown: turns (or calls), all traces, those of the turns that failed, errors, and sums of times."""

KNOWN = ("input_tokens", "output_tokens", "cached_tokens", "cache_write_tokens", "reasoning_tokens", "cost_nano")
"""What is unknown until somebody tells it."""


class Sums:
    """The sums of one group in one span of time."""

    __slots__ = (*COUNTS, *KNOWN, "_durations", "_first_bytes", "_new_durations", "_new_first_bytes")

    count: int
    traces: int
    failed: int
    errors: int
    duration: int
    first_byte: int

    def __init__(self) -> None:
        self.count = self.traces = self.failed = self.errors = self.duration = self.first_byte = 0
        self.input_tokens: int | None = None
        self.output_tokens: int | None = None
        self.cached_tokens: int | None = None
        self.cache_write_tokens: int | None = None
        self.reasoning_tokens: int | None = None
        self.cost_nano: int | None = None
        self._durations: Sketch = 0
        self._first_bytes: Sketch = 0
        # Counted by cell, and made into sketches only when these are asked for.
        self._new_durations: dict[int, int] = {}
        self._new_first_bytes: dict[int, int] = {}

    def add(
        self, sign: int, counted: int, failed: int, errors: int, duration: int | None = None,
        first_byte: int | None = None,
    ) -> None:  # fmt: skip
        """Add one trace or call, or with a sign of -1 take it back.

        Args:
            sign: 1 or -1.
            counted: 1 where it is a turn, or a call; 0 for another trace.
            failed: 1 where it is one that failed.
            errors: How many errors it had.
            duration: How long it took, in ns; None where that does not count.
            first_byte: And until its first byte.
        """
        self.traces += sign
        self.count += sign * counted
        if errors or failed:
            self.failed += sign * failed
            self.errors += sign * errors
        if duration is not None or first_byte is not None:
            self.add_times(sign, duration, first_byte)

    def add_known(
        self, sign: int, given: int | None, written: int | None, cached: int | None, cache_write: int | None,
        reasoning: int | None, cost: int | None,
    ) -> None:  # fmt: skip
        """Add tokens and cost, each where it is known; they come in the order of KNOWN."""
        if given is not None:
            self.input_tokens = (self.input_tokens or 0) + sign * given
        if written is not None:
            self.output_tokens = (self.output_tokens or 0) + sign * written
        if cached is not None:
            self.cached_tokens = (self.cached_tokens or 0) + sign * cached
        if cache_write is not None:
            self.cache_write_tokens = (self.cache_write_tokens or 0) + sign * cache_write
        if reasoning is not None:
            self.reasoning_tokens = (self.reasoning_tokens or 0) + sign * reasoning
        if cost is not None:
            self.cost_nano = (self.cost_nano or 0) + sign * cost

    def add_times(self, sign: int, duration: int | None, first_byte: int | None) -> None:
        """Add the times of one turn or call, as far as they are known."""
        if duration is not None:
            self.duration += sign * duration
            number = cell(duration)
            self._new_durations[number] = self._new_durations.get(number, 0) + sign
        if first_byte is not None:
            self.first_byte += sign * first_byte
            number = cell(first_byte)
            self._new_first_bytes[number] = self._new_first_bytes.get(number, 0) + sign

    def merge(self, other: Sums) -> None:
        """Add all that another one holds."""
        self.count += other.count
        self.traces += other.traces
        self.failed += other.failed
        self.errors += other.errors
        self.duration += other.duration
        self.first_byte += other.first_byte
        self.input_tokens = _plus(self.input_tokens, other.input_tokens)
        self.output_tokens = _plus(self.output_tokens, other.output_tokens)
        self.cached_tokens = _plus(self.cached_tokens, other.cached_tokens)
        self.cache_write_tokens = _plus(self.cache_write_tokens, other.cache_write_tokens)
        self.reasoning_tokens = _plus(self.reasoning_tokens, other.reasoning_tokens)
        self.cost_nano = _plus(self.cost_nano, other.cost_nano)
        self._durations += other.durations
        self._first_bytes += other.first_bytes

    @property
    def durations(self) -> Sketch:
        """The sketch of all durations."""
        if self._new_durations:
            self._durations += of_cells(self._new_durations)
            self._new_durations = {}
        return self._durations

    @property
    def first_bytes(self) -> Sketch:
        """The sketch of all times to the first byte, or of calls to the first token."""
        if self._new_first_bytes:
            self._first_bytes += of_cells(self._new_first_bytes)
            self._new_first_bytes = {}
        return self._first_bytes

    def add_sketches(self, durations: Sketch, first_bytes: Sketch) -> None:
        """Add times that were summed up before."""
        self._durations += durations
        self._first_bytes += first_bytes

    @property
    def is_empty(self) -> bool:
        """Whether nothing is left of all that was added."""
        some = any(getattr(self, name) for name in (*COUNTS, *KNOWN))
        return not (some or self.durations or self.first_bytes)


def _plus(one: int | None, other: int | None) -> int | None:
    if one is None or other is None:
        return other if one is None else one
    return one + other
