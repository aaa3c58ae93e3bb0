"""Kappa against published examples, and what it says at the ends."""

import pytest

from convotrace.insight.agreement import agreement, cohen_kappa, fleiss_kappa


def test_cohen_s_kappa_of_two_readers_of_fifty_grants():
    # Twenty times both say yes, fifteen times both no, five and ten times they differ.
    pairs = [("y", "y")] * 20 + [("y", "n")] * 5 + [("n", "y")] * 10 + [("n", "n")] * 15
    assert cohen_kappa(pairs) == pytest.approx(0.4)


def test_fleiss_kappa_of_fourteen_raters_in_five_categories():
    # The worked example of the English Wikipedia, "Fleiss' kappa".
    table = [
        (0, 0, 0, 0, 14), (0, 2, 6, 4, 2), (0, 0, 3, 5, 6), (0, 3, 9, 2, 0), (2, 2, 8, 1, 1),
        (7, 7, 0, 0, 0), (3, 2, 6, 3, 0), (2, 5, 3, 2, 2), (6, 5, 2, 1, 0), (0, 2, 2, 3, 7),
    ]  # fmt: skip
    values = [[category for category, number in enumerate(row) for _ in range(number)] for row in table]
    assert fleiss_kappa(values) == pytest.approx(0.210, abs=0.0005)


def test_three_raters_are_three_rows_with_their_agreement():
    given = [("t1", who, 4) for who in "abc"] + [("t2", "a", 1), ("t2", "b", 1), ("t2", "c", 2), ("t3", "a", 3)]
    found = agreement(given)
    assert [(one.name, one.count) for one in found.raters] == [("a", 3), ("b", 2), ("c", 2)]
    assert (found.shared, found.method, found.count) == (2, "fleiss", 7)
    assert found.mean == pytest.approx(19 / 7)


def test_full_agreement_is_one_and_nothing_shared_is_unknown():
    assert agreement([("t", "a", 1), ("t", "b", 1)]).kappa == 1.0
    assert agreement([("t", "a", 1), ("u", "b", 1)]).kappa is None
    assert agreement([]).mean is None
    # Of one rater the newest counts.
    assert agreement([("t", "a", "x"), ("t", "a", "y"), ("t", "b", "y")]).kappa == 1.0


def test_nothing_and_one_value_throughout_are_no_division_by_zero():
    assert cohen_kappa([]) is None and fleiss_kappa([]) is None
    assert cohen_kappa([("y", "y")] * 3) == 1.0 and fleiss_kappa([["y", "y", "y"]]) == 1.0
    assert cohen_kappa([("y", "n"), ("n", "y")]) == -1.0
