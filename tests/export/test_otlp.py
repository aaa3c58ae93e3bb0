"""Conversations as OTLP: the protocol's own classes and our receiver read the same conversations of it."""

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convotrace.export.otlp import EVALUATION, Sending, root_id
from convotrace.export.otlp_names import DIALECTS
from convotrace.export.otlp_wire import encoded
from convotrace.intake import receive
from convotrace.model import (
    Change,
    Conversation,
    Document,
    Event,
    Failure,
    Payload,
    Request,
    Score,
    SessionFacts,
    Span,
    Target,
    Trace,
    Usage,
)
from convotrace.settings import Settings
from convotrace.store import Store

AT = 1_790_000_000 * 10**9
TRACE = f"{0xABC:032x}"


def generation(id="1", parent=None, **more):
    fields = {
        "kind": "generation", "model": "gpt-5", "provider": "openai", "parameters": {"temperature": 0.5},
        "input": [{"role": "user", "parts": [{"type": "text", "content": "where is my order?"}]}],
        "output": [{"role": "assistant", "parts": [{"type": "text", "content": "On its way."}]}],
        "usage": Usage(12, 3, 4, None, 1), "cost_nano": 1_500_000, "finish_reason": "stop",
        "first_token_ns": 250_000_000, **more,
    }  # fmt: skip
    return Span(id.zfill(16), TRACE, "chat", parent_id=parent, started_ns=AT + 10, duration_ns=500, **fields)


def turn(*spans, **more):
    fields = {
        "name": "POST /chat", "route": "/chat", "request": Request("POST", "/chat"), "status_code": 200,
        "input": Payload("where is my order?"), "output": Payload("On its way, 订单."), "user_id": "ann",
        "id_source": "header", "span_id": f"{0xF00:016x}", **more,
    }  # fmt: skip
    return Trace(TRACE, "shop-1", is_turn=True, started_ns=AT, duration_ns=1000, spans=spans, **fields)


@pytest.fixture
def talk():
    store = Store.open("memory:")

    def make(trace, **facts):
        store.write([Change(SessionFacts("shop-1", "header", user_id="ann", **facts), trace)])
        return store.session("shop-1")

    yield make
    store.close()


def sent(conversation, how=None, protobuf=False, **more):
    spans = [s for trace in conversation.traces for s in (how or Sending()).spans_of(conversation, trace, **more)]
    return encoded(spans, protobuf)


def taken(body, protobuf=False):
    """Return the sessions that our own receiver makes of a request."""
    store = Store.open("memory:")
    kind = "application/x-protobuf" if protobuf else "application/json"
    received = receive(body, kind, "traces", Settings())
    assert received.rejected == 0
    store.write(received.changes)
    found = [store.session(session.id) for session in store.sessions()]
    store.close()
    return found


def full():
    tool = Span(
        "2".zfill(16), TRACE, "find_order", "tool", f"{1:016x}", started_ns=AT + 20, duration_ns=5, call_id="c1",
        arguments={"id": 7}, result=["parcel"], status="error", error=Failure("KeyError", "7", "stack"),
    )  # fmt: skip
    search = Span(
        "3".zfill(16), TRACE, "kb", "retrieval", started_ns=AT + 30, duration_ns=5, query="order",
        documents=(Document("a", "text of a", 0.5, "A"),), tags=("t",), metadata={"k": 1},
    )  # fmt: skip
    return turn(generation(), tool, search, events=(Event("handoff", AT + 50, "info", {"to": "desk"}),))


@pytest.mark.parametrize("protobuf", [False, True])
@pytest.mark.parametrize("dialect", DIALECTS)
def test_our_own_receiver_makes_the_same_conversation_of_it(talk, dialect, protobuf):
    before = talk(full(), environment="prod", release="7", service="shop")
    (after,) = taken(sent(before, Sending(dialect), protobuf), protobuf)
    assert after.session.id == before.session.id and after.session.user_id == "ann"
    assert (after.session.environment, after.session.release, after.session.service) == ("prod", "7", ("shop",))
    (was,), (now,) = before.traces, after.traces
    assert (now.input.text, now.output.text, now.route, now.status_code) == (
        was.input.text, was.output.text, was.route, 200,
    )  # fmt: skip
    got = {span.id: span for span in now.spans}
    names = [
        "name", "kind", "status", "started_ns", "duration_ns", "model", "provider", "parameters", "input", "output",
        "arguments", "result", "query", "call_id", "usage", "cost_nano", "finish_reason", "first_token_ns",
    ]  # fmt: skip
    for span in was.spans:
        assert [getattr(got[span.id], name) for name in names] == [getattr(span, name) for name in names]
        assert got[span.id].parent_id == (span.parent_id or root_id(was))
    tool, search = got["2".zfill(16)], got["3".zfill(16)]
    assert (tool.error.type, tool.error.message) == ("KeyError", "7")
    assert [(d.id, d.text, d.score, d.title) for d in search.documents] == [("a", "text of a", 0.5, "A")]
    assert (search.tags, search.metadata) == (("t",), {"k": 1})
    assert (now.input_tokens, now.output_tokens, now.cost_nano) == (12, 3, 1_500_000)


