"""What was said in an exchange: message and reply by the field names that chat back ends share."""

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convotrace.exchange import Exchange, Found, read_exchange
from convotrace.exchange.generic import MESSAGE_FIELDS, REPLY_FIELDS

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data; boundary=XX"
HTML = "text/html; charset=utf-8"


def read(asked=None, answered=None, asked_type=JSON, answered_type=JSON, method="POST", query=None):
    """Return what was said; mappings and lists are sent as JSON."""
    bodies = [
        body if body is None or isinstance(body, bytes) else json.dumps(body).encode() for body in (asked, answered)
    ]
    return read_exchange(method, query or {}, bodies[0], asked_type, bodies[1], answered_type)


@pytest.mark.parametrize("name", ["message", "input", "query", "question", "prompt", "text"])
def test_a_message_has_one_of_the_common_names(name):
    assert read({name: "hi"}).message == Found(True, "hi", sure=True)


@pytest.mark.parametrize("name", ["reply", "answer", "output", "response", "content", "text"])
def test_a_reply_has_one_of_the_common_names(name):
    assert read({"message": "hi"}, {name: "ho", "id": 3}).reply == Found(True, "ho")


@pytest.mark.parametrize(("earlier", "later"), list(pairwise(MESSAGE_FIELDS)))
def test_of_two_message_fields_the_earlier_one_counts(earlier, later):
    assert read({later: "no", earlier: "yes"}).message.text == "yes"


@pytest.mark.parametrize(("earlier", "later"), list(pairwise(REPLY_FIELDS)))
def test_of_two_reply_fields_the_earlier_one_counts(earlier, later):
    assert read({"message": "hi"}, {later: "no", earlier: "yes"}).reply.text == "yes"


MESSAGES = [
    # the body, what is recognised in it, the text, whether it counts by itself
    ({"message": None}, True, None, True),
    ({"message": ""}, True, "", True),
    ({"message": "hi", "name": "x", "email": "y"}, True, "hi", False),
    ({"text": "hi", "lang": "en"}, True, "hi", False),
    ({"message": {"role": "user"}, "text": "hi"}, True, "hi", False),
    ({"message": 3}, False, None, None),
    ({"message": ["hi"]}, False, None, None),
    ({"messages": [{"role": "user", "content": "hi"}]}, True, "hi", True),
    ({"messages": ["hi"]}, False, None, None),
    ({"message": {"content": "hi"}, "x": 1}, True, "hi", False),
    ({"prompt": "hi", "model": "m"}, True, "hi", True),
    ({"query": "golf", "model": "m"}, True, "golf", False),
    ({"jsonrpc": "2.0", "message": "hi"}, False, None, None),
    ({"Message": "hi"}, False, None, None),
    ({}, False, None, None),
    ([{"message": "hi"}], False, None, None),
    ("hi", False, None, None),
    (None, False, None, None),
]


@pytest.mark.parametrize(("body", "recognised", "text", "sure"), MESSAGES)
def test_a_message_alone_is_sure_and_one_field_of_a_larger_form_is_not(body, recognised, text, sure):
    found = read(body).message
    assert (found.recognised, found.text) == (recognised, text)
    assert not recognised or found.sure is sure


def test_forms_and_multipart_forms_carry_messages_too():
    assert read(b"message=h%C3%A9llo+you", asked_type=FORM).message == Found(True, "héllo you")
    body = b'--XX\r\nContent-Disposition: form-data; name="prompt"\r\n\r\nhi\r\n--XX--\r\n'
    assert read(body, asked_type=MULTIPART).message == Found(True, "hi")


def test_a_plain_text_is_a_message_that_needs_more_evidence_and_its_plain_answer_is_that():
    exchange = read(b"hi", b"ho", asked_type="text/plain", answered_type="text/plain; charset=utf-8")
    assert (exchange.message, exchange.reply) == (Found(True, "hi", sure=False), Found(True, "ho"))


def test_a_get_carries_its_message_in_the_query_and_never_by_itself():
    exchange = read(None, {"text": "ho"}, method="GET", query={"question": "hi", "page": "2"})
    assert (exchange.message, exchange.reply) == (Found(True, "hi", sure=False), Found(True, "ho"))


