"""Messages, documents and tools: what clients write, as one form."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convotrace.dialects.messages import as_documents, as_messages, as_tools, as_usage
from convotrace.model import Document, ToolDefinition


def text(content):
    return {"type": "text", "content": content}


MESSAGES = [
    (None, None),
    ("hi", [{"role": "user", "parts": [text("hi")]}]),
    ("", [{"role": "user", "parts": [text("")]}]),
    ([], []),
    (["a", "b"], [{"role": "user", "parts": [text("a")]}, {"role": "user", "parts": [text("b")]}]),
    ({"role": "system", "content": "be kind"}, [{"role": "system", "parts": [text("be kind")]}]),
    ([{"content": "hi", "name": "Ann"}], [{"role": "user", "parts": [text("hi")], "name": "Ann"}]),
    ([{"role": "assistant", "content": None}], [{"role": "assistant", "parts": []}]),
    (
        [{"role": "user", "content": [{"type": "text", "text": "see"}, {"type": "image", "url": "x"}]}],
        [{"role": "user", "parts": [text("see"), {"type": "image", "url": "x"}]}],
    ),
    (
        [{"role": "assistant", "content": None, "tool_calls": [
            {"id": "c1", "type": "function", "function": {"name": "find", "arguments": '{"q": 1}'}}, "odd"]}],
        [{"role": "assistant", "parts": [
            {"type": "tool_call", "id": "c1", "name": "find", "arguments": '{"q": 1}'}]}],
    ),
    (
        [{"role": "tool", "tool_call_id": "c1", "content": "found"}],
        [{"role": "tool", "parts": [{"type": "tool_call_response", "id": "c1", "response": "found"}]}],
    ),
    ([{"role": "user", "parts": [text("kept")]}], [{"role": "user", "parts": [text("kept")]}]),
    ({"question": "hi"}, [{"role": "user", "parts": [{"type": "data", "content": {"question": "hi"}}]}]),
    (5, [{"role": "user", "parts": [{"type": "data", "content": 5}]}]),
]  # fmt: skip


@pytest.mark.parametrize(("given_", "messages"), MESSAGES)
def test_what_a_model_was_given_is_a_list_of_messages_with_parts(given_, messages):
    assert as_messages(given_, "user") == messages


DOCUMENTS = [
    (None, ()),
    ([], ()),
    (["a"], (Document(text="a"),)),
    ("a", (Document(text="a"),)),
    ({"id": 7, "text": "a"}, (Document(id="7", text="a"),)),
    (
        [
            {
                "document_id": "d",
                "content": "a",
                "score": 1,
                "title": "t",
                "url": "u",
                "metadata": {"p": 1},
                "lang": "en",
            }
        ],
        (Document("d", "a", 1.0, "t", "u", {"p": 1, "lang": "en"}),),
    ),
    ([{"page_content": "a", "metadata": None, "score": "high"}], (Document(text="a"),)),
    ([None, 3], (Document(text="None"), Document(text="3"))),
    ([{"score": float("nan")}], (Document(),)),
]


@pytest.mark.parametrize(("given_", "documents"), DOCUMENTS)
def test_what_was_retrieved_is_documents_under_one_set_of_names(given_, documents):
    assert as_documents(given_) == documents


TOOLS = [
    (None, ()),
    (["find"], (ToolDefinition("find"),)),
    ([{"name": "find", "description": "d", "input_schema": {"a": 1}}], (ToolDefinition("find", "d", {"a": 1}),)),
    (
        [{"type": "function", "function": {"name": "find", "parameters": {"a": 1}}}],
        (ToolDefinition("find", None, {"a": 1}),),
    ),
    ([{}], (ToolDefinition(""),)),
]


@pytest.mark.parametrize(("given_", "tools"), TOOLS)
def test_tools_are_read_in_the_forms_of_the_clients(given_, tools):
    assert as_tools(given_) == tools


keys = st.sampled_from(
    ["role", "content", "parts", "tool_calls", "tool_call_id", "function", "type", "text", "id", "score", "metadata",
     "name", "schema", "input", "output", "prompt_tokens_details", "x"]
)  # fmt: skip
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda values: st.lists(values, max_size=3) | st.dictionaries(keys, values, max_size=4),
)


@given(json_values)
def test_no_shape_raises_and_every_message_has_a_role_and_parts(value):
    messages = as_messages(value, "user")
    assert messages is None or all("role" in message and isinstance(message["parts"], list) for message in messages)
    as_documents(value)
    as_tools(value)
    as_usage(value)
