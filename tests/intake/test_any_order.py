"""However the spans and records of a trace are cut into batches, ordered and repeated: the same conversation."""

import json
from contextlib import closing

import pytest
from convotrace_test_otlp import (
    JSON,
    PROTOBUF,
    TRACE,
    InStore,
    Memory,
    as_protobuf,
    body,
    fill,
    generation,
    log,
    log_body,
    messages,
    span,
    take,
)
from hypothesis import given
from hypothesis import strategies as st

from convotrace.intake import receive
from convotrace.model import SessionFacts
from convotrace.settings import Settings
from convotrace.store import Store

SPANS = (
    span(1, name="POST /chat", kind=2, start=0, end=9_000, attributes={
        "http.request.method": "POST", "http.route": "/chat", "http.response.status_code": 200, "url.path": "/chat"}),
    generation(2, 1, "book a flight", "where to?", start=10, end=2_000),
    span(3, 1, name="execute_tool find", start=2_100, end=2_200, status={"code": 2, "message": "no"}, attributes={
        "gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "find", "gen_ai.tool.call.id": "c1",
        "gen_ai.tool.call.arguments": '{"to": "Oslo"}', "gen_ai.tool.call.result": "none found"}),
    span(4, 1, name="chat", start=2_300, end=3_000, attributes={
        "gen_ai.operation.name": "chat", "gen_ai.response.model": "gpt-4o", "gen_ai.usage.input_tokens": 21,
        "gen_ai.usage.output_tokens": 5}),
    span(5, 1, name="invoke_agent a", start=5, end=8_000, attributes={
        "gen_ai.operation.name": "invoke_agent", "gen_ai.usage.input_tokens": 31, "gen_ai.usage.output_tokens": 8}),
    span(6, 5, name="note", start=20, end=30, attributes={"session.id": "late", "user.id": "ann"}),
)  # fmt: skip
RECORDS = (
    log(4, "gen_ai.system.message", {"content": "be kind"}, at=2_301),
    log(4, "gen_ai.user.message", {"content": "to Oslo"}, at=2_302),
    log(4, "gen_ai.assistant.message", {"tool_calls": [{"id": "c1", "function": {"name": "find", "arguments": "{}"}}]},
        at=2_303),
    log(4, "gen_ai.tool.message", {"content": "none found", "id": "c1"}, at=2_304),
    log(4, "gen_ai.choice", {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "None."}},
        at=2_900),
)  # fmt: skip
PIECES = [("traces", one) for one in SPANS] + [("logs", one) for one in RECORDS]


def sent(place, batches):
    for batch in batches:
        for signal, wrap in (("traces", lambda entries: body(*entries)), ("logs", lambda entries: log_body(*entries))):
            if entries := [one for kind, one in batch if kind == signal]:
                take(place, wrap(entries), signal=signal)
    return place


@st.composite
def batches(draw):
    """Draw every piece at least once, some again, in any order and any batches."""
    pieces = draw(st.permutations(PIECES)) + draw(st.lists(st.sampled_from(PIECES), max_size=12))
    cuts = sorted(draw(st.lists(st.integers(0, len(pieces)), max_size=6)))
    return [pieces[a:b] for a, b in zip([0, *cuts], [*cuts, len(pieces)], strict=True)]


WHOLE = sent(Memory(), [PIECES])


def test_the_whole_is_what_was_said():
    (trace,) = WHOLE.all
    assert (trace.session_id, trace.user_id, trace.id_source) == ("late", "ann", "otlp")
    assert (trace.name, trace.route, trace.status_code, trace.status) == ("POST /chat", "/chat", 200, "ok")
    assert (trace.request.method, trace.request.path, trace.duration_ns) == ("POST", "/chat", 9_000)
    assert (trace.input.text, trace.output.text, trace.is_turn) == ("to Oslo", "None.", True)
    assert (trace.input_tokens, trace.output_tokens, trace.errors) == (31, 8, 1)
    call = next(one for one in trace.spans if one.id.endswith("4"))
    assert [message["role"] for message in call.input] == ["system", "user", "assistant", "tool"]
    assert call.finish_reason == "stop" or call.output[0]["finish_reason"] == "stop"
    assert WHOLE.facts[trace.id] == SessionFacts("late", "otlp", "session.id", "ann")


@given(batches())
def test_any_order_partition_and_repetition_is_the_same_conversation(drawn):
    place = sent(Memory(), drawn)
    assert place.all == WHOLE.all
    assert place.facts == WHOLE.facts


def test_a_session_id_that_comes_last_takes_the_trace_home(place):
    take(place, body(*SPANS[:2]), body(*SPANS[2:5]))
    (before,) = place.all
    assert (before.session_id, before.id_source, before.input_tokens) == (before.id, "none", 31)
    take(place, body(*SPANS[5:]))
    (after,) = place.all
    assert (after.session_id, after.input_tokens, len(after.spans)) == ("late", 31, 6)
    if hasattr(place, "store"):
        (session,) = place.store.sessions()
        assert (session.id, session.input_tokens, session.errors, session.turns, session.id_source) == (
            "late", 31, 1, 1, "otlp")  # fmt: skip


