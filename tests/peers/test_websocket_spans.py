"""Beside the SDK, each message of a connection has a span and a trace id of its own; what it calls is its turn's."""

import contextlib
import importlib

import pytest

pytest.importorskip("opentelemetry.sdk", reason="the SDK is not installed")

from opentelemetry import trace
from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware as ContribASGI
from opentelemetry.trace import SpanKind
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

import convotrace as ct
from convotrace.asgi import ConvoTraceMiddleware as OursASGI

sdk = importlib.import_module("tests.peers.sdk")


@pytest.fixture(autouse=True)
def fresh():
    """An empty exporter and a sampler that samples."""
    sdk.exporter.clear()
    sdk.sampler.on = True


async def chat(socket):
    """Answer each message after a call of another library inside a span of ours."""
    await socket.accept()
    tracer = trace.get_tracer("lib")
    with contextlib.suppress(WebSocketDisconnect):
        while True:
            asked = await socket.receive_json()
            with ct.tool("search", arguments=asked["message"]):
                tracer.start_span("lib.inner").end()
            tracer.start_span("lib.outer").end()
            await socket.send_json({"reply": "re " + asked["message"]})


@pytest.mark.parametrize("order", ["alone", "ours inside", "ours outside"])
def test_each_message_is_a_trace_with_what_it_calls(observer, order):
    app = Starlette(routes=[WebSocketRoute("/ws", chat)])
    if order == "ours inside":
        app = ContribASGI(OursASGI(app, convotrace=observer))
    elif order == "ours outside":
        app = OursASGI(ContribASGI(app), convotrace=observer)
    else:
        app = OursASGI(app, convotrace=observer)
    with TestClient(app).websocket_connect("/ws?session_id=s") as socket:
        for word in ("a", "b"):
            socket.send_json({"message": word})
            socket.receive_json()
    turns = observer.store.session("s").traces
    assert [(turn.input.text, turn.output.text) for turn in turns] == [("a", "re a"), ("b", "re b")]
    for turn in turns:
        search, inner, outer = (span for span in turn.spans if not span.name.endswith(("receive", "send")))
        assert (search.name, search.arguments, search.parent_id) == ("search", turn.input.text, None)
        assert (inner.name, inner.origin, inner.parent_id) == ("lib.inner", "otel", search.id)
        assert (outer.name, outer.origin) == ("lib.outer", "otel")
        told = [span for span in sdk.exporter.get_finished_spans() if span.context.trace_id == int(turn.id, 16)]
        ids = {f"{span.context.span_id:016x}" for span in told}
        assert {turn.span_id, search.id, inner.id} <= ids
        assert {span.attributes["session.id"] for span in told} == {"s"} and turn.status == "ok"
    servers = [span for span in sdk.exporter.get_finished_spans() if span.kind is SpanKind.SERVER]
    assert len(servers) == (order != "alone")
    assert turns[0].id != turns[1].id and observer.ledger.open == {}


def test_messages_of_a_connection_that_was_left_out_are_left_out_too(observer):
    app = ContribASGI(OursASGI(Starlette(routes=[WebSocketRoute("/ws", chat)]), convotrace=observer))
    sdk.sampler.on = False
    with TestClient(app).websocket_connect("/ws?session_id=s") as socket:
        # What begins in the messages must not be sampled by itself.
        sdk.sampler.on = True
        for word in ("a", "b"):
            socket.send_json({"message": word})
            socket.receive_json()
    assert [span.name for span in sdk.exporter.get_finished_spans()] == []
    turns = observer.store.session("s").traces
    assert [(turn.input.text, [span.name for span in turn.spans]) for turn in turns] == [
        ("a", ["search"]),
        ("b", ["search"]),
    ]
