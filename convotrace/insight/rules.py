"""Alert rules: what they measure, when they speak, and how one stands after each reading. Pure: time is an argument.

Which numbers a rule reads is asked of the store in `jobs.alerts`; who is told is decided in `jobs.delivery`.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from convotrace.errors import SettingsError
from convotrace.insight.measures import MEASURES
from convotrace.model import Metrics
from convotrace.query.values import read_duration

MINUTE_NS = 60 * 10**9
SHORTEST_NS, LONGEST_NS = MINUTE_NS, 24 * 60 * MINUTE_NS
OK, WARN, ALERT, NO_DATA = "ok", "warn", "alert", "no_data"
_RANK = {OK: 0, NO_DATA: 1, WARN: 2, ALERT: 3}
_MAD_TO_SIGMA = 1.4826
"""By which a median absolute deviation estimates a standard deviation (Rousseeuw and Croux 1993)."""
FEWEST_DAYS = 4
"""With fewer earlier days, nothing is known of what is usual at an hour."""

_NAMES = (
    "turns", "errors", "failed", "error_rate", "tokens", "input_tokens", "output_tokens", "cost", "p50", "p95", "p99",
    "first_byte_p95", "sessions", "completion_rate", "escalation_rate",
)  # fmt: skip
_CALLED = {"completion_rate": "completed_rate", "escalation_rate": "escalated_rate"}
"""What rules and measures name differently."""

_MEASURED = {name: MEASURES[_CALLED.get(name, name)] for name in _NAMES}
_SUMS = frozenset(_NAMES[:3]) | {"tokens", "input_tokens", "output_tokens", "cost", "sessions"}
OF_SESSIONS = frozenset(name for name, one in _MEASURED.items() if one.is_of_sessions)
METRICS = (*_NAMES, "latency", "feedback_down", "score.<name>", "fails.<name>")
"""What a rule may measure: times in milliseconds, cost in US dollars, rates from 0 to 1."""

LATENCY, SCORE, FAILS = "latency", "score.", "fails."
LONGEST_SINGLE_NS = 60 * MINUTE_NS
"""Of rules that look at single turns: each of the window is read."""


@dataclass(frozen=True)
class Rule:
    """A rule over all turns of a window; made by `alert`."""

    name: str
    metric: str
    above: float | None = None
    below: float | None = None
    reaches: float | None = None
    rise: float | None = None
    anomaly: float | None = None
    warn: float | None = None
    times: int | None = None
    window_ns: int = 5 * MINUTE_NS
    at_least: int = 1
    q: str | None = None
    renotify_ns: int | None = None
    no_data: str = "keep"
    notify: Callable[[Notice], Any] | None = None

    @property
    def score(self) -> str | None:
        """Name of the score that it measures, None for another metric."""
        for kind in (SCORE, FAILS):
            if self.metric.startswith(kind):
                return self.metric.removeprefix(kind)
        return None

    def is_beyond(self, value: float) -> bool:
        """Tell whether a value is where the rule alerts; of those with `times` that of a single turn or score."""
        if self.above is not None:
            return value > self.above
        if self.below is not None:
            return value < self.below
        return self.reaches is not None and value >= self.reaches

    def limit(self) -> str:
        """Return in words beyond which value it alerts."""
        if self.reaches is not None:
            return f"{self.reaches:g} or more"
        return f"above {self.above:g}" if self.above is not None else f"below {self.below:g}"

    def words(self) -> str:
        """Return in words when it alerts."""
        over = f"over {self.window_ns / MINUTE_NS:g} min"
        if self.rise is not None:
            return f"{self.metric} {over} up {self.rise:.0%} on the window before"
        if self.anomaly is not None:
            return f"{self.metric} {over} unlike the same hour of earlier days"
        if self.times is not None:
            return f"{self.metric} {self.limit()}, {self.times} times {over}"
        return f"{self.metric} {over} {self.limit()}"


@dataclass(frozen=True)
class Reading:
    """What a rule found: its value, of how many occurrences, and against what it is held."""

    value: float | None
    occurrences: int = 0
    before: float | None = None
    """The value of the window before."""
    history: tuple[float, ...] = ()
    """The values at the same hour of earlier days."""


@dataclass(frozen=True, slots=True)
class ScoreValue:
    """One score: its number, and whether it passed; None where nobody can tell."""

    number: float | None
    passed: bool | None


@dataclass(frozen=True)
class Standing:
    """How a rule stands."""

    state: str = OK
    since_ns: int = 0
    told_ns: int = 0
    """When somebody was last told."""


@dataclass(frozen=True)
class Notice:
    """What is to be told of a rule."""

    rule: str
    kind: str
    """`warn` `alert` `again` `recovered` `no_data`."""
    at_ns: int
    value: float | None
    threshold: float | None
    reason: str
    incident: str = ""
    sessions: tuple[str, ...] = ()


def alert(
    name: str, metric: str, *, above: float | None = None, below: float | None = None, reaches: float | None = None,
    rise: float | None = None, anomaly: float | None = None, warn: float | None = None, times: int | None = None,
    window: str = "5m", at_least: int = 1, q: str | None = None, renotify: str | None = None, no_data: str = "keep",
    notify: Callable[[Notice], Any] | None = None,
) -> Rule:  # fmt: skip
    """Make a rule over all turns of a window; give it to `ConvoTrace(alerts=[…])`.

    Args:
        name: What it is called.
        metric: One of `METRICS`.
        above: Alert where the value is greater.
        below: Alert where it is less; one of `above`, `below`, `reaches`, `rise`, `anomaly`.
        reaches: Alert where it is so great or greater.
        rise: Alert where it is up by this share on the window before: 0.5 for 50 %.
        anomaly: Alert where it is so many robust standard deviations from the same hour of the last seven days.
        warn: Warn where the value is past this, before it alerts.
        times: Of `latency` and scores: alert where so many single turns or scores of the window are beyond the value.
        window: From `60s` to `24h`; with `latency` to `1h`.
        at_least: Turns (sessions, thumbs, scores) in the window below which nothing is concluded.
        q: A filter; only the turns of the sessions that it finds.
        renotify: After how long an alert that stands is told again; never when None.
        no_data: With nothing in the window: `keep` the state, count it as `ok`, or tell of it (`alert`).
        notify: Called with each notice, beside the webhooks.

    Raises:
        SettingsError: One of these cannot be used.
    """
    ways = [one for one in (above, below, reaches, rise, anomaly) if one is not None]
    if len(ways) != 1:
        raise SettingsError(f"alert {name!r} needs one of above, below, reaches, rise and anomaly; {len(ways)} came.")
    if metric not in (*_MEASURED, LATENCY, "feedback_down") and not metric.startswith((SCORE, FAILS)):
        raise SettingsError(f"alert {name!r} measures {metric!r}; use one of {', '.join(METRICS)}.")
    limits = dict(zip(_WAYS, (above, below, reaches, rise, anomaly, warn), strict=True))
    _check_numbers(name, at_least=at_least, times=times, **limits)
    is_single = metric == LATENCY or (metric.startswith(SCORE) and times is not None)
    if times is not None and not is_single:
        raise SettingsError(f"alert {name!r} has times={times!r}; only latency and score.<name> are of single turns.")
    if is_single and (rise is not None or anomaly is not None):
        raise SettingsError(f"alert {name!r} looks at single turns; use above, below or reaches.")
    times = 1 if is_single and times is None else times
    if no_data not in ("keep", OK, ALERT):
        raise SettingsError(f"alert {name!r} has no_data={no_data!r}; use keep, ok or alert.")
    lasting = _window(name, window, LONGEST_SINGLE_NS if metric == LATENCY else LONGEST_NS)
    again = None if renotify is None else _duration(name, "renotify", renotify)
    return Rule(
        name, metric, above, below, reaches, rise, anomaly, warn, times, lasting, at_least, q, again, no_data, notify
    )


def value_of(rule: Rule, found: Metrics, window_ns: int | None = None) -> float | None:
    """Return what a rule measures in the answer to a question.

    Args:
        rule: The rule.
        found: The answer.
        window_ns: Of how much time: what happened long ago is known by the hour, and sums of more time are scaled down.
    """
    measured = _MEASURED[rule.metric]
    tally = found.sessions if measured.is_of_sessions else found.total
    value = None if tally is None else measured.of(tally)
    asked = found.until_ns - found.since_ns
    if value is None or window_ns is None or rule.metric not in _SUMS or asked <= window_ns:
        return value
    return value * window_ns / asked


def step(rule: Rule, before: Standing, reading: Reading, now_ns: int) -> tuple[Standing, Notice | None]:
    """Return how a rule stands after a reading, and what is to be told."""
    state, threshold, reason = _judged(rule, reading)
    if state is None:
        # Too little to conclude from: what stands, stands.
        return before, None
    if state != before.state:
        notice = _change(rule, before.state, state, reading, threshold, reason, now_ns)
        return Standing(state, now_ns, now_ns if notice else before.told_ns), notice
    if state in (WARN, ALERT) and rule.renotify_ns is not None and now_ns - before.told_ns >= rule.renotify_ns:
        return replace(before, told_ns=now_ns), Notice(rule.name, "again", now_ns, reading.value, threshold, reason)
    return before, None


def _judged(rule: Rule, reading: Reading) -> tuple[str | None, float | None, str]:
    """Return the state that a reading speaks for, its threshold and why; None for no state."""
    if rule.times is not None and reading.value is not None:
        return _judged_by_times(rule, reading)
    if reading.value is None or reading.occurrences == 0:
        told = {"keep": None, OK: OK, ALERT: NO_DATA}[rule.no_data]
        return told, None, "there is nothing in the window"
    if reading.occurrences < rule.at_least:
        return None, None, ""
    threshold, upwards = _threshold(rule, reading)
    if threshold is None:
        return None, None, ""
    value = reading.value if upwards else -reading.value
    reason = f"{rule.metric} is {reading.value:g}, {'above' if upwards else 'below'} {threshold:g}"
    if rule.reaches is not None and value >= threshold:
        return ALERT, threshold, f"{rule.metric} is {reading.value:g}, {threshold:g} or more"
    if rule.reaches is None and value > (threshold if upwards else -threshold):
        return ALERT, threshold, reason
    if rule.warn is not None and value > (rule.warn if upwards else -rule.warn):
        return WARN, rule.warn, f"{rule.metric} is {reading.value:g}, past {rule.warn:g}"
    return OK, threshold, f"{rule.metric} is {reading.value:g}"


def _judged_by_times(rule: Rule, reading: Reading) -> tuple[str | None, float | None, str]:
    """Return the state for a count of single turns or scores; with fewer of them at all, nothing is concluded."""
    times, found = rule.times or 1, reading.value or 0
    if 0 < reading.occurrences < rule.at_least:
        return None, None, ""
    why = f"{rule.metric} was {rule.limit()} {found:g} times"
    if found >= times:
        return ALERT, times, why
    return (WARN, rule.warn, why) if rule.warn is not None and found >= rule.warn else (OK, times, why)


def _threshold(rule: Rule, reading: Reading) -> tuple[float | None, bool]:
    """Return beyond what the value alerts, and whether that is upwards; None where it is not known."""
    if rule.above is not None:
        return rule.above, True
    if rule.below is not None:
        return rule.below, False
    if rule.reaches is not None:
        return rule.reaches, True
    if rule.rise is not None:
        return (None if not reading.before else reading.before * (1 + rule.rise)), True
    return _usual(rule.anomaly or 0, reading)


def _usual(times: float, reading: Reading) -> tuple[float | None, bool]:
    """Return the end of what is usual at this hour on the side on which the value lies (median, and its deviation)."""
    if len(reading.history) < FEWEST_DAYS:
        return None, True
    middle = statistics.median(reading.history)
    deviation = statistics.median(abs(value - middle) for value in reading.history) * _MAD_TO_SIGMA
    # Days that are all alike would call the smallest difference strange.
    room = times * max(deviation, abs(middle) * 0.1)
    upwards = reading.value is not None and reading.value >= middle
    return (middle + room if upwards else middle - room), upwards


def _change(
    rule: Rule, before: str, state: str, reading: Reading, threshold: float | None, reason: str, now_ns: int
) -> Notice | None:
    if before == OK and state == OK:
        return None
    kind = "recovered" if _RANK[state] < _RANK[before] and state == OK else state
    return Notice(rule.name, kind, now_ns, reading.value, threshold, reason)


_WAYS = ("above", "below", "reaches", "rise", "anomaly", "warn")


def _check_numbers(name: str, **numbers: Any) -> None:
    for what, value in numbers.items():
        if value is None:
            continue
        is_count = what in ("at_least", "times")
        if isinstance(value, bool) or not isinstance(value, int if is_count else (int, float)):
            raise SettingsError(f"alert {name!r} has {what}={value!r}; use a {'whole ' if is_count else ''}number.")
        if is_count and value < 1:
            raise SettingsError(f"alert {name!r} has {what}={value!r}; use 1 or more.")


def _window(name: str, text: str, longest_ns: int) -> int:
    found = _duration(name, "window", text)
    if not SHORTEST_NS <= found <= longest_ns:
        raise SettingsError(f"alert {name!r} has window={text!r}; use 60s to {longest_ns // (60 * MINUTE_NS)}h.")
    return found


def _duration(name: str, what: str, text: str) -> int:
    found = read_duration(text) if isinstance(text, str) else None
    if found is None:
        raise SettingsError(f"alert {name!r} has {what}={text!r}; write it as 90s, 10m or 2h.")
    return found
