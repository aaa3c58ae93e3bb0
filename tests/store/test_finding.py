"""A reader finds in a session any part of what was said, whatever its case and accents, in order."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convotrace.model import Failure, Payload
from convotrace.store.finding import folded


@pytest.fixture
def store(store, make):
    """A store with two sessions that speak of nearly the same."""
    at = iter(range(100))

    def say(asked, answered, session="s", **fields):
        trace = make.trace(session, next(at), input=Payload(asked), output=Payload(answered), **fields)
        return make.change(session, trace)

    store.write([
        say("Where is my order 4711?", "La información está aquí", "s"), say("A café, please", None),
        say("question", "坐地铁去故宫"), say(None, None, is_turn=False), say("other", "order 4711", "t"),
        say("pay", None, errors=1, status="error", error=Failure("PaymentError", "card declined: No_Funds 50%")),
        say("a\0b \ud800 x", "end"),
    ])  # fmt: skip
    return store


@pytest.mark.parametrize(
    ("text", "turns"),
    [("471", [1]), ("ORDER", [1]), ("informacion", [1]), ("CAFÉ", [2]), ("cafe", [2]), ("铁去", [3]), (" 故宫 ", [3]),
     ("e", [1, 2, 3, 4, 5]), ("no_funds 50%", [4]), ("no%funds", []), ("paymenterror", [4]), ("zzz", []), ("", []),
     ("a\0b", [5]), ("\ud800 x", [5])],
)  # fmt: skip
def test_any_part_of_what_was_said_is_found(store, text, turns):
    assert [one.turn for one in store.turns_saying("s", text)] == turns


def test_a_mention_names_its_trace(store):
    (found,) = store.turns_saying("s", "cafe")
    whole = store.session("s")
    trace = next(trace for trace in whole.traces if trace.turn == 2)
    assert (found.trace_id, found.at_ns) == (trace.id, trace.started_ns)


def test_a_session_that_is_not_there_says_nothing(store):
    assert store.turns_saying("nobody", "order") == ()


@given(st.text(), st.text(), st.text())
def test_a_part_of_a_text_is_found_in_it(before, part, after):
    assert folded(part) in folded(before) + folded(part) + folded(after)
    assert folded(folded(part)) == folded(part)
