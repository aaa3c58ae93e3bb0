"""What a list shows of a session's newest turns: kept in its row, equal to what its traces say, in whatever order."""

from statistics import median_low

from hypothesis import given
from hypothesis import strategies as st

from convotrace.model import TurnMark
from convotrace.store.marks import KEPT, STRIP, marks_of, medians, middle, strip_of, with_turn

numbers = st.integers(-(1 << 63) + 1, (1 << 63) - 1)
turns = st.tuples(st.integers(0, 200), numbers, st.none() | numbers, st.none() | numbers, st.integers(0, 9))


def newest(held):
    return [held[key] for key in sorted(held)][-KEPT:]


@given(st.lists(turns, max_size=3 * KEPT))
def test_turns_added_or_rewritten_in_any_order_are_the_newest_of_all(coming):
    marks, held = None, {}
    for turn in coming:
        marks, held = with_turn(marks, turn), {**held, turn[0]: turn}
        assert marks == marks_of(newest(held))
    shown = newest(held)
    assert strip_of(marks) == tuple(TurnMark(took, errors, began) for _, began, took, _, errors in shown[-STRIP:])
    assert middle(marks) == medians(marks)[0]
    for median, column in zip(medians(marks), (2, 3), strict=True):
        known = [turn[column] for turn in shown if turn[column] is not None]
        assert median == (median_low(known) if known else None)


def test_no_turns_have_no_marks_and_no_median():
    assert (marks_of([]), strip_of(None), medians(None), middle(None)) == (None, (), (None, None), None)
