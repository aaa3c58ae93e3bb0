"""Odd ASGI apps, servers and middlewares: what they do bare, they do behind the door, and each request is one trace."""

import asyncio
import contextlib
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Annotated

import anyio
import pytest
from fastapi import Depends, FastAPI
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.responses import JSONResponse, PlainTextResponse, StreamingResponse
from starlette.routing import Mount, Route

import convotrace as ct
from convotrace.asgi import ConvoTraceMiddleware
from convotrace.wsgi import ConvoTraceMiddleware as WSGI

chat_apps = sys.modules["convotrace_test_chat_apps"]
START = {"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]}
BODY = {"type": "http.response.body", "body": b'{"reply": "x"}'}
JSON = [(b"content-type", b"application/json"), (b"x-session-id", b"s")]


@pytest.fixture
def observer(store_url):
    made = ct.ConvoTrace(store=store_url, exclude=[])
    yield made
    made.close()


def scope_of(method="POST", path="/chat", headers=JSON, **more):
    return {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "scheme": "http",
        "path": path, "raw_path": path.encode("utf-8", "surrogateescape"), "root_path": "", "query_string": b"",
        "headers": headers, "client": ("203.0.113.9", 1), "server": ("h", 80), **more,
    }  # fmt: skip


async def call(app, scope=None, messages=({"type": "http.request", "body": b'{"message": "x"}'},), send=None):
    """Drive an app by hand; return what it sent."""
    waiting, sent = list(messages), []

    async def receive():
        if waiting:
            return waiting.pop(0)
        return {"type": "http.disconnect"}

    async def note(message):
        sent.append(message)
        if send is not None:
            await send(message)

    await app(scope_of() if scope is None else scope, receive, note)
    return sent


def behind(observer, app, **how):
    """Call an app behind the door; return what it sent and its only trace."""
    sent = asyncio.run(call(ConvoTraceMiddleware(app, convotrace=observer), **how))
    return sent, only_trace(observer)


def only_trace(observer):
    assert observer.ledger.open == {}
    (trace,) = observer.store.session("s").traces
    return trace


# Messages of the protocol's extensions


@pytest.mark.parametrize(
    "messages",
    [
        [START, {"type": "http.response.pathsend", "path": "/dev/null"}],
        [START, {"type": "http.response.zerocopysend", "file": 3, "more_body": True}, BODY],
        [{"type": "http.response.push", "path": "/x", "headers": []}, START, BODY],
        [{"type": "http.response.early_hint", "links": [b"</x>"]}, START, BODY],
        [{**START, "trailers": True}, BODY, {"type": "http.response.trailers", "headers": [(b"x", b"y")]}],
        [{"type": "http.response.debug", "info": {"template": object()}}, START, BODY],
        [START, BODY, BODY, START],
        [BODY],
        [{"type": "http.response.start", "status": 204}, {"type": "http.response.body"}],
        [{**START, "headers": ((b"x", b"y"),)}, {**BODY, "body": bytearray(b"x")}, {"type": "nobody.knows"}],
        [{**START, "headers": [(b"content-type", b"\xff\xfe")]}, {**BODY, "body": memoryview(b"x")}],
        [{**START, "headers": [("content-type", "text")], "status": "200"}, {**BODY, "body": "text"}],
        [{**START, "headers": None}, {**BODY, "body": None}],
    ],
    ids=lambda messages: messages[0]["type"].rpartition(".")[2] + "-" + messages[-1]["type"].rpartition(".")[2],
)
def test_every_message_is_passed_on_as_it_is(observer, messages):
    async def app(scope, receive, send):
        for message in messages:
            await send(message)

    sent, trace = behind(observer, app)
    assert all(a is b for a, b in zip(sent, messages, strict=True))
    assert trace.status == "ok" and trace.duration_ns is not None


def test_headers_that_can_be_read_once_reach_the_server(store_url):
    made = ct.ConvoTrace(store=store_url, issue_cookie=True)

    async def app(scope, receive, send):
        await send({**START, "headers": (pair for pair in [(b"a", b"1"), (b"b", b"2")])})
        await send(BODY)

    sent = asyncio.run(call(ConvoTraceMiddleware(app, convotrace=made)))
    names = [name for name, _ in sent[0]["headers"]]
    made.close()
    assert names == [b"a", b"b", b"set-cookie"]


def test_headers_that_can_be_read_once_are_read_by_the_server_whenever_it_does(observer):
    async def app(scope, receive, send):
        await send({**START, "headers": (pair for pair in [(b"a", b"1")])})
        await send(BODY)
        return "what nobody asks for"

    def wsgi_app(environ, start_response):
        start_response("200 OK", (pair for pair in [("a", "1")]))
        return [b"x"]

    kept, returned = [], []

    async def outer(scope, receive, send):
        returned.append(await ConvoTraceMiddleware(app, convotrace=observer)(scope, receive, send))

    (start, _) = asyncio.run(call(outer))
    WSGI(wsgi_app, convotrace=observer)({"REQUEST_METHOD": "POST"}, lambda status, headers: kept.append(headers))
    assert (list(start["headers"]), list(kept[0])) == ([(b"a", b"1")], [("a", "1")])
    assert returned == ["what nobody asks for"] and observer.health()["hooks"] == {}


@pytest.mark.parametrize("control", [[b"public", b"no-cache"], [b"no-cache", b"public"], [b"max-age=5", b"s-maxage=5"]])
def test_no_cookie_is_added_to_what_caches_share_however_the_app_says_so(store_url, control):
    made = ct.ConvoTrace(store=store_url, issue_cookie=True)
    headers = [(b"cache-control", value) for value in control]

    async def app(scope, receive, send):
        await send({**START, "headers": headers})
        await send(BODY)

    def wsgi_app(environ, start_response):
        start_response("200 OK", told)
        return []

    (start, _) = asyncio.run(call(ConvoTraceMiddleware(app, convotrace=made)))
    told, seen = [(name.decode(), value.decode()) for name, value in headers], []
    environ = {"REQUEST_METHOD": "POST", "PATH_INFO": "/chat", "wsgi.url_scheme": "http"}
    WSGI(wsgi_app, convotrace=made)(environ, lambda status, headers: seen.append(headers))
    made.close()
    assert start["headers"] == headers and seen == [told]


@pytest.mark.parametrize("kind", ["http", "websocket"])
@pytest.mark.parametrize("message", [None, {}, [], "text", {"type": None}, {"status": 200}])
def test_what_is_no_message_reaches_the_server_which_answers_for_it(observer, kind, message):
    async def app(scope, receive, send):
        await send(message)

    class Refused(Exception):
        pass

    async def refuse(message):
        raise Refused

    scope = scope_of(type=kind)
    for one in (app, ConvoTraceMiddleware(app, convotrace=observer)):
        with pytest.raises(Refused):
            asyncio.run(call(one, scope, send=refuse))


@pytest.mark.parametrize("kind", ["http", "websocket"])
def test_what_a_server_gives_that_is_no_message_reaches_the_app(observer, kind):
    got = []

    async def app(scope, receive, send):
        got.append(await receive())

    asyncio.run(call(ConvoTraceMiddleware(app, convotrace=observer), scope_of(type=kind), messages=[None]))
    assert (got, observer.health()["hooks"]) == ([None], {})


def test_an_app_that_never_answers_is_an_error_of_the_turn(observer):
    async def app(scope, receive, send):
        await receive()

    sent, trace = behind(observer, app)
    assert sent == [] and (trace.status, trace.status_code, trace.error.type) == ("error", 500, "NoResponse")


def test_an_error_in_the_servers_send_reaches_the_app_and_comes_back(observer):
    error, caught = RuntimeError("server"), []

    async def broken(message):
        if message["type"] == "http.response.body":
            raise error

    async def app(scope, receive, send):
        await send(START)
        try:
            await send(BODY)
        except RuntimeError as raised:
            caught.append(raised)
            raise

    with pytest.raises(RuntimeError) as raised:
        behind(observer, app, send=broken)
    assert raised.value is error and caught == [error]
    trace = only_trace(observer)
    assert (trace.status, trace.error.message, trace.output.text) == ("error", "server", None)


def test_a_client_that_leaves_in_the_middle_of_its_upload(observer):
    async def app(scope, receive, send):
        while (await receive())["type"] != "http.disconnect":
            pass

    messages = [{"type": "http.request", "body": b'{"message"', "more_body": True}, {"type": "http.disconnect"}]
    sent, trace = behind(observer, app, messages=messages)
    assert sent == [] and (trace.status, trace.error, trace.request_bytes) == ("disconnected", None, 10)


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "PROPFIND", "BREW", "x-y", ""])
def test_every_method_is_a_request(observer, method):
    async def app(scope, receive, send):
        await send(START)
        await send({"type": "http.response.body", "body": b""})

    sent, trace = behind(observer, app, scope=scope_of(method))
    assert len(sent) == 2 and trace.name == f"{method} /chat"


