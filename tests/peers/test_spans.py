"""Our spans and those of others beside the SDK: parents in generators and streams, sampling, late providers."""

import asyncio
import importlib
import logging
import subprocess
import sys

import pytest

pytest.importorskip("opentelemetry.sdk", reason="the SDK is not installed")

import werkzeug.test
from opentelemetry import trace
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import convotrace as ct
from convotrace.hooks.opentelemetry import TracerProvider as OwnProvider
from convotrace.wsgi import ConvoTraceMiddleware

sdk = importlib.import_module("tests.peers.sdk")
lib = trace.get_tracer("lib")


@pytest.fixture(autouse=True)
def fresh():
    sdk.exporter.clear()
    sdk.sampler.on = True
    yield
    sdk.sampler.on = True


def step(name):
    with lib.start_as_current_span(name):
        pass


def exported():
    """Return the name of each span's parent, by the span's name, as the exporter has them."""
    spans = sdk.exporter.get_finished_spans()
    names = {span.context.span_id: span.name for span in spans}
    return {span.name: None if span.parent is None else names.get(span.parent.span_id) for span in spans}


def stored(observer):
    (turn,) = observer.store.session("s").traces
    names = {span.id: span.name for span in turn.spans}
    return {span.name: names.get(span.parent_id) for span in turn.spans}


def test_a_stream_that_is_left_leaves_nobody_inside_it(observer, caplog):
    async def stream():
        with ct.span("stream"):
            for n in range(3):
                step(f"step{n}")
                yield n

    async def use():
        with observer.session("s"), ct.span("caller"):
            held = stream()
            async for _ in held:
                step("body")
                break
            step("after")
            await asyncio.create_task(held.aclose())
            step("last")

    with caplog.at_level(logging.DEBUG, logger="opentelemetry"):
        asyncio.run(use())
    wanted = {"stream": "caller", "step0": "stream", "body": "caller", "after": "caller", "last": "caller"}
    for parents in (exported(), stored(observer)):
        assert {name: parents[name] for name in wanted} == wanted
    assert caplog.records == []


def test_generators_taken_in_turn_do_not_mix(observer, caplog):
    def stream(name):
        with ct.span(name):
            for n in range(2):
                step(f"{name}{n}")
                yield n

    with observer.session("s"):
        for _ in zip(stream("a"), stream("b"), strict=True):
            step("body")
        step("after")
    parents = exported()
    assert [parents[name] for name in ("a0", "a1", "b0", "b1")] == ["a", "a", "b", "b"]
    assert parents["body"] == parents["after"] == "session"
    assert [record for record in caplog.records if "detach" in record.getMessage()] == []


def test_a_body_made_chunk_by_chunk_keeps_its_parents(observer):
    def app(environ, start):
        start("200 OK", [("Content-Type", "text/plain")])

        def chunks():
            with ct.span("stream"):
                for n in range(2):
                    step(f"step{n}")
                    yield b"x"
            step("end")

        return chunks()

    client = werkzeug.test.Client(ConvoTraceMiddleware(app, convotrace=observer))
    response = client.get("/chat?session_id=s&message=hello")
    seen = []
    for _ in response.iter_encoded():
        seen.append(trace.get_current_span())
    response.close()
    parents = exported()
    assert (parents["step0"], parents["step1"], parents["end"], parents["stream"]) == ("stream", "stream", "GET", "GET")
    assert set(seen) == {trace.INVALID_SPAN}
    assert stored(observer)["step1"] == "stream"


