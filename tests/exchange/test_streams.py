"""Event streams and JSON lines: which text they carried."""

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convotrace.exchange.streams import json_lines, sse_data, stream_text

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
    ("data: a\u2028b\n\n", ["a\u2028b"]),
    ("\n\n\n", []),
    ("", []),
]


@pytest.mark.parametrize(("text", "data"), SSE)
def test_events_are_read_as_the_standard_says(text, data):
    assert list(sse_data(text)) == data


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@given(parts=st.lists(st.text(st.characters(exclude_characters="\r\n")), max_size=6))
def test_what_was_sent_is_read_whatever_ends_the_lines(end, parts):
    assert list(sse_data("".join(f"data: {part}{end}{end}" for part in parts))) == parts


@pytest.mark.parametrize(
    ("text", "lines"), [("{}\n{}\n", ["{}", "{}"]), ("{}\r\n \r\n[]", ["{}", "[]"]), ("\n", []), ("", [])]
)
def test_json_lines_are_the_lines_that_are_not_blank(text, lines):
    assert list(json_lines(text)) == lines


FIELDS = ["delta", "token", "reply", "answer", "output", "response", "content", "text"]


@pytest.mark.parametrize("name", FIELDS)
def test_a_stream_of_objects_carries_a_reply_in_any_of_the_common_fields(name):
    parts = [json.dumps({name: "Hel", "n": 1}), json.dumps({"usage": 3}), json.dumps({name: "lo"}), "[DONE]"]
    assert stream_text(parts, plain=False) == (True, "Hello")


@pytest.mark.parametrize(("earlier", "later"), list(pairwise(FIELDS)))
def test_of_two_fields_the_earlier_one_counts(earlier, later):
    assert stream_text([json.dumps({later: "no", earlier: "yes"})], plain=False) == (True, "yes")


STREAMS = [
    (["The ", "answer ", "is ", "42", " or ", "true", "."], True, (True, "The answer is 42 or true.")),
    (["The", "42"], False, (False, None)),
    (['"Hel"', '"lo"'], True, (True, "Hello")),
    (["[DONE]"], True, (False, None)),
    (["heartbeat"], False, (False, None)),
    (['{"delta": null}', '{"delta": 3}', '{"delta": {"text": "x"}}'], True, (False, None)),
    (['{"delta": ""}'], False, (True, "")),
    (['{"delta": {"a": 1}, "text": "x"}'], False, (True, "x")),
    ([], True, (False, None)),
    (["{cut", '{"delta": "x"}'], False, (True, "x")),
]


@pytest.mark.parametrize(("parts", "plain", "text"), STREAMS)
def test_bare_words_count_only_where_a_message_was_recognised(parts, plain, text):
    assert stream_text(parts, plain) == text


@given(st.lists(st.text(st.characters())), st.booleans())
def test_no_stream_raises(parts, plain):
    found, text = stream_text(parts, plain)
    assert found == (text is not None)
