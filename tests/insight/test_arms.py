"""Two arms: a difference of ten points is flagged, and one where there is none is not, however often it is tried."""

from random import Random

from convotrace.insight.arms import LEAST, arms
from convotrace.insight.cohort import Cohort, Member

SECOND = 10**9


def member(dice, number, completed, errors=0.2):
    turns = dice.randint(1, 9)
    return Member(
        f"s{number}", 0, int(dice.lognormvariate(4, 1) * SECOND), turns, int(dice.random() < errors),
        "completed" if dice.random() < completed else dice.choice(["open", "abandoned", "escalated"]), None,
        f"u{number % 50}", int(dice.lognormvariate(6, 0.6)), int(dice.lognormvariate(15, 0.7)),
        int(dice.random() < 0.2), 0, {"helpful": dice.random()} if dice.random() < 0.5 else {},
        int(dice.lognormvariate(0, 0.5) * SECOND),
    )  # fmt: skip


def cohort(dice, number, completed, **options):
    return Cohort(0, 1, [member(dice, n, completed, **options) for n in range(number)])


def flagged(found):
    return [one.name for one in found.comparisons if one.differs]


def test_an_equal_split_is_flagged_in_at_most_five_of_a_hundred_runs():
    dice = Random(20261126)
    runs = [flagged(arms("release", "1", "2", cohort(dice, 400, 0.4), cohort(dice, 400, 0.4))) for _ in range(100)]
    assert sum(bool(one) for one in runs) <= 5, runs


def test_a_planted_difference_of_ten_points_is_flagged_and_says_who_is_better():
    dice, found = Random(7), []
    for _ in range(100):
        one = arms("release", "1", "2", cohort(dice, 1000, 0.4), cohort(dice, 1000, 0.5))
        found.append("completed" in flagged(one))
    assert sum(found) >= 95
    (completed,) = [one for one in one.comparisons if one.name == "completed"]
    assert completed.better == "b" and 0 < completed.interval[0] < completed.difference < completed.interval[1]


def test_fewer_errors_are_better():
    dice = Random(3)
    found = arms("tag", "x", "y", cohort(dice, 800, 0.4, errors=0.3), cohort(dice, 800, 0.4, errors=0.1))
    (errors,) = [one for one in found.comparisons if one.name == "sessions with errors"]
    assert errors.differs and errors.better == "b" and errors.difference < 0


def test_of_few_sessions_nothing_is_concluded():
    dice = Random(4)
    found = arms("tag", "x", "y", cohort(dice, LEAST - 1, 0), cohort(dice, 500, 1))
    assert {one.differs for one in found.comparisons} == {None}
    empty = arms("tag", "x", "y", Cohort(0, 1, []), cohort(dice, 50, 1))
    assert {one.a.value for one in empty.comparisons} == {None}


def test_what_is_the_same_in_every_session_takes_nothing_from_the_level_of_the_others():
    dice = Random(5)
    one = arms("tag", "x", "y", cohort(dice, 100, 0.5), cohort(dice, 100, 0.5))
    concluded = [each for each in one.comparisons if each.differs is not None]
    assert 1 - one.level == (1 - 0.95) / len(concluded) or abs((1 - one.level) * len(concluded) - 0.05) < 1e-9
    assert {each.name for each in one.comparisons if each.differs is None} == {"failed", "resolved", "thumbs up"}
