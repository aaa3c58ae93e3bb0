"""What is forwarded beside an SDK: nothing that it exported, and everything that its sampler left out."""

import importlib

import pytest

pytest.importorskip("opentelemetry.sdk", reason="the SDK is not installed")

import werkzeug.test
from opentelemetry import trace

import convotrace as ct
from convotrace.jobs.forwarding import Forwarder
from convotrace.jobs.otlp_client import Forward
from convotrace.wsgi import ConvoTraceMiddleware
from tests.backend import Backend

sdk = importlib.import_module("tests.peers.sdk")


@pytest.fixture(autouse=True)
def fresh():
    sdk.exporter.clear()
    sdk.sampler.on = True
    yield
    sdk.sampler.on = True


@pytest.fixture
def backend():
    made = Backend()
    yield made
    made.close()


def app(environ, start_response):
    with trace.get_tracer("lib").start_as_current_span("theirs"), ct.generation("ours", model="m") as call:
        call.set_output("an answer")
    ct.score("kind", 1.0)
    start_response("200 OK", [("Content-Type", "application/json")])
    return [b'{"reply": "an answer"}']


@pytest.mark.parametrize("sampled", [True, False])
def test_each_span_reaches_a_backend_once(observer, backend, sampled):
    sdk.sampler.on = sampled
    forwarder = Forwarder(Forward(backend.url))
    forwarder.run(observer.store, 1, lambda: True)
    client = werkzeug.test.Client(ConvoTraceMiddleware(app, convotrace=observer))
    client.post("/chat", json={"message": "hello"}, headers={"X-Session-ID": "s"})
    observer.flush()
    (turn,) = observer.store.session("s").traces
    forwarder.run(observer.store, turn.started_ns + 10**11, lambda: True)
    exported = {f"{span.context.span_id:016x}" for span in sdk.exporter.get_finished_spans()}
    sent = set(backend.spans)
    assert turn.exported is sampled and not sent & exported
    stored = {span.id for span in turn.spans} | {turn.span_id}
    assert (exported if sampled else sent) >= stored
    names = {span.name for talk in [backend.store.session("s")] for one in talk.traces for span in one.spans}
    assert names == ({"score kind"} if sampled else {"POST /chat", "ours"} | {span.name for span in turn.spans})
