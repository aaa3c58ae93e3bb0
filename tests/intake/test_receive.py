"""What a request may be, and what is refused of it: hostile bytes, odd spellings, limits, secrets, contents."""

import json

import orjson
import pytest
from convotrace_test_otlp import JSON, PROTOBUF, TRACE, body, generation, log, log_body, pairs, span, take
from hypothesis import given
from hypothesis import strategies as st

from convotrace.errors import BadRequest
from convotrace.intake import NotInstalled, answer, receive, status
from convotrace.intake.sent import MAX_TEXT
from convotrace.pricing import Prices
from convotrace.settings import Settings

SETTINGS = Settings()
BROKEN = [b"", b"{", b"[]", b'"x"', b"null", b"\xff\xfe", b"[" * 100_000, b'{"resourceSpans": ' * 5_000]


@pytest.mark.parametrize("broken", BROKEN)
@pytest.mark.parametrize("signal", ["traces", "logs"])
def test_broken_json_is_one_clear_sentence(broken, signal):
    with pytest.raises(BadRequest, match=r"^The body is .+\.$"):
        receive(broken, JSON, signal, SETTINGS)


def test_broken_protobuf_is_one_clear_sentence():
    pytest.importorskip("opentelemetry.proto")
    with pytest.raises(BadRequest, match="protobuf"):
        receive(b"\xff\xff\xff", PROTOBUF, "traces", SETTINGS)


def test_another_content_type_is_refused():
    with pytest.raises(BadRequest, match="application/json"):
        receive(b"{}", "text/plain", "traces", SETTINGS)


def test_without_the_extra_protobuf_is_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "opentelemetry.proto.collector.trace.v1", None)
    with pytest.raises(NotInstalled, match=r"pip install 'convotrace\[otlp\]'"):
        receive(b"\n\x00", PROTOBUF, "traces", SETTINGS)


def test_an_empty_request_is_a_success():
    assert receive(b"{}", "application/json; charset=utf-8", "traces", SETTINGS).changes == ()
    assert receive(b"", PROTOBUF, "traces", SETTINGS).rejected == 0


def test_a_bad_span_is_refused_and_the_others_are_taken(place):
    bad = [{**span(7), "traceId": "0" * 32}, {**span(8), "spanId": "zz"}, None, {**span(9), "startTimeUnixNano": None,
           "endTimeUnixNano": None}, {"name": "nothing"}]  # fmt: skip
    got = take(place, body(span(1), *bad))
    assert (got.accepted, got.rejected) == (1, 5)
    assert "trace id" in got.message and len(place.all[0].spans) == 1


def test_records_without_a_trace_are_refused(memory):
    bad = [{"body": {"stringValue": "hi"}}, {**log(1, "x", "y"), "observedTimeUnixNano": "0"}]
    got = take(memory, log_body(*bad, log(1, "x", "y")), signal="logs")
    assert (got.accepted, got.rejected) == (1, 2)


def test_a_record_on_a_trace_alone_is_an_event_of_it(place):
    record = {**log(1, None, "started", severity="x"), "spanId": "", "severityNumber": 17}
    take(place, log_body(record), signal="logs")
    assert [trace.started_ns % 10**9 for trace in place.all] == [1_500]
    take(place, body(span(1)), body(span(2)))
    (trace,) = place.all
    assert [(event.name, event.level) for event in trace.events] == [("started", "error")]


def test_odd_spellings_are_read(memory):
    odd = {
        **span(1, start=5),
        "traceId": TRACE.upper(),
        "spanId": "00000000000000AB",
        "kind": "SPAN_KIND_SERVER",
        "status": {"code": "STATUS_CODE_ERROR"},
        "startTimeUnixNano": 1_790_000_000_000_000_005,
        "new": {"a": 1},
    }
    odd["attributes"] += [
        {"key": "i", "value": {"intValue": 7}}, {"key": "b", "value": {"bytesValue": "AAE="}},
        {"key": "l", "value": {"arrayValue": {}}}, {"key": "none"}, {"key": 5}, "odd",
        {"key": "n", "value": {"doubleValue": "NaN"}}, {"key": "big", "value": {"intValue": "9" * 30}},
    ]  # fmt: skip
    take(memory, body(odd))
    (trace,) = memory.all
    (found,) = trace.spans
    assert (trace.id, found.id, found.status, found.attributes["span.kind"]) == (
        TRACE, "00000000000000ab", "error", "server")  # fmt: skip
    assert {name: found.attributes[name] for name in "ibln"} == {"i": 7, "b": "AAE=", "l": [], "n": "NaN"}


def test_ids_in_base64_are_those_in_hex(memory):
    general = {**span(1, 2), "traceId": "W47/95gDgQPSabYzgT/GDA==", "spanId": "AAAAAAAAAKs=", "parentSpanId": ""}
    take(memory, body(span(2), general, span(0xAB, 2, name="again")))
    (trace,) = memory.all
    assert (trace.id, [found.id[-2:] for found in trace.spans]) == (TRACE, ["02", "ab"])


