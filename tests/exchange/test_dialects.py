"""The dialects of chat back ends: each is known by its mark, and its text is read once."""

import base64
import json

import pytest
from convotrace_test_wire import FRAMES, JSON, NDJSON, SSE, TEXT, ai, chunk, frame, lines, read, sse, typed, wrapped

from convotrace.exchange import Found
from convotrace.exchange.table import EVENTS, KEYS

ELSEWHERE = ("a2a", "agents", "builders", "runs", "clouds")
# Every dialect says "Open till six." in its own words: name, content type, body.
SPOKEN = [
    ("openai-chat", SSE, sse({"choices": []}, chunk({"content": "Open "}), chunk({"content": "till six."}), "[DONE]")),
    ("openai-chat", JSON, {"object": "chat.completion", "choices": [{"message": {"content": "Open till six."}}]}),
    ("openai-completions", SSE, sse({"choices": [{"text": "Open "}]}, {"choices": [{"text": "till six."}]}, "[DONE]")),
    (
        "openai-responses",
        SSE,
        typed(
            ("response.created", {"response": {"object": "response", "status": "in_progress", "output": []}}),
            ("response.output_text.delta", {"delta": "Open "}),
            ("response.output_text.delta", {"delta": "till six."}),
            ("response.output_text.done", {"text": "Open till six."}),
        ),
    ),
    (
        "openai-responses",
        JSON,
        {
            "object": "response",
            "output": [{"type": "message", "content": [{"type": "output_text", "text": "Open till six."}]}],
        },
    ),
    (
        "openai-assistants",
        SSE,
        sse(
            *(
                {"object": "thread.message.delta", "delta": {"content": [{"type": "text", "text": {"value": text}}]}}
                for text in ("Open ", "till six.")
            ),
            {"object": "thread.message", "content": [{"type": "text", "text": {"value": "Open till six."}}]},
        ),
    ),
    (
        "anthropic-messages",
        SSE,
        typed(
            ("message_start", {"message": {"content": []}}),
            ("content_block_start", {"index": 0, "content_block": {"type": "text", "text": ""}}),
            ("ping", {}),
            ("content_block_delta", {"index": 0, "delta": {"type": "text_delta", "text": "Open "}}),
            ("content_block_delta", {"index": 0, "delta": {"type": "text_delta", "text": "till six."}}),
        ),
    ),
    (
        "anthropic-messages",
        JSON,
        {"type": "message", "role": "assistant", "content": [{"type": "text", "text": "Open till six."}]},
    ),
    ("anthropic-complete", JSON, {"completion": "Open till six.", "stop_reason": "stop_sequence"}),
    (
        "gemini",
        SSE,
        sse(
            {"candidates": [{"content": {"parts": [{"text": "Let me see.", "thought": True}, {"text": "Open "}]}}]},
            {"candidates": [{"content": {"parts": [{"text": "till six."}]}}]},
        ),
    ),
    (
        "gemini",
        JSON,
        [
            {"candidates": [{"content": {"parts": [{"text": "Open "}]}}]},
            {"candidates": [{"content": {"parts": [{"text": "till six."}]}, "finishReason": "STOP"}]},
        ],
    ),
    (
        "gemini-interactions",
        SSE,
        sse(
            {"event_type": "step.start", "index": 0, "step": {"type": "model_output"}},
            {"event_type": "step.delta", "index": 0, "delta": {"type": "text", "text": "Open till six."}},
        ),
    ),
    (
        "gemini-interactions",
        JSON,
        {
            "object": "interaction",
            "status": "completed",
            "steps": [{"type": "model_output", "content": [{"type": "text", "text": "Open till six."}]}],
        },
    ),
    (
        "cohere-v2",
        SSE,
        typed(
            ("message-start", {"delta": {"message": {"content": []}}}),
            ("content-delta", {"index": 0, "delta": {"message": {"content": {"text": "Open "}}}}),
            ("content-delta", {"index": 0, "delta": {"message": {"content": {"text": "till six."}}}}),
        ),
    ),
    (
        "cohere-v2",
        JSON,
        {
            "finish_reason": "COMPLETE",
            "message": {"role": "assistant", "content": [{"type": "text", "text": "Open till six."}]},
        },
    ),
    (
        "cohere-v1",
        NDJSON,
        lines(
            {"event_type": "stream-start"},
            {"event_type": "text-generation", "text": "Open till six."},
            {"event_type": "stream-end", "response": {"text": "Open till six."}},
        ),
    ),
    (
        "bedrock-converse",
        FRAMES,
        frame("messageStart", {"role": "assistant", "p": "ab"})
        + frame("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": "Open "}})
        + frame("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": "till six."}}),
    ),
    (
        "bedrock-converse",
        JSON,
        {
            "output": {"message": {"role": "assistant", "content": [{"text": "Open till six."}]}},
            "stopReason": "end_turn",
        },
    ),
    (
        "bedrock-agent",
        FRAMES,
        frame("trace", {"trace": {"orchestrationTrace": {"rationale": {"text": "Look it up."}}}})
        + frame("chunk", {"bytes": base64.b64encode(b"Open till six.").decode()}),
    ),
    ("bedrock-invoke", FRAMES, wrapped({"outputText": "Open ", "index": 0}) + wrapped({"outputText": "till six."})),
    ("bedrock-invoke", JSON, {"generation": "Open till six.", "stop_reason": "stop"}),
    ("bedrock-invoke", JSON, {"results": [{"outputText": "Open till six.", "completionReason": "FINISH"}]}),
    ("bedrock-invoke", JSON, {"outputs": [{"text": "Open till six.", "stop_reason": "stop"}]}),
    (
        "ag-ui",
        SSE,
        sse(
            {"type": "RUN_STARTED"},
            {"type": "TEXT_MESSAGE_START", "messageId": "u", "role": "user"},
            {"type": "TEXT_MESSAGE_CONTENT", "messageId": "u", "delta": "Is it open?"},
            {"type": "TEXT_MESSAGE_CONTENT", "messageId": "a", "delta": "Open "},
            {"type": "TEXT_MESSAGE_CONTENT", "messageId": "a", "delta": "till six."},
            {"type": "MESSAGES_SNAPSHOT", "messages": [{"role": "assistant", "content": "Open till six."}]},
        ),
    ),
    (
        "ai-sdk-ui",
        SSE,
        sse(
            {"type": "start"},
            {"type": "text-start", "id": "1"},
            {"type": "text-delta", "id": "1", "delta": "Open "},
            {"type": "data-weather", "data": {"text": "sun"}},
            {"type": "text-delta", "id": "1", "delta": "till six."},
        ),
    ),
    ("ai-sdk-data-v4", TEXT, b'f:{"messageId":"m"}\n0:"Open "\n2:[{"text":"page"}]\n0:"till six."\n'),
    (
        "langgraph-sse",
        SSE,
        sse(
            ("metadata", {"run_id": "r"}),
            ("values", {"messages": [{"type": "human", "content": "Is it open?"}]}),
            ("messages", [ai("Open "), {"tags": []}]),
            ("messages", [ai([{"type": "text", "text": "till six."}]), {"tags": []}]),
            ("values", {"messages": [{"type": "ai", "content": "Open till six."}]}),
        ),
    ),
    (
        "langgraph-sse",
        SSE,
        sse(
            (
                "values",
                {"messages": [{"type": "ai", "content": "Hello!"}, {"type": "human", "content": "Is it open?"}]},
            ),
            (
                "values",
                {
                    "messages": [
                        {"type": "ai", "content": "Hello!"},
                        {"type": "human", "content": "Is it open?"},
                        {"type": "ai", "content": "Open till six."},
                    ]
                },
            ),
        ),
    ),
    ("langgraph-sse", SSE, sse(("updates", {"agent": {"messages": [{"type": "ai", "content": "Open till six."}]}}))),
    (
        "langgraph-sse",
        SSE,
        sse(
            ("messages/partial", [{"id": "m", "type": "ai", "content": "Open "}]),
            ("messages/partial", [{"id": "m", "type": "ai", "content": "Open till six."}]),
            ("messages/complete", [{"id": "m", "type": "ai", "content": "Open till six."}]),
        ),
    ),
    ("langserve", SSE, sse(("metadata", {"run_id": "r"}), ("data", '"Open "'), ("data", '"till six."'), ("end", ""))),
    ("langserve", JSON, {"output": "Open till six.", "metadata": {"run_id": "r"}}),
    (
        "langserve",
        SSE,
        sse(
            (
                "data",
                {"event": "on_chat_model_stream", "data": {"chunk": {"type": "AIMessageChunk", "content": "Open "}}},
            ),
            (
                "data",
                {
                    "event": "on_chat_model_stream",
                    "data": {"chunk": {"type": "AIMessageChunk", "content": "till six."}},
                },
            ),
            ("data", {"event": "on_chat_model_end", "data": {"output": {"type": "ai", "content": "Open till six."}}}),
        ),
    ),
    (
        "dify",
        SSE,
        sse(
            {"event": "workflow_started", "task_id": "t", "data": {"inputs": {"text": "x"}}},
            {"event": "message", "task_id": "t", "answer": "Open "},
            {"event": "message", "task_id": "t", "answer": "till six."},
            {"event": "node_finished", "task_id": "t", "data": {"outputs": {"text": "Open till six."}}},
        ),
    ),
    (
        "ollama-chat",
        NDJSON,
        lines(
            {"model": "m", "message": {"role": "assistant", "content": "Open "}, "done": False},
            {"model": "m", "message": {"role": "assistant", "content": "till six."}, "done": True},
        ),
    ),
    (
        "ollama-generate",
        "",
        lines(
            {"model": "m", "response": "Open ", "done": False},
            {"model": "m", "response": "till six.", "done": True, "context": [1, 2]},
        ),
    ),
    (
        "llamacpp-completion",
        SSE,
        sse(
            {"content": "Open ", "stop": False}, {"content": "till six.", "stop": False}, {"content": "", "stop": True}
        ),
    ),
    (
        "tgi-generate",
        SSE,
        sse(
            {"token": {"text": "Open ", "special": False}, "generated_text": None},
            {"token": {"text": "till six.", "special": False}, "generated_text": None},
            {"token": {"text": "</s>", "special": True}, "generated_text": "Open till six."},
        ),
    ),
    ("tgi-generate", JSON, [{"generated_text": "Open till six."}]),
    ("aleph-alpha", JSON, {"completions": [{"completion": "Open till six."}]}),
    ("gradio-call", SSE, sse(("generating", ["Open ", None]), ("complete", ["Open till six.", None]))),
    ("slack-slash", JSON, {"response_type": "ephemeral", "text": "Open till six.", "blocks": [{"text": "x"}]}),
    ("discord-interaction", JSON, {"type": 4, "data": {"content": "Open till six."}}),
    ("dialogflow-es", JSON, {"fulfillmentText": "Open till six.", "fulfillmentMessages": [{"text": {"text": ["x"]}}]}),
    ("rasa-rest", JSON, [{"recipient_id": "u", "text": "Open till six."}, {"recipient_id": "u", "image": "x.png"}]),
    ("bot-framework", JSON, {"activities": [{"type": "typing"}, {"type": "message", "text": "Open till six."}]}),
    (
        "chainlit-socketio",
        TEXT,
        "\x1e".join(
            "42" + json.dumps(packet)
            for packet in (
                ["task_start", {}],
                ["stream_start", {"id": "a", "type": "assistant_message", "output": "Open "}],
                ["stream_token", {"id": "a", "token": "till six."}],
                ["new_message", {"id": "a", "type": "assistant_message", "output": "Open till six."}],
            )
        ).encode(),
    ),
    (
        "twilio-sms",
        "application/xml",
        b"<?xml version='1.0'?><Response><Message to='x'><Body>Open till six.</Body></Message></Response>",
    ),
]


@pytest.mark.parametrize(("dialect", "content_type", "body"), SPOKEN, ids=[f"{d}-{t}" for d, t, _ in SPOKEN])
def test_a_dialect_is_known_and_its_text_is_read_once(dialect, content_type, body):
    found = read(body, content_type)
    assert (found.dialect, found.reply) == (dialect, Found(True, "Open till six."))


def test_every_dialect_of_the_table_is_tried_here_or_with_those_of_builders():
    readers = [row for row in (*KEYS, *EVENTS) if row.read is not None]
    mine = {row.name for row in readers if row.read.__module__.rpartition(".")[2] not in ELSEWHERE}
    assert mine <= {name for name, _, _ in SPOKEN}
