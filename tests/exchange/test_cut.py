"""Bodies that are cut, compressed or hostile: what was complete is kept, and reading takes its measured time."""

import gzip
import json
import time
import zlib

import pytest
from convotrace_test_wire import FRAMES, JSON, NDJSON, SSE, TEXT, chunk, frame, lines, read, sse
from hypothesis import given
from hypothesis import strategies as st

from convotrace.exchange import Found, read_exchange
from convotrace.exchange.inflate import MAX_INFLATED, inflated
from convotrace.exchange.jsontext import UNREADABLE, partial

CUT = [
    ('{"a": 1, "b": "two", "c": "thr', {"a": 1, "b": "two"}),
    ('{"a": 1, "b": 12', {"a": 1}),
    ('{"a": 1, "b', {"a": 1}),
    ('{"a": 1, "b": ', {"a": 1}),
    ('{"a": [1, {"b": "c"}, "d", tr', {"a": [1, {"b": "c"}, "d"]}),
    ('{"a": {"b": "c"', {"a": {"b": "c"}}),
    ('[{"a": 1}, {"a": 2', [{"a": 1}, {}]),
    ('{"a": "x\\"y", "b": "', {"a": 'x"y'}),
    ('{"a": "' + "x" * 600, {"a": "x" * 600}),
    ('{"a": "' + "x" * 600 + "\\", {"a": "x" * 600}),
    ('{"a": "' + "x" * 600 + "\\u00e", {"a": "x" * 600}),
    ('{"a": "' + "x" * 600 + "\\\\", {"a": "x" * 600 + "\\"}),
    ('{"a": "' + "x" * 600 + "\\ud83d", {"a": "x" * 600 + "\ud83d"}),
    ('{"' + "x" * 600, {}),
    ("{", {}),
]


@pytest.mark.parametrize(("text", "value"), CUT)
def test_of_a_cut_json_text_what_was_complete_is_kept(text, value):
    assert partial(text) == value


BROKEN = ["", "x", '"x', '{"a": 1}', '{"a": 1} {', "{]", '{"a" 1, "b": 2', '{"a": "\\u12 ", "b', '{"a": 1}{"b": ']


