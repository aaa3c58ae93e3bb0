"""Frames of WebSockets: which are messages, which are signs of life, and what a turn's frames say together."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convotrace.exchange import generic, read_frame, read_socket
from convotrace.exchange.socket_frames import BINARY, MESSAGE, OTHER, QUIET

MESSAGES = {
    "a text": ("hi", "hi"),
    "a text in JSON": ('"hi"', "hi"),
    "a number": ("42", "42"),
    "a message field": ('{"message": "hi"}', "hi"),
    "a field beside others": ('{"type": "chat", "text": "hi", "room": 4, "at": 17}', "hi"),
    "content": ('{"type": "message", "content": "hi"}', "hi"),
    "a role and content": ('{"role": "user", "content": "hi"}', "hi"),
    "a list of messages": ('{"messages": [{"role": "user", "content": "hi"}]}', "hi"),
    "in data": ('{"event": "message", "data": {"text": "hi"}}', "hi"),
    "in payload": ('{"type": "user_message", "payload": {"message": "hi"}}', "hi"),
    "data of an action": ('{"action": "sendMessage", "data": "hi"}', "hi"),
    "bytes of JSON": (b'{"message": "hi"}', "hi"),
    "a realtime item": (
        '{"type": "conversation.item.create", "item": {"type": "message", "role": "user", '
        '"content": [{"type": "input_text", "text": "hi"}]}}',
        "hi",
    ),
    "graphql": ('{"type": "subscribe", "id": "1", "payload": {"query": "q", "variables": {"message": "hi"}}}', "hi"),
    "a channel of Phoenix": ('["1", "2", "room:1", "message", {"text": "hi"}]', "hi"),
    "another answer asked for": ('{"type": "regenerate"}', None),
}


@pytest.mark.parametrize(("data", "text"), MESSAGES.values(), ids=MESSAGES)
def test_a_message_opens_a_turn(data, text):
    frame = read_frame(data)
    assert (frame.kind, frame.message.text) == (MESSAGE, text)


OTHERS = {
    "nothing": ("", QUIET),
    "blanks": (" \n", QUIET),
    "the word ping": ("PING", QUIET),
    "a ping": ('{"type": "ping"}', QUIET),
    "a ping with data": ('{"type": "ping", "text": "1700000000"}', QUIET),
    "typing": ('{"type": "typing", "text": "hal"}', QUIET),
    "typing, spelled otherwise": ('{"event": "user-typing", "message": "hal"}', QUIET),
    "a receipt": ('{"action": "ack", "message": "m1"}', QUIET),
    "a heartbeat": ('{"event": "heartbeat"}', QUIET),
    "a graphql ping": ('{"type": "connection_init", "payload": {"message": "x"}}', QUIET),
    "ids alone": ('{"type": "join", "session_id": "s"}', OTHER),
    "an empty message": ('{"message": ""}', OTHER),
    "no message field": ('{"type": "message", "sent_at": 17}', OTHER),
    "a list": ("[1, 2]", OTHER),
    "a call of a tool server": ('{"jsonrpc": "2.0", "method": "x", "params": {"message": "hi"}}', OTHER),
    "the assistant's words": ('{"role": "assistant", "content": "hi"}', OTHER),
    "audio": (b"\x00\x01\xff", BINARY),
    "bytes of a text": (b"hello", BINARY),
}


@pytest.mark.parametrize(("data", "kind"), OTHERS.values(), ids=OTHERS)
def test_other_frames_open_none(data, kind):
    assert read_frame(data).kind == kind


ENGINE = {
    '42["chat", {"message": "hi"}]': (MESSAGE, "hi"),
    '42/room,["message", "hi"]': (MESSAGE, "hi"),
    '427["message", {"text": "hi"}]': (MESSAGE, "hi"),
    '42["moved", "north"]': (OTHER, None),
    '42["typing", {"text": "h"}]': (QUIET, None),
    "2": (QUIET, None),
    "3probe": (QUIET, None),
    '40{"token": "x"}': (QUIET, None),
    '430["stored"]': (QUIET, None),
}


@pytest.mark.parametrize(("data", "found"), ENGINE.items(), ids=ENGINE)
def test_packets_of_socketio_are_opened(data, found):
    frame = read_frame(data, engine=True)
    assert (frame.kind, frame.message.text) == found


def test_a_number_is_a_packet_only_where_the_connection_speaks_engineio():
    assert read_frame("2").message.text == "2"


@given(st.text() | st.binary(max_size=200), st.booleans(), st.booleans())
def test_any_frame_is_something(data, engine, cut):
    assert read_frame(data, engine, cut).kind in (MESSAGE, OTHER, QUIET, BINARY)


@given(st.recursive(st.none() | st.integers() | st.text(max_size=5), lambda v: st.lists(v) | st.dictionaries(
    st.sampled_from(["type", "event", "data", "payload", "message", "text", "content", "item", "error", "delta"]), v
)))  # fmt: skip
def test_any_json_is_read(value):
    frame = json.dumps(value).encode()
    read_frame(frame.decode())
    read_socket([frame], [frame, frame])


def reply(*frames, asked='{"message": "hi"}', **more):
    raw = [frame if isinstance(frame, bytes) else json.dumps(frame).encode() for frame in frames]
    return read_socket([asked.encode()] if asked else [], raw, **more)


def test_tokens_are_joined_until_the_end_is_said():
    found = reply({"type": "token", "token": "He"}, {"type": "token", "token": "llo"}, {"type": "end"})
    assert (found.message.text, found.reply.text) == ("hi", "Hello")
    assert found.request_body == {"message": "hi"} and len(found.response_body) == 3


def test_plain_texts_are_joined():
    assert reply(b"Hel", b"lo\n", b"you", b"[DONE]").reply.text == "Hello\nyou"


def test_a_text_that_is_told_whole_at_the_end_counts_once():
    frames = [{"type": "delta", "delta": "He"}, {"type": "delta", "delta": "llo"}, {"type": "final", "text": "Hello"}]
    assert reply(*frames).reply.text == "Hello"


def test_what_the_server_echoes_of_the_user_is_none_of_its_words():
    found = reply(
        {"sender": "you", "message": "hi", "type": "stream"},
        {"sender": "bot", "message": "", "type": "start"},
        {"sender": "bot", "message": "Hel", "type": "stream"},
        {"sender": "bot", "message": "lo", "type": "stream"},
        {"sender": "bot", "message": "", "type": "end"},
    )
    assert found.reply.text == "Hello"


def test_frames_of_a_known_dialect_are_read_as_a_stream_of_it():
    def chunk(**more):
        return {"id": "c", "object": "chat.completion.chunk", "model": "m", **more}

    found = reply(
        chunk(choices=[{"index": 0, "delta": {"content": "Hel"}}]),
        chunk(choices=[{"index": 0, "delta": {"content": "lo"}, "finish_reason": "stop"}]),
        chunk(choices=[], usage={"prompt_tokens": 3, "completion_tokens": 2}),
    )
    assert (found.dialect, found.reply.text, found.finish_reason) == ("openai-chat", "Hello", "stop")
    assert found.usage == {"prompt_tokens": 3, "completion_tokens": 2} and found.model == "m"


@pytest.mark.parametrize(
    "frames",
    [
        [{"event": "token", "data": {"token": "a"}}, {"event": "token", "data": {"token": "b"}}],
        [{"type": "chunk", "payload": {"content": "a"}}, {"type": "chunk", "payload": {"content": "b"}}],
        [{"type": "token", "data": "a"}, {"type": "token", "data": "b"}],
        [{"type": "next", "id": "1", "payload": {"data": {"chat": w}}} for w in ("a", {"delta": "b"})],
        [b"data: {\"delta\": \"a\"}\n\n", b"data: {\"delta\": \"b\"}\n\n"],
        [{"role": "assistant", "content": "a"}, {"role": "assistant", "content": "b"}],
    ],
    ids=["event and data", "payload", "data alone", "graphql", "events in frames", "roles"],
)  # fmt: skip
def test_wrapped_pieces_are_joined(frames):
    assert reply(*frames).reply.text == "ab"


def test_events_of_socketio_are_joined():
    packets = [b'42["token", {"token": "a"}]', b'42["token", "b"]', b"2", b'42["typing", {}]']
    assert reply(*packets, asked='42["chat", {"message": "hi"}]', engine=True).reply.text == "ab"


def test_a_greeting_needs_no_message():
    assert reply(b"Welcome!", asked=None).reply.text == "Welcome!"
    assert reply({"type": "greeting", "text": "Hello"}, asked=None).reply.text == "Hello"


@pytest.mark.parametrize("frame", [{"type": "connected", "client_id": "x"}, {"type": "ready", "message": "connected"}])
def test_a_notice_is_no_greeting(frame):
    assert reply(frame, asked=None).reply.text is None


def test_an_error_is_told_in_its_own_words():
    found = reply({"type": "token", "token": "a"}, {"type": "error", "message": "model down"})
    assert (found.reply.text, found.error) == ("a", "model down")


def test_a_frame_that_was_cut_adds_nothing_broken():
    found = reply({"delta": "whole "}, b'{"delta": "hal', answered_cut=True)
    assert found.reply.text == "whole "
    assert reply(b"whole ", b"hal", answered_cut=True).reply.text == "whole hal"


def test_a_long_message_that_was_cut_keeps_its_beginning():
    asked = '{"session_id": "s", "message": "' + "x" * 2000
    found = read_socket([asked.encode()], [], asked_cut=True)
    assert found.message.text == "x" * 2000


def test_a_binary_frame_says_nothing():
    assert reply(b"\xff\xfe\x00").reply.text in (None, "\x00")


def test_a_frame_without_a_message_is_looked_through_once(monkeypatch):
    looked = []
    real = generic.content_text
    monkeypatch.setattr(generic, "content_text", lambda *args: looked.append(args) or real(*args))
    assert generic.content_text(None) is None
    assert generic.content_text({"content": {"text": 5}}) is None
    assert len(looked) <= 2 * (1 + 6) + 1