def test_headers_and_paths_that_are_no_utf8(observer):
    async def app(scope, receive, send):
        await send(START)
        await send(BODY)

    headers = [(b"x-session-id", b"\xff\xfe"), (b"user-agent", b"\x80"), (b"\xff", b"\xff"), (b"cookie", b"\xff=;;=")]
    scope = scope_of("POST", "/\udcff\0", headers, query_string=b"\xff=%ff&a=%00")
    asyncio.run(call(ConvoTraceMiddleware(app, convotrace=observer), scope))
    (session,) = observer.store.sessions()
    assert (session.id, session.traces) == ("ÿþ", 1) and observer.health()["hooks"] == {}


def test_a_scope_with_next_to_nothing_in_it(observer):
    async def app(scope, receive, send):
        await send(START)
        await send(BODY)

    sent = asyncio.run(call(ConvoTraceMiddleware(app, convotrace=observer), {"type": "http"}))
    assert len(sent) == 2 and sum(counted(observer).values()) == 1


@pytest.mark.parametrize("name", ["path", "query_string", "headers", "root_path", "client", "raw_path", "scheme"])
@pytest.mark.parametrize("kind", ["http", "websocket"])
def test_a_server_that_says_nothing_where_it_should_is_the_apps_to_judge(observer, kind, name):
    seen = []

    async def app(scope, receive, send):
        seen.append(scope[name])

    asyncio.run(call(ConvoTraceMiddleware(app, convotrace=observer), {**scope_of(type=kind), name: None}))
    asyncio.run(call(ConvoTraceMiddleware(app, convotrace=observer), scope_of(type=kind, query_string="a=b")))
    assert seen[0] is None and len(seen) == 2 and observer.health()["hooks"] == {}


