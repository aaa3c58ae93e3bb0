"""Our own provider, for processes without an SDK: spans as the API promises them and as SDK processors take them."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.trace import SpanKind, Status, StatusCode

from convotrace.hooks.opentelemetry import TracerProvider

ROOT = Path(__file__).parents[2]


class Recorder:
    """Keeps what it is told."""

    def __init__(self):
        self.started, self.ended = [], []

    def on_start(self, span, parent_context=None):
        self.started.append(span)

    def on_end(self, span):
        self.ended.append(span)

    def shutdown(self):
        pass

    def force_flush(self, timeout_millis=0):
        return True


@pytest.fixture
def recorder():
    return Recorder()


@pytest.fixture
def tracer(recorder):
    provider = TracerProvider({"service.name": "shop"})
    provider.add_span_processor(recorder)
    return provider.get_tracer("lib", "1.0", "https://schema", {"a": 1})


def test_a_span_is_told_at_its_start_and_once_at_its_end(tracer, recorder):
    with tracer.start_as_current_span("work", kind=SpanKind.CLIENT, attributes={"n": 1}) as span:
        assert trace.get_current_span() is span and recorder.started == [span] and recorder.ended == []
    span.end()
    assert recorder.ended == [span]
    assert (span.name, span.kind, span.attributes) == ("work", SpanKind.CLIENT, {"n": 1})
    assert span.end_time >= span.start_time and not span.is_recording()


def test_no_value_sets_nothing_and_a_list_cannot_be_changed_afterwards(tracer):
    given, names = {"n": 1}, ["a"]
    span = tracer.start_span("work", attributes=given)
    span.set_attributes({"n": None, "names": names, "m": 2})
    given["n"] = 3
    names.append("b")
    assert span.attributes == {"n": 1, "names": ("a",), "m": 2}


def test_a_child_has_the_trace_of_its_parent_and_names_it(tracer):
    with tracer.start_as_current_span("outer") as outer, tracer.start_as_current_span("inner") as inner:
        pass
    assert inner.context.trace_id == outer.context.trace_id and inner.parent == outer.context and outer.parent is None


def test_after_its_end_nothing_changes_a_span(tracer):
    span = tracer.start_span("work")
    span.end(5)
    span.set_attribute("a", 1)
    span.add_event("late")
    span.update_name("other")
    span.set_status(StatusCode.ERROR)
    span.end(9)
    assert (span.name, span.attributes, [*span.events], span.status.status_code, span.end_time) == (
        "work", {}, [], StatusCode.UNSET, 5,
    )  # fmt: skip


def test_none_sets_nothing_and_a_list_is_kept_as_a_tuple(tracer):
    span = tracer.start_span("work", attributes={"none": None, "list": ["a"], "tuple": (1, 2)}, unknown="accepted")
    assert span.attributes == {"list": ("a",), "tuple": (1, 2)}


def test_an_ok_is_final_and_no_status_is_taken_back(tracer):
    span = tracer.start_span("work")
    span.set_status(StatusCode.ERROR, "broken")
    span.set_status(StatusCode.UNSET)
    assert (span.status.status_code, span.status.description) == (StatusCode.ERROR, "broken")
    span.set_status(Status(StatusCode.OK))
    span.set_status(StatusCode.ERROR, "later")
    assert span.status.status_code is StatusCode.OK


@pytest.mark.parametrize("by", ["current", "block"])
def test_an_exception_is_noted_once(tracer, by):
    make = tracer.start_as_current_span if by == "current" else tracer.start_span
    with pytest.raises(ValueError), make("work") as span:
        try:
            raise ValueError("no")
        except ValueError as error:
            span.record_exception(error)
            raise
    assert [event.name for event in span.events] == ["exception"]
    assert span.events[0].attributes["exception.message"] == "no"
    assert span.status.status_code is StatusCode.ERROR


def test_where_instrumentation_is_suppressed_nothing_is_recorded(tracer, recorder):
    token = otel_context.attach(otel_context.set_value(otel_context._SUPPRESS_INSTRUMENTATION_KEY, True))
    try:
        assert not tracer.start_span("work").is_recording()
    finally:
        otel_context.detach(token)
    assert recorder.started == []


def test_a_span_has_the_shape_of_a_finished_one_of_the_sdk(tracer):
    span = tracer.start_span("work", links=[trace.Link(trace.INVALID_SPAN_CONTEXT)])
    span.add_event("moment", {"a": 1}, 7)
    span.end()
    assert span.resource.attributes == {"service.name": "shop"} and span.resource.schema_url == ""
    scope = span.instrumentation_scope
    assert (scope.name, scope.version, scope.schema_url, scope.attributes) == ("lib", "1.0", "https://schema", {"a": 1})
    assert span.dropped_attributes == span.dropped_events == span.dropped_links == 0
    assert (span.events[0].timestamp, span.events[0].dropped_attributes, len(span.links)) == (7, 0, 1)


GLOBAL = """
import asyncio, json, logging, sys
logging.basicConfig(stream=sys.stderr, level=logging.WARNING)
from fastapi import FastAPI
from fastapi.responses import StreamingResponse
from opentelemetry import trace
from starlette.testclient import TestClient
import convotrace as ct
from convotrace_fastapi import ConvoTrace

