"""Intervals of rates and means agree with published figures."""

import pytest

from convotrace.insight.intervals import newcombe, of_mean, student, welch, wilson


def test_a_rate_lies_where_wilson_says():
    # Newcombe 1998, Statistics in Medicine 17, 857-872, table I.
    for hits, number, low, high in (
        (81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0, 0.1611), (1, 29, 0.0061, 0.1718)
    ):  # fmt: skip
        assert wilson(hits, number, 0.95) == pytest.approx((low, high), abs=5e-5)


def test_a_difference_of_rates_lies_where_newcombe_says():
    # Newcombe 1998, Statistics in Medicine 17, 873-890, table II, method 10, there the first minus the second.
    for one, other, low, high in (
        ((48, 80), (56, 70), 0.0524, 0.3339), ((3, 10), (9, 10), 0.1705, 0.8090), ((2, 7), (6, 7), 0.0582, 0.8062),
        ((0, 29), (5, 56), -0.0381, 0.1926), ((0, 10), (0, 10), -0.2775, 0.2775), ((0, 10), (10, 10), 0.6075, 1.0),
    ):  # fmt: skip
        assert newcombe(one, other, 0.95) == pytest.approx((low, high), abs=5e-5)


def test_students_t_is_that_of_the_tables():
    for freedom, wanted in ((5, 2.571), (10, 2.228), (30, 2.042), (1000, 1.962)):
        assert student(0.95, freedom) == pytest.approx(wanted, rel=0.002)
    assert student(0.99, 10) == pytest.approx(3.169, rel=0.01)


def test_a_difference_of_means_lies_where_welch_says():
    one = [27.5, 21.0, 19.0, 23.6, 17.0, 17.9, 16.9, 20.1, 21.9, 22.6, 23.1, 19.6, 19.0, 21.7, 21.4]
    other = [27.1, 22.0, 20.8, 23.4, 23.4, 23.5, 25.8, 22.0, 24.8, 20.2, 21.9, 22.1, 22.9, 30.5, 31.3]
    low, high = welch(one, other, 0.95)
    mean = sum(other) / 15 - sum(one) / 15
    assert (low + high) / 2 == pytest.approx(mean) and low > 0
    assert welch([1.0, 1.0], [2.0, 2.0], 0.95) == (1.0, 1.0)
    assert of_mean([1.0, 2.0, 3.0, 4.0, 5.0, 6.0], 0.95) == pytest.approx((1.537, 5.463), abs=0.02)
