"""Two groups of sessions side by side: numbers with intervals, and what differs by more than chance. Pure.

The unit is the session, since turns of one session are alike. All numbers are looked at at once, so what is flagged is
held to a level that shares the five percent among them (Bonferroni).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from convotrace.insight.cohort import Cohort, Member
from convotrace.insight.intervals import Interval, newcombe, of_mean, welch, wilson

LEVEL = 0.95
LEAST = 10
"""With fewer sessions in an arm nothing is concluded."""

MOST_SCORES = 10


@dataclass(frozen=True)
class Side:
    """One number of one arm."""

    count: int
    """Of how many sessions it is known."""
    value: float | None
    interval: Interval | None = None
    """Where it lies, with a confidence of 95 %."""


@dataclass(frozen=True)
class Comparison:
    """One number of both arms."""

    name: str
    unit: str
    """`share` for a rate of sessions; for a mean of sessions `count`, `ms`, `USD` or `score`."""
    a: Side
    b: Side
    difference: float | None = None
    """The second minus the first."""
    interval: Interval | None = None
    """Where the difference lies, with a confidence of 95 %."""
    differs: bool | None = None
    """Whether it is more than chance explains, all numbers looked at; None where too little is known."""
    better: str | None = None
    """`a` or `b` where the difference is flagged and one is better, `neither` where nobody can say."""


@dataclass(frozen=True)
class Arms:
    """Two arms, and what they come to."""

    by: str
    a: str
    b: str
    since_ns: int
    until_ns: int
    sessions: tuple[int, int]
    """How many sessions were read of each."""
    comparisons: Sequence[Comparison]
    level: float
    """Of confidence at which a difference is flagged."""
    sampled: bool = False


_Of = Callable[[Member], float | None]
_Better = int
"""1 where more is better, -1 where less is, 0 where nobody can say."""

_RATES: tuple[tuple[str, _Of, _Better], ...] = (
    ("sessions with errors", lambda one: float(one.errors > 0), -1),
    ("completed", lambda one: float(one.outcome == "completed"), 1),
    ("escalated", lambda one: float(one.outcome == "escalated"), -1),
    ("abandoned", lambda one: float(one.outcome == "abandoned"), -1),
    ("failed", lambda one: float(one.outcome == "failed"), -1),
    ("resolved", lambda one: None if one.resolved is None else float(one.resolved), 1),
    ("thumbs up", lambda one: float(one.up > one.down) if one.up != one.down else None, 1),
)  # fmt: skip
_MEANS: tuple[tuple[str, str, _Of, _Better], ...] = (
    ("turns", "count", lambda one: float(one.turns), 0),
    ("session length", "ms", lambda one: (one.last_ns - one.started_ns) / 1e6, 0),
    ("answer time", "ms", lambda one: None if one.p50_ns is None else one.p50_ns / 1e6, -1),
    ("tokens", "count", lambda one: None if one.tokens is None else float(one.tokens), 0),
    ("cost", "USD", lambda one: None if one.cost_nano is None else one.cost_nano / 1e9, -1),
)  # fmt: skip


def arms(by: str, a: str, b: str, one: Cohort, other: Cohort) -> Arms:
    """Return two arms side by side.

    Args:
        by: What they differ in, such as `release`.
        a: The value of the first.
        b: The value of the second.
        one: The sessions of the first.
        other: The sessions of the second.
    """
    drafts = list(_drafts(one.members, other.members))
    number = sum(draft.is_enough for draft in drafts)
    level = 1 - (1 - LEVEL) / max(number, 1)
    return Arms(
        by, a, b, one.since_ns, one.until_ns, (len(one.members), len(other.members)),
        [draft.judged(level) for draft in drafts], level, one.sampled or other.sampled,
    )  # fmt: skip


@dataclass(frozen=True)
class _Draft:
    name: str
    unit: str
    one: Sequence[float]
    other: Sequence[float]
    better: _Better

    @property
    def is_enough(self) -> bool:
        """Whether anything can be concluded: of enough sessions, and not the same in all of them."""
        enough = min(len(self.one), len(self.other)) >= LEAST
        return enough and len({*self.one, *self.other}) > 1

    def judged(self, level: float) -> Comparison:
        a, b = self._side(self.one), self._side(self.other)
        if a.value is None or b.value is None:
            return Comparison(self.name, self.unit, a, b)
        difference = b.value - a.value
        if not self.is_enough:
            return Comparison(self.name, self.unit, a, b, difference)
        low, high = self._difference(level)
        differs = low > 0 or high < 0
        return Comparison(
            self.name, self.unit, a, b, difference, self._difference(LEVEL), differs,
            self._better(difference) if differs else None,
        )  # fmt: skip

    def _side(self, values: Sequence[float]) -> Side:
        if not values:
            return Side(0, None)
        mean = sum(values) / len(values)
        if self.unit == "share":
            return Side(len(values), mean, wilson(round(sum(values)), len(values), LEVEL))
        return Side(len(values), mean, of_mean(values, LEVEL) if len(values) > 1 else None)

    def _difference(self, level: float) -> Interval:
        if self.unit != "share":
            return welch(self.one, self.other, level)
        one, other = ((round(sum(values)), len(values)) for values in (self.one, self.other))
        return newcombe(one, other, level)

    def _better(self, difference: float) -> str:
        if not self.better:
            return "neither"
        return "b" if (difference > 0) == (self.better > 0) else "a"


def _drafts(one: Sequence[Member], other: Sequence[Member]) -> Iterable[_Draft]:
    for name, of, better in _RATES:
        yield _Draft(name, "share", _known(one, of), _known(other, of), better)
    for name, unit, of, better in _MEANS:
        yield _Draft(name, unit, _known(one, of), _known(other, of), better)
    for name in _scores(one, other):
        a, b = ([each.scores[name] for each in members if name in each.scores] for members in (one, other))
        yield _Draft(f"score {name}", "score", a, b, 0)


def _scores(one: Sequence[Member], other: Sequence[Member]) -> list[str]:
    """Return the names of the scores that both arms have, the commonest first."""
    counts: dict[str, list[int]] = {}
    for place, members in enumerate((one, other)):
        for member in members:
            for name in member.scores:
                counts.setdefault(name, [0, 0])[place] += 1
    common = [name for name, number in counts.items() if min(number) and name not in ("feedback", "thumbs")]
    return sorted(common, key=lambda name: (-sum(counts[name]), name))[:MOST_SCORES]


def _known(members: Sequence[Member], of: _Of) -> list[float]:
    return [value for one in members if (value := of(one)) is not None]
