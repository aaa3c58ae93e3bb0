"""The outbox: what of the store a target was sent, by which a restart goes on where it was."""

from dataclasses import replace

import pytest

from convotrace.model import Score, Target
from convotrace.store import Store
from convotrace.store.outbox import mark
from tests.store.conftest import SECOND, START

LATER = START + 10**6 * SECOND


@pytest.fixture
def box(store):
    return store.outbox("somewhere")


def ids(found):
    return [one.trace_id for one in found]


def test_a_trace_waits_until_it_is_noted_and_again_when_it_has_more_spans(store, box, make):
    trace = make.trace(spans=(make.span(),))
    store.write([make.change(trace=trace), make.change("other")])
    first, second = box.waiting(0, LATER, 10)
    box.note([(first, frozenset({mark(trace.spans[0].id)}))], {"low_ns": 7})
    assert ids(box.waiting(0, LATER, 10)) == [second.trace_id] and box.state() == {"low_ns": 7}
    grown = replace(trace, spans=(*trace.spans, replace(make.span(), trace_id=trace.id)))
    store.write([make.change(trace=grown, written_as="s")])
    again = box.waiting(0, LATER, 10)[0]
    assert (again.trace_id, again.told, again.spans) == (trace.id, frozenset({mark(trace.spans[0].id)}), 2)


def test_two_targets_and_two_processes_are_told_apart_by_the_name_of_the_target_alone(store, box, make, store_url):
    store.write([make.change()])
    (one,) = box.waiting(0, LATER, 10)
    box.note([(one, frozenset())], {})
    other = Store.open(store_url)
    assert other.outbox("somewhere").waiting(0, LATER, 10) == []
    assert len(other.outbox("elsewhere").waiting(0, LATER, 10)) == 1
    other.close()


def test_a_session_that_gets_a_score_after_it_was_sent_is_found_and_one_that_was_not_sent_is_not(store, box, make):
    trace = make.trace()
    store.write([make.change(trace=trace), make.change("other")])
    box.note([(one, frozenset()) for one in box.waiting(0, LATER, 10) if one.trace_id == trace.id], {})
    assert box.judged(0) == []
    for session in ("s", "other"):
        score = Score(f"of {session}", "kind", "numeric", 1.0, START + 5, Target(session))
        store.write([make.outside(session, scores=(score,))])
    assert box.judged(START) == ["s"] and box.judged(START + 6) == []


def test_what_was_sent_of_a_session_goes_with_it(store, box, make):
    store.write([make.change()])
    found = box.waiting(0, LATER, 10)
    box.note([(one, frozenset()) for one in found], {})
    store.forget(session="s")
    box.note([(one, frozenset()) for one in found], {})
    with store._ready().connections.reading() as connection:
        assert connection.execute("SELECT count(*) FROM sent").fetchone() == (0,)


@pytest.mark.parametrize("turns", [3, 30])
def test_conversations_come_with_the_traces_whole(store, box, make, turns):
    store.write([make.change(trace=make.trace(spans=(make.span(kind="generation", input=["a"]),)))
                 for _ in range(turns)])  # fmt: skip
    found = list(box.conversations(box.waiting(0, LATER, 100), LATER))
    whole = {trace.id: trace for trace in store.session("s").traces}
    traces = {one.trace_id: talk.traces for talk, group in found for one in group}
    assert {id: next(trace for trace in told if trace.id == id) for id, told in traces.items()} == whole
    assert len(found) == (1 if turns == 30 else turns)
