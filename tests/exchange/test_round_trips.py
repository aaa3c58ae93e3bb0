"""Any texts, in any legal spelling of the wire: what was said is what is read."""

import json
from itertools import pairwise
from urllib.parse import urlencode

from convotrace_test_wire import JSON, NDJSON, SSE, chunk
from hypothesis import given
from hypothesis import strategies as st

from convotrace.exchange import read_exchange
from convotrace.identity import Incoming
from convotrace.recorder import OpenTrace

FORM = "application/x-www-form-urlencoded"
ASKED = json.dumps({"message": "hi"}).encode()
texts = st.text(st.characters(codec="utf-8"), max_size=12)
pieces = st.lists(texts, min_size=1, max_size=6)
ends = st.sampled_from(["\n", "\r\n", "\r"])
noise = st.lists(st.sampled_from([": ping", "id: 7", "retry: 10", ":", "unknown: x"]), max_size=2)


def read(body, content_type, **more):
    """Read a reply to a message."""
    return read_exchange("POST", {}, ASKED, JSON, body, content_type, **more)


@st.composite
def events(draw, data):
    """Spell events as the standard allows: any end of a line, comments, ids, data over several lines, a BOM."""
    written = draw(st.sampled_from(["", "\ufeff"]))
    for value in data:
        text = json.dumps(value, ensure_ascii=draw(st.booleans()), indent=draw(st.sampled_from([None, 1])))
        lines = [f"data:{draw(st.sampled_from(['', ' ']))}{line}" for line in text.split("\n")]
        for line in [*draw(noise), *lines, *draw(noise), ""]:
            written += line + draw(ends)
        # Else a lone CR and the LF after it would be read as one end.
        written += "\n"
    return written.encode()


@given(pieces, st.data())
def test_a_stream_of_events_is_read_however_it_is_spelled(said, data):
    body = data.draw(events([chunk({"content": text}) for text in said]))
    assert read(body, SSE).reply.text == "".join(said)


@given(pieces, st.data())
def test_lines_of_json_are_read_whatever_ends_them(said, data):
    end = data.draw(ends)
    written = end.join(json.dumps({"token": text}, ensure_ascii=False) for text in said)
    assert read(written.encode(), NDJSON).reply.text == "".join(said)


@given(texts)
def test_a_plain_text_is_itself(said):
    assert read(said.encode(), "text/plain; charset=utf-8").response_body == said


@given(texts, texts)
def test_a_form_is_read_as_it_was_written(said, other):
    body = urlencode({"message": said, "x": other}).encode()
    assert read_exchange("POST", {}, body, FORM, None, "").message.text == said


@given(texts, texts, st.binary(max_size=20))
def test_a_multipart_form_is_read_as_it_was_written(said, name, file):
    boundary = "0123456789abcdef-not-in-any-text"
    parts = (f'form-data; name="message"\r\n\r\n{said}', 'form-data; name="file"; filename="x"\r\n\r\n')
    body = b"".join(f"--{boundary}\r\nContent-Disposition: {part}".encode() + b"\r\n" for part in parts[:1])
    body += f"--{boundary}\r\nContent-Disposition: {parts[1]}".encode() + file + f"\r\n--{boundary}--\r\n".encode()
    assert read_exchange("POST", {}, body, f"multipart/form-data; boundary={boundary}", None, "").message.text == said


@given(st.binary(min_size=1, max_size=300), st.lists(st.integers(0, 300), max_size=8), st.integers(1, 400))
def test_whatever_chunks_a_body_comes_in_its_beginning_is_kept(body, cuts, limit):
    places = sorted({0, len(body), *(cut for cut in cuts if cut < len(body))})
    trace = OpenTrace(Incoming("POST", "/", "", (), lambda raw: raw, {}, ""), 0)
    trace.respond(200, SSE, True)
    for start, end in pairwise(places):
        trace.sent(body[start:end], start, limit)
    assert b"".join(trace.response_chunks) == body[:limit]
    assert (trace.response_bytes, trace.cut_output) == (len(body), len(body) > limit)
