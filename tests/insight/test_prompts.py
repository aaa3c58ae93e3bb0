"""What a model was told, in whatever shape it was captured: nothing is left out because of its form."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convotrace.insight.prompts import Message, Part, as_text, last_call, messages, sent_to
from convotrace.model import Span, Trace


def text(words):
    return Part("text", words)


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (None, []),
        ("hi", [Message("user", (text("hi"),))]),
        (5, [Message("user", (Part("value", value=5),))]),
        ({"a": 1}, [Message("user", (Part("value", value={"a": 1}),))]),
        (["a", "b"], [Message("user", (Part("value", value=["a", "b"]),))]),
        ([], []),
        ({"role": "tool", "content": "x"}, [Message("tool", (text("x"),))]),
        ({"role": "assistant"}, [Message("assistant", ())]),
        ([{"content": "x"}, {"role": None, "content": None}], [Message("user", (text("x"),)), Message("user", ())]),
        ([{"role": "user", "parts": ["x", {"type": "text", "text": "y"}, None, 7]}],
         [Message("user", (text("x"), text("y"), Part("value", value=7)))]),
        ([{"role": "user", "content": {"type": "reasoning", "content": "hm"}}],
         [Message("user", (Part("thought", "hm"),))]),
        ([{"role": "user", "parts": [{"type": "text", "content": 5}]}],
         [Message("user", (Part("value", value={"type": "text", "content": 5}),))]),
    ],
)  # fmt: skip
def test_any_value_is_messages_or_one_message(value, found):
    assert messages(value, "user") == found


@pytest.mark.parametrize(
    ("part", "found"),
    [
        (
            {"type": "tool_call", "name": "pay", "arguments": {"a": 1}, "id": "1"},
            Part("call", "", "pay", {"a": 1}, "1"),
        ),
        ({"type": "server_tool_call", "name": "web", "server_tool_call": "q"}, Part("call", "", "web", "q")),
        ({"id": "1", "function": {"name": "pay", "arguments": "{}"}}, Part("call", "", "pay", "{}", "1")),
        ({"function": {"name": ""}}, Part("value", value={"function": {"name": ""}})),
        ({"function": "pay"}, Part("value", value={"function": "pay"})),
        ({"type": "tool_call_response", "id": "1", "response": "ok"}, Part("response", value="ok", id="1")),
        ({"type": "tool_call_response", "id": "1", "result": None}, Part("response", value=None, id="1")),
        ({"type": "server_tool_call_response", "server_tool_call_response": 5}, Part("response", value=5)),
        ({"type": "tool_call_response"}, Part("response")),
        ({"type": "image", "url": "x"}, Part("value", value={"type": "image", "url": "x"})),
    ],
)
def test_calls_and_their_responses_are_known_by_every_name(part, found):
    assert messages([{"role": "assistant", "parts": [part]}], "x")[0].parts == (found,)


def test_calls_beside_the_content_come_after_it():
    call = {"id": "1", "function": {"name": "pay", "arguments": "{}"}}
    (message,) = messages([{"role": "assistant", "content": "one moment", "tool_calls": [call]}], "x")
    assert message.parts == (text("one moment"), Part("call", "", "pay", "{}", "1"))
    assert messages([{"role": "assistant", "tool_calls": "odd"}], "x") == [Message("assistant", ())]


def test_a_prompt_is_its_system_words_what_led_up_to_the_last_question_and_what_is_of_this_turn():
    told = [("system", "be kind"), ("user", "a"), ("assistant", "b"), ("developer", "short"), ("user", "c"),
            ("tool", "d")]  # fmt: skip
    prompt = sent_to(Span("1", "t", "x", input=[{"role": role, "content": words} for role, words in told]))
    assert [one.parts[0].text for one in prompt.system] == ["be kind", "short"]
    assert [one.parts[0].text for one in prompt.history] == ["a", "b"]
    assert [one.parts[0].text for one in prompt.fresh] == ["c", "d"]
    alone = sent_to(Span("1", "t", "x", input=[{"role": "assistant", "content": "b"}]))
    assert (alone.history, len(alone.fresh)) == ((), 1)


def call(id, at, kind="generation", **fields):
    return Span(id, "t", "x", kind, started_ns=at, **fields)


def test_the_last_call_is_the_last_whose_messages_are_known():
    known, later = call("1", 5, input="x"), call("2", 9)
    assert last_call(Trace("t", "s", spans=(later, known))) is known
    assert last_call(Trace("t", "s", spans=(later, call("3", 2)))) is later
    assert last_call(Trace("t", "s", spans=(call("4", 1, "tool", input="x"),))) is None


def test_a_part_as_one_text_is_its_words_or_its_value_behind_the_name_of_the_tool():
    assert (text("a").content, Part("thought", "b").content) == ("a", "b")
    assert Part("call", name="pay", value={"b": 1, "a": "é"}).content == 'pay {\n  "a": "é",\n  "b": 1\n}'
    assert Part("response", value="ok").content == "ok"
    assert (text("abc").length, Part("call", name="pay", value={"b": 1, "a": 2}).length) == (3, len('{"a":2,"b":1}'))
    assert Message("user", (text("abc"), text("d"))).length == 4


def test_what_cannot_be_written_out_is_said_so():
    deep = []
    for _ in range(5_000):
        deep = [deep]
    assert as_text(deep) == "(nested too deep to be written out here)"
    assert as_text("é") == "é" and as_text(None) == "null"


values = st.recursive(
    st.one_of(st.none(), st.text("ab", max_size=3), st.integers(0, 9), st.booleans()),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(["role", "parts", "content", "type", "text", "tool_calls", "function", "name", "id"]), inner
        ),
    ),
    max_leaves=12,
)


@given(values)
def test_no_value_breaks_the_reading_and_every_text_in_a_part_can_be_told(value):
    for message in messages(value, "user"):
        assert message.role and message.length >= 0
        assert all(isinstance(part.content, str) for part in message.parts)