def test_what_our_verbs_say_is_exported_under_the_names_of_the_conventions(observer):
    with observer.session("s"), ct.generation("answer", model="m", provider="openai", input="hi") as call:
        call.set_output("yes").set_usage(input=3, output=2, cached_read=1).set(finish_reason="stop", mine="x")
    span = next(span for span in sdk.exporter.get_finished_spans() if span.name == "answer")
    assert span.kind is trace.SpanKind.CLIENT
    told = dict(span.attributes)
    assert told.pop("gen_ai.input.messages") == '[{"role":"user","parts":[{"type":"text","content":"hi"}]}]'
    assert told.pop("gen_ai.output.messages") == '[{"role":"assistant","parts":[{"type":"text","content":"yes"}]}]'
    assert told == {
        "convotrace.kind": "generation", "session.id": "s", "gen_ai.operation.name": "chat", "mine": "x",
        "gen_ai.provider.name": "openai", "gen_ai.request.model": "m", "gen_ai.usage.input_tokens": 3,
        "gen_ai.usage.output_tokens": 2, "gen_ai.usage.cache_read.input_tokens": 1,
        "gen_ai.response.finish_reasons": ("stop",),
    }  # fmt: skip


def test_an_error_is_exported_as_one_and_texts_only_where_they_may_be_kept(store_url):
    observer = ct.ConvoTrace(store=store_url, content=False)
    with pytest.raises(ValueError), observer.session("s"), ct.tool("search", arguments={"q": 1}):
        raise ValueError("no")
    observer.close()
    span = next(span for span in sdk.exporter.get_finished_spans() if span.name == "search")
    assert "gen_ai.tool.call.arguments" not in span.attributes
    assert span.status.status_code is trace.StatusCode.ERROR and span.attributes["error.type"] == "ValueError"
    assert [event.name for event in span.events] == ["exception"]


def test_the_sdks_batch_processor_takes_spans_of_our_provider():
    exporter, provider = InMemorySpanExporter(), OwnProvider()
    provider.add_span_processor(BatchSpanProcessor(exporter))
    with provider.get_tracer("lib").start_as_current_span("work", attributes={"n": 1}) as span:
        span.add_event("moment", {"a": 1})
    assert provider.force_flush()
    (found,) = exporter.get_finished_spans()
    assert (found.name, found.events[0].name, dict(found.attributes)) == ("work", "moment", {"n": 1})
    provider.shutdown()


def test_where_the_sampler_leaves_requests_out_the_page_says_so(observer):
    sdk.sampler.on = False
    with observer.session("s"), ct.span("work"):
        pass
    assert observer.health()["opentelemetry"]["mode"] == "sampled"
    assert sdk.exporter.get_finished_spans() == () and stored(observer) == {"work": None}


def test_the_apps_own_functions_are_asked_when_the_app_has_seen_the_request(store_url):
    asked = []

    def session_id(request):
        asked.append("user" in request.native)
        return request.native.get("user")

    def app(environ, start):
        step("before")
        environ["user"] = "s"
        start("200 OK", [("Content-Type", "text/plain")])
        return [b"yes"]

    observer = ct.ConvoTrace(store=store_url, session_id=session_id)
    with trace.get_tracer("server").start_as_current_span("GET", kind=trace.SpanKind.SERVER) as server:
        response = werkzeug.test.Client(ConvoTraceMiddleware(app, convotrace=observer)).get("/chat?message=hello")
        response.close()
    observer.close()
    assert server.attributes["session.id"] == "s" and False not in asked and asked


LATE = """
import sys, convotrace as ct
from opentelemetry import trace
lib = trace.get_tracer("lib")
observer = ct.ConvoTrace(store=sys.argv[1])
with observer.session("before"), lib.start_as_current_span("unseen"):
    pass
from opentelemetry.sdk.trace import TracerProvider
trace.set_tracer_provider(TracerProvider())
with observer.session("after"), lib.start_as_current_span("seen"):
    pass
turns = [observer.store.session(name) for name in ("before", "after")]
print(type(trace.get_tracer_provider()).__module__, [[s.name for t in turn.traces for s in t.spans] for turn in turns])
observer.close()
"""


def test_an_sdk_that_is_configured_later_is_not_refused_and_its_spans_are_taken_from_then_on(store_url):
    run = subprocess.run([sys.executable, "-c", LATE, store_url], capture_output=True, text=True, timeout=60)
    assert (run.stdout, run.stderr) == ("opentelemetry.sdk.trace [[], ['seen']]\n", "")
