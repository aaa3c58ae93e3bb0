"""Memory, threads and file handles stay where they are: huge uploads, tens of thousands of requests, endless ones."""

import asyncio
import gc
import itertools
import os
from contextvars import copy_context

import pytest

import convotrace as ct
from convotrace.asgi import ConvoTraceMiddleware as ASGI
from convotrace.wsgi import ConvoTraceMiddleware as WSGI
from tests.patience import Before, until

pytestmark = pytest.mark.slow
MIB = 1 << 20
START = {"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]}
BODY = {"type": "http.response.body", "body": b'{"reply": "x"}'}


@pytest.fixture
def observer(store_url):
    made = ct.ConvoTrace(store=store_url)
    yield made
    made.close()


def resident():
    """Return the bytes of this process that are in memory."""
    gc.collect()
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def scope_of(kind=b"application/json"):
    headers = [(b"content-type", kind), (b"x-session-id", b"s")]
    return {"type": "http", "method": "POST", "path": "/chat", "headers": headers, "query_string": b""}


@pytest.mark.parametrize("kind", [b"application/json", b"application/octet-stream"])
def test_a_huge_upload_and_a_huge_answer_are_not_held(observer, kind):
    chunk, chunks = b"x" * MIB, 300
    peak, before, looks = 0, resident(), itertools.count()

    async def app(scope, receive, send):
        nonlocal peak
        await send(START)
        while (await receive()).get("more_body"):
            await send({"type": "http.response.body", "body": bytes(MIB), "more_body": True})
            if next(looks) % 20 == 0:
                peak = max(peak, resident() - before)
        await send({"type": "http.response.body", "body": b""})

    left = iter(range(chunks, -1, -1))

    async def receive():
        return {"type": "http.request", "body": chunk, "more_body": next(left) > 0}

    async def send(message):
        return None

    asyncio.run(ASGI(app, convotrace=observer)(scope_of(kind), receive, send))
    (trace,) = observer.store.session("s").traces
    assert (trace.request_bytes, trace.response_bytes) == ((chunks + 1) * MIB, chunks * MIB)
    assert peak < 24 * MIB


def test_a_huge_upload_through_wsgi_is_not_held(observer):
    peak, before, looks = 0, resident(), itertools.count()

    class Stream:
        left = 300

        def read(self, size=-1):
            self.left -= 1
            return b"x" * MIB if self.left >= 0 else b""

    def app(environ, start_response):
        nonlocal peak
        start_response("200 OK", [("Content-Type", "text/plain")])
        while chunk := environ["wsgi.input"].read(MIB):
            if next(looks) % 20 == 0:
                peak = max(peak, resident() - before)
            yield chunk

    environ = {"REQUEST_METHOD": "POST", "PATH_INFO": "/", "wsgi.input": Stream(), "HTTP_X_SESSION_ID": "s"}
    body = WSGI(app, convotrace=observer)(environ, lambda *_: None)
    assert sum(map(len, body)) == 300 * MIB
    body.close()
    assert observer.store.session("s").traces[0].request_bytes == 300 * MIB and peak < 24 * MIB


def test_twenty_thousand_requests_leave_memory_threads_and_handles_as_they_were(observer, tmp_path):
    async def app(scope, receive, send):
        await receive()
        with ct.generation("chat", model="m", input="hello") as call, ct.tool("t", arguments={"a": 1}):
            call.set_output("x")
        await send(START)
        await send(BODY)

    async def receive():
        return {"type": "http.request", "body": b'{"message": "hello"}'}

    async def send(message):
        return None

    wrapped = ASGI(app, convotrace=observer)

    async def many(count):
        for n in range(count):
            await wrapped({**scope_of(), "headers": [(b"x-session-id", b"s%d" % (n % 50))]}, receive, send)
            if n % 500 == 0:
                await asyncio.to_thread(observer.flush)

    asyncio.run(many(4_000))
    observer.flush()
    before, memory = Before(tmp_path), resident()
    asyncio.run(many(20_000))
    observer.flush()
    until(lambda: not before.new_threads())  # those of the pool that the loop had
    # A job of the store may have opened its own connection meanwhile: a few files, however many the requests.
    assert len(before.new_files()) <= 10 and observer.ledger.open == {}
    assert sum(observer.health()["requests"].values()) == 24_000
    assert resident() - memory < 16 * MIB


def test_a_stuck_store_holds_a_bounded_amount(observer, monkeypatch):
    monkeypatch.setattr(observer._writing, "prepare", stuck)
    before = resident()
    for n in range(3000):
        with observer.session(f"s{n}"), ct.generation("chat") as call:
            call.set_input("x" * 100_000 + str(n))
    assert resident() - before < 130 * MIB
    assert observer.ledger.requests.values()["lost"] > 2000


def stuck(item):
    raise ct.StoreError("stuck")


def test_a_task_that_never_ends_fills_nothing(observer):
    with observer.session("s"):
        context = copy_context()
    observer.flush()
    before = resident()
    context.run(forever)
    assert resident() - before < 40 * MIB
    (trace,) = observer.store.session("s").traces
    assert len(trace.spans) == len(trace.events) == 10_000


def forever():
    for n in range(60_000):
        with ct.tool("late"):
            pass
        ct.event("line", n=n)


def test_a_trace_of_twenty_thousand_spans_is_stored_and_cut_visibly(observer):
    with observer.session("s"):
        for n in range(20_000):
            with ct.tool("t", arguments=n):
                pass
    (trace,) = observer.store.session("s").traces
    assert len(trace.spans) == 10_000 and trace.metadata["spans_over_limit"] == 10_000
