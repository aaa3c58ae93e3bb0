"""Sums become records: shares scaled up, small groups put together, sessions by how they ended."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convotrace.errors import BadRequest
from convotrace.insight.measures import MEASURES, measure
from convotrace.insight.ranges import Range
from convotrace.insight.sums import KNOWN, Sums
from convotrace.insight.tally import OTHER, series_of, sessions_of, tally_of, times_of
from convotrace.model import OUTCOMES, SessionTally, Tally, Times

SPAN = Range(0, 30, 10)


def sums(count=1, duration=None, **known):
    made = Sums()
    for _ in range(abs(count)):
        made.add(1 if count > 0 else -1, 1, 0, 0)
    if duration is not None:
        made.add_times(1, duration, duration // 2)
    made.add_known(1, *(known.get(name) for name in KNOWN))
    return made


def test_nothing_comes_to_nothing():
    assert tally_of(None) == Tally() and times_of(0, 0) == Times()
    assert sessions_of([]) == SessionTally()
    assert series_of({}, SPAN, 5) == []


def test_what_is_unknown_stays_unknown_and_a_share_scales_the_rest_up():
    made = sums(3, 1_000, input_tokens=0, cost_nano=7)
    whole, half = tally_of(made), tally_of(made, 0.5)
    assert (whole.count, whole.traces, whole.input_tokens, whole.output_tokens, whole.cost_nano) == (3, 3, 0, None, 7)
    assert (half.count, half.traces, half.input_tokens, half.output_tokens, half.cost_nano) == (6, 6, 0, None, 14)
    assert (half.duration.count, half.duration.total_ns, half.first_byte.total_ns) == (2, 2_000, 1_000)
    assert half.duration.p50_ns == whole.duration.p50_ns
    assert (whole.tokens, Tally().tokens) == (0, None)


def test_groups_stand_by_their_number_ties_by_name_and_the_rest_is_one():
    cells = {("a", 0): sums(1), ("b", 0): sums(3), ("c", 10): sums(1), ("d", 20): sums(1)}
    found = series_of(cells, SPAN, 2)
    assert [(one.key, one.tally.count) for one in found] == [("b", 3), ("a", 1), (OTHER, 2)]
    assert [point.tally.count for point in found[2].points] == [0, 1, 1]
    assert [point.at_ns for point in found[0].points] == [0, 10, 20]
    assert [one.points for one in series_of(cells, SPAN, 2, points=False)] == [(), (), ()]


def test_a_group_without_a_name_has_no_key_and_the_others_come_last_however_many_they_are():
    cells = {("", 0): sums(1), (OTHER, 0): sums(9)}
    assert [(one.key, one.tally.count) for one in series_of(cells, SPAN, 5)] == [(None, 1), (OTHER, 9)]


def test_what_was_taken_back_under_a_name_is_taken_from_the_others_it_was_counted_among():
    cells = {("a", 0): sums(2), ("gone", 0): sums(-1), (OTHER, 0): sums(3), ("empty", 0): Sums()}
    assert [(one.key, one.tally.count) for one in series_of(cells, SPAN, 5)] == [("a", 2), (OTHER, 2)]
    assert [one.key for one in series_of({("gone", 0): sums(-1), (OTHER, 0): sums(1)}, SPAN, 5)] == []


counts = st.dictionaries(
    st.tuples(st.sampled_from("abcde"), st.sampled_from([0, 10, 20])), st.integers(1, 4), max_size=9
)


@given(counts, st.integers(0, 6))
def test_no_turn_is_lost_between_the_series_and_its_points(counted, most):
    found = series_of({place: sums(number) for place, number in counted.items()}, SPAN, most)
    assert sum(one.tally.count for one in found) == sum(counted.values())
    assert all(sum(point.tally.count for point in one.points) == one.tally.count for one in found)
    assert len(found) <= most + 1 and len({one.key for one in found}) == len(found)


ended = st.tuples(st.integers(0, 10**12), st.integers(0, 9), st.sampled_from(OUTCOMES), st.sampled_from([None, 0, 1]))


@given(st.lists(ended, max_size=20))
def test_sessions_are_counted_by_how_they_ended_and_whether_they_helped(sessions):
    found = sessions_of(sessions)
    assert found.count == len(sessions) == sum(getattr(found, name) for name in OUTCOMES)
    assert (found.resolved, found.unresolved) == (
        sum(one[3] == 1 for one in sessions), sum(one[3] == 0 for one in sessions)
    )  # fmt: skip
    assert (found.turns, found.duration.total_ns) == (sum(one[1] for one in sessions), sum(one[0] for one in sessions))
    assert sessions_of(sessions, 0.25).count == 4 * len(sessions)


@pytest.mark.parametrize("name", MEASURES)
def test_of_nothing_no_measure_fails_and_none_is_told_of_the_wrong_tally(name):
    one = measure(name)
    value = one.of(SessionTally() if one.is_of_sessions else Tally())
    assert value in (0, None)
    if name.endswith("_rate") and one.is_of_sessions:
        assert one.of(Tally()) is None and one.of(SessionTally(4, **{name.removesuffix("_rate"): 1})) == 0.25


def test_a_measure_reads_what_its_name_says():
    tally = Tally(4, failed=1, input_tokens=3, cost_nano=2 * 10**9, duration=Times(2, 6 * 10**6, 10**6, 5 * 10**6))
    told = {name: measure(name).of(tally) for name in ("turns", "error_rate", "tokens", "cost", "p50", "p95", "mean")}
    assert told == {"turns": 4, "error_rate": 0.25, "tokens": 3, "cost": 2.0, "p50": 1.0, "p95": 5.0, "mean": 3.0}


@pytest.mark.parametrize("name", ["", "Turns", "x" * 100])
def test_a_measure_that_is_none_is_refused_with_those_there_are(name):
    with pytest.raises(BadRequest, match=r"^metric came as '[^']{0,40}'; use one of turns, requests, "):
        measure(name)
