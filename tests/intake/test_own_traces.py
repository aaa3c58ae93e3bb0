"""Spans of a request that was seen here join its trace; everything its own exchange said stays."""

import pytest
from convotrace_test_otlp import TRACE, body, generation, log, log_body, span, take

from convotrace.model import Change, Payload, SessionFacts, Trace

BASE = 1_790_000_000 * 10**9


def request(session="mine", span_id=f"{1:016x}", started=0, **more):
    return Trace(
        TRACE, session, "POST /chat", True, span_id=span_id, started_ns=BASE + started, duration_ns=10_000,
        input=Payload("asked"), output=Payload("told"), id_source="header", **more,
    )  # fmt: skip


@pytest.fixture
def seen(place):
    place.write([Change(SessionFacts("mine", "header", "X-Session-ID"), request())])
    return place


def test_they_join_it_under_its_session_and_texts(seen):
    take(seen, body(
        span(1, name="POST", kind=2, attributes={"session.id": "other", "user.id": "ann"}),
        generation(2, 1, "something else", "entirely"),
    ))  # fmt: skip
    (trace,) = seen.all
    assert (trace.session_id, trace.input.text, trace.output.text, trace.origin) == ("mine", "asked", "told", "own")
    assert [(one.id, one.parent_id) for one in trace.spans] == [(f"{2:016x}", None)]
    assert (trace.input_tokens, trace.output_tokens, trace.user_id) == (10, 3, "ann")


def test_told_twice_they_are_there_once(seen):
    take(seen, body(generation(2, 1)), body(generation(2, 1)), body(span(3, 2, status={"code": 2})))
    (trace,) = seen.all
    assert (len(trace.spans), trace.input_tokens, trace.errors) == (2, 10, 1)


def test_what_came_before_the_request_ended_comes_along(place):
    take(place, body(generation(2, 1)))
    place.write([Change(SessionFacts("mine", "header"), request(), decide=None)])
    take(place, body(generation(3, 1)))
    (trace,) = place.all
    assert (trace.session_id, len(trace.spans), trace.input_tokens) == ("mine", 2, 20)


def test_records_of_its_spans_join_too(seen):
    take(seen, log_body(log(2, "gen_ai.user.message", {"content": "hey"})), signal="logs")
    take(seen, body(generation(2, 1)))
    (trace,) = seen.all
    assert [event.name for event in trace.spans[0].events] == ["gen_ai.user.message"]


def test_a_session_row_keeps_how_it_was_found(seen):
    take(seen, body(generation(2, 1)))
    if hasattr(seen, "store"):
        (session,) = seen.store.sessions()
        assert (session.id, session.id_source, session.id_name) == ("mine", "header", "X-Session-ID")


def test_of_two_requests_with_one_trace_id_the_named_one_takes_them(place):
    place.write([Change(SessionFacts("mine", "header"), request())])
    place.write([Change(SessionFacts("mine", "header"), request(span_id=f"{9:016x}", started=50))])
    take(place, body(generation(10, 9)))
    assert [(t.span_id, len(t.spans)) for t in place.all] == [(f"{1:016x}", 0), (f"{9:016x}", 1)]


def test_scores_that_spans_bring_stand_in_its_session(seen):
    judged = {"evaluations.0.evaluation.name": "tone", "evaluations.0.evaluation.score": 1, "session.id": "other"}
    take(seen, body(generation(2, 1, attributes=judged)), body(generation(3, 1)))
    (trace,) = seen.all
    assert [(s.name, s.target.session_id, s.target.span_id) for s in trace.spans[0].scores] == [
        ("tone", "mine", f"{2:016x}")]  # fmt: skip
