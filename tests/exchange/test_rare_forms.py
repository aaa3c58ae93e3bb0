"""Forms that the recordings of dialects do not show: errors, repeated wholes, states, and what is nothing at all."""

import pytest

from convotrace.exchange import a2a, agents, aisdk, anthropic, builders, dify, google, langchain, openai, responses
from convotrace.exchange.answer import Answer, Part, error_text, error_type
from convotrace.exchange.webhooks import hooked


def told(read, *parts):
    """Return what a dialect gathers of events, each a value or a pair of name and value."""
    answer = Answer()
    read([Part(*one) if isinstance(one, tuple) else Part("", one) for one in parts], answer)
    answer.close()
    return answer


def said(read, *parts):
    answer = told(read, *parts)
    return answer.text, "".join(answer.thoughts) or None, answer.error


def calls(read, *parts):
    return [(call.name, call.arguments, call.id) for call in told(read, *parts).tool_calls()]


CODEX = {"type": "function_call", "name": "pay", "call_id": "c", "arguments": "{}"}
SAID = [
    # Who reads it, the events, the text, the thoughts, the error.
    (agents.read_adk, [{"author": "user", "content": {"parts": [{"text": "hi"}]}}], None, None, None),
    (
        agents.read_adk,
        [
            {"partial": True, "content": {"parts": [{"text": "a"}, {"text": "b", "thought": True}]}},
            {"content": {"parts": [{"text": "a"}]}},
        ],
        "a",
        "b",
        None,
    ),
    (agents.read_adk, [{"error_message": "quota"}], None, None, "quota"),
    (agents.read_mistral, [{"type": "conversation.response.error", "message": "down"}], None, None, "down"),
    (
        agents.read_mistral,
        [
            {"type": "message.output.delta", "content": "a"},
            {"type": "message.output.delta", "content": {"type": "thinking", "thinking": [{"text": "b"}]}},
            {"outputs": [{"type": "message.output", "content": [{"text": "c"}]}, {"type": "other"}]},
        ],
        "ac",
        "b",
        None,
    ),
    (
        agents.read_letta,
        [
            {"messages": [{"message_type": "assistant_message", "content": [{"text": "a"}]}]},
            {"message_type": "reasoning_message", "reasoning": "b"},
            {"message_type": "ping"},
        ],
        "a",
        "b",
        None,
    ),
    (
        agents.read_coze,
        [
            ("conversation.message.completed", {"type": "answer", "content": "whole"}),
            ("conversation.message.completed", {"type": "verbose", "content": "no"}),
        ],
        "whole",
        None,
        None,
    ),
    (
        agents.read_coze,
        [
            ("conversation.message.delta", {"type": "answer", "content": "a", "reasoning_content": "b"}),
            ("conversation.message.completed", {"type": "answer", "content": "a"}),
            ("conversation.chat.completed", {"last_error": {"msg": "no"}}),
        ],
        "a",
        "b",
        None,
    ),
    (agents.read_coze, [("conversation.chat.failed", {"last_error": {"message": "out"}})], None, None, "out"),
    (agents.read_coze, [("error", {"msg": "denied"})], None, None, "denied"),
    (agents.read_coze, [("error", "denied")], None, None, "denied"),
    (a2a.read, [{"error": {"message": "no such task"}}], None, None, "no such task"),
    (a2a.read, [{"result": {"status": {"state": "failed"}}}], None, None, "failed"),
    (
        a2a.read,
        [
            {"result": {"artifact": {"artifactId": "1", "parts": [{"text": "a"}]}}},
            {"result": {"artifact": {"artifactId": "1", "parts": [{"text": "b"}]}, "append": True}},
            {"result": {"artifact": {"artifactId": "2", "parts": [{"data": 5}]}}},
        ],
        "ab",
        None,
        None,
    ),
    (
        a2a.read,
        [
            {"result": {"task": {"status": {"message": {"role": "user", "parts": [{"text": "q"}]}}}}},
            {"result": {"message": {"role": "ROLE_AGENT", "parts": [{"text": "a"}]}}},
            {"result": {"x": 1}},
        ],
        "a",
        None,
        None,
    ),
    (
        aisdk.read_ui,
        [{"type": "error", "errorText": "no"}, {"type": "reasoning-delta", "delta": "b"}, {"type": "x"}],
        None,
        "b",
        "no",
    ),
    (anthropic.read, [{"type": "error", "error": {"message": "overloaded"}}], None, None, "overloaded"),
    (
        anthropic.read,
        [
            {"type": "content_block_start", "content_block": {"type": "image"}},
            {"type": "content_block_delta", "delta": {"type": "signature_delta"}},
            {"type": "content_block_start", "content_block": {"type": "thinking", "thinking": "b"}},
        ],
        None,
        "b",
        None,
    ),
    (responses.read, [{"type": "error", "message": "no"}], None, None, "no"),
    (
        responses.read,
        [
            {"type": "response.output_text.delta", "delta": "half"},
            {"type": "response.reasoning_text.delta", "delta": "b"},
            {
                "response": {
                    "status": "completed",
                    "output": [{"type": "message", "content": [{"text": "whole"}, {"transcript": "!"}]}],
                }
            },
        ],
        "whole!",
        "b",
        None,
    ),
    (
        responses.read,
        [
            {
                "object": "response",
                "output": [
                    {"type": "reasoning", "summary": [{"text": "b"}], "content": [{"text": "c"}]},
                    {"type": "image"},
                ],
            }
        ],
        None,
        "bc",
        None,
    ),
    (
        responses.read,
        [{"type": "response.refusal.delta", "delta": "I cannot."}, {"type": "response.created"}],
        None,
        None,
        None,
    ),
    (langchain.read_graph, [("error", {"message": "no"}), ("custom", {"x": 1})], None, None, "no"),
    (
        langchain.read_graph,
        [
            (
                "values",
                {
                    "messages": [
                        {"type": "ai", "content": "old"},
                        {"type": "human", "content": "q"},
                        {"type": "ai", "content": "new"},
                    ]
                },
            )
        ],
        "new",
        None,
        None,
    ),
    (
        langchain.read_graph,
        [
            ("values", {"messages": [{"type": "human", "content": "q"}]}),
            ("values", {"messages": []}),
            ("updates", {"node": {"messages": [{"type": "ai", "content": "a"}]}}),
        ],
        "a",
        None,
        None,
    ),
    (
        langchain.read_graph,
        [
            ("messages/partial", [{"type": "ai", "id": "1", "content": "a"}]),
            ("messages/complete", [{"type": "ai", "id": "1", "content": "ab"}]),
        ],
        "ab",
        None,
        None,
    ),
    (langchain.read_served, [("error", "no")], None, None, "no"),
    (langchain.read_served, [("data", {"answer": "a"}), ("data", {"x": 1}), ("end", {})], "a", None, None),
    (
        langchain.read_served,
        [{"output": {"type": "ai", "content": [{"type": "thinking", "thinking": "b"}, {"type": "text", "text": "a"}]}}],
        "a",
        "b",
        None,
    ),
    (langchain.read_served, [("data", {"lc": 1, "id": [], "content": "x"}), {"y": 1}], None, None, None),
    (
        dify.read,
        [
            {"event": "text_chunk", "data": {"text": "a"}},
            {"event": "reasoning_chunk", "data": {"reasoning": "b"}},
            {"event": "agent_thought", "thought": "c"},
            {"event": "ping"},
        ],
        "a",
        "bc",
        None,
    ),
    (dify.read, [{"event": "error", "message": "no"}], None, None, "no"),
    (dify.read, [{"event": "workflow_finished", "data": {"error": "stopped"}}], None, None, "stopped"),
    (google.read_interaction, [{"event_type": "error", "error": {"message": "no"}}], None, None, "no"),
    (
        google.read_interaction,
        [
            {
                "event_type": "interaction.complete",
                "interaction": {
                    "status": "completed",
                    "outputs": [{"type": "thought", "summary": [{"text": "b"}]}, {"type": "text", "text": "a"}],
                },
            }
        ],
        "a",
        "b",
        None,
    ),
    (
        google.read_interaction,
        [
            {"event_type": "step.start", "index": 0, "step": {"type": "thought"}},
            {"event_type": "step.delta", "index": 0, "delta": {"content": {"text": "b"}}},
            {"event_type": "step.delta", "index": 1, "delta": {"type": "text", "text": "a"}},
            {"event_type": "step.delta", "index": 1, "delta": {"type": "image"}},
            {"event_type": "x"},
        ],
        "a",
        "b",
        None,
    ),
    (
        openai.read_thread_list,
        [
            {
                "data": [
                    {"role": "assistant", "content": [{"text": {"value": "b"}}]},
                    {"role": "assistant", "content": [{"text": {"value": "a"}}]},
                    {"role": "user", "content": [{"text": {"value": "q"}}]},
                    {"role": "assistant", "content": [{"text": {"value": "old"}}]},
                ]
            }
        ],
        "ab",
        None,
        None,
    ),
    (openai.read_thread_list, [{"data": [{"role": "user"}]}, {"data": []}], None, None, None),
    (
        openai.read,
        [
            {
                "choices": [
                    {"index": 1, "text": "no"},
                    {
                        "index": 0,
                        "message": {"content": [{"text": "a", "thinking": "b"}, {"thinking": [{"text": "c"}]}]},
                    },
                ]
            }
        ],
        "a",
        "bc",
        None,
    ),
    (
        openai.read,
        [{"choices": [{"message": {"audio": {"transcript": "a"}, "reasoning_details": [{"summary": "b"}]}}]}],
        "a",
        "b",
        None,
    ),
    (builders.read_librechat, [{"error": True, "text": "no"}], None, None, "no"),
    (
        builders.read_librechat,
        [{"responseMessage": {"content": [{"text": {"value": "a"}}, {"text": "b"}]}}],
        "ab",
        None,
        None,
    ),
    (
        builders.read_librechat,
        [{"data": {"delta": {"content": [{"text": "a", "think": "b"}]}}}, {"responseMessage": {"text": "again"}}],
        "a",
        "b",
        None,
    ),
    (
        builders.read_langflow,
        [{"event": "error", "data": {"text": "no"}}, {"event": "error", "data": "later"}],
        None,
        None,
        "no",
    ),
    (
        builders.read_langflow,
        [
            {"event": "add_message", "data": {"sender": "User", "text": "q"}},
            {"event": "add_message", "data": {"sender": "Machine", "text": "a"}},
            {"event": "end", "data": {"result": {}}},
        ],
        "a",
        None,
        None,
    ),
    (
        builders.read_langflow,
        [{"outputs": [{"outputs": [{"results": {"message": {"data": {"text": "a"}}}}]}]}],
        "a",
        None,
        None,
    ),
    (builders.read_page, [{"error": "no"}, {"message": {"author": {"role": "user"}}}], None, None, "no"),
    (
        builders.read_page,
        [
            {
                "message": {
                    "id": "1",
                    "author": {"role": "assistant"},
                    "content": {"content_type": "text", "parts": parts},
                }
            }
            for parts in (["a"], ["ab"], "odd")
        ],
        "ab",
        None,
        None,
    ),
    (
        builders.read_copilotkit,
        [{"data": {"generateCopilotResponse": {"messages": [{"content": "a"}, {"content": ["b"]}]}}}],
        "ab",
        None,
        None,
    ),
]


