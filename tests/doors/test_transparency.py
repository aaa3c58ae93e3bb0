"""The host app is sacred: bytes, headers, exceptions, laziness, close and background work exactly as bare."""

import asyncio
import gc
import gzip
import io
import sys
import threading
import zlib
from wsgiref.validate import validator

import flask
import pytest
from blockbuster import BlockBuster
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.responses import JSONResponse, StreamingResponse
from starlette.routing import Route

import convotrace as ct
import convotrace_fastapi
import convotrace_flask
from convotrace.asgi import ConvoTraceMiddleware as ASGI
from convotrace.wsgi import ConvoTraceMiddleware as WSGI

chat_apps = sys.modules["convotrace_test_chat_apps"]


@pytest.fixture
def observer(store_url):
    made = ct.ConvoTrace(store=store_url)
    yield made
    made.close()


@pytest.fixture(autouse=True)
def nothing_blocks():
    """Fail on a blocking call of ours inside an event loop."""
    buster = BlockBuster("convotrace")
    buster.activate()
    yield
    buster.deactivate()


@pytest.mark.parametrize("path", ["/chat", "/stream", "/sync-stream", "/page", "/history", "/nothing", "/boom"])
def test_answers_and_headers_are_those_of_the_bare_app(door, path):
    wrapped, bare = door(), door(enabled=False)
    method = "GET" if path in ("/page", "/history", "/nothing") else "POST"
    body = b"" if method == "GET" else b'{"message": "one two", "session_id": "s"}'
    headers = [("content-type", "application/json")] if body else []
    seen, expected = (client.request(method, path, body, headers) for client in (wrapped, bare))
    assert (seen.status, seen.headers, seen.chunks) == (expected.status, expected.headers, expected.chunks)
    assert type(seen.error) is type(expected.error)


def test_the_same_exception_object_leaves_the_asgi_door(observer):
    error = ValueError("mine")
    error.__cause__ = KeyError("cause")

    async def app(scope, receive, send):
        raise error

    client = chat_apps.Client(ASGI(app, convotrace=observer), observer)
    answer = client.post("/chat", {"message": "x"})
    assert answer.error is error and isinstance(error.__cause__, KeyError)


@pytest.mark.parametrize("when", ["before", "during", "after"])
def test_the_same_exception_object_leaves_the_wsgi_door(observer, when):
    error = ValueError("mine")

    class Body:
        def __iter__(self):
            yield b"one"
            if when == "during":
                raise error

        def close(self):
            if when == "after":
                raise error

    def app(environ, start_response):
        if when == "before":
            raise error
        start_response("200 OK", [("Content-Type", "text/plain")])
        return Body()

    wrapped = WSGI(app, convotrace=observer)
    wrapped.wsgi_app = wrapped
    answer = chat_apps.Client(wrapped, observer).post("/chat", {"message": "x"}, [("X-Session-ID", "s")])
    assert answer.error is error
    assert observer.store.session("s").traces[0].error.message == "mine"


