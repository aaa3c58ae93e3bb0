"""Messages that stand in events: told once, their places kept, and put back; a forged place changes nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convotrace.dialects import events as told_events
from convotrace.dialects.events import _MESSAGE, _PLACE, refilled, told
from convotrace.model import Event

HI, HO = {"role": "user", "parts": [{"type": "text", "content": "hi"}]}, {"role": "assistant", "parts": []}


def asked(held):
    return Event("gen_ai.user.message", 1, None, {_MESSAGE: held, "x": 1})


def made(held):
    return Event("gen_ai.choice", 2, None, {_MESSAGE: held})


PLAIN = Event("note", 3, None, {"x": 1})


def test_messages_of_events_are_the_two_sides_and_the_events_keep_their_places():
    found = told([asked(HI), made([HO, HI]), PLAIN], None, None)
    assert (found.input, found.output) == ([HI], [HO, HI])
    assert [event.attributes.get(_PLACE) for event in found.events] == [["input", 0, None], ["output", 0, 2], None]
    assert refilled(found.events, found.input, found.output) == (asked(HI), made([HO, HI]), PLAIN)


def test_where_the_sides_are_known_from_elsewhere_a_message_keeps_its_place_in_them_or_stays():
    equal = {"role": "user", "parts": [{"type": "text", "content": "hi"}]}
    found = told([asked(equal), asked({"role": "user", "parts": []})], [HO, HI], None)
    assert found.events[0].attributes == {"x": 1, _PLACE: ["input", 1, None]}
    assert found.events[1] == asked({"role": "user", "parts": []})
    assert told([PLAIN], None, None).events == (PLAIN,)


@pytest.mark.parametrize(
    "place",
    [
        5,
        [],
        ["input", 0],
        ["input", 0, None, 1],
        [0, 0, None],
        ["other", 0, None],
        ["input", "0", None],
        ["input", True, None],
        ["input", 1, None],
        ["input", -1, None],
        ["input", 0, "1"],
        ["input", 0, True],
        ["output", 0, None],
    ],
)
def test_a_place_that_whoever_sent_it_made_up_is_left_as_it_is(place):
    event = Event("x", 1, None, {_PLACE: place})
    assert refilled([event], [HI], None) == (event,)


held = st.one_of(st.just(HI), st.just(HO), st.lists(st.sampled_from([HI, HO]), min_size=1, max_size=3))


@given(st.lists(st.one_of(held.map(asked), held.map(made), st.just(PLAIN)), max_size=6))
def test_putting_back_undoes_taking_out(events):
    found = told(events, None, None)
    assert refilled(found.events, found.input, found.output) == tuple(events)


def test_a_body_of_both_sides_is_read_and_anything_else_is_nothing():
    body = '{"input": {"messages": [{"role": "user", "content": "hi"}]}, "output": {"messages": []}}'
    both = told_events.both_sides(Event("x", 1, None, {"body": body}))
    assert list(both) == ["gen_ai.input.messages"] and len(both["gen_ai.input.messages"]) == 1
    assert told_events.both_sides(Event("x", 1, None, {"body": "plain"})) == {}
    assert told_events.both_sides(Event("x", 1)) == {}


def test_several_messages_of_an_event_stand_together_or_in_the_event():
    other = {"role": "user", "parts": []}
    kept = told([asked([HI, HO])], [HI, other], None)
    assert kept.events == (asked([HI, HO]),)
    placed = told([asked([HI, HO])], [HI, other, HI, HO], None)
    assert placed.events[0].attributes[_PLACE] == ["input", 2, 2]
    assert told([asked([])], [HI], None).events == (asked([]),)