told = []
class Recorder:
    def on_start(self, span, parent_context=None): pass
    def on_end(self, span): told.append(span)

app = FastAPI()
observer = ConvoTrace(app, opentelemetry="global", store=sys.argv[1], token="t")
lib = trace.get_tracer("lib")

def held():
    with ct.span("held"):
        for n in range(2):
            with lib.start_as_current_span(f"step{n}"):
                pass
            yield f"{n}"

async def held_async():
    with ct.span("held"):
        for n in range(2):
            with lib.start_as_current_span(f"step{n}"):
                await asyncio.sleep(0)
            yield f"{n}"

@app.post("/plain")
async def plain():
    with lib.start_as_current_span("outer"), ct.tool("search"), lib.start_as_current_span("inner"):
        pass
    return {"reply": "yes"}

@app.post("/sync")
def sync():
    return StreamingResponse(held(), media_type="text/plain")

@app.post("/async")
async def stream():
    async def both():
        async for part in held_async():
            with lib.start_as_current_span("between"):
                yield part
    return StreamingResponse(both(), media_type="text/plain")

client = TestClient(app)
def ask(path):
    client.post(path, json={"message": "hello"}, headers={"X-Session-ID": path})
ask("/plain")
provider = trace.get_tracer_provider()
provider.add_span_processor(Recorder())
found = {"provider": type(provider).__module__, "mode": observer.health()["opentelemetry"]["mode"]}
for path in ("/plain", "/sync", "/async"):
    told.clear()
    ask(path)
    turn = observer.store.session(path).traces[-1]
    names = {span.id: span.name for span in turn.spans}
    servers = [span for span in told if span.kind is trace.SpanKind.SERVER]
    found[path] = {
        "servers": [(f"{s.context.trace_id:032x}", f"{s.context.span_id:016x}") for s in servers],
        "turn": [turn.id, turn.span_id], "session": [s.attributes.get("session.id") for s in servers],
        "parents": {span.name: names.get(span.parent_id) for span in turn.spans},
    }
told.clear()
page = client.get("/_sessions/sessions.json", headers={"Authorization": "Bearer t"})
found["page"] = [page.status_code, [span.name for span in told if span.instrumentation_scope.name != "fastapi"]]
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def in_global_mode(tmp_path_factory):
    """What a FastAPI app did in a process of its own, with our provider as the global one."""
    store = f"sqlite:///{tmp_path_factory.mktemp('global')}/s.db"
    env = {"PYTHONPATH": f"{ROOT}:{ROOT}/integrations"}
    run = subprocess.run(
        [sys.executable, "-c", GLOBAL, store], capture_output=True, text=True, timeout=120, env=env, check=False
    )
    assert run.stderr == ""
    return json.loads(run.stdout)


def test_asked_for_our_provider_is_the_global_one(in_global_mode):
    assert in_global_mode["provider"] == "convotrace.hooks.opentelemetry.provider"
    assert in_global_mode["mode"] == "ours"


@pytest.mark.parametrize("path", ["/plain", "/sync", "/async"])
def test_the_server_span_that_fastapi_makes_then_is_the_request(in_global_mode, path):
    found = in_global_mode[path]
    assert found["servers"] == [found["turn"]] and found["session"] == [path]


def test_spans_of_others_stand_below_ours_and_ours_below_theirs(in_global_mode):
    parents = in_global_mode["/plain"]["parents"]
    assert (parents["search"], parents["inner"]) == ("outer", "search")


def test_a_span_held_by_a_generator_keeps_what_others_do_in_it_and_nothing_else(in_global_mode):
    parents = in_global_mode["/async"]["parents"]
    assert (parents["step0"], parents["step1"]) == ("held", "held")
    assert parents["between"] != "held"
    assert in_global_mode["/sync"]["parents"]["step0"] == "held"


def test_our_own_pages_make_no_spans(in_global_mode):
    assert in_global_mode["page"] == [200, []]


def test_time_is_that_of_the_clock(tracer):
    before = time.time_ns()
    span = tracer.start_span("work")
    span.end()
    assert before <= span.start_time <= span.end_time <= time.time_ns()