@pytest.mark.parametrize("kind", ["http", "websocket"])
@pytest.mark.parametrize("as_list", [True, False])
@pytest.mark.parametrize("exclude", [[], ["/chat"]])
def test_what_a_server_tells_only_once_is_told_to_the_app(store_url, kind, as_list, exclude):
    made, seen = ct.ConvoTrace(store=store_url, exclude=exclude), []

    async def app(scope, receive, send):
        seen.append(({bytes(name): value for name, value in scope["headers"]}, list(scope["client"])))

    pairs = [iter(pair) for pair in JSON]
    told = {"headers": pairs if as_list else iter(pairs), "client": iter(["203.0.113.9", 1])}
    asyncio.run(call(ConvoTraceMiddleware(app, convotrace=made), {**scope_of(type=kind), **told}))
    assert seen == [(dict(JSON), ["203.0.113.9", 1])] and made.health()["hooks"] == {}
    assert exclude or kind == "websocket" or [one.id for one in made.store.sessions()] == ["s"]
    made.close()


class OfAsgi2:
    """An app as ASGI 2 had them: called twice."""

    def __init__(self, scope):
        self.scope = scope

    async def __call__(self, receive, send):
        await receive()
        await send({**START, "headers": self.scope["headers"][:1]})
        await send(BODY)


def of_asgi_2(scope):
    return OfAsgi2(scope)


class OfAsgi3:
    """An app whose class is called, and what that makes awaited."""

    def __init__(self, scope, receive, send):
        self.scope, self.receive, self.send = scope, receive, send

    def __await__(self):
        return OfAsgi2(self.scope)(self.receive, self.send).__await__()


