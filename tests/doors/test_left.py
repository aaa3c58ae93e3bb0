"""Where a client left an answer: after how many bytes and chunks, when, and at which share where it can be known."""

import asyncio
import io
import json

import pytest

import convotrace as ct
from convotrace.asgi import ConvoTraceMiddleware as ASGI
from convotrace.page import PageRequest
from convotrace.page.turn_words import where_left
from convotrace.wsgi import ConvoTraceMiddleware as WSGI

ASKED = b'{"message": "x", "session_id": "s"}'
PIECE = b'data: {"delta": "word "}\n\n'


@pytest.fixture
def observer(store_url):
    made = ct.ConvoTrace(store=store_url)
    yield made
    made.close()


def only(observer):
    assert observer.ledger.open == {}
    (trace,) = observer.store.session("s").traces
    return trace


def asgi(observer, sends, goes_on, length=None, leave_after=3):
    """Stream pieces to a client that leaves; the app hears of it at once, and stops unless it goes on anyway."""
    headers = [(b"content-type", b"text/event-stream")]
    headers += [(b"content-length", b"%d" % length)] if length else []
    sent = []

    async def app(scope, receive, send):
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        for n in range(sends):
            if n == leave_after:
                assert (await receive())["type"] == "http.disconnect"
                if not goes_on:
                    return
            await send({"type": "http.response.body", "body": PIECE, "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    messages = iter([{"type": "http.request", "body": ASKED}, {"type": "http.disconnect"}])

    async def receive():
        return next(messages)

    async def send(message):
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/chat", "query_string": b"",
             "headers": [(b"content-type", b"application/json")]}  # fmt: skip
    asyncio.run(ASGI(app, convotrace=observer)(scope, receive, send))
    return only(observer)


def wsgi(observer, sends, length=None, leave_after=3):
    """Stream pieces to a client that leaves: the server closes the body early."""

    def app(environ, start_response):
        environ["wsgi.input"].read()
        headers = [("Content-Type", "text/event-stream")]
        start_response("200 OK", headers + ([("Content-Length", str(length))] if length else []))
        for _ in range(sends):
            yield PIECE

    environ = {"REQUEST_METHOD": "POST", "PATH_INFO": "/chat", "CONTENT_TYPE": "application/json",
               "CONTENT_LENGTH": str(len(ASKED)), "wsgi.input": io.BytesIO(ASKED)}  # fmt: skip
    body = WSGI(app, convotrace=observer)(environ, lambda *_: None)
    for _, _ in zip(range(leave_after), body, strict=False):
        pass
    body.close()
    return only(observer)


def test_a_share_is_known_when_the_app_finishes_anyway(observer):
    trace = asgi(observer, sends=6, goes_on=True)
    assert trace.status == "disconnected"
    assert (trace.left.bytes, trace.left.chunks, trace.left.share) == (3 * len(PIECE), 3, 0.5)
    assert (trace.response_bytes, trace.chunks) == (6 * len(PIECE), 6)
    assert trace.first_byte_ns <= trace.left.after_ns <= trace.duration_ns


def test_a_share_is_unknown_when_nobody_knows_the_whole(observer):
    trace = asgi(observer, sends=6, goes_on=False)
    assert (trace.status, trace.left.bytes, trace.left.chunks, trace.left.share) == (
        "disconnected", 3 * len(PIECE), 3, None
    )  # fmt: skip


def test_a_share_is_known_by_the_announced_length(observer):
    assert asgi(observer, sends=4, goes_on=False, length=4 * len(PIECE)).left.share == 0.75


def test_a_share_through_wsgi_is_known_by_the_announced_length_alone(observer):
    trace = wsgi(observer, sends=4, length=4 * len(PIECE))
    assert (trace.status, trace.left.bytes, trace.left.chunks, trace.left.share) == (
        "disconnected", 3 * len(PIECE), 3, 0.75
    )  # fmt: skip


def test_a_body_that_wsgi_closes_early_was_left(observer):
    trace = wsgi(observer, sends=1000)
    assert (trace.left.bytes, trace.left.chunks, trace.left.share) == (3 * len(PIECE), 3, None)
    assert trace.output.text == "word " * 3


def test_a_body_that_was_read_to_its_end_was_not_left(observer):
    assert wsgi(observer, sends=2, leave_after=99).left is None


def test_who_leaves_after_the_last_byte_has_left_nothing(observer):
    trace = asgi(observer, sends=3, goes_on=True, leave_after=99)
    assert (trace.status, trace.left) == ("ok", None)


@pytest.mark.parametrize("wrong", ["-1", "12a", "", "9" * 30, "0"])
def test_a_length_that_is_none_gives_no_share(observer, wrong):
    def app(environ, start_response):
        environ["wsgi.input"].read()
        start_response("200 OK", [("Content-Type", "text/event-stream"), ("Content-Length", wrong)])
        yield PIECE
        yield PIECE

    environ = {"REQUEST_METHOD": "POST", "PATH_INFO": "/", "CONTENT_TYPE": "application/json",
               "wsgi.input": io.BytesIO(ASKED)}  # fmt: skip
    body = WSGI(app, convotrace=observer)(environ, lambda *_: None)
    next(body)
    body.close()
    trace = only(observer)
    assert (trace.left.chunks, trace.left.share) == (1, None)


def test_a_chunk_that_cannot_be_sent_was_not_sent(observer):
    async def app(scope, receive, send):
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream")]})
        while True:
            await send({"type": "http.response.body", "body": PIECE, "more_body": True})

    sent = []

    async def receive():
        return {"type": "http.request", "body": ASKED}

    async def send(message):
        if len(sent) == 3:
            raise ConnectionResetError
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/chat", "query_string": b"",
             "headers": [(b"content-type", b"application/json")]}  # fmt: skip
    with pytest.raises(ConnectionResetError):
        asyncio.run(ASGI(app, convotrace=observer)(scope, receive, send))
    trace = only(observer)
    assert (trace.status, trace.error, trace.left.chunks, trace.left.bytes) == (
        "disconnected", None, 2, 2 * len(PIECE)
    )  # fmt: skip


def test_the_page_and_the_json_say_where(observer):
    trace = asgi(observer, sends=6, goes_on=True)
    headers = {"authorization": f"Bearer {observer.open_store().token()}", "host": "h"}

    def page(path):
        answer = observer.page(PageRequest(method="GET", path=path, query="", headers=headers, peer="203.0.113.9"))
        assert answer.status == 200
        return answer.body.decode()

    words = where_left(trace)
    assert words.startswith("user left after ") and words.endswith("s, 3 chunks, at 50%")
    assert words in page("/s/s") and words in page(f"/s/s/t/{trace.id}")
    assert json.loads(page("/s/s.json"))["traces"][0]["left"] == {
        "bytes": 3 * len(PIECE), "after_ms": trace.left.after_ns / 1e6, "chunks": 3, "share": 0.5
    }  # fmt: skip
