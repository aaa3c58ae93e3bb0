"""Answers that another request fetches: what a reply promises, and what a GET brings."""

import json

import pytest
from convotrace_test_wire import JSON, SSE, read, sse
from hypothesis import given
from hypothesis import strategies as st

from convotrace.exchange import Found, read_exchange

PROMISES = [
    ({"message_id": "m1"}, ("m1",)),
    ({"id": "x", "task_id": "t", "status": "queued"}, ("t", "x")),
    ({"messageId": "m1", "conversation_id": "c"}, ("m1",)),
    ({"session_id": "s", "thread_id": "t", "chat_id": "c"}, ()),
    ({"event_id": 17}, ("17",)),
    ({"id": True, "run_id": None, "job_id": "", "task_id": ["x"]}, ()),
    ({"job_id": "x" * 201}, ()),
    ({"data": {"taskId": "t"}}, ("t",)),
    ({"id": "p", "urls": {"get": "https://a.io/v1/p", "stream": "https://s.io/p?x=1"}}, ("p", "/p?x=1", "/v1/p")),
    ({"stream_url": "/chat/stream/42"}, ("/chat/stream/42",)),
    ({"url": "http://["}, ()),
    ({"stream": True}, ()),
    ({"id": "r", "output": None, "status": "queued"}, ("r",)),
    ({"id": "r", "reply": ""}, ("r",)),
    ({"id": "r", "reply": "Till six."}, ()),
    ([{"id": "r"}], ()),
    ({}, ()),
]  # fmt: skip


@pytest.mark.parametrize(("body", "ids"), PROMISES)
def test_a_reply_without_a_text_may_tell_where_the_answer_is_fetched(body, ids):
    assert read(body, JSON).answer_ids == ids


def test_what_gradio_promises_an_answer_to_is_a_message():
    asked = {"data": ["Open?"], "session_hash": "x"}
    assert read({"event_id": "e"}, JSON, asked=asked).message == Found(True, "Open?", sure=True)
    assert read({"data": ["Till six."]}, JSON, asked=asked).message == Found(True, "Open?", sure=False)
    assert not read({"event_id": "e"}, JSON, asked={"data": [3]}).message.recognised


def test_neither_a_failed_reply_nor_a_get_promises_an_answer():
    assert read({"task_id": "t"}, JSON, succeeded=False).answer_ids == ()
    assert get({"task_id": "t"}).answer_ids == ()


def get(body, query=None):
    """Read the reply to a GET."""
    return read_exchange("GET", query or {}, None, "", json.dumps(body).encode(), JSON)


BROUGHT = [
    {"answer": "Till six."},
    {"status": "done", "text": "Till six."},
    {"status": "running", "text": "Till six."},
    {"data": {"output": "Till six."}},
    {"result": {"content": "Till six."}},
    {"messages": [{"role": "user", "content": "Open?"}, {"role": "assistant", "content": "Till six."}]},
    [{"role": "user", "content": "Open?"}, {"role": "assistant", "content": "Till six."}],
    {"object": "response", "output": [{"type": "message", "content": [{"type": "output_text", "text": "Till six."}]}]},
]


@pytest.mark.parametrize("body", BROUGHT)
def test_what_a_get_brought_is_kept_apart_from_replies(body):
    found = get(body)
    assert (found.reply, found.fetched) == (Found(), Found(True, "Till six."))


NOT_YET = [
    {"status": "pending", "text": ""},
    {"status": "RUNNING", "output": ""},
    {"state": "queued", "answer": ""},
    {"done": False, "answer": ""},
    {"status": "done", "answer": None},
    {"articles": [{"content": "News"}]},
    [{"content": "News"}],
    {"jsonrpc": "2.0", "result": {"content": "x"}},
    3,
]


@pytest.mark.parametrize("body", NOT_YET)
def test_what_is_still_made_and_what_is_no_answer_is_not_brought(body):
    assert get(body).fetched == Found()


def test_an_empty_answer_that_is_done_is_one():
    assert get({"status": "done", "answer": ""}).fetched == Found(True, "")


def test_what_a_get_asked_for_and_what_it_streamed_is_its_reply():
    assert get({"answer": "Till six."}, {"question": "Open?"}).fetched == Found()
    stream = read_exchange("GET", {}, None, "", sse({"delta": "Till six."}), SSE)
    assert (stream.reply, stream.fetched) == (Found(True, "Till six."), Found())


def test_a_post_brings_nothing():
    assert read({"answer": "Till six."}, JSON).fetched == Found()


trees = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["id", "data", "url", "urls", "task_id", "status", "messages", "role", "content", "answer"]),
        inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@given(trees)
def test_no_shape_of_a_reply_raises(body):
    assert all(0 < len(name) <= 200 for name in read(body, JSON).answer_ids)
    get(body)
