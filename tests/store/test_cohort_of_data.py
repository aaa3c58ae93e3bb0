"""Over all shared conversations, what sessions come to is what a recount of the stored records says."""

from collections import Counter
from dataclasses import replace
from random import Random

import pytest

from convotrace.insight.arms import arms
from convotrace.store.cohort import cohort
from tests.insight.test_sketch import nearest_rank
from tests.store.test_metrics_of_data import NOW, START, all_are_read, filled

pytestmark = pytest.mark.data
__all__ = ["all_are_read", "filled"]


def test_sessions_turns_ends_users_cost_and_lengths_are_those_of_a_recount(filled):
    store, _ = filled
    found = store.summary(START, NOW)
    sessions = list(_all(store))
    assert found.share == 1 and found.sessions.count == len(sessions) > 1000
    assert found.sessions.turns == sum(one.turns for one in sessions)
    ends = Counter(one.outcome for one in sessions)
    assert {name: getattr(found.sessions, name) for name in ends} == ends
    assert sum(sum(one.values()) for one in found.ends.values()) == len(sessions)
    assert found.users == len({one.user_id for one in sessions} - {None})
    known = [one.cost_nano for one in sessions if one.cost_nano is not None]
    assert found.cost_nano == (sum(known) if known else None)
    lengths = [one.last_ns - one.started_ns for one in sessions]
    for share, told in ((0.5, found.sessions.duration.p50_ns), (0.95, found.sessions.duration.p95_ns)):
        assert abs(told - nearest_rank(lengths, share)) <= 0.032 * nearest_rank(lengths, share)
    for step in found.survival:
        assert step.sessions == sum(one.turns >= step.turn for one in sessions) == store.count(f"turns>={step.turn}")


@pytest.mark.parametrize("by", ["tag", "environment", "experiment"])
def test_the_sums_of_groups_agree(filled, by):
    store, _ = filled
    answer = store.metrics(START, NOW, by=by, width="1d", most=200, sessions=True, points=False)
    of_each = [(one, len(one.tags) if by == "tag" else 1) for one in _all(store)]
    assert sum(one.tally.count for one in answer.series) == sum(one.turns * groups for one, groups in of_each)
    assert sum(one.sessions.count for one in answer.series) == sum(groups for _, groups in of_each)
    assert answer.total.count == sum(one.turns for one, _ in of_each)


def test_a_small_sample_is_near_the_whole(filled):
    store, _ = filled
    whole, some = store.summary(START, NOW), store.summary(START, NOW, most=500)
    assert some.share < 1 and abs(some.sessions.count / whole.sessions.count - 1) < 0.2


def test_two_halves_drawn_by_chance_do_not_differ(filled):
    store, _ = filled
    found = cohort(store._ready(), None, START, NOW, NOW)
    dice = Random(7)
    side = {one.id: dice.random() < 0.5 for one in sorted(found.members, key=lambda one: one.id)}
    parts = ([one for one in found.members if side[one.id] is which] for which in (True, False))
    halves = [replace(found, members=part) for part in parts]
    assert not any(one.differs for one in arms("half", "0", "1", *halves).comparisons)


def _all(store):
    after = None
    while True:
        page = store.sessions(limit=1000, after=after)
        yield from page
        if (after := page.next) is None:
            return