def test_each_chunk_is_forwarded_before_the_next_is_made(observer):
    order = []

    def app(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/event-stream")])
        for n in range(3):
            order.append(f"made {n}")
            yield b"data: x\n\n"

    for n, _ in enumerate(WSGI(app, convotrace=observer)(_environ(), lambda *a: None)):
        order.append(f"got {n}")
    assert order == ["made 0", "got 0", "made 1", "got 1", "made 2", "got 2"]


def test_wsgi_rules_are_kept_on_both_sides(observer):
    def app(environ, start_response):
        environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
        start_response("200 OK", [("Content-Type", "text/plain")])
        return iter([b"a", b"b"])

    environ = _environ(b'{"message": "x"}')
    del environ["wsgi.file_wrapper"]
    body = validator(WSGI(validator(app), convotrace=observer))(
        environ, lambda status, headers, exc=None: lambda b: None
    )
    assert list(body) == [b"a", b"b"]
    body.close()


def test_a_list_stays_a_list_and_a_file_stays_a_file(observer):
    complete = [b"a", b"b"]

    class FileWrapper:
        def __init__(self, file):
            self.file = file

    def app(environ, start_response):
        start_response("200 OK", [])
        return complete if environ["PATH_INFO"] == "/list" else environ["wsgi.file_wrapper"](io.BytesIO(b"x"))

    wrapped = WSGI(app, convotrace=observer)
    assert wrapped({**_environ(), "PATH_INFO": "/list"}, lambda *a: None) is complete
    file = wrapped({**_environ(), "wsgi.file_wrapper": FileWrapper}, lambda *a: None)
    assert type(file) is FileWrapper


def test_close_is_called_once_and_always(observer):
    closed = []

    class Body:
        def __iter__(self):
            return iter([b"a", b"b"])

        def close(self):
            closed.append(True)

    def app(environ, start_response):
        start_response("200 OK", [])
        return Body()

    body = WSGI(app, convotrace=observer)(_environ(), lambda *a: None)
    next(iter(body))
    body.close()
    assert closed == [True]


def test_write_and_exc_info_reach_the_server(observer):
    calls, written = [], []

    def app(environ, start_response):
        try:
            raise ValueError
        except ValueError:
            write = start_response("500 Oh", [], sys.exc_info())
        write(b"direct")
        return []

    def start_response(*arguments):
        calls.append(arguments)
        return written.append

    list(WSGI(app, convotrace=observer)(_environ(), start_response))
    assert calls[0][0] == "500 Oh" and calls[0][2][0] is ValueError and written == [b"direct"]


def test_the_scope_of_the_caller_gets_what_the_app_wrote_and_nothing_of_ours(observer):
    state, seen = {}, []

    async def app(scope, receive, send):
        seen.append(scope)
        scope["path_params"] = {"x": 1}
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    scope = {"type": "http", "method": "POST", "path": "/x", "headers": [], "query_string": b"", "state": state}
    before = dict(scope)

    async def nothing(*_):
        return {"type": "http.request"}

    asyncio.run(ASGI(app, convotrace=observer)(scope, nothing, nothing))
    assert scope == {**before, "path_params": {"x": 1}}
    assert seen[0] is not scope and seen[0]["state"] is state
    assert {key for key in seen[0] if key not in before} == {"convotrace.stores", "path_params"}


@pytest.mark.parametrize("kind", ["lifespan", "unknown"])
def test_other_scopes_pass_untouched(observer, kind):
    seen = []

    async def app(*arguments):
        seen.append(arguments)

    arguments = ({"type": kind}, object(), object())
    asyncio.run(ASGI(app, convotrace=observer)(*arguments))
    assert all(a is b for a, b in zip(seen[0], arguments, strict=True))


def test_the_request_body_is_never_read_for_the_app(observer):
    received = []

    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"ok"})

    async def receive():
        received.append(True)
        return {"type": "http.request", "body": b"x"}

    async def send(message):
        return None

    scope = {"type": "http", "method": "POST", "path": "/x", "headers": [], "query_string": b""}
    asyncio.run(ASGI(app, convotrace=observer)(scope, receive, send))
    assert received == []


def test_a_background_task_runs_after_the_last_byte_and_its_spans_belong_to_the_turn(observer):
    order = []

    async def endpoint(request):
        asked = await request.json()

        async def after():
            order.append("background")
            with ct.tool("after"):
                await asyncio.sleep(0)

        return JSONResponse({"reply": asked["message"]}, background=BackgroundTask(after))

    app = Starlette(routes=[Route("/chat", endpoint, methods=["POST"])])
    client = chat_apps.Client(ASGI(app, convotrace=observer), observer)
    client.post("/chat", {"message": "x", "session_id": "s"})
    (trace,) = observer.store.session("s").traces
    assert order == ["background"] and [span.name for span in trace.spans] == ["after"]
    assert trace.spans[0].started_ns >= trace.started_ns + trace.duration_ns


def test_work_left_running_after_the_response_still_lands_in_its_turn(observer):
    async def endpoint(request):
        await request.json()

        async def late():
            with ct.tool("late"):
                await asyncio.sleep(0.05)

        request.app.state.task = asyncio.create_task(late())
        return JSONResponse({"reply": "now"})

    app = Starlette(routes=[Route("/chat", endpoint, methods=["POST"])])
    wrapped = ASGI(app, convotrace=observer)

    async def use():
        body = {"type": "http.request", "body": b'{"message": "x", "session_id": "s"}'}

        async def receive():
            return body

        async def send(message):
            return None

        scope = {"type": "http", "method": "POST", "path": "/chat", "query_string": b"", "root_path": "",
                 "headers": [(b"content-type", b"application/json")]}  # fmt: skip
        await wrapped(scope, receive, send)
        await app.state.task

    asyncio.run(use())
    found = observer.store.session("s")
    assert [(span.name, span.status) for span in found.traces[0].spans] == [("late", "ok")]
    assert (found.session.turns, found.session.spans) == (1, 1)


