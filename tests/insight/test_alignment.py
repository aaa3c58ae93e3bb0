"""Two conversations in pairs of turns: by what was said, in order, whatever was added, left out or regenerated."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from convotrace.insight.alignment import MOST, aligned
from convotrace.model import Payload, Trace


def _turns(*texts: str, **replaces: str) -> list[Trace]:
    return [
        Trace(f"t{n}", "s", is_turn=True, turn=n + 1, input=Payload(text), output=Payload(f"answer {n}"),
              replaces=replaces.get(f"t{n}"))
        for n, text in enumerate(texts)
    ]  # fmt: skip


def _shown(pairs) -> list[tuple[str | None, str | None]]:
    return [(one.left and one.left.turn.input.text, one.right and one.right.turn.input.text) for one in pairs]


def test_the_same_turns_stand_beside_each_other_and_an_extra_one_alone():
    left = _turns("book a flight", "to Seattle", "yes please")
    right = _turns("book a flight", "how much is a bag", "to Seattle", "yes please")
    assert _shown(aligned(left, right)) == [
        ("book a flight", "book a flight"), (None, "how much is a bag"), ("to Seattle", "to Seattle"),
        ("yes please", "yes please"),
    ]  # fmt: skip


def test_a_regenerated_turn_stands_beside_its_counterpart_with_its_earlier_version():
    left = _turns("hello", "what is the price", "what is the price", "thanks", t2="t1")
    right = _turns("hello", "what is the price", "thanks")
    pairs = aligned(left, right)
    assert [(one.left.turn.id, one.right.turn.id) for one in pairs] == [("t0", "t0"), ("t2", "t1"), ("t3", "t2")]
    assert [turn.id for turn in pairs[1].left.versions] == ["t1"]


def test_all_that_an_edit_took_the_place_of_is_its_versions():
    left = _turns("a", "b", "c", "B", "B", t3="t1", t4="t3")
    (first, second) = aligned(left, _turns("a", "B"))
    assert ([turn.id for turn in second.left.versions], first.left.versions) == (["t1", "t2", "t3"], ())


def test_runs_that_ask_in_other_words_stand_beside_each_other_by_their_place():
    assert _shown(aligned(_turns("hi", "one"), _turns("good day", "two"))) == [("hi", "good day"), ("one", "two")]


def test_chinese_is_compared_too():
    left, right = _turns("您好，我要去地坛", "门票多少钱"), _turns("门票要多少钱呢", "谢谢")
    assert _shown(aligned(left, right)) == [
        ("您好，我要去地坛", None), ("门票多少钱", "门票要多少钱呢"), (None, "谢谢")
    ]  # fmt: skip


def test_what_was_answered_decides_between_equal_messages():
    left = [Trace("t0", "s", is_turn=True, input=Payload("yes"), output=Payload("booked the flight"))]
    right = [
        Trace(f"t{n}", "s", is_turn=True, input=Payload("yes"), output=Payload(text))
        for n, text in enumerate(("which one", "booked the flight", "bye"))
    ]
    assert [(one.left is not None, one.right.turn.id) for one in aligned(left, right)] == [
        (False, "t0"), (True, "t1"), (False, "t2"),
    ]  # fmt: skip


def test_requests_that_are_no_turns_are_left_out_and_nothing_beside_nothing_is_nothing():
    assert aligned([Trace("x", "s")], []) == ()


@given(st.lists(st.sampled_from(["a b", "c", "d e f", ""]), max_size=8), st.lists(st.text(max_size=4), max_size=8))
def test_every_turn_stands_in_exactly_one_pair_and_in_order(one, other):
    left, right = _turns(*one), _turns(*other)
    pairs = aligned(left, right)
    assert [pair.left.turn for pair in pairs if pair.left] == left
    assert [pair.right.turn for pair in pairs if pair.right] == right
    assert all(pair.left or pair.right for pair in pairs)


def test_very_long_sessions_are_paired_by_place_behind_the_limit():
    pairs = aligned(_turns(*["same"] * (MOST + 2)), _turns(*["same"] * (MOST + 1)))
    assert [(pair.left is not None, pair.right is not None) for pair in pairs[-2:]] == [(True, True), (True, False)]
