"""JSON on one line and at length, and the messages of a model call."""

from __future__ import annotations

import html
import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convotrace.model import Span
from convotrace.page.messages import first_line, of_call, reasoning
from convotrace.page.values import arguments_line, pretty, result_line

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@pytest.mark.parametrize(
    ("value", "line"),
    [
        ({"name": "Ann", "seats": 2, "x": None}, 'name="Ann", seats=2, x=null'), ('{"a": [1]}', "a=[1]"), (None, ""),
        ("plain\n words", "plain words"), ({}, ""), ([1, 2], "[1,2]"), ({"a": "x" * 999}, 'a="' + "x" * 196 + "…"),
        ({"k": "\u202e"}, 'k="\\u202e"'),
    ],
)  # fmt: skip
def test_arguments_stand_on_one_line(value, line):
    assert arguments_line(value) == line


@pytest.mark.parametrize(
    ("value", "line"),
    [
        ({"a": 1}, '{"a":1}'), (dict.fromkeys("abcde", 1), "{a, b, c, … 5 keys}"), ([1], "1 item"), ([1, 2], "2 items"),
        ([], "nothing"), ("[1, 2, 3]", "3 items"), ("[not json", "[not json"), (1436.0, "1436.0"), (None, ""), (0, "0"),
        (False, "false"), ("", ""),
    ],
)  # fmt: skip
def test_a_result_stands_on_one_line(value, line):
    assert result_line(value) == line


@given(JSON)
def test_pretty_json_is_safe_markup_that_reads_as_the_value(value):
    shown = str(pretty(value))
    assert set(re.findall(r"<[^>]*>", shown)) <= {'<span class="jk">', '<span class="jt">', "</span>"}
    plain = html.unescape(re.sub(r"<[^>]*>", "", shown))
    if isinstance(value, (dict, list)) and "\\x" not in plain and "\\U" not in plain:
        assert json.loads(plain) == value


def test_names_and_texts_are_coloured_apart_whatever_they_hold():
    shown = str(pretty({'a"\\': 'x": "y\\', "b": ["&#34;<"]}))
    assert shown.count('<span class="jk">') == 2
    assert shown.count('<span class="jt">') == 2


def test_a_very_long_value_is_cut_and_says_so():
    assert "cut at 10 of 50 characters" in pretty("x" * 50, 10)
    assert "cut at" in pretty({"a": "x" * 100_000})


@pytest.mark.parametrize("value", [2**80, {"n": 2**80}, "\ud800", {"a": float("inf")}, {1: 2}, (1, 2)])
def test_any_value_can_be_shown(value):
    assert pretty(value)
    assert result_line(value)


def test_a_value_nested_without_end_is_shown():
    deep: list = []
    for _ in range(5000):
        deep = [deep]
    assert pretty(deep)


def test_history_is_set_apart_from_what_is_new():
    sent = [
        {"role": "system", "parts": [{"type": "text", "content": "Rules"}]},
        *[
            {"role": role, "parts": [{"type": "text", "content": role}]}
            for role in ("user", "assistant", "user", "tool")
        ],
    ]
    call = of_call(Span("1", "t", "chat", "generation", input=sent, output="Fine."))
    assert [len(part) for part in (call.system, call.history, call.fresh, call.output)] == [1, 2, 2, 1]
    assert (call.count, first_line(call.system[0]), call.output[0].parts[0].text) == (5, "Rules", "Fine.")


@pytest.mark.parametrize(
    ("message", "types"),
    [
        ({"role": "user", "content": "hi"}, ["text"]),
        (
            {"role": "user", "content": [{"type": "text", "text": "hi"}, {"type": "image_url", "image_url": {}}]},
            ["text", "value"],
        ),
        (
            {"role": "assistant", "content": None, "tool_calls": [{"function": {"name": "f", "arguments": "{}"}}]},
            ["call"],
        ),
        ({"parts": [{"type": "tool_call", "name": "f", "arguments": {"a": 1}}]}, ["call"]),
        ({"parts": [{"type": "tool_call_response", "id": "1", "result": [1]}]}, ["response"]),
        (
            {"parts": [{"type": "reasoning", "content": "Hm"}, {"type": "new", "x": 1}, 5]},
            ["thought", "value", "value"],
        ),
        ("just text", ["text"]),
        (["a", "b"], ["value"]),
        ({"x": 1}, ["value"]),
    ],
)
def test_every_form_of_message_is_kept(message, types):
    call = of_call(Span("1", "t", "chat", "generation", output=[message] if isinstance(message, dict) else message))
    assert [part.type for part in call.output[0].parts] == types


def test_a_message_has_the_length_of_what_was_said_not_of_its_markup():
    parts = [{"type": "text", "content": "four"}, {"type": "tool_call", "name": "f", "arguments": {"a": 1}}]
    (message,) = of_call(Span("1", "t", "chat", "generation", output=[{"parts": parts}])).output
    assert message.length == len("four") + len('{"a":1}')


def test_no_output_has_no_thoughts():
    assert reasoning(None) == reasoning("text") == reasoning([]) == []
