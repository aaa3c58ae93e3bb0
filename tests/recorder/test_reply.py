"""What a reply in a known dialect tells of the model call behind it."""

import json

import pytest

from convotrace.insight.join import with_spans
from convotrace.model import Failure, Span, Stored, Usage
from convotrace.recorder import Verdict

SSE = "text/event-stream"
CHAT = {
    "object": "chat.completion",
    "model": "m-1",
    "choices": [{"message": {"content": "Till six."}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 9, "completion_tokens": 5, "cost": 0.25},
}
CALL = {"index": 0, "id": "c", "function": {"name": "hours", "arguments": '{"day": "Sun"}'}}


def sse(*events):
    return "".join(f"data: {json.dumps(event)}\n\n" for event in events).encode()


def delta(**fields):
    return {"object": "chat.completion.chunk", "choices": [{"index": 0, "delta": fields}]}


def streamed(bench, *events, asked=None):
    """Return a trace whose reply came in a chunk for each event."""
    trace = bench.exchange(asked or {"message": "Open?"}, answered_type=SSE)
    for number, event in enumerate(events):
        trace.sent(sse(event), 1_200 + number, 1 << 20)
    return trace


def test_a_reply_that_tells_of_its_model_makes_one_generation(bench):
    (span,) = bench.record(bench.exchange({"message": "Open?"}, CHAT)).spans
    assert (span.kind, span.name, span.model, span.provider, span.status) == (
        "generation", "openai-chat", "m-1", None, "ok"
    )  # fmt: skip
    assert (span.usage, span.cost, span.finish_reason, span.origin) == (Usage(9, 5), 0.25, "stop", "own")
    assert (span.started_ns, span.duration_ns, span.first_token_ns) == (1_000, 500, None)
    assert span.output == [{"role": "assistant", "parts": [{"type": "text", "content": "Till six."}]}]


def test_the_trace_has_the_totals_of_that_call(bench):
    record = bench.record(bench.exchange({"message": "Open?"}, CHAT))
    assert (record.input_tokens, record.output_tokens, record.cost_nano) == (9, 5, 250_000_000)


def test_a_stream_tells_when_its_first_token_was_there_and_what_the_model_thought_and_called(bench):
    trace = streamed(bench, delta(reasoning="Sunday?"), delta(content="Let me see."), delta(tool_calls=[CALL]))
    (span,) = bench.record(trace).spans
    assert span.first_token_ns == 200
    assert span.output[0]["parts"] == [
        {"type": "reasoning", "content": "Sunday?"},
        {"type": "text", "content": "Let me see."},
        {"type": "tool_call", "id": "c", "name": "hours", "arguments": {"day": "Sun"}},
    ]


def test_the_span_keeps_its_id_however_often_the_trace_is_written(bench):
    trace = bench.exchange({"message": "Open?"}, CHAT)
    first, second = bench.record(trace).spans, bench.record(trace).spans
    assert first == second and first[0].id != bench.record(bench.exchange({"message": "Open?"}, CHAT)).spans[0].id


def test_a_generation_of_the_apps_own_stands_alone(bench):
    trace = bench.exchange({"message": "Open?"}, CHAT)
    bench.work(trace, "own", "generation")
    assert [span.name for span in bench.record(trace).spans] == ["own"]


def test_other_spans_of_the_app_stand_beside_it(bench):
    trace = bench.exchange({"message": "Open?"}, CHAT)
    bench.work(trace, "look up", "retrieval")
    assert [span.name for span in bench.record(trace).spans] == ["look up", "openai-chat"]


PLAIN = [
    {"reply": "Till six.", "usage": {"prompt_tokens": 3}, "model": "m"},
    {"recipient_id": "x", "text": "Till six."},
    {"jsonrpc": "2.0", "result": {}, "model": "m"},
]


@pytest.mark.parametrize("answered", PLAIN)
def test_a_reply_that_is_read_by_its_field_names_or_tells_nothing_more_makes_none(bench, answered):
    assert bench.record(bench.exchange({"message": "Open?"}, answered)).spans == ()


def test_a_call_of_tools_alone_is_a_turn(bench):
    reply = {"choices": [{"message": {"content": None, "tool_calls": [CALL]}}]}
    verdict, change = bench.assemble(bench.exchange({"x": 1}, reply))
    assert verdict is Verdict.TURN and change.trace.spans[0].output[0]["parts"][0]["name"] == "hours"


def test_without_content_the_numbers_stay(bench):
    (span,) = bench.record(bench.exchange({"message": "Open?"}, CHAT), content=False).spans
    assert (span.output, span.usage) == (None, Usage(9, 5))


def test_secrets_in_a_call_are_not_stored(bench):
    call = {"id": "c", "function": {"name": "login", "arguments": '{"password": "hunter2"}'}}
    reply = {"choices": [{"message": {"content": None, "tool_calls": [call]}}]}
    assert "hunter2" not in str(bench.record(bench.exchange({"message": "Open?"}, reply)).spans)


def test_an_error_in_the_middle_of_a_stream_is_an_error_of_the_trace(bench):
    trace = streamed(bench, delta(content="Till "), {"error": {"message": "overloaded", "type": "server_error"}})
    record = bench.record(trace)
    assert (record.status, record.status_code, record.error) == ("error", 200, Failure("server_error", "overloaded"))
    assert (record.output.text, record.errors) == ("Till ", 1)


def test_an_error_without_a_type_is_called_a_stream_error(bench):
    record = bench.record(streamed(bench, {"token": "Till "}, {"error": "overloaded"}))
    assert (record.error, record.errors, record.spans) == (Failure("StreamError", "overloaded"), 1, ())


def test_an_error_field_of_a_plain_answer_is_no_error_of_the_trace(bench):
    record = bench.record(bench.exchange({"message": "Open?"}, {"reply": "Sorry.", "error": "no such shop"}))
    assert (record.status, record.error) == ("ok", None)


def test_what_the_app_raised_counts_more_than_what_its_stream_said(bench):
    trace = streamed(bench, {"token": "Till "}, {"error": "overloaded"})
    trace.fail(Failure("ValueError", "boom"))
    assert bench.record(trace).error == Failure("ValueError", "boom")


def test_a_refusal_is_shown_where_there_is_no_other_text(bench):
    reply = {"choices": [{"message": {"content": None, "refusal": "I cannot help."}}]}
    record = bench.record(bench.exchange({"message": "Open?"}, reply))
    assert record.output.text == "I cannot help."
    assert record.spans[0].output[0]["parts"] == [{"type": "refusal", "content": "I cannot help."}]


def test_the_span_gives_way_to_one_that_was_sent_later(bench):
    record = bench.record(bench.exchange({"message": "Open?"}, CHAT))
    sent = Span("f" * 16, record.id, "chat m-1", "generation", usage=Usage(9, 5), origin="otlp")
    joined = with_spans(Stored(record), [sent]).trace
    assert (joined.spans, joined.input_tokens) == ((sent,), 9)


def test_of_the_same_reply_passed_on_by_several_services_one_call_is_counted(bench):
    record = bench.record(bench.exchange({"message": "Open?"}, CHAT))
    inner = Span("e" * 16, record.id, "openai-chat", "generation", started_ns=2_000, usage=Usage(9, 5),
                 attributes=record.spans[0].attributes)  # fmt: skip
    joined = with_spans(Stored(record), [inner]).trace
    assert (joined.spans, joined.input_tokens) == ((inner,), 9)


@pytest.mark.parametrize("limit", [256 << 10, (256 << 10) - 33, 100_001])
def test_a_stream_that_outgrows_the_limit_keeps_its_text_up_to_there(bench, limit):
    words = [f"word {number} " for number in range(4_000)]
    trace = bench.exchange({"message": "Open?"}, answered_type=SSE)
    for number, word in enumerate(words):
        trace.sent(sse(delta(content=word)), 1_200 + number, limit)
    record = bench.record(trace)
    complete = limit // len(sse(delta(content=words[-1])))
    assert "".join(words).startswith(record.output.text)
    assert len(record.output.text) >= len("".join(words[:complete]))
    assert record.cut.output == trace.response_bytes > limit
