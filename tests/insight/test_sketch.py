"""A sketch tells percentiles within 3.2 %, and merging is as good as counting again."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convotrace.insight import sketch

durations = st.lists(st.one_of(st.integers(0, 100), st.integers(0, 10**10), st.integers(0, 2**63 - 1)), max_size=60)
SHARES = (0.0, 0.5, 0.95, 0.99, 1.0)


def nearest_rank(values, share):
    ordered = sorted(values)
    return ordered[max(math.ceil(round(share * len(ordered), 9)), 1) - 1]


@given(durations.filter(bool))
def test_quantiles_are_those_of_nearest_rank_within_3_2_percent(values):
    found = sketch.quantiles(sketch.of_values(values), SHARES)
    for share, value in zip(SHARES, found, strict=True):
        true = nearest_rank(values, share)
        assert abs(value - true) <= 0.032 * true


@given(durations, durations)
def test_merging_is_counting_again_and_taking_back_undoes_it(one, two):
    both = sketch.of_values([*one, *two])
    assert sketch.of_values(one) + sketch.of_values(two) == both
    assert both - sketch.of_values(two) == sketch.of_values(one)
    assert sketch.count(both) == len(one) + len(two)


@given(durations, durations, st.booleans())
def test_bytes_hold_a_sketch_whole_also_one_that_takes_back(one, two, pack):
    for held in (sketch.of_values(one), sketch.of_values(one) - sketch.of_values(two)):
        assert sketch.decode(sketch.encode(held, pack)) == held


@given(durations, durations)
def test_counts_below_nought_are_read_as_such(one, two):
    held = dict(sketch.cells(sketch.of_values(one) - sketch.of_values(two)))
    expected = {}
    for values, sign in ((one, 1), (two, -1)):
        for value in values:
            expected[sketch.cell(value)] = expected.get(sketch.cell(value), 0) + sign
    assert held == {number: count for number, count in expected.items() if count}


@given(st.integers(0, 2**63 - 1), st.integers(0, 2**63 - 1))
def test_cells_keep_the_order_of_values(one, two):
    assert (sketch.cell(one) <= sketch.cell(two)) or one > two
    assert abs(sketch.middle(sketch.cell(one)) - one) <= sketch.WORST * one


def test_a_value_below_nought_counts_as_nought():
    assert sketch.of_values([-5, 0]) == sketch.of_values([0, 0])


@pytest.mark.parametrize(("share", "total", "place"), [(0.5, 1, 1), (0.95, 20, 19), (0.95, 21, 20), (0.99, 100, 99)])
def test_ranks_are_whole_numbers_whatever_floats_make_of_them(share, total, place):
    assert sketch.rank(share, total) == place


def test_an_empty_sketch_has_no_percentile_and_no_bytes():
    assert sketch.quantiles(0, SHARES) == [None] * 5
    assert sketch.encode(0) == b"" and sketch.decode(None) == sketch.decode(b"") == 0
