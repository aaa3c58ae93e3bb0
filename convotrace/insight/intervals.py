"""Intervals of rates and means, and of their differences, by closed formulas: no simulation, no library. Pure.

Wilson's score interval (1927) for one rate, Newcombe's method 10 (Statistics in Medicine 17, 1998, 873-890) for the
difference of two, Welch's interval (Biometrika 34, 1947) for the difference of two means, with Student's t by the
expansion of Cornish and Fisher (Abramowitz and Stegun, 26.7.5).
"""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from statistics import NormalDist

Interval = tuple[float, float]


def wilson(hits: int, number: int, level: float) -> Interval:
    """Return where a rate lies.

    Args:
        hits: Of how many it was so.
        number: Of how many, 1 at least.
        level: Of confidence, such as 0.95.
    """
    z = _normal(level)
    middle = (hits + z * z / 2) / (number + z * z)
    half = z / (number + z * z) * sqrt(hits * (number - hits) / number + z * z / 4)
    return max(0.0, middle - half), min(1.0, middle + half)


def newcombe(one: tuple[int, int], other: tuple[int, int], level: float) -> Interval:
    """Return where the second rate minus the first lies.

    Args:
        one: Of how many it was so, and of how many.
        other: The same of the other.
        level: Of confidence.
    """
    p, q = one[0] / one[1], other[0] / other[1]
    (low_p, high_p), (low_q, high_q) = wilson(*one, level), wilson(*other, level)
    difference = q - p
    return (
        difference - sqrt((q - low_q) ** 2 + (high_p - p) ** 2),
        difference + sqrt((high_q - q) ** 2 + (p - low_p) ** 2),
    )


def mean_and_variance(values: Sequence[float]) -> tuple[float, float]:
    """Return the mean of two values or more, and their variance as a sample."""
    mean = sum(values) / len(values)
    return mean, sum((value - mean) ** 2 for value in values) / (len(values) - 1)


def of_mean(values: Sequence[float], level: float) -> Interval:
    """Return where the mean lies of which two values or more are a sample."""
    mean, variance = mean_and_variance(values)
    half = student(level, len(values) - 1) * sqrt(variance / len(values))
    return mean - half, mean + half


def welch(one: Sequence[float], other: Sequence[float], level: float) -> Interval:
    """Return where the second mean minus the first lies; each is of two values or more."""
    (mean, variance), (other_mean, other_variance) = mean_and_variance(one), mean_and_variance(other)
    part, other_part = variance / len(one), other_variance / len(other)
    difference, both = other_mean - mean, part + other_part
    if both == 0:
        return difference, difference
    freedom = both**2 / (part**2 / (len(one) - 1) + other_part**2 / (len(other) - 1))
    half = student(level, freedom) * sqrt(both)
    return difference - half, difference + half


def student(level: float, freedom: float) -> float:
    """Return the quantile of Student's t that leaves half of the rest on each side; within 1 % from 5 degrees on."""
    z = _normal(level)
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return z + sum(term / freedom**power for power, term in enumerate(terms, 1))


def _normal(level: float) -> float:
    return NormalDist().inv_cdf((1 + level) / 2)