@pytest.mark.parametrize("answered", [{"reply": "x"}, {"text": "x"}, {"content": "x"}])
def test_a_get_without_a_message_field_has_no_reply(answered):
    exchange = read(None, answered, method="GET", query={"page": "2"})
    assert not exchange.message.recognised and not exchange.reply.recognised


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_recognised_stream_is_a_reply_whatever_was_asked(method):
    stream = b'data: {"delta": "h"}\n\ndata: {"delta": "o"}\n\ndata: [DONE]\n\n'
    assert read(None, stream, answered_type="text/event-stream", method=method).reply == Found(True, "ho")


def test_a_stream_of_bare_words_is_a_reply_only_to_a_message():
    words = {"answered": b"data: ho\n\n", "answered_type": "text/event-stream"}
    assert read({"message": "hi"}, **words).reply == Found(True, "ho")
    assert not read(None, method="GET", **words).reply.recognised


def test_json_lines_are_a_stream():
    lines = b'{"delta": "h"}\n{"delta": "o"}\n{"done": true}\n'
    assert read({"message": "hi"}, lines, answered_type="application/x-ndjson").reply == Found(True, "ho")


REPLIES = [
    ({"message": "hi"}, {"reply": None}, Found(True, None)),
    ({"message": "hi"}, {"reply": ""}, Found(True, "")),
    ({"message": "hi"}, {"detail": "no"}, Found()),
    ({"message": "hi"}, {"reply": {"text": "ho"}}, Found(True, "ho")),
    ({"message": "hi"}, {"reply": {"id": 3}}, Found()),
    ({"message": "hi"}, {"data": {"reply": "ho"}}, Found(True, "ho")),
    (
        {"message": "hi"},
        {"messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "ho"}]},
        Found(True, "ho"),
    ),
    ({"message": "hi"}, {"items": [{"text": "ho"}], "total": 1}, Found()),
    ({"x": 1}, {"data": {"reply": "ho"}}, Found()),
    ({"message": "hi"}, ["ho"], Found()),
    ({"x": 1}, {"reply": "ho"}, Found(True, "ho")),
    ({"x": 1}, {"answer": "ho"}, Found(True, "ho")),
    ({"x": 1}, {"text": "ho"}, Found()),
    ({"x": 1}, {"content": "ho"}, Found()),
]


@pytest.mark.parametrize(("asked", "answered", "reply"), REPLIES)
def test_without_a_message_only_the_plainest_names_are_a_reply(asked, answered, reply):
    assert read(asked, answered).reply == reply


@pytest.mark.parametrize("content_type", [HTML, "image/png", "text/css", "application/javascript"])
def test_html_and_assets_are_never_text(content_type):
    exchange = read({"message": "hi"}, b'{"reply": "ho"}', answered_type=content_type)
    assert exchange.reply == Found() and exchange.response_body is None
    assert read(b'{"message": "hi"}', asked_type=content_type) == Exchange()


def test_bodies_are_kept_decoded():
    exchange = read({"message": "hi", "n": [1]}, b"not json")
    assert (exchange.request_body, exchange.response_body) == ({"message": "hi", "n": [1]}, "not json")


types = st.sampled_from(
    [
        JSON,
        FORM,
        MULTIPART,
        HTML,
        "",
        "text/plain",
        "text/event-stream",
        "application/x-ndjson",
        "text/plain; charset=utf-7",
    ]
)
fragments = st.sampled_from(
    [
        b"data: ",
        b"\n",
        b"\r\n",
        b"{",
        b"}",
        b'"message"',
        b":",
        b'"',
        b"--XX",
        b"=",
        b"&",
        b"\xff",
        b"\0",
        b"null",
        b"\\u",
    ]
)
bodies = st.one_of(st.none(), st.binary(max_size=200), st.lists(fragments, max_size=20).map(b"".join))


@given(
    st.sampled_from(["GET", "POST", "HEAD", "PUT", "get", ""]),
    st.dictionaries(st.sampled_from(["message", "q", "text"]), st.text(), max_size=2),
    bodies,
    st.one_of(types, st.text(st.characters(), max_size=60)),
    bodies,
    st.one_of(types, st.text(max_size=60).map(lambda text: "text/plain; charset=" + text)),
)
def test_whatever_bytes_pass_reading_them_raises_nothing(method, query, asked, asked_type, answered, answered_type):
    exchange = read_exchange(method, query, asked, asked_type, answered, answered_type)
    for found in (exchange.message, exchange.reply):
        assert found.text is None or (found.recognised and isinstance(found.text, str))
