"""The sessions that began in some time, and what they come to: ends, users, cost, feedback, scores, survival. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from convotrace.insight.tally import Ended, sessions_of
from convotrace.model import SessionTally

Label = tuple[str, str]
"""Something that happened in a session: `tool`, `kind` or `tag`, and its name."""


class Member(NamedTuple):
    """What the row of one session tells."""

    id: str
    started_ns: int
    last_ns: int
    turns: int
    errors: int
    outcome: str
    resolved: int | None
    user: str | None
    tokens: int | None
    cost_nano: int | None
    up: int
    down: int
    scores: Mapping[str, float]
    p50_ns: int | None
    labels: frozenset[Label] = frozenset()


@dataclass(frozen=True)
class Cohort:
    """The sessions of a filter that began in a range, or a share of them drawn by their keys."""

    since_ns: int
    until_ns: int
    members: Sequence[Member]
    share: float = 1.0

    @property
    def sampled(self) -> bool:
        """Whether only a share of the sessions was read."""
        return self.share < 1


@dataclass(frozen=True)
class ScoreSum:
    """One score over many sessions; of several by one author on one thing the newest counts."""

    name: str
    count: int
    mean: float | None
    """Of those that are numbers; true counts as 1."""
    passed: float | None
    """The share that passed, by what the evaluator said or by a boolean value; None where nobody said."""


@dataclass(frozen=True)
class Step:
    """How many sessions reached a turn."""

    turn: int
    sessions: int
    share: float


@dataclass(frozen=True)
class Summary:
    """What a cohort comes to; numbers of a sampled one are scaled up."""

    sessions: SessionTally
    users: int
    cost_nano: int | None
    feedback: Mapping[str, int]
    ends: Mapping[int, Mapping[str, int]] = field(default_factory=dict)
    """Sessions by outcome, by the beginning of the point in which they began."""
    scores: Sequence[ScoreSum] = ()
    survival: Sequence[Step] = ()
    share: float = 1.0
    """Which part of the sessions was read; below 1 the numbers are estimates."""

    @property
    def cost_per_session(self) -> float | None:
        """Mean cost of a session in nano-dollars."""
        return None if self.cost_nano is None or not self.sessions.count else self.cost_nano / self.sessions.count

    @property
    def cost_per_user(self) -> float | None:
        """Mean cost of a user in nano-dollars, of sessions with and without a user alike."""
        return None if self.cost_nano is None or not self.users else self.cost_nano / self.users

    @property
    def thumbs_up(self) -> float | None:
        """Share of the thumbs that point up."""
        given = self.feedback["up"] + self.feedback["down"]
        return self.feedback["up"] / given if given else None


def summary(cohort: Cohort, width_ns: int, scores: Sequence[ScoreSum] = ()) -> Summary:
    """Return what a cohort comes to.

    Args:
        cohort: The sessions.
        width_ns: Of the points.
        scores: What their scores come to.
    """
    ends: dict[int, dict[str, int]] = defaultdict(dict)
    began = Counter([(one.started_ns - one.started_ns % width_ns, one.outcome) for one in cohort.members])
    for (at, outcome), number in began.items():
        ends[at][outcome] = _grown(number, cohort)
    costs = [one.cost_nano for one in cohort.members if one.cost_nano is not None]
    users = {one.user for one in cohort.members if one.user is not None}
    up, down = sum([one.up for one in cohort.members]), sum([one.down for one in cohort.members])
    return Summary(
        sessions_of(map(_ended, cohort.members), cohort.share), _grown(len(users), cohort),
        _grown(sum(costs), cohort) if costs else None, {"up": _grown(up, cohort), "down": _grown(down, cohort)}, ends,
        scores, survival(cohort), cohort.share,
    )  # fmt: skip


def survival(cohort: Cohort, most: int = 20) -> list[Step]:
    """Return the share of the sessions with a turn that reached each turn, up to the last or `most`."""
    return curve(Counter([one.turns for one in cohort.members]), cohort.share, most)


def curve(sessions: Mapping[int, int], share: float, most: int = 20) -> list[Step]:
    """Return the same from how many sessions have so many turns.

    Args:
        sessions: By their turns.
        share: Which part of all sessions these are.
        most: Steps at most.
    """
    turns = {number: count for number, count in sessions.items() if number}
    total = sum(turns.values())
    last = min(max(turns, default=0), most)
    reached = [sum([number for turn, number in turns.items() if turn >= step]) for step in range(1, last + 1)]
    return [Step(turn, round(number / share), number / total) for turn, number in enumerate(reached, 1)]


def _ended(one: Member) -> Ended:
    return one.last_ns - one.started_ns, one.turns, one.outcome, one.resolved


def _grown(number: int, cohort: Cohort) -> int:
    return round(number / cohort.share)
