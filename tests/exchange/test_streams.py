"""Event streams and JSON lines: which text they carried."""

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convotrace.exchange.answer import Answer, Part
from convotrace.exchange.generic import DELTA_FIELDS, read_stream
from convotrace.exchange.jsontext import loads
from convotrace.exchange.streams import line_parts, object_lines, sse_parts


def sse_data(text):
    """Return the data of the events."""
    return [part.raw for part in sse_parts(text)]


def stream_text(parts, asked):
    """Return whether these parts of a stream are a reply, and its text."""
    answer = Answer()
    read_stream(asked, [Part("", loads(part), part) for part in parts], answer)
    return bool(answer.texts), answer.text


SSE = [
    ("data: a\n\ndata: b\n\n", ["a", "b"]),
    ("data: a\r\n\r\ndata: b\r\n\r\n", ["a", "b"]),
    ("data: a\r\rdata: b\r\r", ["a", "b"]),
    ("data: a\r\n\ndata: b\n\r\n", ["a", "b"]),
    ("\ufeffdata: a\n\n", ["a"]),
    ("data: a\ndata: b\n\n", ["a\nb"]),
    ("data:a\n\n", ["a"]),
    ("data:  a\n\n", [" a"]),
    ("data: a \n\n", ["a "]),
    ("data\n\n", [""]),
    ("data:\n\n", [""]),
    ("data: a: b\n\n", ["a: b"]),
    (": heartbeat\n\ndata: a\n\n", ["a"]),
    ("event: x\nid: 1\nretry: 10\ndata: a\n\n", ["a"]),
    ("event: x\n\n", []),
    ("Data: a\n\n data: b\n\n", []),
    ("data: a\n\ndata: cut he", ["a"]),
    ('data: a\n\ndata: {"b": 1}', ["a", '{"b": 1}']),
    ('data: a\n\ndata: {"b": ', ["a"]),
    ("\ufeff\ufeffdata: a\n\n", ["a"]),
    ("data: a\u2028b\n\n", ["a\u2028b"]),
    ("\n\n\n", []),
    ("", []),
]


@pytest.mark.parametrize(("text", "data"), SSE)
def test_events_are_read_as_the_standard_says(text, data):
    assert sse_data(text) == data


def test_the_name_of_an_event_goes_with_its_data_alone():
    parts = list(sse_parts("event: x\ndata: 1\n\ndata: {}\n\nevent: y\n\n"))
    assert [(part.event, part.raw) for part in parts] == [("x", "1"), ("", "{}")]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@given(parts=st.lists(st.text(st.characters(exclude_characters="\r\n")), max_size=6))
def test_what_was_sent_is_read_whatever_ends_the_lines(end, parts):
    assert sse_data("".join(f"data: {part}{end}{end}" for part in parts)) == parts


@pytest.mark.parametrize(
    ("text", "lines"), [("{}\n{}\n", ["{}", "{}"]), ("{}\r\n \r\n[]", ["{}", "[]"]), ("\n", []), ("", [])]
)
def test_json_lines_are_the_lines_that_are_not_blank(text, lines):
    assert [part.raw for part in line_parts(text)] == lines


def test_lines_of_objects_are_told_from_other_lines():
    assert [part.value for part in object_lines('{"a": 1}\n: comment\n[2]\n{cut')] == [{"a": 1}]


@pytest.mark.parametrize("name", DELTA_FIELDS)
def test_a_stream_of_objects_carries_a_reply_in_any_of_the_common_fields(name):
    parts = [json.dumps({name: "Hel", "n": 1}), json.dumps({"usage": 3}), json.dumps({name: "lo"}), "[DONE]"]
    assert stream_text(parts, asked=False) == (True, "Hello")


@pytest.mark.parametrize(("earlier", "later"), list(pairwise(DELTA_FIELDS)))
def test_of_two_fields_the_earlier_one_counts(earlier, later):
    assert stream_text([json.dumps({later: "no", earlier: "yes"})], asked=False) == (True, "yes")


STREAMS = [
    (["The ", "answer ", "is ", "42", " or ", "true", "."], True, (True, "The answer is 42 or true.")),
    (["The", "42"], False, (False, None)),
    (['"Hel"', '"lo"'], True, (True, "Hello")),
    (["[DONE]"], True, (False, None)),
    (["heartbeat"], False, (False, None)),
    (['{"delta": null}', '{"delta": 3}', '{"delta": {"id": "x"}}'], True, (False, None)),
    (['{"delta": {"text": "x"}}', '{"delta": {"content": "y"}}'], False, (True, "xy")),
    (['{"value": "x"}', '{"value": "y"}'], True, (True, "xy")),
    (['{"value": "x"}'], False, (False, None)),
    (['{"text": "One"}', '{"text": "One two"}', '{"text": "One two three"}'], True, (True, "One two three")),
    (['{"text": "One two, "}', '{"text": "One two, three"}'], True, (True, "One two, three")),
    (['{"text": "ha"}', '{"text": "haha"}'], True, (True, "hahaha")),
    (['{"token": "a"}', '{"token": "ab"}', '{"token": "abc"}'], True, (True, "aababc")),
    (['{"text": "One"}', '{"text": " two"}', '{"type": "done", "text": "One two"}'], True, (True, "One two")),
    (['{"token": "ha"}', '{"token": "ha"}', '{"token": "haha"}'], True, (True, "hahahaha")),
    (['{"delta": "One"}', '{"text": "One", "done": true}'], True, (True, "One")),
    (['{"type": "status", "text": "searching"}', '{"type": "token", "text": "x"}'], True, (True, "x")),
    (['{"type": "sources", "content": "page"}', '{"content": "x"}'], True, (True, "x")),
    (['{"type": "thinking", "content": "hm"}', '{"content": "x"}'], True, (True, "x")),
    (['{"delta": ""}'], False, (True, "")),
    (['{"delta": {"a": 1}, "text": "x"}'], False, (True, "x")),
    ([], True, (False, None)),
    (["{cut", '{"delta": "x"}'], False, (True, "x")),
]


@pytest.mark.parametrize(("parts", "asked", "text"), STREAMS)
def test_bare_words_count_only_where_a_message_was_recognised(parts, asked, text):
    assert stream_text(parts, asked) == text


@given(st.lists(st.text(st.characters())), st.booleans())
def test_no_stream_raises(parts, asked):
    found, text = stream_text(parts, asked)
    assert found == (text is not None)