def test_parts_of_a_trace_that_wait_together_are_written_as_one():
    changes = [change for one in SPANS for change in receive(body(one), JSON, "traces", Settings()).changes]
    other = receive(body(span(9, trace="a" * 32)), JSON, "traces", Settings()).changes
    with closing(Store.open("memory:")) as store:
        written = store.write([*changes[:3], *other, *changes[3:]])
        together = [trace for trace in InStore(store).all if trace.id == TRACE]
    assert [done is not None for done in written] == [False, False, False, True, False, False, True]
    with closing(Store.open("memory:")) as store:
        take(InStore(store), body(*SPANS))
        assert together == InStore(store).all


def test_a_record_waits_for_its_span(place):
    take(place, log_body(*RECORDS), signal="logs")
    (early,) = place.all
    (waiting,) = early.spans
    assert (waiting.status, waiting.kind, early.output.text) == ("running", "generation", "None.")
    take(place, body(*SPANS))
    (later,) = place.all
    call = next(one for one in later.spans if one.id.endswith("4"))
    assert (call.status, call.name, call.parent_id, len(call.events)) == ("ok", "chat", f"{1:016x}", 5)
    assert call.usage.input == 21 and call.output[0]["parts"][0]["content"] == "None."


def test_a_span_told_again_by_halves_keeps_what_the_first_half_said(place):
    half = span(2, 1, name="chat", attributes={"gen_ai.operation.name": "chat", "gen_ai.usage.input_tokens": 4})
    take(place, body(generation(2, 1)), body(half))
    (trace,) = place.all
    assert trace.spans[0].output is not None and trace.spans[0].attributes["gen_ai.request.model"] == "gpt-4o"


def test_an_unfinished_span_is_running_until_its_end_comes(place):
    running = {**span(1, name="POST /chat", kind=2), "endTimeUnixNano": "0"}
    take(place, body(running))
    assert [(t.status, t.duration_ns) for t in place.all] == [("running", None)]
    take(place, body(span(1, name="POST /chat", kind=2)), body(running))
    assert [(t.status, t.duration_ns) for t in place.all] == [("ok", 1_000)]


def test_a_circle_of_parents_ends(memory):
    take(memory, body(span(1, 2), span(2, 1), span(3, 3)))
    assert len(memory.all[0].spans) == 3


def test_details_in_a_record_fill_the_span(memory):
    details = log(4, "gen_ai.client.inference.operation.details", "", at=2_400, **{
        "gen_ai.operation.name": "chat", "gen_ai.input.messages": json.loads(messages(("user", "hi"))),
        "gen_ai.output.messages": json.loads(messages(("assistant", "ho")))})  # fmt: skip
    take(memory, log_body(details), signal="logs")
    take(memory, body(SPANS[3]))
    (trace,) = memory.all
    assert (trace.input.text, trace.output.text, trace.spans[0].usage.input) == ("hi", "ho", 21)


def test_a_long_chain_and_many_events_are_taken_again_and_again(memory):
    chain = [span(number, number - 1, start=number) for number in range(2, 1_500)]
    many = span(1, events=[{"name": f"e{at}", "timeUnixNano": str(at)} for at in range(1, 1_500)])
    take(memory, body(*chain), body(many), body(*chain, many))
    (trace,) = memory.all
    assert len(trace.spans) == 1_499 and max(len(one.events) for one in trace.spans) == 1_499


def test_protobuf_tells_what_json_tells_of_spans_of_records_and_of_every_sort_of_value():
    pytest.importorskip("google.protobuf")
    mixed = {"a": [True, 1.5, {"b": [["c"]]}], "n": 5}
    odd = span(7, 1, attributes={"mixed": mixed})
    odd["attributes"] += [{"key": "bytes", "value": {"bytesValue": "AAH/"}}, {"key": "none", "value": {}}]
    many = span(8, 1, attributes={f"a{number}": number for number in range(2_000)})
    lines = [("traces", body(*SPANS, odd, many, resource={"service.name": "shop"})), ("logs", log_body(*RECORDS))]
    in_json = fill(Memory(), lines, twice=False)
    in_protobuf = fill(Memory(), [(s, as_protobuf(s, one)) for s, one in lines], twice=False, content_type=PROTOBUF)
    assert in_protobuf.all == in_json.all
    told = next(one for one in in_json.all[0].spans if one.id.endswith("7")).attributes
    assert (told["bytes"], told["mixed"]) == ("AAH/", mixed)


def test_what_a_span_is_called_for_is_filled_in_by_the_half_that_says_so(memory):
    bare = span(2, 1, name="search")
    told = span(2, 1, name="search", attributes={"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "search"})
    for halves in ((bare, told), (told, bare)):
        place = Memory()
        take(place, *(body(half) for half in halves))
        assert [(one.kind, one.name) for one in place.all[0].spans] == [("tool", "search")]
