"""What a dialect tells beside the text: tool calls, reasoning, usage, how it ended; and what is no chat at all."""

import json

import pytest
from convotrace_test_wire import (
    FRAMES,
    JSON,
    NDJSON,
    SSE,
    TEXT,
    ai,
    chunk,
    frame,
    lines,
    read,
    sse,
    tool_delta,
    typed,
)

from convotrace.exchange import Found, ToolCall

CALL = ToolCall("hours", '{"day": "Monday"}', "c1")
CALLED = [
    ("openai-chat", SSE, sse(chunk(tool_delta(0, "hours", "", "c1")), chunk(tool_delta(0, "", '{"day": "Mon', "")),
                             chunk(tool_delta(0, None, 'day"}')))),
    ("openai-responses", SSE, typed(
        ("response.output_item.added", {"output_index": 1, "item": {"type": "function_call", "name": "hours",
                                                                    "call_id": "c1", "arguments": ""}}),
        ("response.function_call_arguments.delta", {"output_index": 1, "delta": '{"day": '}),
        ("response.function_call_arguments.delta", {"output_index": 1, "delta": '"Monday"}'}),
        ("response.function_call_arguments.done", {"output_index": 1, "arguments": '{"day": "Monday"}'}))),
    ("anthropic-messages", SSE, typed(
        ("content_block_start", {"index": 1, "content_block": {"type": "tool_use", "id": "c1", "name": "hours",
                                                               "input": {}}}),
        ("content_block_delta", {"index": 1, "delta": {"type": "input_json_delta", "partial_json": ""}}),
        ("content_block_delta", {"index": 1, "delta": {"type": "input_json_delta", "partial_json": '{"day": '}}),
        ("content_block_delta", {"index": 1, "delta": {"type": "input_json_delta", "partial_json": '"Monday"}'}}))),
    ("gemini", SSE, sse(
        {"candidates": [{"content": {"parts": [
            {"functionCall": {"name": "hours", "id": "c1", "willContinue": True}}]}}]},
        *({"candidates": [{"content": {"parts": [{"functionCall": {"partialArgs": [
            {"jsonPath": "$.day", "stringValue": text}]}}]}}]} for text in ("Mon", "day")))),
    ("gemini", JSON, {"candidates": [{"content": {"parts": [
        {"functionCall": {"name": "hours", "id": "c1", "args": {"day": "Monday"}}}]}}]}),
    ("gemini-interactions", SSE, sse(
        {"event_type": "step.start", "index": 1,
         "step": {"type": "function_call", "id": "c1", "name": "hours", "arguments": {}}},
        {"event_type": "step.delta", "index": 1,
         "delta": {"type": "arguments_delta", "arguments": '{"day": "Monday"}'}})),
    ("cohere-v2", SSE, typed(
        ("tool-call-start", {"index": 0, "delta": {"message": {"tool_calls": {
            "id": "c1", "function": {"name": "hours", "arguments": ""}}}}}),
        ("tool-call-delta", {"index": 0, "delta": {"message": {"tool_calls": {
            "function": {"arguments": '{"day": "Monday"}'}}}}}))),
    ("bedrock-converse", FRAMES,
     frame("contentBlockStart", {"contentBlockIndex": 0, "start": {"toolUse": {"name": "hours", "toolUseId": "c1"}}})
     + frame("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"toolUse": {"input": '{"day": "Monday"}'}}})),
    ("ag-ui", SSE, sse(
        {"type": "TOOL_CALL_START", "toolCallId": "c1", "toolCallName": "hours"},
        {"type": "TOOL_CALL_ARGS", "toolCallId": "c1", "delta": '{"day": "Monday"}'},
        {"type": "TOOL_CALL_RESULT", "toolCallId": "c1", "content": "10-18"})),
    ("ai-sdk-ui", SSE, sse(
        {"type": "tool-input-start", "toolCallId": "c1", "toolName": "hours"},
        {"type": "tool-input-delta", "toolCallId": "c1", "inputTextDelta": '{"day"'},
        {"type": "tool-input-available", "toolCallId": "c1", "toolName": "hours", "input": {"day": "Monday"}})),
    ("ai-sdk-data-v4", TEXT,
     b'9:{"toolCallId":"c1","toolName":"hours","args":{"day":"Monday"}}\na:{"toolCallId":"c1","result":"10-18"}\n'),
    ("langgraph-sse", SSE, sse(("messages", [ai([], tool_call_chunks=[
        {"index": 1, "id": "c1", "name": "hours", "args": '{"day": "Monday"}'}]), {}]))),
    ("ollama-chat", NDJSON, lines({"model": "m", "done": True, "message": {"content": "", "tool_calls": [
        {"id": "c1", "function": {"name": "hours", "arguments": {"day": "Monday"}}}]}})),
]  # fmt: skip


@pytest.mark.parametrize(("dialect", "content_type", "body"), CALLED, ids=[f"{d}-{t}" for d, t, _ in CALLED])
def test_a_tool_call_is_put_together_from_its_pieces(dialect, content_type, body):
    found = read(body, content_type)
    assert found.dialect == dialect
    (call,) = found.tool_calls
    assert (call.name, json.loads(call.arguments), call.id) == (CALL.name, json.loads(CALL.arguments), CALL.id)


THOUGHT = [
    ("openai-chat", SSE, sse(chunk({"reasoning_content": "Hm, "}), chunk({"reasoning": "Monday."}))),
    ("openai-chat", SSE, sse(chunk({"reasoning": "Hm, Monday.", "reasoning_details": [{"text": "Hm, Monday."}]}))),
    ("openai-chat", SSE, sse(chunk({"content": [{"type": "thinking", "thinking": [{"text": "Hm, Monday."}]}]}))),
    ("openai-responses", SSE, typed(("response.reasoning_summary_text.delta", {"delta": "Hm, Monday."}))),
    (
        "anthropic-messages",
        SSE,
        typed(("content_block_delta", {"index": 0, "delta": {"type": "thinking_delta", "thinking": "Hm, Monday."}})),
    ),
    ("gemini", JSON, {"candidates": [{"content": {"parts": [{"thought": True, "text": "Hm, Monday."}]}}]}),
    (
        "gemini-interactions",
        SSE,
        sse({"event_type": "step.delta", "delta": {"type": "thought_summary", "content": {"text": "Hm, Monday."}}}),
    ),
    ("cohere-v2", SSE, typed(("tool-plan-delta", {"delta": {"message": {"tool_plan": "Hm, Monday."}}}))),
    (
        "bedrock-converse",
        FRAMES,
        frame("contentBlockDelta", {"delta": {"reasoningContent": {"text": "Hm, Monday."}}}),
    ),
    ("ag-ui", SSE, sse({"type": "REASONING_MESSAGE_CONTENT", "delta": "Hm, Monday."})),
    ("ai-sdk-ui", SSE, sse({"type": "reasoning-delta", "delta": "Hm, Monday."})),
    ("ai-sdk-data-v4", TEXT, b'g:"Hm, Monday."\n'),
    ("dify", SSE, sse({"event": "agent_thought", "task_id": "t", "thought": "Hm, Monday."})),
    ("ollama-chat", NDJSON, lines({"model": "m", "done": False, "message": {"thinking": "Hm, Monday."}})),
    (None, SSE, sse({"type": "thinking", "content": "Hm, Monday."}, {"token": "x"})),
]


@pytest.mark.parametrize(("dialect", "content_type", "body"), THOUGHT, ids=[f"{d}-{t}" for d, t, _ in THOUGHT])
def test_reasoning_is_kept_apart_from_the_text(dialect, content_type, body):
    found = read(body, content_type)
    assert (found.dialect, found.reasoning) == (dialect, "Hm, Monday.")
    assert "Monday" not in (found.reply.text or "")


USED = [
    (SSE, sse(chunk({"content": "x"}, finish_reason="stop"), {"choices": [], "usage": {"prompt_tokens": 3}}),
     {"prompt_tokens": 3}, "stop"),
    (SSE, sse(chunk({}, finish_reason="stop") | {"x_groq": {"usage": {"prompt_tokens": 3}}}),
     {"prompt_tokens": 3}, "stop"),
    (SSE, typed(("message_start", {"message": {"usage": {"input_tokens": 3, "output_tokens": 1}}}),
                ("message_delta", {"delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 7, "x": None}})),
     {"input_tokens": 3, "output_tokens": 7}, "end_turn"),
    (SSE, typed(("response.completed", {"response": {"status": "completed", "usage": {"input_tokens": 3}}})),
     {"input_tokens": 3}, "completed"),
    (SSE, sse({"type": "RUN_STARTED"}, {"type": "RUN_FINISHED", "usage": [{"inputTokens": 3, "model": "m"},
                                                                         {"inputTokens": 4, "model": "m"}]}),
     {"inputTokens": 7, "model": "m"}, None),
    (NDJSON, lines({"model": "m", "done": True, "message": {}, "done_reason": "stop", "eval_count": 3, "context": [1]}),
     {"eval_count": 3}, "stop"),
    (FRAMES, frame("messageStop", {"stopReason": "end_turn"}) + frame("metadata", {"usage": {"inputTokens": 3}}),
     {"inputTokens": 3}, "end_turn"),
]  # fmt: skip


@pytest.mark.parametrize(("content_type", "body", "usage", "reason"), USED)
def test_usage_is_the_vendors_own_and_the_end_has_its_reason(content_type, body, usage, reason):
    found = read(body, content_type)
    assert (found.usage, found.finish_reason) == (usage, reason)


FAILED = [
    (SSE, sse(chunk({"content": "Op"}), {"error": {"message": "busy", "code": 502}}), "Op"),
    (SSE, sse(chunk({"content": "Op"}), ("error", {"error": {"message": "busy"}})), "Op"),
    (SSE, typed(("response.output_text.delta", {"delta": "Op"}), ("error", {"message": "busy"})), "Op"),
    (SSE, typed(("message_start", {"message": {}}), ("error", {"error": {"type": "x", "message": "busy"}})), None),
    (SSE, sse({"type": "TEXT_MESSAGE_CONTENT", "delta": "Op"}, {"type": "RUN_ERROR", "message": "busy"}), "Op"),
    (SSE, sse({"type": "text-delta", "delta": "Op"}, {"type": "error", "errorText": "busy"}), "Op"),
    (TEXT, b'0:"Op"\n3:"busy"\n', "Op"),
    (NDJSON, lines({"model": "m", "response": "Op", "done": False}, {"error": "busy"}), "Op"),
    (SSE, sse({"token": "Op"}, {"type": "error", "message": "busy"}), "Op"),
    (SSE, sse({"token": "Op"}, ("error", {"detail": "busy"})), "Op"),
    (JSON, {"error": {"message": "busy"}}, None),
    (FRAMES, frame("messageStart", {"role": "assistant"}) + frame("x", {"message": "busy"}, ":exception-type"), None),
    (SSE, sse(("generating", ["Op"]), ("error", '"busy"')), "Op"),
]  # fmt: skip


@pytest.mark.parametrize(("content_type", "body", "text"), FAILED)
def test_an_error_with_status_200_is_one_and_keeps_what_was_said(content_type, body, text):
    found = read(body, content_type)
    assert (found.error, found.reply.text) == ("busy", text)


@pytest.mark.parametrize("body", [{"detail": "busy"}, {"message": "busy"}, {"error": "busy"}])
def test_of_a_failed_request_the_message_is_the_error(body):
    found = read(body, JSON, succeeded=False)
    assert (found.error, found.reply) == ("busy", Found())


def test_a_refusal_is_no_text():
    found = read(sse(chunk({"refusal": "I will "}), chunk({"refusal": "not."})))
    assert (found.refusal, found.reply) == ("I will not.", Found(True, None))


def test_of_several_choices_the_first_is_the_answer():
    both = [{"index": 1, "delta": {"content": "no"}}, {"index": 0, "delta": {"content": "yes"}}]
    assert read(sse({"choices": both})).reply.text == "yes"


def test_a_final_response_that_repeats_everything_counts_alone():
    message = {"type": "message", "content": [{"type": "output_text", "text": "Open till six."}]}
    body = typed(
        ("response.output_text.delta", {"delta": "till six."}),  # a resumed stream begins in the middle
        ("response.completed", {"response": {"status": "completed", "output": [message]}}),
    )
    assert read(body).reply.text == "Open till six."


def test_a_call_that_the_vendor_ran_itself_is_marked():
    block = {"type": "server_tool_use", "id": "c", "name": "web_search", "input": {"query": "x"}}
    body = {"type": "message", "role": "assistant", "content": [block]}
    assert read(body, JSON).tool_calls == (ToolCall("web_search", '{"query":"x"}', "c", "server_tool_use"),)


@pytest.mark.parametrize(("content_type", "body"), [
    (JSON, {"jsonrpc": "2.0", "id": 1, "result": {"content": [{"type": "text", "text": "x"}]}}),
    (SSE, sse({"jsonrpc": "2.0", "id": 1, "result": {"content": [{"type": "text", "text": "x"}]}})),
    (SSE, sse(("progress", {"percent": 10}), ("progress", {"percent": 100}))),
    (JSON, {"items": [{"id": 1, "message": "ok", "text": "row"}], "total": 1}),
    (JSON, {"results": [{"text": "a page that was found"}]}),
    ("application/xml", b"<urlset><url><loc>x</loc></url></urlset>"),
    (JSON, {"type": "message", "id": 3}),
    (JSON, {"choices": ["red", "blue"]}),
    (JSON, {"choices": "none", "object": 3, "type": 4, "done": 1, "stop": "x", "token": "t", "data": []}),
])  # fmt: skip
def test_what_is_no_chat_is_not_taken_for_one(content_type, body):
    found = read(body, content_type, asked={"job": "export"})
    assert (found.message, found.reply) == (Found(), Found())


def test_a_stream_that_is_cut_gives_what_it_had():
    body = sse(chunk({"content": "Open "}), chunk({"content": "till six."}))
    assert read(body[:-20]).reply.text == "Open "


@pytest.mark.parametrize("content_type", [SSE, JSON, ""])
def test_lines_of_json_are_read_under_a_content_type_that_lies(content_type):
    body = lines(
        {"model": "m", "response": "Open ", "done": False}, {"model": "m", "response": "till six.", "done": True}
    )
    assert read(body, content_type).reply.text == "Open till six."


@pytest.mark.parametrize("content_type", [JSON, ""])
def test_events_are_read_under_a_content_type_that_lies(content_type):
    assert read(sse(chunk({"content": "Open till six."})), content_type).reply.text == "Open till six."
