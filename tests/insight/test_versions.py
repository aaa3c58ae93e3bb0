"""What turns of one session say about each other: new versions, retries, double submits."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convotrace.insight.history import said_in, summed
from convotrace.insight.versions import current, superseded, with_versions
from convotrace.model import Payload, Trace

SECOND = 1_000_000_000


def turn(number, asked, answered="fine", at=None, history=None, **fields):
    """Make a turn that begins ten seconds after the one before and takes one."""
    fields = {
        "is_turn": True,
        "started_ns": (10 * number if at is None else at) * SECOND,
        "duration_ns": SECOND,
    } | fields
    resent = None if history is None else summed(history)
    return Trace(
        f"t{number}", "s", turn=number, input=Payload(asked), output=Payload(answered), resent=resent, **fields
    )


def history(*turns):
    """Return what a client sends again of turns."""
    return [message for one in turns for message in (("user", one.input.text), ("assistant", one.output.text))]


FIRST = turn(1, "hi", history=[])
SECOND_TURN = turn(2, "how much?", "5", history=history(FIRST))
THIRD = turn(3, "and two?", "10", history=history(FIRST, SECOND_TURN))


def told(*turns):
    return {one.id: one.replaces for one in with_versions(turns) if one.replaces}


def test_turns_that_go_on_replace_nothing():
    assert told(FIRST, SECOND_TURN, THIRD) == {}
    assert [one.id for one in current([FIRST, SECOND_TURN, THIRD])] == ["t1", "t2", "t3"]


@pytest.mark.parametrize("text", ["how much?", "how many?"])
def test_a_history_that_ends_before_an_answered_turn_makes_a_new_version_of_it(text):
    fourth = turn(4, text, "6", history=history(FIRST))
    assert told(FIRST, SECOND_TURN, THIRD, fourth) == {"t4": "t2"}
    # What came after the replaced turn went with it.
    found = with_versions([FIRST, SECOND_TURN, THIRD, fourth])
    assert superseded(found) == {"t2": "t4", "t3": "t4"}
    fifth = turn(5, "thanks", history=history(FIRST, fourth))
    assert [one.id for one in current([*found, fifth])] == ["t1", "t4", "t5"]


def test_a_new_version_of_a_new_version_replaces_that_one():
    fourth, fifth = (turn(n, "how much?", str(n), history=history(FIRST)) for n in (4, 5))
    assert told(FIRST, SECOND_TURN, fourth, fifth) == {"t4": "t2", "t5": "t4"}


def test_a_mark_to_answer_anew_replaces_the_turn_of_that_message():
    bare = [replace(one, resent=None) for one in (FIRST, SECOND_TURN)]
    assert told(*bare, turn(3, "how much?", regenerates=True)) == {"t3": "t2"}
    assert told(*bare, turn(3, None, regenerates=True)) == {"t3": "t2"}
    assert told(*bare, turn(3, "something else", regenerates=True)) == {}


def test_equal_texts_alone_replace_nothing():
    assert told(turn(1, "ok"), turn(2, "ok")) == {}
    assert all(not one.signals for one in with_versions([turn(1, "ok"), turn(2, "ok")]))


def test_a_history_of_another_conversation_replaces_nothing():
    assert told(FIRST, SECOND_TURN, turn(3, "x", history=[("user", "never"), ("assistant", "said")])) == {}


@pytest.mark.parametrize("status", ["error", "disconnected", "cancelled", "interrupted"])
def test_the_same_message_after_one_without_an_answer_is_a_retry(status):
    failed = [turn(n, "hi", None, status=status) for n in (1, 2)]
    found = with_versions([*failed, turn(3, " hi\n")])
    assert [(one.retries, one.replaces) for one in found] == [(None, None), (1, "t1"), (2, "t2")]
    assert found[2].signals[0].why == "The same message had been sent 2 times before, without an answer."


@pytest.mark.parametrize(
    "before", [turn(1, "hi", "half an", status="disconnected"), turn(1, "ho", None, status="error")]
)
def test_a_message_after_an_answer_or_another_message_is_no_retry(before):
    found = with_versions([before, turn(2, "hi")])[1]
    assert (found.retries, found.replaces) == (None, None)


@pytest.mark.parametrize(
    ("at", "fields", "doubled"),
    [
        (11, {}, True),
        (12, {}, True),
        (13, {}, False),
        (19, {"duration_ns": 30 * SECOND}, True),
        (60, {"duration_ns": None, "status": "running", "output": Payload()}, True),
    ],
)
def test_the_same_message_at_once_or_while_the_first_runs_is_a_double_submit(at, fields, doubled):
    first = replace(turn(1, "hi"), **fields)
    found = with_versions([first, turn(2, "hi", at=at)])[1]
    assert [signal.name for signal in found.signals] == (["double_submit"] if doubled else [])
    assert (found.retries, found.replaces) == (None, None)
    if doubled:
        ran = ", while that one still ran" if fields else ""
        assert found.signals[0].why == f"The same message came again {at - 10:.1f} s after turn 1{ran}."


def test_a_quick_message_whose_history_holds_the_one_before_is_its_own():
    first = turn(1, "ok", history=[])
    assert not with_versions([first, turn(2, "ok", at=11, history=history(first))])[1].signals


def test_a_double_submit_with_a_history_replaces_nothing_while_the_first_runs():
    first = turn(2, "how much?", "5", duration_ns=9 * SECOND, history=history(FIRST))
    again = turn(3, "how much?", "5", at=21, history=history(FIRST))
    assert told(FIRST, first, again) == {}
    assert with_versions([FIRST, first, again])[2].signals[0].name == "double_submit"


def test_requests_that_are_no_turns_are_passed_over():
    other = Trace("x", "s")
    found = with_versions([other, turn(1, "hi", None, status="error"), other, turn(2, "hi")])
    assert (found[0], found[3].retries) == (other, 1)


def test_a_client_that_sends_its_history_and_then_none_begins_anew():
    assert told(FIRST, SECOND_TURN, turn(3, "hello", history=[])) == {"t3": "t1"}
    assert told(FIRST, SECOND_TURN, turn(3, "hello", history=[], name="POST /other")) == {}


@given(st.lists(st.tuples(st.integers(0, 6), st.sampled_from(["a", "b", "c"])), max_size=12))
def test_the_current_branch_is_what_the_client_shows(steps):
    """A client that goes back to any turn and goes on from there agrees with us about what stands."""
    shown, turns = [], []
    for number, (back, text) in enumerate(steps, 1):
        shown = shown[: max(0, len(shown) - back)]
        new = turn(number, text, f"answer {number}", history=[("assistant", "Hello!"), *history(*shown)])
        shown, turns = [*shown, new], [*turns, new]
    found = with_versions(turns)
    assert [one.id for one in current(turns)] == [one.id for one in shown]
    assert set(superseded(found)) == {one.id for one in turns} - {one.id for one in shown}
    assert with_versions(found) == found


def test_an_answer_in_several_pieces_and_other_white_space_are_the_same_history():
    pieces = [("user", "hi "), ("assistant", "fi"), ("assistant", "\nne")]
    assert summed(pieces) == summed(history(FIRST)) and said_in([FIRST]) == [("user", "hi"), ("assistant", "fine")]


def test_requests_that_are_no_turns_stand_in_no_branch_and_a_replaced_turn_takes_those_after_it_along():
    turns = [turn(1, "a"), turn(2, "b"), turn(3, "c", is_turn=False), turn(4, "d"), turn(5, "B", replaces="t2"),
             turn(6, "x", replaces="gone")]  # fmt: skip
    assert superseded(turns) == {"t2": "t5", "t4": "t5"}