@pytest.mark.parametrize("app", [OfAsgi2, of_asgi_2, OfAsgi3])
def test_an_app_is_called_as_its_own_version_of_asgi_says(observer, app):
    sent, trace = behind(observer, app)
    assert sent == [{**START, "headers": JSON[:1]}, BODY] and trace.input.text == "x" and trace.output.text == "x"
    assert trace.status == "ok" and ConvoTraceMiddleware(OfAsgi3, convotrace=observer).app is OfAsgi3


@pytest.mark.parametrize("headers", [iter, list])
def test_what_of_a_scope_can_be_read_once_is_read_by_the_app_too(observer, headers):
    read = []

    async def app(scope, receive, send):
        read.append(([tuple(pair) for pair in scope["headers"]], list(scope["client"])))
        await send(START)
        await send(BODY)

    behind(observer, app, scope=scope_of(headers=headers(map(iter, JSON)), client=iter(["203.0.113.9", 1])))
    assert read == [(JSON, ["203.0.113.9", 1])]


@pytest.mark.parametrize("kind", ["http", "websocket"])
@pytest.mark.parametrize(
    "odd", [{"path": 7}, {"headers": 7}, {"client": 7}, {"query_string": 7}, {"root_path": 7}, {"method": None}]
)
def test_a_scope_that_is_none_reaches_the_app_which_answers_for_it(observer, kind, odd):
    got = []

    async def app(scope, receive, send):
        got.append({name: scope[name] for name in odd})

    asyncio.run(ConvoTraceMiddleware(app, convotrace=observer)({**scope_of(type=kind), **odd}, None, None))
    assert got == [odd] and observer.ledger.open == {}


def counted(observer):
    """What became of the requests."""
    observer.flush()
    return observer.health()["requests"]


# What outer middlewares see


def test_an_outer_middleware_sees_what_the_app_wrote_into_its_scope(observer):
    seen = {}

    class Outer:
        def __init__(self, app):
            self.app = app

        async def __call__(self, scope, receive, send):
            async def noted(message):
                seen.setdefault("at start", scope.get("endpoint"))
                await send(message)

            await self.app(scope, receive, noted)
            seen["after"] = scope

    async def endpoint(request):
        request.scope["mine"] = 1
        return JSONResponse({"reply": request.path_params["name"]})

    app = Starlette(routes=[Route("/chat/{name}", endpoint, methods=["POST"])])
    app.add_middleware(ConvoTraceMiddleware, convotrace=observer)
    app.add_middleware(Outer)
    asyncio.run(call(app, scope_of(path="/chat/ann")))
    after = seen["after"]
    assert seen["at start"] is endpoint and (after["path_params"], after["mine"]) == ({"name": "ann"}, 1)
    assert not [key for key in after if key.startswith("convotrace")]


@pytest.mark.parametrize("place", ["inside", "outside", "both"])
def test_a_base_http_middleware_changes_nothing(observer, place):
    async def dispatch(request, call_next):
        response = await call_next(request)
        assert request.scope.get("endpoint") is endpoint
        response.headers["x-mine"] = "1"
        return response

    async def endpoint(request):
        asked = await request.json()
        with ct.tool("inner"):
            return StreamingResponse(chat_apps.async_pieces(asked), media_type="text/event-stream")

    app = Starlette(routes=[Route("/chat", endpoint, methods=["POST"])])
    if place in ("inside", "both"):
        app.add_middleware(BaseHTTPMiddleware, dispatch=dispatch)
    app.add_middleware(ConvoTraceMiddleware, convotrace=observer)
    if place in ("outside", "both"):
        app.add_middleware(BaseHTTPMiddleware, dispatch=dispatch)
    answer = chat_apps.Client(app, observer).post("/chat", {"message": "one two", "session_id": "s"})
    assert answer.error is None and answer.body.count(b"data:") == 2 and (b"x-mine", b"1") in answer.headers
    trace = only_trace(observer)
    assert (trace.status, trace.output.text.strip()) == ("ok", "one two")
    names = {span.name: span for span in trace.spans}
    assert set(names) == {"inner", "stream", "say"} and names["say"].parent_id == names["stream"].id


