"""What is written may depend on what is stored: decided in the transaction, exact for many writers."""

from dataclasses import replace
from functools import partial

import pytest

from convotrace.insight.deciding import Clues, Joining, decision
from convotrace.insight.join import joined
from convotrace.model import Change, Event, Payload, Score, SessionFacts, Target, Usage
from convotrace.store import lonely


def _by_function(change):
    def decide(lookup):
        return joined(change.session, change.trace, lookup.traces(change.trace.id))

    return replace(change, decide=decide)


def _by_trace_id(change):
    return replace(change, decide=decision(Clues(shared=True), change))


@pytest.fixture(params=[_by_function, _by_trace_id], ids=["decided one by one", "asked for all at once"])
def joining(request):
    """Return what makes a change that joins what is stored of its trace."""
    return request.param


@pytest.fixture
def parts(make):
    """Two requests of one trace id, the second made by the first, in two sessions."""
    front = make.trace("front", span_id="f0", spans=(make.span(id="f" * 16),), tags=("t",))
    back = make.trace(
        "back", id=front.id, span_id="b0", parent_id="f" * 16, input=Payload("asked"), input_tokens=7,
        spans=(make.span(kind="generation", usage=Usage(input=7), input=["x" * 1_900], events=(Event("e", 5),)),),
        scores=(Score("1", "good", "boolean", True, 5, Target("back", front.id)),),
    )  # fmt: skip
    return make.change("front", front), make.change("back", back, id_source="none", events=(Event("handoff", 9),))


def test_a_decision_sees_what_the_same_batch_wrote_before_it(store, parts, joining):
    store.write([joining(part) for part in parts])
    (session,) = store.sessions()
    assert (session.id, session.traces, session.turns, session.spans) == ("front", 1, 1, 3)


@pytest.mark.parametrize("order", [(0, 1), (1, 0), (0, 1, 0), (1, 0, 1, 0)])
def test_parts_written_in_any_order_make_one_trace_with_right_totals(store, parts, order, joining):
    for position in order:
        (written,) = store.write([joining(parts[position])])
        assert written.trace.id == parts[0].trace.id
    (session,) = store.sessions()
    assert session.id == "front"
    assert (session.traces, session.turns, session.spans, session.input_tokens, session.events) == (1, 1, 3, 7, 2)
    conversation = store.session("front")
    (trace,) = conversation.traces
    assert [span.name for span in trace.spans if span.kind == "generation"] == ["step"]
    assert next(s for s in trace.spans if s.kind == "generation").input == ["x" * 1_900]
    assert [event.name for event in conversation.events] == ["handoff"]
    assert store.session("back") is None


def test_a_written_part_that_is_tried_again_changes_nothing(store, parts, joining):
    store.write([joining(part) for part in parts])
    before = store.session("front")
    store.write([joining(part) for part in parts], retry=True)
    after = store.session("front")
    assert after.traces == before.traces
    assert replace(after.session, strip=()) == replace(before.session, strip=())


def test_a_decision_for_nothing_writes_nothing(store, make):
    change = replace(make.change(), decide=lambda lookup: None)
    assert store.write([change, make.change("other")])[0] is None
    assert [session.id for session in store.sessions()] == ["other"]


def test_a_score_from_outside_follows_its_trace(store, parts, joining):
    store.write([joining(parts[1])])
    score = Score("9", "stars", "numeric", 5, 6, Target("back", parts[1].trace.id))
    store.write([Change(SessionFacts("back", scores=(score,)))])
    store.write([joining(parts[0])])
    (trace,) = store.session("front").traces
    assert [one.id for one in trace.scores] == ["1", "9"]


def test_a_decision_that_raises_loses_only_its_own_change(store, make):
    bad = replace(make.change("bad"), decide=partial(int, "x"))
    with pytest.raises((ValueError, TypeError)):
        store.write([make.change("good"), bad])
    assert len(store.sessions()) == 0
    store.write([make.change("good")])
    assert len(store.sessions()) == 1


def test_a_trace_of_which_nothing_is_stored_needs_no_decision(store, make):
    if store.url.startswith("postgresql"):
        pytest.skip("who shares the store with others decides inside the transaction")
    change = make.change()
    (written,) = store.write([replace(change, decide=Joining(pytest.fail, "asked"))])
    assert written.trace == change.trace
    (session,) = store.sessions()
    assert session.traces == 1


def test_a_part_that_is_stored_between_the_look_and_the_write_is_joined(store, parts, monkeypatch):
    """Another process writes it there and then: stood in for by a look that sees nothing."""
    front, back = (_by_trace_id(part) for part in parts)
    store.write([back])
    monkeypatch.setattr(lonely, "known_of", lambda opened, ids: set())
    store.write([front])
    (session,) = store.sessions()
    assert (session.id, session.traces, session.spans) == ("front", 1, 3)
