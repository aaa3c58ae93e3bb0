"""What is written comes back equal, whatever it holds."""

import math
from dataclasses import replace
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from convotrace.export import as_json, dump
from convotrace.insight.friction import with_signals
from convotrace.model import (
    Attachment,
    Change,
    Cut,
    Document,
    Event,
    Failure,
    Flow,
    Payload,
    Request,
    Score,
    SessionFacts,
    Signal,
    Span,
    Target,
    ToolDefinition,
    Trace,
    Usage,
)
from convotrace.store import Store

TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
_numbers = count()

# Lone surrogates and NUL are among these characters on purpose.
texts = st.text(st.characters(codec=None), max_size=30)
long_texts = st.one_of(texts, st.text(min_size=100, max_size=600))
some = st.none() | texts
numbers = st.none() | st.integers(0, 2**62)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**80), 2**80) | st.floats(allow_nan=False) | long_texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=8,
)
mappings = st.dictionaries(texts, values, max_size=3)
messages = st.lists(st.fixed_dictionaries({"role": texts, "parts": st.lists(mappings, max_size=2)}), max_size=8)
failures = st.none() | st.builds(Failure, texts, texts, some)
tags = st.lists(texts, max_size=3).map(tuple)
events = st.lists(st.builds(Event, texts, st.integers(0, 2**62), some, mappings), max_size=3)
in_time = events.map(lambda found: tuple(sorted(found, key=lambda event: event.at_ns)))
documents = st.lists(
    st.builds(Document, some, st.none() | long_texts, st.none() | st.floats(0, 1), some, some, mappings), max_size=3
)
span_ids = st.integers(1, 2**64 - 1).map("{:016x}".format) | st.text(min_size=1, max_size=20)
spans = st.builds(
    Span, id=span_ids, trace_id=st.just(TRACE_ID), name=texts, kind=st.sampled_from(["tool", "generation"]),
    parent_id=st.none() | span_ids, service=some, status=st.sampled_from(["ok", "error"]), error=failures,
    started_ns=st.integers(0, 2**62), duration_ns=numbers, model=some, provider=some, parameters=mappings,
    tools=st.lists(st.builds(ToolDefinition, texts, some, values), max_size=3).map(tuple), input=values | messages,
    output=values | messages, arguments=values, result=values, query=values, documents=documents.map(tuple),
    usage=st.none() | st.builds(Usage, numbers, numbers, numbers, numbers, numbers, numbers), call_id=some, tags=tags,
    metadata=mappings, cost_nano=numbers, finish_reason=some, first_token_ns=numbers, attributes=mappings,
    events=in_time, origin=st.sampled_from(["own", "log"]),
)  # fmt: skip
traces = st.builds(
    Trace, id=st.just(TRACE_ID), session_id=st.just(""), name=texts, is_turn=st.booleans(), replaces=some, route=some,
    status=st.sampled_from(["ok", "error", "cancelled"]), status_code=numbers, started_ns=st.integers(0, 2**62),
    duration_ns=st.none() | st.integers(0, 2**60), first_byte_ns=numbers,
    input=st.builds(Payload, some, values | messages), output=st.builds(Payload, some, values),
    input_tokens=numbers, output_tokens=numbers, cached_tokens=numbers,
    cache_write_tokens=numbers, reasoning_tokens=numbers, cost_nano=numbers, errors=st.integers(0, 9), error=failures,
    service=some, user_id=some, id_source=st.sampled_from(["header", "none"]), tags=tags, metadata=mappings,
    protocol=st.sampled_from(["http", "websocket"]), close_code=numbers,
    request=st.none() | st.builds(Request, texts, texts, mappings, st.dictionaries(texts, texts, max_size=2), some),
    request_bytes=numbers, response_bytes=numbers, chunks=numbers, largest_gap_ns=numbers, retries=numbers,
    flow=st.lists(st.builds(Flow, st.integers(0, 2**60), st.integers(0, 9), st.integers(0, 9)), max_size=3).map(tuple),
    cut=st.builds(Cut, numbers, numbers),
    signals=st.lists(st.builds(Signal, texts, texts, some), max_size=2).map(tuple),
    attachments=st.lists(st.builds(Attachment, texts, texts, texts, st.integers(0, 9)), max_size=2).map(tuple),
    spans=st.lists(spans, max_size=3, unique_by=lambda span: span.id)
    .map(lambda found: tuple(sorted(found, key=lambda span: span.started_ns))),
    events=in_time,
)  # fmt: skip


@pytest.fixture(scope="module")
def shared():
    opened = Store.open("memory:")
    yield opened
    opened.close()


def stored(store, trace, session_id=None):
    session_id = session_id or f"session {next(_numbers)}"
    store.write([Change(SessionFacts(session_id), replace(trace, session_id=session_id))])
    return session_id, store.session(session_id).traces[0]


@given(trace=traces)
@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture],
)
def test_any_trace_comes_back_equal(shared, trace):
    session_id, found = stored(shared, trace)
    expected = replace(trace, session_id=session_id, turn=1 if trace.is_turn else None)
    assert found == with_signals([expected])[0]


