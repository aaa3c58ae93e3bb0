"""The dialects of agent servers, bot builders and clouds: each is known by its mark, and its text is read once."""

import copy
import json

import pytest
from convotrace_test_wire import JSON, NDJSON, SSE, lines, read, sse, typed
from hypothesis import given
from hypothesis import strategies as st

from convotrace.exchange import Found, ToolCall, read_exchange
from convotrace.exchange.table import EVENTS, KEYS

SAID = "Open till six."
HALVES = ("Open ", "till six.")
HERE = ("a2a", "agents", "builders", "clouds")


def rpc(result):
    return {"jsonrpc": "2.0", "id": 1, "result": result}


def a2a_parts(text):
    return [{"kind": "text", "text": text}, {"kind": "data", "data": {}}]


def adk(text, **more):
    return {"author": "shop", "invocationId": "e", "content": {"role": "model", "parts": [{"text": text}]}, **more}


SPOKEN = [
    ("a2a", JSON, rpc({"kind": "message", "role": "agent", "parts": a2a_parts(SAID)})),
    ("a2a", JSON, rpc({"message": {"role": "ROLE_AGENT", "parts": [{"text": SAID}]}})),
    (
        "a2a",
        JSON,
        rpc(
            {
                "kind": "task",
                "id": "t",
                "status": {"state": "completed"},
                "history": [{"role": "user", "parts": a2a_parts("Is it open?")}],
                "artifacts": [{"artifactId": "a", "parts": a2a_parts(SAID)}],
            }
        ),
    ),
    (
        "a2a",
        SSE,
        sse(
            rpc({"kind": "task", "status": {"state": "submitted", "message": {
                "role": "user", "parts": a2a_parts("Is it open?")}}}),
            rpc({"kind": "status-update", "status": {"state": "working", "message": {
                "role": "agent", "parts": a2a_parts(SAID)}}}),
            rpc({"kind": "artifact-update", "artifact": {"artifactId": "a", "parts": a2a_parts("Open ")}}),
            rpc({"kind": "artifact-update", "append": True, "artifact": {
                "artifactId": "a", "parts": a2a_parts("till six.")}}),
            rpc({"kind": "status-update", "status": {"state": "completed"}, "final": True}),
        ),
    ),
    (
        "a2a",
        SSE,
        sse(
            rpc({"task": {"id": "t", "status": {"state": "TASK_STATE_SUBMITTED"}}}),
            rpc({"statusUpdate": {"status": {"state": "TASK_STATE_COMPLETED", "message": {
                "role": "ROLE_AGENT", "parts": [{"text": SAID}]}}}}),
        ),
    ),
    ("adk", SSE, sse(adk("Open ", partial=True), adk("till six.", partial=True), adk(SAID, partial=False))),
    ("adk", JSON, [adk(SAID, usageMetadata={"promptTokenCount": 3})]),
    (
        "mistral-conversations",
        SSE,
        typed(
            ("conversation.response.started", {"conversation_id": "c"}),
            ("message.output.delta", {"content": "Open "}),
            ("message.output.delta", {"content": {"type": "text", "text": "till six."}}),
            ("conversation.response.done", {"usage": {"prompt_tokens": 3}}),
        ),
    ),
    (
        "mistral-conversations",
        JSON,
        {"object": "conversation.response", "outputs": [{"type": "message.output", "content": SAID}]},
    ),
    (
        "letta",
        SSE,
        sse(
            {"message_type": "reasoning_message", "reasoning": "Sunday?"},
            {"message_type": "assistant_message", "content": SAID},
            {"message_type": "usage_statistics", "prompt_tokens": 3},
        ),
    ),
    ("letta", JSON, {"messages": [{"message_type": "assistant_message", "content": SAID}], "usage": {"total": 3}}),
    (
        "coze",
        SSE,
        sse(
            ("conversation.chat.created", {"id": "1"}),
            *(("conversation.message.delta", {"role": "assistant", "type": "answer", "content": c}) for c in HALVES),
            ("conversation.message.completed", {"role": "assistant", "type": "answer", "content": SAID}),
            ("conversation.message.completed", {"role": "assistant", "type": "follow_up", "content": "And on Sunday?"}),
            ("done", "[DONE]"),
        ),
    ),
    (
        "librechat",
        SSE,
        sse(
            {"created": True, "message": {"text": "Is it open?", "sender": "User"}},
            *(
                {"event": "on_message_delta", "data": {"delta": {"content": [{"type": "text", "text": c}]}}}
                for c in HALVES
            ),
            {"final": True, "requestMessage": {"text": "Is it open?"}, "responseMessage": {"text": SAID}},
        ),
    ),
    (
        "librechat",
        SSE,
        sse({"final": True, "responseMessage": {"text": "", "content": [{"type": "text", "text": {"value": SAID}}]}}),
    ),
    (
        "langflow",
        NDJSON,
        lines(
            {"event": "add_message", "data": {"sender": "User", "text": "Is it open?"}},
            *({"event": "token", "data": {"chunk": c, "id": "m"}} for c in HALVES),
            {"event": "add_message", "data": {"sender": "Machine", "text": SAID}},
            {"event": "end", "data": {"result": {"outputs": []}}},
        ),
    ),
    (
        "langflow",
        JSON,
        {"session_id": "s", "outputs": [{"inputs": {}, "outputs": [{"results": {"message": {"text": SAID}}}]}]},
    ),
    (
        "voiceflow",
        JSON,
        [{"type": "text", "payload": {"message": SAID}}, {"type": "choice", "payload": {"buttons": []}}],
    ),
    (
        "voiceflow",
        SSE,
        sse(
            ("trace", {"type": "completion-start", "payload": {}}),
            *(("trace", {"type": "completion-continue", "payload": {"completion": c}}) for c in HALVES),
            ("end", {}),
        ),
    ),
    ("botpress", JSON, {"responses": [{"type": "typing"}, {"type": "text", "text": SAID}]}),
    ("botpress", JSON, {"responses": [{"payload": {"type": "text", "text": SAID}}]}),
    (
        "copilotkit",
        JSON,
        {"data": {"generateCopilotResponse": {"messages": [{"id": "m", "content": [*HALVES]}]}}},
    ),
    (
        "chatgpt-page",
        SSE,
        sse(
            *(
                {"message": {"id": "m", "author": {"role": "assistant"},
                             "content": {"content_type": "text", "parts": [text]}}}
                for text in ("", "Open ", SAID)
            ),
            "[DONE]",
        ),
    ),
    (
        "watsonx",
        SSE,
        sse(*({"model_id": "m", "results": [{"generated_text": c, "stop_reason": "not_finished"}]} for c in HALVES)),
    ),
    ("replicate", JSON, {"id": "p", "urls": {"get": "x"}, "status": "succeeded", "output": [*HALVES]}),
    ("vertex-prediction", JSON, {"predictions": [{"content": SAID}]}),
    ("vertex-prediction", JSON, {"predictions": [{"candidates": [{"author": "bot", "content": SAID}]}]}),
    ("palm", JSON, {"candidates": [{"author": "1", "content": SAID}], "messages": []}),
    ("dashscope", SSE, sse(*({"output": {"text": text}, "request_id": "r"} for text in ("Open", "Open till", SAID)))),
    (
        "dashscope",
        JSON,
        {"output": {"choices": [{"message": {"role": "assistant", "content": SAID}}]}, "request_id": "r"},
    ),
    ("ernie", SSE, sse(*({"object": "chat.completion", "result": c, "is_end": c == HALVES[1]} for c in HALVES))),
    ("ernie", JSON, {"object": "chat.completion", "result": SAID, "usage": {"prompt_tokens": 3}}),
    ("lex", JSON, {"messages": [{"content": SAID, "contentType": "PlainText"}], "sessionState": {}}),
    ("watson-assistant", JSON, {"output": {"generic": [{"response_type": "text", "text": SAID}], "intents": []}}),
    ("dialogflow-cx", JSON, {"queryResult": {"text": "x", "responseMessages": [{"text": {"text": [SAID]}}]}}),
    ("dialogflow-cx", JSON, {"queryResult": {"queryText": "x", "fulfillmentText": SAID}}),
    ("dialogflow-cx", JSON, {"fulfillment_response": {"messages": [{"text": {"text": [SAID]}}]}}),
]  # fmt: skip