def test_interleaved_sessions_never_mix(observer):
    async def endpoint(request):
        asked = await request.json()
        for _ in range(3):
            with ct.tool("step", arguments=asked["message"]):
                await asyncio.sleep(0)
        return JSONResponse({"reply": asked["message"]})

    app = Starlette(routes=[Route("/chat", endpoint, methods=["POST"])])
    wrapped = ASGI(app, convotrace=observer)

    async def one(n):
        async def receive():
            return {"type": "http.request", "body": b'{"message": "m%d", "session_id": "s%d"}' % (n, n % 2)}

        async def send(message):
            return None

        await wrapped(
            {"type": "http", "method": "POST", "path": "/chat", "query_string": b"", "root_path": "",
             "headers": [(b"content-type", b"application/json")]}, receive, send)  # fmt: skip

    async def use():
        await asyncio.gather(*(one(n) for n in range(200)))

    asyncio.run(use())
    for k in (0, 1):
        traces = observer.store.session(f"s{k}").traces
        assert len(traces) == 100
        assert all({span.arguments for span in trace.spans} == {trace.input.text} for trace in traces)


def test_wrapped_twice_a_request_is_one_trace(observer, store_url):
    again = ct.ConvoTrace(store=store_url)

    async def app(scope, receive, send):
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
        await send({"type": "http.response.body", "body": b'{"reply": "x"}'})

    client = chat_apps.Client(ASGI(ASGI(app, convotrace=again), convotrace=observer), observer)
    client.post("/chat", {"message": "x", "session_id": "s"})
    again.close()
    assert observer.store.session("s").session.traces == 1


def test_two_stores_around_one_app_each_get_the_trace(tmp_path):
    inner, outer = (ct.ConvoTrace(store=f"sqlite:///{tmp_path}/{name}.db") for name in ("inner", "outer"))

    async def app(scope, receive, send):
        await receive()
        with ct.tool("x"):
            pass
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
        await send({"type": "http.response.body", "body": b'{"reply": "x"}'})

    client = chat_apps.Client(ASGI(ASGI(app, convotrace=inner), convotrace=outer), outer)
    client.post("/chat", {"message": "x", "session_id": "s"})
    assert [observer.store.session("s").session.spans for observer in (inner, outer)] == [1, 0]
    inner.close(), outer.close()