@given(
    several=st.lists(traces, min_size=1, max_size=4),
    kinds=st.lists(st.sampled_from(["tool", "retrieval", "generation"]), min_size=12, max_size=12),
    judged=st.booleans(),
)
@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture],
)
def test_a_session_made_into_json_at_once_is_the_json_of_its_records(shared, several, kinds, judged):
    session_id = f"session {next(_numbers)}"
    for number, trace in enumerate(several):
        own = f"{next(_numbers):032x}"
        # Calls that come again, so that there is friction to tell.
        spans = [replace(span, trace_id=own, kind=kinds.pop(), name="look_up") for span in trace.spans]
        spans = [replace(span, arguments=1 if number else span.arguments) for span in spans]
        scores = [Score(f"{own}{place}", "n", "numeric", 0.5, place, Target(session_id, own, span.id), passed=True)
                  for place, span in enumerate(spans)] if judged else []  # fmt: skip
        trace = replace(trace, id=own, session_id=session_id, spans=tuple(spans))
        shared.write([Change(SessionFacts(session_id, events=trace.events, scores=tuple(scores)), trace)])
    whole = shared.session(session_id)
    assert dump(shared.document_by_key(whole.session.key)) == dump(as_json(whole))
    assert shared.document_by_key("nobody") is None
    turns = whole.session.turns
    assert turns == 0 or shared.document_by_key(whole.session.key, turns - 1) is None
    assert shared.document_by_key(whole.session.key, turns) is not None


@given(session_id=st.text(st.characters(codec=None), min_size=1, max_size=80))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_session_id_opens_its_session_by_id_and_by_key(shared, session_id):
    shared.write([Change(SessionFacts(session_id), Trace(TRACE_ID, session_id))], retry=True)
    found = shared.session(session_id)
    assert found.session.id == session_id
    assert shared.session_by_key(found.session.key).session.id == session_id


def test_scores_come_back_inside_what_they_judge(memory, make):
    trace = make.trace()
    span = replace(make.span(), trace_id=trace.id)

    def score(number, target):
        return Score(f"id {number}", "quality", "numeric", 0.5, number, target, passed=True, reason="so")

    on_span = score(1, Target("s", trace.id, span.id))
    on_trace = score(2, Target("s", trace.id))
    on_session = score(3, Target("s"))
    trace = replace(trace, spans=(replace(span, scores=(on_span,)),), scores=(on_trace,))
    memory.write([make.change(trace=trace, scores=(on_session,))])
    found = memory.session("s")
    assert found.scores == (on_session,)
    assert found.traces == (replace(trace, turn=1),)


@pytest.mark.parametrize("value", [5, 0.25, True, False, "good", "", 2**70])
def test_a_score_keeps_the_type_of_its_value(memory, make, value):
    score = Score("1", "n", "numeric", value, 1, Target("s"))
    memory.write([make.outside(scores=(score,))])
    found = memory.session("s").scores[0].value
    assert (type(found), found) == (type(value), value)


def test_events_of_the_session_stand_beside_its_traces(memory, make):
    memory.write([make.change(events=(Event("handoff", 5, attributes={"to": "Ann"}),))])
    memory.write([make.outside(events=(Event("closed", 9),))])
    found = memory.session("s")
    assert [event.name for event in found.events] == ["handoff", "closed"]
    assert found.traces[0].events == ()
    assert found.session.events == 2


class Unprintable:
    def __str__(self):
        raise RuntimeError("no")


def deep(levels):
    value = "end"
    for _ in range(levels):
        value = [value]
    return value


cycle: list[object] = []
cycle.append(cycle)


HARD = {
    "an object": Unprintable(),
    "odd keys": {1: b"x", None: {2}},
    "a cycle": [cycle, cycle],
    "bottomless": deep(5000),
    "a great number": 10**5000,
    "an object inside": {"a": Unprintable()},
}


@pytest.mark.parametrize("name", HARD)
def test_what_json_cannot_hold_is_shown_and_never_raises(memory, make, name):
    value = HARD[name]
    span = make.span(arguments=value, attributes={"value": value})
    memory.write([make.change(trace=make.trace(spans=(span,)))])
    assert memory.session("s").traces[0].spans[0].arguments is not None


def test_numbers_that_are_none_survive(memory, make):
    span = make.span(result=[math.nan, math.inf, -math.inf])
    memory.write([make.change(trace=make.trace(spans=(span,)))])
    nan, plus, minus = memory.session("s").traces[0].spans[0].result
    assert math.isnan(nan) and plus == math.inf and minus == -math.inf


def test_two_spans_of_one_id_are_two_spans(memory, make):
    span = make.span(name="first")
    memory.write([make.change(trace=make.trace(spans=(span, replace(span, name="second"))))])
    found = memory.session("s").traces[0].spans
    assert [(s.id, s.name) for s in found] == [(span.id, "first"), (span.id, "second")]


def test_spans_of_one_moment_keep_their_order(memory, make):
    spans = tuple(make.span(name=name) for name in "zebra")
    memory.write([make.change(trace=make.trace(spans=spans))])
    assert [span.name for span in memory.session("s").traces[0].spans] == list("zebra")


def test_only_turns_are_numbered_by_their_start(memory, make):
    late, asset, early = make.trace(at=30), make.trace(at=20, is_turn=False), make.trace(at=10)
    memory.write([make.change(trace=trace) for trace in (late, asset, early)])
    assert [(t.id, t.turn) for t in memory.session("s").traces] == [(early.id, 1), (asset.id, None), (late.id, 2)]
