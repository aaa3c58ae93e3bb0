"""With OpenTelemetry's API alone our ids go in and out; an app that does not load it pays nothing."""

import asyncio
import subprocess
import sys

import pytest
from opentelemetry import propagate, trace
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.testclient import TestClient

import convotrace as ct
from convotrace.asgi import ConvoTraceMiddleware

CALLER_TRACE, CALLER_SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


@pytest.fixture
def observer(store_url):
    made = ct.ConvoTrace(store=store_url)
    yield made
    made.close()


@pytest.fixture
def ask(observer):
    """Run a handler inside a traced request, and return the stored trace."""

    def run(handler, headers=(), **options):
        async def endpoint(request):
            found = handler()
            if asyncio.iscoroutine(found):
                await found
            return JSONResponse({"reply": "yes"})

        app = Starlette(routes=[Route("/chat", endpoint, methods=["POST"])])
        client = TestClient(ConvoTraceMiddleware(app, convotrace=observer))
        client.post("/chat", json={"message": "hello"}, headers={"X-Session-ID": "s", **dict(headers)})
        return observer.store.session("s").traces[-1]

    return run


def injected():
    carrier = {}
    propagate.inject(carrier)
    return carrier.get("traceparent", "").split("-")


def test_what_is_called_hears_our_ids_and_the_innermost_span_of_ours(ask):
    told = []

    def handler():
        told.append(injected())
        with ct.tool("search"):
            told.append(injected())
        told.append(injected())

    turn = ask(handler)
    assert [parts[1] for parts in told] == [turn.id] * 3
    assert [parts[2] for parts in told] == [turn.span_id, turn.spans[0].id, turn.span_id]


def test_a_caller_is_the_parent_and_gives_the_trace_its_id(ask):
    turn = ask(lambda: None, {"traceparent": f"00-{CALLER_TRACE}-{CALLER_SPAN}-00"})
    assert (turn.id, turn.parent_id) == (CALLER_TRACE, CALLER_SPAN)


@pytest.mark.parametrize("broken", ["", "00-zz-b7ad6b7169203331-01", f"00-{'0' * 32}-{CALLER_SPAN}-01", "\x00"])
def test_a_caller_that_cannot_be_read_is_none(ask, broken):
    turn = ask(lambda: None, {"traceparent": broken})
    assert turn.parent_id is None and turn.id != CALLER_TRACE


def test_the_callers_flags_and_state_go_on(ask):
    carrier = {}
    ask(
        lambda: propagate.inject(carrier),
        {"traceparent": f"00-{CALLER_TRACE}-{CALLER_SPAN}-00", "tracestate": "a=1"},
    )
    assert carrier["traceparent"].endswith("-00") and carrier["tracestate"] == "a=1"


def test_inside_a_span_of_a_tracer_that_does_nothing_ours_is_still_the_one_that_is_told(ask):
    told = []

    def handler():
        with trace.get_tracer("lib").start_as_current_span("lib"), ct.tool("search"):
            told.append(injected()[2])

    assert ask(handler).spans[0].id == told[0]


def test_a_span_held_across_a_yield_is_told_inside_its_generator_only(ask):
    told = {}

    async def stream():
        with ct.span("stream"):
            told["inside"] = injected()[2]
            yield 1
            told["again"] = injected()[2]
            yield 2

    async def handler():
        async for _ in stream():
            told["outside"] = injected()[2]
            break
        told["after"] = injected()[2]

    turn = ask(handler)
    assert told["inside"] == turn.spans[0].id
    assert told["outside"] == told["after"] == turn.span_id


def test_after_the_request_nothing_of_it_is_current(ask):
    before = trace.get_current_span()
    ask(lambda: None)
    assert trace.get_current_span() is before


def test_switched_off_nothing_is_told(store_url):
    observer = ct.ConvoTrace(store=store_url, opentelemetry="off")
    told = []

    async def app(scope, receive, send):
        told.append(injected())
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    TestClient(ConvoTraceMiddleware(app, convotrace=observer)).get(
        "/", headers={"traceparent": f"00-{CALLER_TRACE}-{CALLER_SPAN}-01"}
    )
    observer.close()
    assert told == [[""]]


UNUSED = """
import sys
from wsgiref.util import setup_testing_defaults
import convotrace
from convotrace.wsgi import ConvoTraceMiddleware
def app(environ, start):
    with convotrace.tool("search"):
        start("200 OK", [])
    return [b"yes"]
door = ConvoTraceMiddleware(app, store="memory:")
environ = {}
setup_testing_defaults(environ)
list(door(environ, lambda *a: None))
print([name for name in sys.modules if name.startswith(("opentelemetry", "convotrace.hooks.opentelemetry"))])
"""


def test_an_app_without_opentelemetry_loads_nothing_of_it():
    run = subprocess.run([sys.executable, "-c", UNUSED], capture_output=True, text=True, timeout=60)
    assert (run.stdout, run.stderr) == ("[]\n", "")


def test_each_message_of_a_connection_is_a_trace_of_its_own(observer):
    told = []

    async def app(scope, receive, send):
        await receive()
        await send({"type": "websocket.accept"})
        while (await receive())["type"] == "websocket.receive":
            told.append(injected())
            with ct.tool("search"):
                told.append(injected())
            await send({"type": "websocket.send", "text": '{"reply": "yes"}'})

    client = TestClient(ConvoTraceMiddleware(app, convotrace=observer))
    caller = f"00-{CALLER_TRACE}-{CALLER_SPAN}-01"
    with client.websocket_connect("/chat?session_id=s", headers={"traceparent": caller}) as socket:
        for text in ("hello", "again"):
            socket.send_json({"message": text})
            socket.receive_json()
    turns = [turn for turn in observer.store.session("s").traces if turn.is_turn]
    assert len({turn.id for turn in turns}) == len(turns) == 2
    assert [parts[1] for parts in told] == [turn.id for turn in turns for _ in range(2)]
    assert [parts[2] for parts in told[1::2]] == [turn.spans[0].id for turn in turns]


@pytest.mark.parametrize(("option", "mode"), [("auto", "API only"), ("off", "off")])
def test_the_page_says_which_mode_is_on_and_what_to_type_to_get_more(store_url, option, mode):
    observer = ct.ConvoTrace(store=store_url, opentelemetry=option, token="t")

    async def app(scope, receive, send):
        raise AssertionError("the page is ours")

    client = TestClient(ConvoTraceMiddleware(app, convotrace=observer))
    key = {"Authorization": "Bearer t"}
    said = client.get("/_sessions/health.json", headers=key).json()["opentelemetry"]
    page = client.get("/_sessions/health", headers=key).text
    observer.close()
    assert said["mode"] == mode and said["detail"] in page and said["cure"]
    assert "to get more" in page


class Broken(trace.TracerProvider):
    """A provider of which nothing works."""

    def get_tracer(self, *args, **named):
        raise RuntimeError("no tracer")


class Hollow(trace.TracerProvider):
    """A provider whose tracers make no spans."""

    def get_tracer(self, *args, **named):
        return self

    def start_span(self, *args, **named):
        raise RuntimeError("no span")


@pytest.mark.parametrize("provider", [Broken, Hollow])
def test_a_provider_that_fails_fails_no_request_and_loses_none(ask, monkeypatch, capsys, provider):
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", provider())

    def handler():
        trace.get_current_span().set_attribute("a", 1)
        with ct.tool("search"):
            ct.current_trace().id  # noqa: B018

    turn = ask(handler)
    assert [span.name for span in turn.spans] == ["search"] and turn.status == "ok"