@pytest.mark.parametrize(("dialect", "content_type", "body"), SPOKEN, ids=[f"{d}-{t}" for d, t, _ in SPOKEN])
def test_a_dialect_is_known_and_its_text_is_read_once(dialect, content_type, body):
    found = read(body, content_type)
    assert (found.dialect, found.reply) == (dialect, Found(True, SAID))


def test_every_dialect_of_these_rooms_is_tried_here():
    readers = [row for row in (*KEYS, *EVENTS) if row.read is not None]
    mine = {row.name for row in readers if row.read.__module__.rpartition(".")[2] in HERE}
    assert mine == {name for name, _, _ in SPOKEN}


BY_FIELD_NAMES = {
    "flowise": sse({"event": "start", "data": ""}, *({"event": "token", "data": c} for c in HALVES),
                   {"event": "nextAgent", "data": "clerk"}, {"event": "end", "data": "[DONE]"}),
    "n8n": lines({"type": "begin", "metadata": {}}, *({"type": "item", "content": c} for c in HALVES), {"type": "end"}),
    "chat-ui": lines({"type": "status", "status": "started"},
                     *({"type": "stream", "token": c.ljust(16, "\0")} for c in HALVES),
                     {"type": "finalAnswer", "text": SAID}),
    "haystack": json.dumps({"answers": [{"answer": SAID, "score": 0.9}]}).encode(),
    "workers ai": json.dumps({"result": {"response": SAID}, "success": True}).encode(),
    "deepset": sse(*({"query_id": "q", "type": "delta", "delta": {"text": c}} for c in HALVES)),
}  # fmt: skip


