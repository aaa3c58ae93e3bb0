"""What apps write without a library: more names, texts in JSON, vendors handed on, streams under a wrong name."""

import json

import pytest
from convotrace_test_wire import JSON, SSE, TEXT, frame, lines, read, sse

from convotrace.exchange import Found, read_exchange

SAID = "Open till six."
HALVES = ("Open ", "till six.")
FORM = {"name": "Ann", "email": "a@b.c", "message": "Call me back"}
CHOICES = {"choices": [{"message": {"role": "assistant", "content": SAID}}]}

REPLIES = {
    "a bare message": {"message": SAID, "status": "success"},
    "a bare message inside": {"data": {"message": SAID}},
    "a result": {"result": SAID},
    "the bot's words": {"bot_response": SAID, "id": 3},
    "the assistant's message": {"assistantMessage": SAID},
    "replies": {"replies": [SAID]},
    "messages of no role": {"messages": [{"type": "text", "content": SAID}]},
    "outputs by name": {"outputs": {"answer": SAID}},
    "a message by its role": {"role": "assistant", "content": SAID},
    "a vendor's answer handed on": {"code": 0, "data": CHOICES},
    "a text": SAID,
}


@pytest.mark.parametrize("body", [
    {"object": "list", "data": [{"object": "embedding", "embedding": [0.5]}]},
    {"embeddings": [[0.5]]}, {"embedding": [0.5]}, {"embeddings": {"float": [[0.5]]}, "texts": ["x"]},
    {"results": [{"index": 1, "relevance_score": 0.5}]}, {"results": [{"flagged": False}]},
])  # fmt: skip
def test_nobody_talks_to_models_that_give_vectors_orders_and_verdicts(body):
    exchange = read(body, JSON, {"model": "m", "input": "Is it open?"})
    assert (exchange.message, exchange.reply, exchange.response_body) == (Found(), Found(), body)


@pytest.mark.parametrize("more", [{"results": [{"relevance_score": 1}]}, {"embeddings": [[0.5]]}])
def test_an_answer_with_its_documents_or_vectors_is_one(more):
    exchange = read({"answer": SAID, **more}, JSON)
    assert (exchange.message.text, exchange.reply.text) == ("Is it open?", SAID)


def test_a_record_made_of_what_was_sent_is_no_reply():
    kept = read({"id": 7, "text": "Is it open?", "created_at": "now"}, JSON, {"text": "Is it open?"})
    assert (kept.message.sure, kept.reply) == (False, Found())
    echo = read({"reply": "Is it open?", "id": 7}, JSON, {"message": "Is it open?"})
    assert (echo.message.sure, echo.reply.text) == (True, "Is it open?")


@pytest.mark.parametrize("asked", [
    {"chatInput": "Is it open?", "sessionId": "s"},
    {"bot_id": "b", "additional_messages": [{"role": "user", "content": "Is it open?"}]},
])  # fmt: skip
def test_messages_under_the_names_of_platforms_are_read(asked):
    assert read({"output": SAID}, JSON, asked).message.text == "Is it open?"


@pytest.mark.parametrize("events", [
    [{"event": "start", "data": "Open "}, {"event": "token", "data": "Open "}, {"event": "token", "data": "till six."}],
    [{"type": "textResponseChunk", "textResponse": half, "close": False} for half in HALVES],
    [{"type": "begin"}, *({"type": "item", "content": half} for half in HALVES), {"type": "end"}],
])  # fmt: skip
def test_streams_of_platforms_are_read(events):
    assert read(sse(*events)).reply.text == SAID


def test_a_notification_that_nobody_asked_for_is_no_reply():
    body = sse(("notification", {"text": "You have mail"}))
    assert read_exchange("GET", {}, None, "", body, SSE).reply.text is None


def test_bytes_that_are_no_text_are_no_reply():
    exchange = read(b"\x1b\x0b\x02\x80\x03 packed", JSON)
    assert (exchange.message.text, exchange.reply) == ("Is it open?", Found())


def test_frames_without_a_type_are_known_by_their_checksum():
    body = frame("output", {"text": "Open "}) + frame("output", {"text": "till six."})
    assert read(body, "").reply.text == SAID
    assert read(body[:9] + b"x" + body[10:], "").reply.text is None


@pytest.mark.parametrize("body", REPLIES.values(), ids=REPLIES)
def test_an_answer_has_many_names_where_a_message_was_sent_alone(body):
    assert read(body, JSON).reply == Found(True, SAID)


@pytest.mark.parametrize("body", [{"message": "Thanks."}, {"result": "ok"}, "ok", {"replies": ["ok"]}, {"msg": "ok"}])
def test_what_answers_a_form_says_nothing_to_anybody(body):
    assert not read(body, JSON, asked=FORM).reply.recognised


@pytest.mark.parametrize("promise", ["task_id", "jobId", "stream_url"])
def test_a_bare_message_beside_a_promise_is_no_answer_yet(promise):
    found = read({"message": "accepted", promise: "/t/1"}, JSON)
    assert not found.reply.recognised and found.answer_ids == ("/t/1",)


def test_a_bare_message_with_a_status_of_failure_is_none():
    assert not read({"message": "busy"}, JSON, succeeded=False).reply.recognised


STREAMS = {
    "payloads": sse(*({"type": "message", "payload": {"text": text}} for text in HALVES)),
    "data in data": sse(*(("token", {"data": {"text": text}}) for text in HALVES)),
    "data beside more": sse(*({"type": "token", "data": text, "id": 1, "seq": 2} for text in HALVES)),
    "a closing payload": sse(*({"type": "delta", "content": text} for text in HALVES),
                             {"type": "final", "payload": {"content": SAID, "next": []}}),
    "data of other kinds": sse(*({"type": "token", "data": text, "id": 1} for text in HALVES),
                               {"type": "trace", "data": "node finished", "id": 1}),
    "an echo": sse({"type": "message", "message": {"role": "user", "content": "Is it open?"}},
                   *({"type": "token", "token": text} for text in HALVES)),
}  # fmt: skip


@pytest.mark.parametrize("body", STREAMS.values(), ids=STREAMS)
def test_events_carry_their_texts_at_several_depths(body):
    assert read(body, SSE).reply == Found(True, SAID)


@pytest.mark.parametrize("body", [sse(*({"delta": t} for t in HALVES)), lines(*({"delta": t} for t in HALVES))])
def test_a_stream_that_goes_by_the_name_of_a_text_is_one(body):
    assert read(body, TEXT).reply == Found(True, SAID)


@pytest.mark.parametrize("text", ["{brackets} are text", '{"a": 1} and more\nlines', "data is a word"])
def test_a_text_that_only_begins_like_a_stream_is_a_text(text):
    assert read(text.encode(), TEXT).reply == Found(True, text)


ASKED = [
    {"role": "user", "content": "Is it open?"},
    {"inputs": {"question": "Is it open?"}},
    {"chat": {"message": "Is it open?"}},
    {"data": {"message": "Is it open?"}, "id": 3},
]


@pytest.mark.parametrize("body", ASKED)
def test_a_message_stands_inside_of_what_holds_it(body):
    assert read({"reply": SAID}, JSON, asked=body).message.text == "Is it open?"


def post(query, body):
    return read_exchange("POST", query, None, "", json.dumps(body).encode(), JSON)


def test_a_post_without_a_body_carries_its_message_in_the_query():
    found = post({"message": "Is it open?"}, SAID)
    assert (found.message, found.reply) == (Found(True, "Is it open?", sure=False), Found(True, SAID))
    assert not post({"page": "2"}, SAID).message.recognised