HALF = "Open till six, on Sun"
CUT_STREAMS = {
    "openai": (SSE, sse(chunk({"content": "Open till six, "})) + b'data: {"choices": [{"delta": {"content": "on Sun'),
    "anthropic": (
        SSE,
        sse({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Open till six, "}})
        + b'data: {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "on Sun',
    ),
    "ollama": (
        NDJSON,
        lines({"model": "m", "message": {"role": "assistant", "content": "Open till six, "}, "done": False})
        + b'{"model": "m", "message": {"role": "assistant", "content": "on Sun',
    ),
    "ai sdk": (TEXT, b'0:"Open till six, "\n0:"on Sun'),
    "field names": (SSE, sse({"token": "Open till six, "}) + b'data: {"token": "on Sun'),
    "an escape": (SSE, sse({"token": "Open till six, "}) + b'data: {"token": "on Sun\\u00f'),
    "a character": (SSE, sse({"token": "Open till six, "}) + b'data: {"token": "on Sun\xc3'),
    "one huge event": (SSE, b'data: {"token": "Open till six, on Sun'),
    "a text that grows": (
        SSE,
        sse({"text": "Open"}, {"text": "Open till"}, {"text": HALF}) + b'data: {"text": "Open ti',
    ),
}


@pytest.mark.parametrize(("content_type", "body"), CUT_STREAMS.values(), ids=CUT_STREAMS)
def test_the_text_of_a_stream_is_right_up_to_the_cut(content_type, body):
    assert read(body, content_type).reply.text == HALF


NOT_SAID = [
    b'data: {"type": "text_del',
    b'data: {"choices": [{"delta": {"content": "x"}, "finish_reason": "sto',
    b'data: {"choices": [{"delta": {"tool_calls": [{"index": 0, "function": {"name": "hou',
    b"data: cut he",
]


@pytest.mark.parametrize("rest", NOT_SAID)
def test_half_a_word_of_anything_but_the_text_is_left_out(rest):
    found = read(sse(chunk({"content": "Open."})) + rest)
    assert found.reply.text in ("Open.", "Open.x")
    assert (found.tool_calls, found.finish_reason) == ((), None)


def test_a_thought_that_was_cut_is_not_taken_for_the_answer():
    thought = {"candidates": [{"content": {"parts": [{"text": "Hm, ", "thought": True}]}}]}
    found = read(sse(thought) + b'data: {"candidates": [{"content": {"parts": [{"text": "Sund')
    assert (found.reply.text, found.reasoning) == (None, "Hm, ")


@given(st.lists(st.text(min_size=1, max_size=8), min_size=1, max_size=6), st.data())
def test_a_stream_cut_anywhere_gives_a_beginning_of_its_text(texts, data):
    body = sse(*(chunk({"content": text}) for text in texts))
    found = read(body[: data.draw(st.integers(0, len(body)))]).reply.text or ""
    assert "".join(texts).startswith(found)


@pytest.mark.parametrize("text", BROKEN)
def test_a_text_that_is_broken_otherwise_is_not_guessed_at(text):
    assert partial(text) is UNREADABLE


names = st.text(max_size=3)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(names, values, min_size=1, max_size=4), st.data(), st.booleans())
def test_a_cut_object_has_no_value_that_the_whole_one_has_not(value, data, ascii_only):
    text = json.dumps(value, ensure_ascii=ascii_only)
    found = partial(text[: data.draw(st.integers(1, len(text) - 1))])
    assert isinstance(found, dict) and list(found) == list(value)[: len(found)]
    assert all(found[name] == value[name] for name in list(found)[:-1])


def raw_deflate(body):
    """Compress without the header that the standard asks for."""
    stream = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return stream.compress(body) + stream.flush()


PACKED = [
    ("gzip", gzip.compress),
    ("x-gzip", gzip.compress),
    ("GZIP", gzip.compress),
    ("deflate", zlib.compress),
    ("deflate", raw_deflate),
    ("gzip, gzip", lambda body: gzip.compress(gzip.compress(body))),
    ("deflate, gzip", lambda body: gzip.compress(zlib.compress(body))),
    ("identity", lambda body: body),
    ("gzip", lambda body: gzip.compress(body[:9]) + gzip.compress(body[9:])),
]


@pytest.mark.parametrize(("coding", "pack"), PACKED)
def test_a_compressed_reply_is_read(coding, pack):
    body = pack(sse(chunk({"content": "Open "}), chunk({"content": "till six."})))
    assert read(body, SSE, content_encoding=coding).reply == Found(True, "Open till six.")


def test_a_cut_compressed_reply_gives_its_beginning():
    body = gzip.compress(sse(*(chunk({"content": f"{number} "}) for number in range(2_000))))
    text = read(body[: len(body) // 2], SSE, content_encoding="gzip").reply.text
    assert len(text) > 1_000 and "".join(f"{number} " for number in range(2_000)).startswith(text)


@pytest.mark.parametrize("coding", ["br", "zstd", "gzip, br", "nonsense"])
def test_what_cannot_be_undone_is_no_text(coding):
    found = read(b"\x1b\x00binary", JSON, content_encoding=coding)
    assert (found.reply, found.response_body) == (Found(), None)


@pytest.mark.parametrize("body", [b"", b"x", b"\x1f\x8b", gzip.compress(b"x")[:-9], gzip.compress(b"") * 5_000])
def test_a_broken_packing_raises_nothing(body):
    assert len(inflated(body, "gzip")) <= 1


def test_a_bomb_is_unpacked_no_further_than_the_limit():
    bomb = gzip.compress(bytes(64 * 1024 * 1024))
    assert len(inflated(bomb, "gzip")) == MAX_INFLATED
    assert len(inflated(gzip.compress(bomb), "gzip, gzip")) == MAX_INFLATED


WHOLE = frame("messageStart", {"role": "assistant"})


@pytest.mark.parametrize("body", [WHOLE + WHOLE[:20], WHOLE + bytes(40), WHOLE + b"\xff" * 40, WHOLE + WHOLE[:-1]])
def test_a_broken_frame_ends_the_reading(body):
    found = read(body, FRAMES)
    assert found.response_body == [{"messageStart": {"role": "assistant"}}]


HOSTILE = {
    "quotes": (b'{"a": "' + b'\\"' * 120_000, JSON),
    "brackets": (b"[" * 250_000, JSON),
    "objects": (b'{"a":' * 50_000, JSON),
    "twiml": (b"<Response" + b"<Message>" * 28_000, "text/xml"),
    "packets": (b"42[\x1e" * 60_000, "text/plain"),
    "data lines": (b"0:1\n" * 60_000, "text/plain"),
    "growing text": (sse(*({"text": "x" * length} for length in range(700))), SSE),
    "same length": (sse({"text": "x" * 100_000}, {"text": "x" * 100_000}), SSE),
    "empty events": (b"data\n\n" * 40_000, SSE),
    "one event": (b"data:x\n" * 35_000 + b"\n", SSE),
    "byte order marks": ("\ufeff" * 80_000).encode(),
    "usage": (sse(*(chunk({}) | {"usage": {f"n{number}": 1}} for number in range(2_500))), SSE),
    "usage of runs": (sse(*({"type": "RUN_FINISHED", "usage": {f"n{number}": 1}} for number in range(5_000))), SSE),
    "calls": (sse(*(chunk({"tool_calls": [{"index": n, "function": {"name": "x"}}]}) for n in range(2_000))), SSE),
    "arguments": (sse(*({"candidates": [{"content": {"parts": [{"functionCall": {"name": "x", "partialArgs": [
        {"jsonPath": "$.a", "stringValue": "y"}]}}]}}]} for _ in range(1_800))), SSE),
    "updates": (sse(*[("updates", {"n": {"messages": [{"type": "human", "content": ""}]}})] * 2_500), SSE),
    "frames": (WHOLE * 2_500, FRAMES),
    "headers": (frame("x" * 60_000, {}), FRAMES),
}  # fmt: skip
HOSTILE["byte order marks"] = (HOSTILE["byte order marks"], SSE)


@pytest.mark.parametrize(("body", "content_type"), HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_reply_does_not_hang_the_writer(body, content_type):
    """Each takes some ten milliseconds; time that grows with the square of the size would take many seconds."""
    started = time.thread_time()
    read(body, content_type)
    assert time.thread_time() - started < 2


kinds = st.sampled_from([SSE, JSON, FRAMES, "application/x-ndjson", "text/plain", "application/xml", ""])
words = st.sampled_from(
    [b"data: ", b"event: messages\n", b"\n\n", b'{"type":"', b"response.", b'"choices":[', b'{"delta":{"content":"x"',
     b"}", b"]", b'"', b",", b'"candidates":[{"content":{"parts":[', b"42[", b"0:", b"<Response><Message>", b"\xff",
     b"\x00\x00\x00\x20", b"\\u", b"null", b'"usage":', b'"tool_calls":[{"index":0']
)  # fmt: skip


@given(
    st.lists(words, max_size=30).map(b"".join) | st.binary(max_size=200),
    kinds,
    st.sampled_from(["", "gzip", "deflate"]),
)
def test_whatever_bytes_a_reply_has_reading_them_raises_nothing(body, content_type, coding):
    found = read_exchange("POST", {}, b'{"message": "hi"}', JSON, body, content_type, content_encoding=coding)
    assert found.reply.text is None or (found.reply.recognised and isinstance(found.reply.text, str))


shapes = st.recursive(
    st.none() | st.booleans() | st.integers(0, 3) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(
        ["type", "choices", "delta", "message", "messages", "content", "text", "role", "parts", "candidates", "output",
         "event", "data", "answer", "done", "usage", "tool_calls", "function", "index", "error", "token", "response",
         "item", "input", "entry", "lc", "id", "kwargs", "object", "event_type", "step", "trace", "chunk", "completion",
         "messaging", "changes", "value", "queryResult", "activities", "steps", "status", "contents", "arguments"]),
        inner, max_size=4),
    max_leaves=20,
)  # fmt: skip
types = st.sampled_from(
    ["message_start", "content_block_delta", "response.completed", "response.output_item.added", "content-delta",
     "tool-call-start", "TEXT_MESSAGE_CONTENT", "TOOL_CALL_ARGS", "RUN_FINISHED", "text-delta", "message",
     "tool-input-delta"]
)  # fmt: skip


@given(shapes, shapes, types, st.sampled_from(["", "messages", "values", "updates", "data", "generating", "error"]))
def test_whatever_shape_a_value_has_reading_it_raises_nothing(asked, answered, kind, event):
    if isinstance(answered, dict):
        answered["type"] = kind
    body = f"event: {event}\ndata: {json.dumps(answered)}\n\n".encode()
    for content, content_type in ((body, SSE), (json.dumps(answered).encode(), JSON)):
        read_exchange("POST", {}, json.dumps(asked).encode(), JSON, content, content_type)