def test_a_server_that_forgets_to_close_leaves_nothing_open(observer):
    def app(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/plain")])
        yield b"a"
        yield b"b"

    body = WSGI(app, convotrace=observer)(_environ(), lambda *a: None)
    next(body)
    del body
    gc.collect()
    assert observer.ledger.open == {}


def test_an_endless_streams_thread_does_not_hold_the_process(observer):
    """The generator is closed from another thread, as a server does on shutdown."""

    def app(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/event-stream")])
        with ct.span("endless", kind="agent"):
            while True:
                yield b"data: x\n\n"

    body = WSGI(app, convotrace=observer)({**_environ(), "HTTP_X_SESSION_ID": "s"}, lambda *a: None)
    next(body)
    closer = threading.Thread(target=body.close)
    closer.start()
    closer.join()
    (trace,) = observer.store.session("s").traces
    assert (trace.status, trace.spans[0].status) == ("disconnected", "cancelled")


@pytest.mark.parametrize("end", ["read", "leave", "aclose", "collect"])
@pytest.mark.parametrize("sort", ["sync", "async"])
def test_generators_of_a_streaming_response_whatever_ends_them(observer, sort, end, caplog):
    streams = []

    async def endpoint(request):
        asked = await request.json()
        streams.append((chat_apps.async_pieces if sort == "async" else chat_apps.pieces)(asked))
        if end in ("read", "leave"):
            return StreamingResponse(streams[0], media_type="text/event-stream")
        stream = streams.pop()
        if sort == "async":
            await anext(stream)
            await asyncio.create_task(stream.aclose()) if end == "aclose" else None
        else:
            next(stream)
            await asyncio.create_task(asyncio.to_thread(stream.close)) if end == "aclose" else None
        del stream
        gc.collect()
        await asyncio.sleep(0.01)
        with ct.span("afterwards"):
            return JSONResponse({"reply": "done"})

    app = Starlette(routes=[Route("/chat", endpoint, methods=["POST"])])
    client = chat_apps.Client(ASGI(app, convotrace=observer), observer)
    body = {"message": "one two three", "session_id": "s"}
    answer = client.post("/chat", body, leave_after=1 if end == "leave" else None)
    streams.clear()
    gc.collect()
    assert answer.error is None
    (trace,) = observer.store.session("s").traces
    stream, *rest = trace.spans
    assert stream.duration_ns is not None and stream.status == ("ok" if end == "read" else "cancelled")
    assert {span.parent_id for span in rest if span.name == "say"} == {stream.id}
    assert {span.parent_id for span in rest if span.name == "afterwards"} <= {None}
    assert [r for r in caplog.records if r.levelname in ("WARNING", "ERROR")] == []


def _environ(body=b""):
    return {
        "REQUEST_METHOD": "POST", "SCRIPT_NAME": "", "PATH_INFO": "/x", "QUERY_STRING": "", "SERVER_NAME": "h",
        "SERVER_PORT": "80", "SERVER_PROTOCOL": "HTTP/1.1", "CONTENT_LENGTH": str(len(body)), "HTTP_HOST": "h",
        "CONTENT_TYPE": "application/json", "wsgi.version": (1, 0), "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body), "wsgi.errors": io.StringIO(), "wsgi.multithread": True,
        "wsgi.multiprocess": False, "wsgi.run_once": False, "wsgi.file_wrapper": io.BytesIO,
    }  # fmt: skip


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_a_compressed_reply_passes_as_it_is_and_is_read(observer, encoding):
    plain = b'{"reply": "hello back"}'
    packed = gzip.compress(plain) if encoding == "gzip" else zlib.compress(plain)

    def app(environ, start_response):
        environ["wsgi.input"].read()
        start_response("200 OK", [("Content-Type", "application/json"), ("Content-Encoding", encoding)])
        return [packed]

    environ = {**_environ(b'{"message": "hi", "session_id": "s"}')}
    assert WSGI(app, convotrace=observer)(environ, lambda *a: None) == [packed]
    (trace,) = observer.store.session("s").traces
    assert (trace.output.text, trace.response_bytes) == ("hello back", len(packed))


def nothing_is_left_of_the_generator(app, observer):
    """Post a message whose handler ends a generator early: it kept its child, and what came after is outside it."""
    answer = chat_apps.Client(app, observer).post("/chat", {"message": "one two", "session_id": "s"})
    assert (answer.status, answer.error) == (200, None)
    (trace,) = observer.store.session("s").traces
    stream, say, afterwards = trace.spans
    assert (stream.status, say.parent_id, afterwards.parent_id) == ("cancelled", stream.id, None)


@pytest.mark.parametrize("end", ["close", "collect"])
def test_a_generator_ended_inside_a_flask_view_leaves_nothing_behind(store_url, end, caplog):
    app = flask.Flask("generators")
    observer = convotrace_flask.ConvoTrace(app, store=store_url)

    @app.post("/chat")
    def chat():
        stream = chat_apps.pieces(flask.request.get_json())
        next(stream)
        if end == "close":
            closer = threading.Thread(target=stream.close)
            closer.start()
            closer.join()
        del stream
        gc.collect()
        with ct.span("afterwards"):
            return {"reply": "done"}

    nothing_is_left_of_the_generator(app, observer)
    assert [r for r in caplog.records if r.levelname in ("WARNING", "ERROR")] == []
    observer.close()


@pytest.mark.parametrize("end", ["aclose", "collect"])
@pytest.mark.parametrize("sort", ["sync", "async"])
def test_a_generator_ended_inside_a_fastapi_endpoint_leaves_nothing_behind(store_url, sort, end):
    app = FastAPI()
    observer = convotrace_fastapi.ConvoTrace(app, store=store_url)

    @app.post("/chat")
    async def chat(asked: dict):
        stream = (chat_apps.async_pieces if sort == "async" else chat_apps.pieces)(asked)
        await anext(stream) if sort == "async" else next(stream)
        if end == "aclose":
            ended = stream.aclose() if sort == "async" else asyncio.to_thread(stream.close)
            await asyncio.create_task(ended)
        del stream
        gc.collect()
        await asyncio.sleep(0.01)
        with ct.span("afterwards"):
            return {"reply": "done"}

    nothing_is_left_of_the_generator(app, observer)
    observer.close()