def test_snake_case_and_a_cut_character_are_read(memory):
    snake = {"resource_spans": [{"scope_spans": [{"spans": [{
        "trace_id": TRACE, "span_id": f"{1:016x}", "name": "cut \ud83d", "start_time_unix_nano": "5",
        "end_time_unix_nano": "7", "attributes": [{"key": "a", "value": {"string_value": "b"}}]}]}]}]}  # fmt: skip
    take(memory, json.dumps(snake).encode())
    assert (memory.all[0].spans[0].duration_ns, memory.all[0].spans[0].attributes["a"]) == (2, "b")


def test_deep_and_large_values_are_cut_visibly(memory):
    deep = "x"
    for _ in range(200):
        deep = [deep]
    take(memory, body(span(1, attributes={"deep": deep, "large": "y" * (MAX_TEXT + 5)})))
    (found,) = memory.all[0].spans
    assert "cut: too deep" in json.dumps(found.attributes["deep"])
    assert found.attributes["large"].endswith(f"[cut: {MAX_TEXT + 5} characters]")


def test_secrets_and_cookies_are_never_kept(memory):
    take(memory, body(
        span(1, attributes={
            "http.request.header.authorization": ["Bearer s3cret"], "http.request.header.cookie": ["a=s3cret"],
            "http.response.header.set_cookie": ["a=s3cret"], "api_key": "s3cret", "app.password": ["s3cret"],
            "gen_ai.tool.call.arguments": '{"apiKey": "s3cret", "q": "x"}', "gen_ai.tool.name": "find"}),
        resource={"secret": "s3cret"},
    ))  # fmt: skip
    assert "s3cret" not in repr(memory.all) and "redacted" in repr(memory.all)


def test_without_content_only_the_facts_around_it_stay(memory):
    take(
        memory,
        body(
            generation(
                2,
                None,
                "s3cret",
                "s3cret",
                {"input.value": "s3cret", "output.value": "s3cret", "gen_ai.prompt.0.content": "s3cret"},
            )
        ),
        content=False,
    )
    take(memory, log_body(log(2, "gen_ai.choice", {"message": {"content": "s3cret"}})), signal="logs", content=False)
    (trace,) = memory.all
    assert "s3cret" not in repr(trace)
    assert (trace.input_tokens, trace.is_turn, trace.spans[0].model) == (10, True, "gpt-4o")


def test_a_cost_that_was_not_sent_comes_from_the_prices(memory):
    prices = Prices.of({"gpt-4o": {"input": 1.0, "output": 2.0}})
    told = generation(3, attributes={"gen_ai.usage.cost": 0.5})
    memory.write(receive(body(generation(2), told), JSON, "traces", SETTINGS, prices).changes)
    assert [one.cost_nano for one in memory.all[0].spans] == [16_000, 500_000_000]


def test_services_environment_and_release_come_from_the_resource(place):
    told = {"service.name": "front", "service.version": "1.2", "deployment.environment.name": "prod"}
    take(place, body(span(1, attributes={"session.id": "s"}), resource=told))
    (trace,) = place.all
    assert (trace.service, trace.spans[0].service) == ("front", "front")
    if hasattr(place, "store"):
        (session,) = place.store.sessions()
        assert (session.service, session.environment, session.release) == (("front",), "prod", "1.2")


def test_doubles_of_running_spans_and_spans_of_single_messages_are_not_kept(memory):
    take(memory, body(
        span(1, name="POST", kind=2), span(2, 1, name="POST http send", attributes={"asgi.event.type": "x"}),
        span(3, 4, name="chat", attributes={
            "logfire.span_type": "pending_span", "logfire.pending_parent_id": "0" * 16}),
    ))  # fmt: skip
    assert [(one.id[-1], one.status, one.parent_id) for one in memory.all[0].spans] == [
        ("1", "ok", None), ("4", "running", None)]  # fmt: skip


def test_scores_stand_on_what_they_judge(place):
    judged = {"evaluations.0.evaluation.name": "tone", "evaluations.0.evaluation.score": 0.5,
              "trace.annotations.0.annotation.name": "good", "trace.annotations.0.annotation.label": "yes",
              "trace.annotations.0.annotation.annotator_kind": "HUMAN",
              "trace.annotations.0.annotation.identifier": "bo"}  # fmt: skip
    once = body(generation(2, attributes={"session.id": "s", **judged}))
    record = log(2, "gen_ai.evaluation.result", "", **{
        "gen_ai.evaluation.name": "right", "gen_ai.evaluation.score.value": 1.0,
        "gen_ai.evaluation.explanation": "it is"})  # fmt: skip
    take(place, once)
    take(place, log_body(record), signal="logs")
    take(place, once)
    (trace,) = place.all
    assert sorted((s.name, s.value, s.comment) for s in trace.spans[0].scores) == [
        ("right", 1.0, "it is"), ("tone", 0.5, None)]  # fmt: skip
    assert [(s.name, s.value, s.source, s.author) for s in trace.scores] == [("good", "yes", "annotator", "bo")]
    assert {s.target.session_id for s in (*trace.scores, *trace.spans[0].scores)} == {"s"}


