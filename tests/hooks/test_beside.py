"""The app's own structlog, TracerProvider and Peewee database, set before us, after us or never, are as if we were not
there: what it prints, which spans it gets, what is in its database, under `-W error -X dev`."""

import itertools
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
WHEN = ("before", "after", "never")
ALL = list(itertools.product(WHEN, repeat=3))
# Each pair of two settings is in one of these nine; the others are slow only because they are many.
FEW = [one for one in ALL if sum(map(WHEN.index, one)) % 3 == 0]

PROGRAM = """
import itertools, json, sys
import peewee, structlog
from opentelemetry import context, trace

WITH_US, (STRUCTLOG, PROVIDER, DATABASE) = sys.argv[1] == "with", sys.argv[2:5]
seen, ids = [], itertools.count(1)


class Span(trace.NonRecordingSpan):
    def __init__(self, name):
        super().__init__(trace.SpanContext(next(ids), next(ids), False, trace.TraceFlags(1)))
        self.name = name

    def is_recording(self):
        return True

    def set_attribute(self, key, value):
        if self.name == "mine":
            seen.append([self.name, key, value])

    def end(self, end_time=None):
        if self.name == "mine":
            seen.append([self.name, "ended"])


class Tracer(trace.NoOpTracer):
    def start_span(self, name, *args, **kwargs):
        return Span(name)

    def start_as_current_span(self, name, *args, **kwargs):
        return trace.use_span(Span(name), end_on_exit=True)


class Provider(trace.TracerProvider):
    def get_tracer(self, *args, **kwargs):
        return Tracer()


def use_structlog():
    renderer = structlog.processors.JSONRenderer(sort_keys=True)
    structlog.configure(processors=[structlog.processors.add_log_level, renderer])


def use_provider():
    global provider
    provider = Provider()
    trace.set_tracer_provider(provider)


db = peewee.DatabaseProxy()


class Note(peewee.Model):
    text = peewee.TextField()

    class Meta:
        database = db


def use_database():
    db.initialize(peewee.SqliteDatabase(":memory:"))
    db.create_tables([Note])


def set_up(moment):
    for when, use in ((STRUCTLOG, use_structlog), (PROVIDER, use_provider), (DATABASE, use_database)):
        if when == moment:
            use()


def app(environ, start):
    with trace.get_tracer("app").start_as_current_span("mine") as span:
        span.set_attribute("asked", environ["PATH_INFO"])
        if STRUCTLOG != "never":
            structlog.get_logger().info("sold", sku="A1")
        if DATABASE != "never":
            with db.atomic():
                Note.create(text="hello")
    start("200 OK", [("content-type", "application/json")])
    return [b'{"reply": "hi"}']


set_up("before")
wrapped, ct = app, None
if WITH_US:
    import convotrace
    from convotrace import wsgi
    ct = convotrace.ConvoTrace(store="memory:", enabled=True)
    wrapped = wsgi.ConvoTraceMiddleware(app, ct)
set_up("after")
from wsgiref.util import setup_testing_defaults
for turn in range(3):
    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/chat", "QUERY_STRING": "session_id=s&message=hello"}
    setup_testing_defaults(environ)
    body = wrapped(environ, lambda *a: print("started", a[0], a[1]))
    print(b"".join(body))
    if hasattr(body, "close"):
        body.close()
told = {
    "seen": seen,
    "notes": [] if DATABASE == "never" else [one.text for one in Note.select()],
    "tables": [] if DATABASE == "never" else db.get_tables(),
    # Asking for the provider would set one where none is.
    "provider": trace._TRACER_PROVIDER is provider if PROVIDER != "never" else str(trace._TRACER_PROVIDER),
    "configured": structlog.is_configured(),
}
print(json.dumps(told, sort_keys=True))
if ct is not None:
    ct.flush(10)
    found = ct.store.session("s")
    assert found.session.turns == 3, found
    ct.close()
"""


def _run(with_us, setting):
    command = [sys.executable, "-W", "error", "-X", "dev", "-c", PROGRAM, with_us, *setting]
    environ = {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'integrations'}", "NO_COLOR": "1"}
    return subprocess.run(command, capture_output=True, text=True, env=environ, timeout=120, check=False)


@pytest.mark.parametrize(
    "setting", [pytest.param(one, marks=() if one in FEW else pytest.mark.slow, id="-".join(one)) for one in ALL]
)
def test_what_the_app_set_up_works_as_if_we_were_not_there(setting):
    bare, ours = _run("without", setting), _run("with", setting)
    assert (bare.returncode, bare.stderr) == (0, ""), bare.stderr
    assert (ours.returncode, ours.stderr) == (0, ""), ours.stderr
    assert ours.stdout == bare.stdout
    told = json.loads(bare.stdout.splitlines()[-1])
    structlog, provider, database = setting
    # The program does what it is for: else two empty outputs would be alike.
    assert (bare.stdout.count('"sku": "A1"') == 3) is (structlog != "never")
    assert len(told["seen"]) == (6 if provider != "never" else 0)
    assert told["notes"] == (["hello"] * 3 if database != "never" else [])