def test_the_classes_of_the_protocol_read_both_forms_alike(talk):
    json_format = pytest.importorskip("google.protobuf.json_format")
    service = pytest.importorskip("opentelemetry.proto.collector.trace.v1.trace_service_pb2")
    found = talk(full())
    by_protobuf = service.ExportTraceServiceRequest.FromString(sent(found, protobuf=True))
    # The generic reader takes ids for base64: they are given to it in that form.
    told = json.loads(sent(found))
    for span in told["resourceSpans"][0]["scopeSpans"][0]["spans"]:
        for name in ("traceId", "spanId", "parentSpanId"):
            if name in span:
                span[name] = json_format.base64.b64encode(bytes.fromhex(span[name])).decode()
    assert json_format.ParseDict(told, service.ExportTraceServiceRequest()) == by_protobuf
    assert len(by_protobuf.resource_spans[0].scope_spans[0].spans) == 4


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_span_names_its_session_in_every_dialect(talk, dialect):
    found = talk(full())
    for span in Sending(dialect).spans_of(found, found.traces[0]):
        assert span.attributes["session.id"] == span.attributes["gen_ai.conversation.id"] == "shop-1"
    own = {"phoenix": "openinference.span.kind", "langfuse": "langfuse.session.id", "maxim": "maxim-session-id"}
    if dialect in own:
        assert all(own[dialect] in span.attributes for span in Sending(dialect).spans_of(found, found.traces[0]))


SCORES = (
    Score("a" * 32, "thumb", "boolean", False, AT + 1, Target("shop-1", TRACE), "end_user", "no", "ann"),
    Score(
        "b" * 32, "tone", "categorical", "rude", AT + 2, Target("shop-1", TRACE, f"{1:016x}"), "annotator", None, "ben"
    ),
    Score("c" * 32, "rl_f", "numeric", 0.25, AT + 3, Target("shop-1"), "evaluator", None, None, "rouge", "1", "low"),
)


def judged(trace, scores=SCORES):
    spans = tuple(replace(s, scores=tuple(x for x in scores if x.target.span_id == s.id)) for s in trace.spans)
    own = tuple(x for x in scores if x.target.trace_id and not x.target.span_id)
    return replace(trace, spans=spans, scores=own)


def test_scores_are_evaluation_results_that_come_back_with_who_gave_them(talk):
    found = replace(talk(judged(turn(generation()))), scores=(SCORES[2],))
    (after,) = taken(sent(found, takes_session=True))
    (trace,) = after.traces
    span = next(span for span in trace.spans if span.id == f"{1:016x}")
    got = [*trace.scores, *span.scores, *after.scores]
    facts = ("id", "name", "value", "type", "source", "author", "at_ns", "comment")
    assert [[getattr(s, f) for f in facts] for s in got[:2]] == [[getattr(s, f) for f in facts] for s in SCORES[:2]]
    assert (got[2].value, got[2].comment, got[2].target) == (0.25, "low", SCORES[2].target)
    assert [s.target.span_id for s in got] == [None, f"{1:016x}", None]


def test_a_score_that_came_when_its_turn_had_gone_is_a_span_of_its_own_below_it(talk):
    found = talk(judged(turn(generation())))
    first = Sending().spans_of(talk(turn(generation())), found.traces[0])
    gone = {id for span in first for id in span.marks} - {score.id for score in SCORES}
    late = Sending().spans_of(found, found.traces[0], lambda id: id in gone)
    assert [(span.name, span.parent_id, [event.name for event in span.events]) for span in late] == [
        ("score thumb", root_id(found.traces[0]), [EVALUATION]), ("score tone", f"{1:016x}", [EVALUATION]),
    ]  # fmt: skip
    again = {*gone, *(id for span in late for id in span.marks)}
    assert Sending().spans_of(found, found.traces[0], lambda id: id in again) == []


def test_what_an_sdk_exports_by_itself_is_left_to_it_and_the_rest_hangs_below(talk):
    log = Span("9".zfill(16), TRACE, "from a log line", "tool", started_ns=AT, duration_ns=1, origin="log")
    found = talk(turn(generation(origin="otel"), replace(generation("2"), origin="own"), log, exported=True))
    (span,) = Sending().spans_of(found, found.traces[0])
    assert (span.name, span.parent_id) == ("from a log line", f"{0xF00:016x}")
    assert len(Sending(exported=True).spans_of(found, found.traces[0])) == 4


def test_a_trace_that_others_sent_goes_on_as_it_came(talk):
    first = talk(full(), service="shop")
    (after,) = taken(sent(first))
    assert after.traces[0].origin == "otlp"
    again = Sending().spans_of(after, after.traces[0])
    assert {s.span_id for s in again} == {s.span_id for s in Sending().spans_of(first, first.traces[0])}
    assert {s.parent_id for s in again} == {None, f"{0xF00:016x}", f"{1:016x}"}


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@settings(max_examples=60)
@given(st.text(), VALUES, st.dictionaries(st.text(min_size=1), VALUES), st.sampled_from([*DIALECTS]))
def test_whatever_stands_in_a_record_it_can_be_sent_and_both_forms_are_taken(text, value, attributes, dialect):
    span = Span(
        text, TRACE, text, "tool", text or None, arguments=value, result=value, attributes=attributes, started_ns=AT,
        duration_ns=1, events=(Event(text, AT, text, attributes),), status="error", error=Failure(text, text),
    )  # fmt: skip
    trace = turn(span, input=Payload(text), tags=(text,), metadata={"x": value}, span_id=text, parent_id=text)
    from convotrace.model import Session

    conversation = Conversation(Session(text or "s", "s"), (trace,))
    for protobuf in (False, True):
        body = sent(conversation, Sending(dialect), protobuf)
        kind = "application/x-protobuf" if protobuf else "application/json"
        assert receive(body, kind, "traces", Settings()).accepted == 2