def test_middlewares_in_app_and_mounted_app_make_one_trace(store_url):
    outer, inner = ct.ConvoTrace(store=store_url), ct.ConvoTrace(store=store_url)

    async def endpoint(request):
        asked = await request.json()
        return JSONResponse({"reply": asked["message"]})

    sub = Starlette(routes=[Route("/chat", endpoint, methods=["POST"])])
    sub.add_middleware(ConvoTraceMiddleware, convotrace=inner)
    app = Starlette(routes=[Mount("/sub", sub)])
    app.add_middleware(ConvoTraceMiddleware, convotrace=outer)
    client = chat_apps.Client(app, outer)
    client.post("/sub/chat", {"message": "x", "session_id": "s"})
    inner.close()
    assert (only_trace(outer).output.text, outer.store.session("s").session.traces) == ("x", 1)
    # The page of the mounted app is under its own prefix, and both are closed to strangers.
    assert {client.get(path).status for path in ("/_sessions/", "/sub/_sessions/")} == {404}
    outer.close()


# Event loops, tasks and threads


def test_trio_runs_the_app_as_asyncio_does(observer):
    trio = pytest.importorskip("trio")

    async def app(scope, receive, send):
        await receive()

        async def work(n):
            with ct.tool(f"t{n}"):
                await anyio.sleep(0)

        with ct.span("fan", kind="agent"):
            async with anyio.create_task_group() as group:
                for n in range(3):
                    group.start_soon(work, n)
        await send(START)
        await send(BODY)

    trio.run(call, ConvoTraceMiddleware(app, convotrace=observer))
    fan, *tools = only_trace(observer).spans
    assert len(tools) == 3 and {tool.parent_id for tool in tools} == {fan.id}


def test_a_cancelled_trio_request_is_no_error(observer):
    trio = pytest.importorskip("trio")

    async def app(scope, receive, send):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.sleep_forever)

    async def use():
        with trio.move_on_after(0.02):
            await call(ConvoTraceMiddleware(app, convotrace=observer))

    trio.run(use)
    trace = only_trace(observer)
    assert (trace.status, trace.error) == ("cancelled", None)


def test_shapes_of_concurrency_keep_their_parents(observer):
    async def app(scope, receive, send):
        async def work(name):
            with ct.tool(name):
                await asyncio.sleep(0)

        with ct.span("gather"):
            await asyncio.gather(work("g1"), work("g2"))
        with ct.span("group"):
            async with asyncio.TaskGroup() as group:
                group.create_task(work("t1"))
        with ct.span("timeout"), contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0.01):
                with ct.tool("slow"):
                    await asyncio.sleep(10)
        with ct.span("thread"):
            await asyncio.to_thread(lambda: asyncio.run(work("nested loop")))
        await send(START)
        await send(BODY)

    _, trace = behind(observer, app)
    names = {span.id: span.name for span in trace.spans}
    parents = {span.name: names.get(span.parent_id) for span in trace.spans}
    assert parents == {
        "gather": None, "g1": "gather", "g2": "gather", "group": None, "t1": "group",
        "timeout": None, "slow": "timeout", "thread": None, "nested loop": "thread",
    }  # fmt: skip
    assert {span.name: span.status for span in trace.spans if span.status != "ok"} == {"slow": "cancelled"}


def test_an_exception_group_leaves_as_it_is_and_tells_its_parts(observer):
    async def app(scope, receive, send):
        async with asyncio.TaskGroup() as group:
            group.create_task(fail(ValueError("first")))
            group.create_task(fail(KeyError("second")))

    async def fail(error):
        raise error

    with pytest.raises(ExceptionGroup):
        behind(observer, app)
    error = only_trace(observer).error
    assert error.type == "ExceptionGroup" and "ValueError: first" in error.stack and "KeyError" in error.stack


