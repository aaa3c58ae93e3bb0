"""One server span for each request, whoever makes it and wherever our middleware stands; the same ids in the store."""

import asyncio
import importlib
import itertools
import logging

import pytest

pytest.importorskip("opentelemetry.sdk", reason="the SDK is not installed")

import flask
import httpx
import werkzeug.test
from fastapi import FastAPI
from opentelemetry import trace
from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware as ContribASGI
from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
from opentelemetry.instrumentation.flask import FlaskInstrumentor
from opentelemetry.instrumentation.wsgi import OpenTelemetryMiddleware as ContribWSGI
from opentelemetry.trace import SpanKind
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.opentelemetry import OpenTelemetryMiddleware as StarletteOTel
from starlette.responses import JSONResponse
from starlette.routing import Route

import convotrace as ct
from convotrace.asgi import ConvoTraceMiddleware as OursASGI
from convotrace.wsgi import ConvoTraceMiddleware as OursWSGI

sdk = importlib.import_module("tests.peers.sdk")
CALLER_TRACE, CALLER_SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
TRACEPARENT = f"00-{CALLER_TRACE}-{CALLER_SPAN}-01"


@pytest.fixture(autouse=True)
def fresh():
    """An empty exporter and a sampler that samples."""
    sdk.exporter.clear()
    sdk.sampler.on = True
    yield
    sdk.sampler.on = True


def work():
    """What each handler does: a span of another library, ours inside it, another's inside ours."""
    tracer = trace.get_tracer("lib")
    with tracer.start_as_current_span("lib.outer"), ct.tool("search", arguments={"q": "x"}):
        tracer.start_span("lib.inner").end()


def fastapi_app(native):
    app = FastAPI() if native else FastAPI(telemetry={"tracing": False})

    @app.post("/chat")
    async def chat():
        work()
        return {"reply": "yes"}

    return app


def starlette_app(middleware=()):
    async def chat(request):
        work()
        return JSONResponse({"reply": "yes"})

    return Starlette(routes=[Route("/chat", chat, methods=["POST"])], middleware=list(middleware))


def flask_app():
    app = flask.Flask("peer")

    @app.post("/chat")
    def chat():
        work()
        return {"reply": "yes"}

    return app


def asgi(instrumentation, outside, observer):
    """Return an app with an instrumentation, and our middleware outside or inside it."""
    ours = Middleware(OursASGI, convotrace=observer)
    if instrumentation in ("none", "native"):
        app = fastapi_app(native=instrumentation == "native")
    elif instrumentation == "contrib fastapi":
        app = fastapi_app(native=True)
        if not outside:
            app.add_middleware(OursASGI, convotrace=observer)
        FastAPIInstrumentor.instrument_app(app)
        return OursASGI(app, convotrace=observer) if outside else app
    elif instrumentation == "starlette":
        theirs = Middleware(StarletteOTel)
        return starlette_app([ours, theirs] if outside else [theirs, ours])
    elif instrumentation == "contrib asgi":
        app = starlette_app()
        return (
            OursASGI(ContribASGI(app), convotrace=observer)
            if outside
            else ContribASGI(OursASGI(app, convotrace=observer))
        )
    if outside:
        return OursASGI(app, convotrace=observer)
    app.add_middleware(OursASGI, convotrace=observer)
    return app


def wsgi(instrumentation, outside, observer):
    app = flask_app()
    if instrumentation == "contrib flask":
        if not outside:
            app.wsgi_app = OursWSGI(app.wsgi_app, convotrace=observer)
        FlaskInstrumentor().instrument_app(app)
        return OursWSGI(app, convotrace=observer) if outside else app
    if instrumentation == "contrib wsgi":
        inner = app if outside else OursWSGI(app, convotrace=observer)
        inner = ContribWSGI(inner)
        return OursWSGI(inner, convotrace=observer) if outside else inner
    return OursWSGI(app, convotrace=observer)


def post(app, headers):
    async def send():
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://app.example") as client:
            return await client.post("/chat", json={"message": "hello"}, headers=headers)

    return asyncio.run(send())


def post_wsgi(app, headers):
    response = werkzeug.test.Client(app).post("/chat", json={"message": "hello"}, headers=headers)
    response.get_data()
    response.close()
    return response


COMBINATIONS = [
    *itertools.product(("none", "native", "contrib fastapi", "starlette", "contrib asgi"), (True, False), (asgi,)),
    *itertools.product(("none", "contrib flask", "contrib wsgi"), (True, False), (wsgi,)),
]


@pytest.mark.parametrize("called", [False, True], ids=["no caller", "caller"])
@pytest.mark.parametrize(
    ("instrumentation", "outside", "make"),
    COMBINATIONS,
    ids=[f"{name}-{'outside' if outside else 'inside'}-{make.__name__}" for name, outside, make in COMBINATIONS],
)
def test_each_request_has_exactly_one_server_span(instrumentation, outside, make, called, observer, caplog):
    headers = {"X-Session-ID": "s1", **({"traceparent": TRACEPARENT} if called else {})}
    app = make(instrumentation, outside, observer)
    with caplog.at_level(logging.WARNING):
        response = (post if make is asgi else post_wsgi)(app, headers)
    assert response.status_code == 200
    spans = {span.name: span for span in sdk.exporter.get_finished_spans()}
    servers = [span for span in sdk.exporter.get_finished_spans() if span.kind is SpanKind.SERVER]
    assert len(servers) == 1
    (server,) = servers
    (turn,) = observer.store.session("s1").traces
    assert turn.id == f"{server.context.trace_id:032x}"
    assert turn.span_id == f"{server.context.span_id:016x}"
    assert server.attributes["session.id"] == "s1"
    parent = None if server.parent is None else f"{server.parent.span_id:016x}"
    assert (parent, turn.parent_id) == ((CALLER_SPAN, CALLER_SPAN) if called else (None, None))
    if called:
        assert turn.id == CALLER_TRACE
    exported = {f"{span.context.span_id:016x}": span for span in sdk.exporter.get_finished_spans()}
    by_name = {span.name: span for span in turn.spans}
    assert {"lib.outer", "search", "lib.inner"} <= by_name.keys()
    for span in turn.spans:
        theirs = exported[span.id]
        assert theirs.context.trace_id == server.context.trace_id
        above = None if theirs.parent.span_id == server.context.span_id else f"{theirs.parent.span_id:016x}"
        assert span.parent_id == above
    assert by_name["search"].parent_id == by_name["lib.outer"].id
    assert by_name["lib.inner"].parent_id == by_name["search"].id
    assert spans["search"].attributes["gen_ai.tool.call.arguments"] == '{"q":"x"}'
    assert [record for record in caplog.records if "detach" in record.getMessage()] == []


@pytest.mark.parametrize(
    ("instrumentation", "outside", "make"),
    COMBINATIONS,
    ids=[f"{name}-{'outside' if outside else 'inside'}-{make.__name__}" for name, outside, make in COMBINATIONS],
)
def test_a_request_that_is_not_sampled_is_recorded_under_its_valid_ids(instrumentation, outside, make, observer):
    sdk.sampler.on = False
    app = make(instrumentation, outside, observer)
    (post if make is asgi else post_wsgi)(app, {"X-Session-ID": "s1", "traceparent": TRACEPARENT[:-1] + "0"})
    assert sdk.exporter.get_finished_spans() == ()
    (turn,) = observer.store.session("s1").traces
    assert turn.id == CALLER_TRACE and turn.parent_id == CALLER_SPAN
    assert [span.name for span in turn.spans] == ["search"]
