"""The answer to a question about many turns: sums, times and rates, by time and by group."""

from __future__ import annotations

from datetime import datetime

from convotrace.model.values import as_datetime, as_ms, as_usd
from convotrace.quick import record


@record(frozen=True, slots=True)
class Times:
    """How long turns, calls or sessions took: percentiles by nearest rank, within 3.2 % of the true ones."""

    count: int = 0
    """Of how many it is known."""
    total_ns: int = 0
    p50_ns: int | None = None
    p95_ns: int | None = None
    p99_ns: int | None = None

    @property
    def mean_ms(self) -> float | None:
        return self.total_ns / self.count / 1e6 if self.count else None

    @property
    def p50_ms(self) -> float | None:
        return as_ms(self.p50_ns)

    @property
    def p95_ms(self) -> float | None:
        return as_ms(self.p95_ns)

    @property
    def p99_ms(self) -> float | None:
        return as_ms(self.p99_ns)


@record(frozen=True, slots=True)
class Tally:
    """What turns come to, or calls where they are told by model or tool; a sum of which nothing is known is None."""

    count: int = 0
    """Turns; or calls."""
    traces: int = 0
    """All requests of the sessions, turns and others: errors, tokens and cost are theirs. Or calls."""
    failed: int = 0
    """Turns with an error; or calls."""
    errors: int = 0
    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None
    reasoning_tokens: int | None = None
    cost_nano: int | None = None
    duration: Times = Times()
    first_byte: Times = Times()
    """Of a turn to the first byte of its answer, of a call to the first token."""

    @property
    def cost(self) -> float | None:
        return as_usd(self.cost_nano)

    @property
    def tokens(self) -> int | None:
        known = [number for number in (self.input_tokens, self.output_tokens) if number is not None]
        return sum(known) if known else None

    @property
    def error_rate(self) -> float | None:
        return self.failed / self.count if self.count else None


@record(frozen=True, slots=True)
class SessionTally:
    """What sessions come to that began in some time, by how they ended."""

    count: int = 0
    turns: int = 0
    open: int = 0
    completed: int = 0
    escalated: int = 0
    abandoned: int = 0
    failed: int = 0
    resolved: int = 0
    unresolved: int = 0
    duration: Times = Times()

    def rate(self, outcome: str) -> float | None:
        """Return the share of the sessions with an outcome, None of none."""
        return int(getattr(self, outcome)) / self.count if self.count else None

    @property
    def turns_per_session(self) -> float | None:
        return self.turns / self.count if self.count else None


@record(frozen=True, slots=True)
class MetricPoint:
    """What happened from a moment on, for the width of the points."""

    at_ns: int
    tally: Tally = Tally()
    sessions: SessionTally | None = None

    @property
    def at(self) -> datetime | None:
        return as_datetime(self.at_ns)


@record(frozen=True, slots=True)
class MetricSeries:
    """One group: its sums over the whole range, and one point for each width of it."""

    key: str | None
    """None where the value is unknown, or there is one group only; `(other)` holds those without a series."""
    tally: Tally
    points: tuple[MetricPoint, ...] = ()
    sessions: SessionTally | None = None


@record(frozen=True, slots=True)
class Metrics:
    """The answer to one question about many turns."""

    since_ns: int
    until_ns: int
    """The range is widened to whole points; what happens at its end is not in it."""
    width_ns: int
    by: str | None
    series: tuple[MetricSeries, ...]
    total: Tally
    sessions: SessionTally | None = None
    tier: str = "buckets"
    """From what it was told: `buckets` `turns` `spans`."""
    rolled_up: bool = False
    """Whether sessions of this time may have been deleted by retention: buckets still count them, lists do not."""
    sampled: bool = False
    """Whether only a share of the sessions was read: then numbers are estimates, scaled up. Where the tier is buckets,
    only those of sessions are."""
    share: float = 1.0

    @property
    def since(self) -> datetime | None:
        return as_datetime(self.since_ns)

    @property
    def until(self) -> datetime | None:
        return as_datetime(self.until_ns)
