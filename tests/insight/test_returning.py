"""Texts as words, and where those of one come back in another, in any script."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convotrace.insight.returning import pieces, returning


def _back(source: str, text: str) -> list[str]:
    return [text[start:end] for start, end in returning(source, text)]


@given(st.text())
def test_the_pieces_of_a_text_are_the_text(text):
    assert "".join(pieces(text)) == text.replace("\n", " ")


def test_words_with_spaces_stay_whole_and_characters_without_stand_alone():
    assert pieces("Pay 20, 门票 now") == ["Pay", " ", "20", ",", " ", "门", "票", " ", "now"]


@pytest.mark.parametrize(
    ("name", "answer", "found"),
    [
        ("地坛", "门票在地坛买", ["地坛"]),
        ("外婆家(北京店)", "去外婆家(北京店)吧", ["外婆家(北京店)"]),
        ("外婆家(北京店)", "去外婆家吧", ["外婆家"]),
        ("世界花卉大观园", "金盛强世界花卉创意园", []),
        ("世界花卉大观园", "花卉大观园很好", ["花卉大观园"]),
        ("出租 (甲 - 乙)", "我要出租", []),
        ("Violet Crown Cinema", "VIOLET CROWN CINEMA shows it", ["VIOLET CROWN CINEMA"]),
        ("Violet Crown Cinema", "the crown", []),
    ],
)
def test_a_name_comes_back_whole_or_nearly(name, answer, found):
    assert _back(name, answer) == found


POLICY = "Basic economy flights cannot be modified.\nOther reservations may be, before they begin."


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        ("As you know, basic economy flights cannot be modified, sorry.", ["basic economy flights cannot be modified"]),
        ("Economy is cheap; it may be modified.", []),
        ("", []),
        ("...", []),
    ],
)
def test_of_a_longer_text_four_words_in_a_row_come_back(answer, found):
    assert _back(POLICY, answer) == found


def test_little_words_alone_say_nothing():
    assert _back("It is one of the\nbest of the year", "one of the of the") == []


@given(st.text(alphabet="ab 地坛(\n", max_size=40), st.text(alphabet="ab 地坛)\n", max_size=40))
def test_what_comes_back_lies_in_the_answer_in_order(source, text):
    places = returning(source, text)
    assert all(0 <= start < end <= len(text) for start, end in places)
    assert list(places) == sorted(places)