@pytest.mark.parametrize(("read", "parts", "text", "thoughts", "error"), SAID)
def test_what_is_said_thought_and_failed_is_told_once(read, parts, text, thoughts, error):
    assert said(read, *parts) == (text, thoughts, error)


CALLED = [
    (
        agents.read_adk,
        [
            {"content": {"parts": [{"function_call": {"name": "pay", "id": "c", "args": {}}}]}},
            {"partial": True, "content": {"parts": [{"function_call": {"name": "no"}}]}},
        ],
    ),
    (
        agents.read_mistral,
        [
            {"type": "function.call.delta", "id": "c", "name": "pay", "arguments": "{"},
            {"type": "function.call", "id": "c", "arguments": "}"},
        ],
    ),
    (agents.read_mistral, [{"type": "tool.execution.started", "id": "c", "name": "pay", "arguments": {}}]),
    (
        agents.read_letta,
        [{"message_type": "tool_call_message", "tool_call": {"tool_call_id": "c", "name": "pay", "arguments": "{}"}}],
    ),
    (
        responses.read,
        [
            {"type": "response.output_item.added", "output_index": 0, "item": {**CODEX, "arguments": ""}},
            {"type": "response.output_item.added", "item": {"type": "message"}},
            {"type": "response.function_call_arguments.done", "output_index": 0, "arguments": "{}"},
        ],
    ),
    (responses.read, [{"object": "response", "output": [CODEX]}]),
    (
        langchain.read_graph,
        [
            (
                "messages",
                [
                    {
                        "type": "AIMessageChunk",
                        "content": "",
                        "tool_call_chunks": [{"index": 0, "id": "c", "name": "pay", "args": "{"}],
                    }
                ],
            ),
            ("messages", [{"type": "AIMessageChunk", "content": "", "tool_call_chunks": [{"args": "}"}]}]),
        ],
    ),
    (dify.read, [{"event": "agent_thought", "id": "c", "tool": "pay", "tool_input": "{}"}]),
    (
        google.read_interaction,
        [
            {"event_type": "step.start", "index": 0, "step": {"type": "function_call", "id": "c", "name": "pay"}},
            {"event_type": "step.delta", "index": 0, "delta": {"type": "arguments_delta", "arguments": "{}"}},
        ],
    ),
    (
        google.read_interaction,
        [
            {
                "object": "interaction",
                "steps": [{"type": "function_call", "id": "c", "name": "pay", "arguments": "{}"}, {"type": "text"}],
            }
        ],
    ),
    (openai.read, [{"choices": [{"message": {"function_call": {"name": "pay", "arguments": "{}"}}}]}]),
    (
        builders.read_librechat,
        [{"data": {"id": "1", "delta": {"tool_calls": [{"id": "c", "name": "pay", "args": "{"}, {"args": "}"}]}}}],
    ),
    (
        builders.read_copilotkit,
        [{"data": {"generateCopilotResponse": {"messages": [{"id": "c", "name": "pay", "arguments": ["{", "}"]}]}}}],
    ),
    (anthropic.read, [{"type": "message", "content": [{"type": "tool_use", "id": "c", "name": "pay", "input": {}}]}]),
]