def test_threads_that_outlive_the_response_still_reach_their_turn(observer):
    go, done = threading.Event(), []

    async def endpoint(request):
        await request.json()

        def late():
            go.wait(60)
            with ct.tool("late"):
                ct.event("noted")
                ct.tag("late")
                ct.set_output("said later")

        pool = ThreadPoolExecutor(1)
        done.append(pool.submit(copy_context().run, late))
        pool.shutdown(wait=False)
        return JSONResponse({"reply": "now"})

    app = Starlette(routes=[Route("/chat", endpoint, methods=["POST"])])
    client = chat_apps.Client(ConvoTraceMiddleware(app, convotrace=observer), observer)
    client.post("/chat", {"message": "x", "session_id": "s"})
    observer.flush()
    go.set()
    done[0].result(5)
    found = observer.store.session("s")
    (trace,) = found.traces
    assert [span.name for span in trace.spans] == ["late"] and trace.output.text == "said later"
    assert (found.session.turns, found.session.spans, found.session.tags) == (1, 1, ("late",))
    assert counted(observer)["turns"] == 1


def test_a_dependency_that_holds_a_span_across_its_yield(observer):
    app = FastAPI()

    def sync_session():
        with ct.span("sync dependency"):
            yield 1

    async def async_session():
        async with ct.span("async dependency"):
            yield 2

    @app.post("/chat")
    async def chat(asked: dict, a: Annotated[int, Depends(sync_session)], b: Annotated[int, Depends(async_session)]):
        with ct.tool("work"):
            return {"reply": asked["message"]}

    app.add_middleware(ConvoTraceMiddleware, convotrace=observer)
    answer = chat_apps.Client(app, observer).post("/chat", {"message": "x", "session_id": "s"})
    assert answer.json == {"reply": "x"}
    spans = {span.name: span for span in only_trace(observer).spans}
    assert {span.status for span in spans.values()} == {"ok"} and len(spans) == 3


def test_a_background_task_of_a_base_http_middleware_still_belongs_to_the_turn(observer):
    def after():
        with ct.tool("after"):
            pass

    async def dispatch(request, call_next):
        return await call_next(request)

    async def endpoint(request):
        await request.json()
        return PlainTextResponse("hello", background=BackgroundTask(after))

    app = Starlette(routes=[Route("/chat", endpoint, methods=["POST"])])
    app.add_middleware(BaseHTTPMiddleware, dispatch=dispatch)
    app.add_middleware(ConvoTraceMiddleware, convotrace=observer)
    chat_apps.Client(app, observer).post("/chat", {"message": "x", "session_id": "s"})
    assert [span.name for span in only_trace(observer).spans] == ["after"]


# Our own faults


@pytest.mark.parametrize("step", ["read", "respond", "sent", "finish_response", "end"])
def test_a_fault_of_ours_never_reaches_the_app(observer, step, monkeypatch, caplog):
    def fault(*_):
        raise RuntimeError("ours")

    async def app(scope, receive, send):
        assert (await receive())["body"] == b'{"message": "x"}'
        await send(START)
        await send(BODY)

    monkeypatch.setattr(f"convotrace.recorder.OpenTrace.{step}", fault)
    sent = asyncio.run(call(ConvoTraceMiddleware(app, convotrace=observer)))
    assert sent == [START, BODY] and observer.ledger.open == {}
    assert sum(observer.guard.failures.values().values()) > 0
    assert caplog.text.count("convotrace:guard") == 1


def test_a_request_that_cannot_be_begun_is_answered_and_counted(observer, monkeypatch):
    monkeypatch.setattr("convotrace.observer.recording.OpenTrace", None)

    async def app(scope, receive, send):
        await send(START)
        await send(BODY)

    sent = asyncio.run(call(ConvoTraceMiddleware(app, convotrace=observer)))
    assert sent == [START, BODY] and counted(observer)["lost"] == 1


def test_a_closed_stderr_is_no_reason_to_fail(observer, monkeypatch):
    class Closed:
        def isatty(self):
            raise ValueError("I/O operation on closed file")

        def write(self, _):
            raise ValueError("I/O operation on closed file")

    async def app(scope, receive, send):
        await send(START)
        await send(BODY)

    monkeypatch.setattr("sys.stderr", Closed())
    assert len(asyncio.run(call(ConvoTraceMiddleware(app, convotrace=observer)))) == 2
