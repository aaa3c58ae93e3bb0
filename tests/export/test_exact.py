"""Records to JSON and back: nothing is lost, and what cannot be read says which field."""

import json
from dataclasses import replace

import pytest
from hypothesis import Phase, assume, given, settings
from hypothesis import strategies as st

from convotrace.export import dump, exactly, from_exact
from convotrace.model import Conversation, Event, Score, Session, Target, Trace
from tests.store.test_round_trip import traces

AT = 1_795_355_342_123_456_789


def through_a_file(record):
    return from_exact(type(record), json.loads(dump(exactly(record))))


@given(traces)
@settings(max_examples=40, phases=[Phase.explicit, Phase.reuse, Phase.generate])
def test_any_trace_comes_back_equal_through_the_bytes_of_a_file(trace):
    # JSON has no number for the infinities; they become null.
    assume("inf" not in repr(trace))
    assert through_a_file(trace) == trace


@given(st.text(st.characters(codec=None)), st.none() | st.booleans())
def test_a_conversation_comes_back_with_all_that_is_in_it(text, resolved):
    score = Score("1", text, "boolean", True, AT, Target("s", "t"), passed=resolved)
    session = Session("s", "s", metadata={text: text}, resolved=resolved, ended_ns=AT)
    conversation = Conversation(session, (Trace("t", "s", name=text),), (Event(text, AT),), (score,))
    assert through_a_file(conversation) == conversation


def test_nanoseconds_are_decimal_strings_with_what_people_read_beside_them():
    found = exactly(Trace("t", "s", started_ns=AT, duration_ns=1_500_000, cost_nano=2_000))
    assert (found["started_ns"], found["duration_ns"], found["cost_nano"]) == (str(AT), "1500000", "2000")
    assert (found["started_at"], found["duration_ms"], found["cost"]) == ("2026-11-22T13:49:02.123456Z", 1.5, 2e-6)
    assert exactly(Trace("t", "s"))["duration_ns"] is None


def test_names_of_a_later_release_are_left_out_and_those_that_lack_have_their_defaults():
    assert from_exact(Trace, {"id": "t", "session_id": "s", "mood": "good"}) == Trace("t", "s")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"id": None}, "Trace.id cannot be read"),
        ({"started_ns": "soon"}, "Trace.started_ns cannot be read"),
        ({"is_turn": "yes"}, "Trace.is_turn cannot be read"),
        ({"spans": {}}, "Trace.spans cannot be read: dict came"),
        ({"spans": [{"id": 5}]}, "Span.id cannot be read: int came"),
        ({"errors": True}, "Trace.errors cannot be read"),
        ({"metadata": []}, "Trace.metadata cannot be read"),
    ],
)
def test_a_field_that_cannot_be_read_is_named(change, words):
    with pytest.raises(ValueError, match=words):
        from_exact(Trace, {**exactly(Trace("t", "s")), **change})
    with pytest.raises(ValueError, match="lacks"):
        from_exact(Trace, {"id": "t"})


def test_bytes_of_a_file_come_back():
    from convotrace.model import Attachment

    one = Attachment("a", "x.png", "image/png", 3, data=b"\x89PN")
    assert from_exact(Attachment, exactly(one)) == one
    assert from_exact(Attachment, exactly(replace(one, data=None))).data is None
