"""Two texts compared by lines and words: both are always whole in what is told."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from convotrace.insight.differences import Budget, Line, Piece, compared, is_same

TEXTS = st.text(alphabet="ab \n地.", max_size=60)


def _side(lines: tuple[Line, ...], number: str) -> str:
    return "\n".join("".join(p.text for p in line.pieces) for line in lines if getattr(line, number) is not None)


@given(TEXTS, TEXTS)
def test_both_texts_can_be_read_back_and_their_lines_are_numbered(before, after):
    lines = compared(before, after)
    assert (_side(lines, "before"), _side(lines, "after")) == (before, after)
    for number in ("before", "after"):
        found = [getattr(line, number) for line in lines if getattr(line, number) is not None]
        assert found == list(range(1, len(found) + 1))


@given(TEXTS, TEXTS)
def test_only_equal_texts_are_the_same(before, after):
    assert is_same(compared(before, after)) == (before == after)


def test_only_the_words_that_changed_are_marked():
    gone, come = compared("within 24 hours or if late", "within 24 hours and if late")
    assert gone == Line("removed", 1, None, (Piece("within 24 hours "), Piece("or", True), Piece(" if late")))
    assert [piece.text for piece in come.pieces if piece.is_changed] == ["and"]


def test_chinese_is_compared_by_characters():
    _, come = compared("门票价格是20元", "门票价格是40元")
    assert [piece.text for piece in come.pieces if piece.is_changed] == ["40"]


def test_in_lines_that_have_little_in_common_no_words_are_marked():
    gone, come = compared("alpha beta", "something else entirely")
    assert [piece.is_changed for piece in (*gone.pieces, *come.pieces)] == [False, False]


def test_very_long_texts_are_told_whole_without_words_marked():
    before, after = "a " * 600_000, "\n".join(str(n) for n in range(20_000))
    lines = compared(before, after)
    assert (_side(lines, "before"), _side(lines, "after")) == (before, after)


def test_what_several_comparisons_share_is_spent_once():
    budget = Budget(30)
    first, second = (compared("one two three", "one two four", budget) for _ in range(2))
    assert any(piece.is_changed for line in first for piece in line.pieces)
    assert not any(piece.is_changed for line in second for piece in line.pieces)
    assert (_side(second, "before"), _side(second, "after")) == ("one two three", "one two four")