@pytest.mark.parametrize(("read", "parts"), CALLED)
def test_a_call_has_its_name_its_whole_arguments_and_its_id(read, parts):
    # Dify and the function calls of old name none.
    assert calls(read, *parts) == [("pay", "{}", None if read in (dify.read, openai.read) else "c")]


@pytest.mark.parametrize(
    ("error", "text", "kind"),
    [
        ("no", "no", None),
        ("", None, None),
        ({"error": {"message": "no", "type": "quota"}}, "no", "quota"),
        ({"error": "no", "type": "error", "code": "E1"}, "no", "E1"),
        ({"detail": {"error": {"code": "E2"}}}, "E2", None),
        ({"a": {"b": 1}}, None, None),
        ({"error": {"error": {"error": {"message": "too deep"}}}}, None, None),
        (5, None, None),
        ({"message": 5}, None, None),
    ],
)
def test_an_error_is_told_in_the_words_of_whoever_sent_it(error, text, kind):
    assert (error_text(error), error_type(error)) == (text, kind)


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({"entry": [{"messaging": [{"message": {"text": "a"}}]}]}, "a"),
        ({"entry": [{"changes": [{"value": {}}, {"value": {"messages": [{"text": {"body": "a"}}]}}]}]}, "a"),
        ({"entry": [{}, {"changes": [{"value": {"messages": []}}]}]}, None),
        ({"entry": []}, None),
        ({"events": [{"type": "follow"}, {"type": "message"}]}, None),
        ({"events": [{"type": "message", "replyToken": "x", "message": {"text": "a"}}]}, "a"),
        ({"application_id": "1", "type": 1}, None),
        ({"application_id": "1", "type": 2, "data": {"options": [{"value": "a"}, {"value": 5}]}}, "a"),
        ({"session": {}, "request": {"intent": {"slots": {"x": {"value": "a"}, "y": {}}}}}, "a"),
        ({"session": {}}, None),
        ({"space": {}, "type": "MESSAGE", "message": {"text": "@bot a", "argumentText": "a"}}, "a"),
        ({"space": {}, "type": "ADDED_TO_SPACE", "message": {"text": "a"}}, None),
        ({"command": "/x", "text": "a"}, None),
        ({"command": "/x", "text": "a", "response_url": "u"}, "a"),
        ({"sender": "ann", "message": "a", "email": "x"}, None),
        ({"update_id": 1, "edited_message": {"chat": {}, "text": "a"}}, "a"),
        ({"update_id": 1, "callback_query": {}}, None),
        ({"other": 1}, None),
    ],
)
def test_what_somebody_wrote_to_a_bot_is_found_and_nothing_else(body, text):
    assert hooked(body) == text


@pytest.mark.parametrize(
    ("known", "more", "texts"),
    [((["a"], []), (["ab"], []), ["ab"]), ((["a"], []), (["b"], []), ["a"]), (([], ["t"]), (["half"], []), []),
     (([], []), (["x\ud83d"], []), ["x"]), ((["a"], []), ([], []), ["a"]), (([], []), ([], ["t"]), [])],
)  # fmt: skip
def test_half_an_event_more_is_taken_where_it_goes_on_from_what_is_known(known, more, texts):
    one, other = Answer(), Answer()
    (one.texts, one.thoughts), (other.texts, other.thoughts) = known, more
    one.extend(other)
    assert one.texts == texts
