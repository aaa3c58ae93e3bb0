"""Requests that send the conversation again: what was said earlier, and whether another answer is asked for."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convotrace.exchange import Said, read_exchange

NEW = "And on Sunday?"
EARLIER = (Said("user", "Is it open?"), Said("assistant", "Till six."))


def read(body, query=None, **more):
    """Read a request."""
    return read_exchange("POST", query or {}, json.dumps(body).encode(), "application/json", None, "", **more)


def messages(content="content", assistant="assistant", wrap=lambda text: text):
    """Return the conversation as a list of messages."""
    roles = ("user", assistant, "user")
    return [{"role": r, content: wrap(t)} for r, t in zip(roles, ("Is it open?", "Till six.", NEW), strict=True)]


SYSTEM = {"role": "system", "content": "Be brief."}
CALL = {"role": "assistant", "content": None, "tool_calls": [{"function": {"name": "hours", "arguments": "{}"}}]}
RESULT = {"role": "tool", "tool_call_id": "c", "content": "10-18"}
PARTS = [{"type": "text", "text": "Is it open?"}]
RESENT = {
    "openai": {"messages": [SYSTEM, *messages()]},
    "openai with tools": {"messages": [*messages()[:1], CALL, RESULT, *messages()[1:]]},
    "a tool loop": {"messages": [*messages(), CALL, RESULT]},
    "openai responses": {"input": messages(wrap=lambda text: [{"type": "input_text", "text": text}])},
    "ai sdk": {"id": "c", "messages": messages("parts", wrap=lambda text: [{"type": "text", "text": text}])},
    "gemini": {"contents": messages("parts", "model", lambda text: [{"text": text}])},
    "anthropic": {"system": "x", "messages": messages(wrap=lambda text: [{"type": "text", "text": text}])},
    "anthropic tool result": {
        "messages": [
            *messages(),
            {"role": "assistant", "content": [{"type": "tool_use", "id": "c", "name": "hours", "input": {}}]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c", "content": "10-18"}]},
        ]
    },
    "langchain": {"input": {"messages": [["human", "Is it open?"], ["ai", "Till six."], ["human", NEW]]}},
    "langchain types": {"messages": [{"type": {"user": "human"}.get(m["role"], "ai"), **m} for m in messages()]},
    "pairs": {"message": NEW, "history": [["Is it open?", "Till six."]]},
    "messages beside": {"message": NEW, "history": messages()[:2]},
    "messages beside that end with the new one": {"query": NEW, "chat_history": messages()},
    "cohere v1": {
        "message": NEW,
        "chat_history": [{"role": "USER", "message": "Is it open?"}, {"role": "CHATBOT", "message": "Till six."}],
    },
    "gradio": {"data": [NEW, [["Is it open?", "Till six."]]]},
    "gradio messages": {"data": [NEW, messages()[:2], None]},
    "flows": {"question": NEW, "chat_history": [{"inputs": {"q": "Is it open?"}, "outputs": {"a": "Till six."}}]},
    "question and answer": {"question": NEW, "history": [{"question": "Is it open?", "answer": "Till six."}]},
    "senders": {"message": NEW, "messages": [
        {"sender": "user", "text": "Is it open?"}, {"sender": "bot", "text": "Till six."}]},
}  # fmt: skip


@pytest.mark.parametrize("body", RESENT.values(), ids=RESENT)
def test_the_messages_before_the_new_one_are_the_history(body):
    assert read(body).history == EARLIER


@pytest.mark.parametrize("body", RESENT.values(), ids=RESENT)
def test_the_new_message_is_not_in_the_history(body):
    assert read(body).message.text == NEW


NONE = [
    {"message": "hi"},
    {"messages": [SYSTEM, {"role": "user", "content": "hi"}]},
    {"message": "hi", "history": []},
    {"message": "hi", "history": "none"},
    {"message": "hi", "history": [3, None, {"x": 1}, [], ["a", "b", "c"]]},
    {"data": ["hi", ["a", "b"], 3]},
    ["hi"],
]


@pytest.mark.parametrize("body", NONE)
def test_a_request_that_sends_nothing_again_has_no_history(body):
    assert read(body).history == ()


def test_of_a_request_that_was_cut_neither_the_new_message_nor_the_history_is_known():
    whole = json.dumps({"messages": messages()}).encode()
    found = read_exchange("POST", {}, whole[:-40], "application/json", None, "", request_cut=True)
    assert (found.message.recognised, found.message.text, found.history) == (True, None, ())


def test_a_get_has_no_history():
    assert read_exchange("GET", {"message": "hi"}, None, "", None, "").history == ()


AGAIN = [
    ({"trigger": "regenerate-message"}, True),
    ({"trigger": "submit-message"}, False),
    ({"regenerate": True}, True),
    ({"regenerate": "true"}, True),
    ({"regenerate": False}, False),
    ({"isRegenerate": True}, True),
    ({"is_retry": True}, True),
    ({"retry": 1}, True),
    ({"retry": 3}, False),
    ({"action": "variant"}, True),
    ({"action": "next"}, False),
    ({"action": {"type": "text"}}, False),
]


@pytest.mark.parametrize(("fields", "again"), AGAIN)
def test_a_request_may_ask_for_another_answer(fields, again):
    assert read({"message": "hi", **fields}).regenerate is again


def test_the_query_may_ask_for_another_answer():
    assert read({"message": "hi"}, {"regenerate": "1"}).regenerate is True


texts = st.text(min_size=1, max_size=20)


@given(st.lists(st.tuples(texts, texts), max_size=5), texts)
def test_what_was_sent_again_is_read_again(pairs, new):
    roles = ("user", "assistant")
    said = [{"role": role, "content": text} for pair in pairs for role, text in zip(roles, pair, strict=True)]
    found = read({"messages": [*said, {"role": "user", "content": new}]})
    assert [(one.role, one.text) for one in found.history] == [(m["role"], m["content"]) for m in said]
    assert found.message.text == new


trees = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["messages", "history", "role", "content", "data", "parts", "input", "type", "from", "question",
                         "answer", "outputs", "trigger", "action", "regenerate"]), inner, max_size=4),
    max_leaves=15,
)  # fmt: skip


@given(trees)
def test_no_shape_of_a_request_raises(body):
    assert all(said.text and said.role in ("user", "assistant") for said in read(body).history)