@pytest.mark.parametrize("body", BY_FIELD_NAMES.values(), ids=BY_FIELD_NAMES)
def test_what_is_no_dialect_of_its_own_is_read_by_its_field_names(body):
    content_type = {b"d": SSE, b"{": JSON}[body[:1]]
    assert read(body, content_type).reply == Found(True, SAID)


ASKED = {
    "a2a": {"jsonrpc": "2.0", "method": "message/stream", "params": {"message": {"parts": a2a_parts(SAID)}}},
    "adk": {"app_name": "shop", "session_id": "s", "new_message": {"role": "user", "parts": [{"text": SAID}]}},
    "voiceflow": {"action": {"type": "text", "payload": SAID}},
    "voiceflow before": {"request": {"type": "text", "payload": SAID}},
    "botpress": {"conversationId": "c", "payload": {"type": "text", "text": SAID}},
    "langflow": {"input_value": SAID, "input_type": "chat"},
    "chat-ui": {"data": json.dumps({"inputs": SAID, "is_retry": False})},
    "copilotkit": {
        "operationName": "generateCopilotResponse",
        "query": "mutation generateCopilotResponse { x }",
        "variables": {"data": {"messages": [{"textMessage": {"role": "user", "content": SAID}}]}},
    },
    "chatgpt page": {
        "action": "next",
        "messages": [{"author": {"role": "user"}, "content": {"content_type": "text", "parts": [SAID]}}],
    },
    "telegram": {"update_id": 1, "message": {"chat": {"id": 1}, "text": SAID}},
    "line": {"events": [{"type": "message", "replyToken": "r", "message": {"type": "text", "text": SAID}}]},
    "google chat": {"type": "MESSAGE", "space": {}, "message": {"text": f"@bot {SAID}", "argumentText": SAID}},
    "alexa": {"session": {}, "request": {"type": "IntentRequest", "intent": {"slots": {"q": {"value": SAID}}}}},
    "dialogflow": {"queryInput": {"text": {"text": SAID, "languageCode": "en"}}},
    "lex": {"inputTranscript": SAID, "bot": {}},
}


@pytest.mark.parametrize("body", ASKED.values(), ids=ASKED)
def test_what_was_said_is_found_in_their_requests(body):
    assert read_exchange("POST", {}, json.dumps(body).encode(), JSON, None, "").message.text == SAID


