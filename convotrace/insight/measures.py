"""The numbers that can be asked for by name: what each is, its unit, and how it is told from a tally. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from convotrace.errors import BadRequest
from convotrace.model import SessionTally, Tally

Number = int | float | None


@dataclass(frozen=True, slots=True)
class Measure:
    """One number.

    Args:
        unit: `count`, `ms`, `USD`, or `share`.
        about: What it is, in a few words.
        of: Tells it from a tally of turns, or from one of sessions.
        is_of_sessions: Which of the two.
    """

    unit: str
    about: str
    of: Callable[[Tally | SessionTally], Number]
    is_of_sessions: bool = False


def measure(name: str) -> Measure:
    """Return the measure of a name.

    Raises:
        BadRequest: There is none.
    """
    found = MEASURES.get(name)
    if found is None:
        raise BadRequest(f"metric came as {name[:40]!r}; use one of {', '.join(MEASURES)}.")
    return found


def _of(path: str) -> Callable[[Tally | SessionTally], Number]:
    def read(tally: Tally | SessionTally) -> Number:
        found: object = tally
        for name in path.split("."):
            found = getattr(found, name)
        return found  # type: ignore[return-value]

    return read


def _rate(outcome: str) -> Callable[[Tally | SessionTally], Number]:
    return lambda tally: tally.rate(outcome) if isinstance(tally, SessionTally) else None


_TIMES = (("p50", "median"), ("p95", "95th percentile"), ("p99", "99th percentile"), ("mean", "mean"))
_ENDS = ("open", "completed", "escalated", "abandoned", "failed")

MEASURES: dict[str, Measure] = {
    "turns": Measure("count", "turns; with by=model or tool: calls", _of("count")),
    "requests": Measure("count", "requests, turns or not", _of("traces")),
    "failed": Measure("count", "turns (or calls) with an error", _of("failed")),
    "error_rate": Measure("share", "turns (or calls) with an error, of all", _of("error_rate")),
    "errors": Measure("count", "errors", _of("errors")),
    "tokens": Measure("count", "input and output tokens", _of("tokens")),
    "input_tokens": Measure("count", "input tokens", _of("input_tokens")),
    "output_tokens": Measure("count", "output tokens", _of("output_tokens")),
    "cached_tokens": Measure("count", "input tokens read from a cache", _of("cached_tokens")),
    "cache_write_tokens": Measure("count", "input tokens written into a cache", _of("cache_write_tokens")),
    "reasoning_tokens": Measure("count", "output tokens of reasoning", _of("reasoning_tokens")),
    "cost": Measure("USD", "cost", _of("cost")),
    **{name: Measure("ms", f"{about} of durations", _of(f"duration.{name}_ms")) for name, about in _TIMES},
    **{
        f"first_byte_{name}": Measure("ms", f"{about} of the times to the first byte", _of(f"first_byte.{name}_ms"))
        for name, about in _TIMES
    },
    "sessions": Measure("count", "sessions that began", _of("count"), True),
    "turns_per_session": Measure("count", "mean of their turns", _of("turns_per_session"), True),
    **{f"sessions_{name}": Measure("count", f"of them {name}", _of(name), True) for name in _ENDS},
    **{f"{name}_rate": Measure("share", f"of them {name}, of all", _rate(name), True) for name in _ENDS[1:]},
    **{
        f"session_{name}": Measure("ms", f"{about} of the durations of sessions", _of(f"duration.{name}_ms"), True)
        for name, about in _TIMES
    },
}
"""Every measure by its name."""