@pytest.mark.parametrize("signal", ["traces", "logs"])
def test_answers_come_in_the_type_of_the_request(signal):
    assert answer(JSON) == b"{}" and answer(PROTOBUF) == b""
    counted = "rejectedSpans" if signal == "traces" else "rejectedLogRecords"
    assert orjson.loads(answer(JSON, 2, "no", signal)) == {"partialSuccess": {counted: "2", "errorMessage": "no"}}
    assert orjson.loads(status(JSON, 3, "bad")) == {"code": 3, "message": "bad"}


def test_answers_in_protobuf_are_read_by_its_own_package():
    pytest.importorskip("opentelemetry.proto")
    from convotrace.intake.protobuf_format import message

    response = message("trace", "Response")
    response.ParseFromString(answer(PROTOBUF, 300, "grün " * 40))
    assert response.partial_success.rejected_spans == 300
    assert response.partial_success.error_message == "grün " * 40
    # google.rpc.Status has its fields under the numbers of a partial success.
    response.partial_success.ParseFromString(status(PROTOBUF, 3, "bad"))
    assert (response.partial_success.rejected_spans, response.partial_success.error_message) == (3, "bad")


NAMES = st.sampled_from([
    "resourceSpans", "scopeSpans", "spans", "resource", "scope", "attributes", "key", "value", "stringValue", "events",
    "arrayValue", "kvlistValue", "values", "traceId", "spanId", "name", "kind", "status", "code", "links", "intValue",
    "startTimeUnixNano", "endTimeUnixNano", "parentSpanId", "resourceLogs", "scopeLogs", "logRecords", "body",
])  # fmt: skip
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4) | st.sampled_from(
    [TRACE, f"{1:016x}", "1790000000000000000"]
)  # fmt: skip
SHAPES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=5), max_leaves=40
)


@given(SHAPES, st.sampled_from(["traces", "logs"]))
def test_no_json_raises_anything_but_a_bad_request(shape, signal):
    for given_ in (shape, {"resourceSpans": [{"scopeSpans": [{"spans": [shape]}]}]},
                   {"resourceLogs": [{"scopeLogs": [{"logRecords": [shape]}]}]}):  # fmt: skip
        try:
            receive(json.dumps(given_).encode(), JSON, signal, SETTINGS)
        except BadRequest:
            pass


KEYS = st.sampled_from([
    "gen_ai.input.messages", "gen_ai.output.messages", "llm.input_messages.0.message.role", "llm.input_messages.0",
    "llm.input_messages.0.message.content", "gen_ai.prompt.0.content", "gen_ai.prompt", "gen_ai.tool.definitions",
    "gen_ai.operation.name", "openinference.span.kind", "session.id", "metadata", "gen_ai.usage.input_tokens",
    "langfuse.observation.usage_details", "langfuse.observation.input", "ai.response.toolCalls", "ai.prompt", "events",
    "pydantic_ai.all_messages", "retrieval.documents.0.document.content", "evaluations.0.evaluation.score",
    "evaluations.0.evaluation.name", "gen_ai.system_instructions", "tag.tags", "model_request_parameters",
    "langfuse.observation.completion_start_time", "langfuse.observation.cost_details", "gen_ai.event.content",
    "gen_ai.message", "gen_ai.message.place", "input.value", "output.value", "ai.values", "logfire.span_type",
])  # fmt: skip
WORDS = st.sampled_from(["chat", "execute_tool", "invoke_agent", "LLM", "RETRIEVER", "EMBEDDING", "TOOL", "[", "{}"])
FIELDS = st.sampled_from([
    "role", "content", "parts", "type", "tool_calls", "messages", "id", "message", "function", "input", "total",
    "choices", "kwargs", "data", "lc", "text", "output", "name",
])  # fmt: skip
PLAIN = st.recursive(
    st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5) | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(FIELDS, inner, max_size=4),
    max_leaves=12,
)
ATTRIBUTES = st.dictionaries(KEYS, PLAIN | PLAIN.map(json.dumps), max_size=8)


@given(ATTRIBUTES, ATTRIBUTES, st.sampled_from(["gen_ai.choice", "gen_ai.user.message", "exception", "x"]))
def test_no_attribute_raises(attributes, of_event, event):
    sent = span(1, attributes=attributes, events=[{"name": event, "attributes": pairs(of_event)}])
    got = receive(body(sent), JSON, "traces", SETTINGS)
    assert got.rejected == 0