NOT_SAID = [
    {"query": "query Shops { shops { id } }", "variables": {"first": 3}},
    {"operationName": None, "query": "{ shops { id } }"},
    {"jsonrpc": "2.0", "method": "tools/call", "params": {"message": {"parts": [{"text": "x"}]}}},
    {"jsonrpc": "2.0", "method": "sampling/createMessage", "params": {"messages": [{"role": "user", "content": "x"}]}},
    {"payload": {"type": "image", "url": "x"}},
    {"events": [{"type": "click"}]},
    {"update_id": 1, "callback_query": {"data": "x"}},
]


@pytest.mark.parametrize("body", NOT_SAID)
def test_other_talk_of_machines_is_no_message(body):
    assert not read_exchange("POST", {}, json.dumps(body).encode(), JSON, None, "").message.recognised


def test_envelopes_in_envelopes_are_opened_once():
    body = b'{"payload": {"type": "text", "payload": ' * 400 + b'"x"' + b"}}" * 400
    assert not read_exchange("POST", {}, body, JSON, None, "").message.recognised


def test_tools_usage_model_and_errors_of_agent_servers_are_read():
    call = {"functionCall": {"name": "hours", "args": {"day": "Sun"}, "id": "c"}}
    found = read(sse(adk("", content={"parts": [call]}, usageMetadata={"promptTokenCount": 3}, modelVersion="m")))
    assert found.tool_calls == (ToolCall("hours", '{"day":"Sun"}', "c"),)
    assert (found.usage, found.model) == ({"promptTokenCount": 3}, "m")
    pieces = [{"name": "hours", "tool_call_id": "c", "arguments": piece} for piece in ('{"day":', '"Sun"}')]
    found = read(typed(("conversation.response.started", {}), *(("function.call.delta", piece) for piece in pieces)))
    assert found.tool_calls == (ToolCall("hours", '{"day":"Sun"}', "c"),)
    found = read(
        sse(rpc({"kind": "status-update", "status": {"state": "failed", "message": {"parts": [{"text": "no"}]}}}))
    )
    assert (found.error, found.error_type) == ("no", "StreamError")


def test_realtime_events_carry_the_words_that_were_spoken():
    events = [("response.output_audio_transcript.delta", {"delta": piece}) for piece in HALVES]
    assert read(typed(*events)).reply == Found(True, SAID)


def test_the_messages_of_a_thread_are_brought_by_a_get():
    def message(role, text):
        return {"object": "thread.message", "role": role, "content": [{"type": "text", "text": {"value": text}}]}

    body = {"object": "list", "data": [message("assistant", SAID), message("user", "Open?"), message("assistant", "x")]}
    assert read_exchange("GET", {}, None, "", json.dumps(body).encode(), JSON).fetched == Found(True, SAID)


anything = st.recursive(
    st.none() | st.booleans() | st.integers(-1, 3) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["type", "text", "id"]), inner),
    max_leaves=4,
)


def events_of(body):
    """Return the values of a body as JSON."""
    if not isinstance(body, bytes):
        return body if isinstance(body, list) else [body]
    texts = [line.removeprefix("data: ") for line in body.decode().split("\n") if line.startswith(("data: {", "{"))]
    return [json.loads(text) for text in texts]


def places(value):
    """Yield every container and key in a value."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in list(items):
        yield value, key
        yield from places(inner)


@given(st.sampled_from([(name, body) for name, _, body in SPOKEN]), st.data())
def test_a_dialect_with_anything_in_any_place_raises_nothing(spoken, data):
    events = copy.deepcopy(events_of(spoken[1]))
    for holder, key in data.draw(st.lists(st.sampled_from(list(places(events))), min_size=1, max_size=3)):
        holder[key] = data.draw(anything)
    name = data.draw(st.sampled_from(["", *(row.mark for row in EVENTS)]))
    for body, content_type in ((json.dumps(events), JSON), (sse(*((name, e) for e in events)).decode(), SSE)):
        read_exchange("POST", {}, json.dumps(events[0]).encode(), JSON, body.encode(), content_type)
