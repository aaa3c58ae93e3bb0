"""What became of each request is counted once, whatever happens to it on its way into the store."""

import asyncio
import gc
import json
import os
import threading
from contextvars import copy_context

import pytest

import convotrace as ct
from convotrace import asgi
from convotrace.identity import Incoming
from convotrace.observer.late import pause
from convotrace.observer.tally import Tallies
from tests.patience import Before, until


@pytest.fixture
def observer(store_url):
    made = ct.ConvoTrace(store=store_url, exclude=["/excluded"])
    yield made
    made.close()


def begin(observer, path="/chat", headers=(("x-session-id", "s"),)):
    return observer.begin(Incoming("POST", path, "", list(headers), iter, {}))


def turn(observer, **noted):
    """Begin and finish one turn."""
    trace = begin(observer)
    trace.respond(200, "application/json", True)
    trace.input_text = "x"
    observer.finish(trace)
    return trace


def counts(observer):
    observer.flush()
    return {name: n for name, n in observer.health()["requests"].items() if n}


def test_each_request_is_counted_once(observer):
    turn(observer)
    begin(observer, "/excluded")
    observer.finish(begin(observer))
    observer.finish(begin(observer, headers=()))
    skipped = begin(observer)
    skipped.skipped = True
    observer.finish(skipped)
    assert counts(observer) == {"turns": 1, "folded": 1, "no_session": 1, "excluded": 2}


def test_a_request_that_the_queue_refuses_is_lost_once(observer):
    observer.writer.put = lambda *_, **__: False
    trace = turn(observer)
    observer._recording.queue(trace)
    observer._recording.queue(trace)
    del observer.writer.put
    assert counts(observer) == {"lost": 1}


def test_what_is_added_late_and_refused_was_counted_before(observer):
    trace = turn(observer)
    assert counts(observer) == {"turns": 1}
    observer.writer.put = lambda *_, **__: False
    observer._recording.queue(trace)
    del observer.writer.put
    assert counts(observer) == {"turns": 1}


def test_a_request_that_cannot_be_assembled_is_lost_and_said(observer):
    trace = begin(observer)
    trace.response_chunks = ["no bytes"]
    trace.respond(200, "text/plain", True)
    observer.finish(trace)
    assert counts(observer) == {"lost": 1}
    assert observer.health()["dropped"] == {"trace": {"prepare": 1}} and observer.health()["ok"] is False


def test_many_threads_count_exactly(observer):
    def use():
        for _ in range(100):
            turn(observer)

    threads = [threading.Thread(target=use) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counts(observer) == {"turns": 800} and observer.ledger.open == {}
    assert observer.store.session("s").session.turns == 800


def test_a_number_can_be_read_without_changing_it():
    tallies = Tallies("a")
    for _ in range(3):
        tallies.add("a")
    tallies.add("b")
    assert [tallies.values() for _ in range(3)] == [{"a": 3, "b": 1}] * 3


def test_a_forked_child_counts_from_nothing(observer):
    turn(observer)
    assert counts(observer) == {"turns": 1}
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(write, repr(sum(observer.ledger.requests.values().values())).encode())
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(read, 10) == b"0" and counts(observer) == {"turns": 1}
    os.close(read), os.close(write)


def test_a_large_trace_that_grows_late_is_written_now_and_then(observer, monkeypatch):
    written = []
    prepare = observer._writing.assemble
    observer._writing.assemble = lambda trace: written.append(trace) or prepare(trace)
    # So long that what comes late comes within it, however busy the machine is.
    monkeypatch.setattr("convotrace.observer.writing.pause", lambda trace: 120 * pause(trace))
    with observer.session("s"):
        for n in range(300):
            with ct.tool(f"t{n}"):
                pass
        trace = ct.current_trace()._trace
        context = copy_context()
    observer.flush()
    assert len(written) == 1 and pause(trace) > 500_000_000
    for n in range(50):
        context.run(late, n)
    assert len(written) == 1
    found = observer.store.session("s")
    assert len(found.traces[0].spans) == 350 and len(written) == 2


def late(n):
    with ct.tool(f"late {n}"):
        pass


def test_what_waits_to_be_written_again_is_written_by_itself_and_at_close(store_url):
    observer, written = ct.ConvoTrace(store=store_url), []
    prepare = observer._writing.assemble
    observer._writing.assemble = lambda trace: written.append(trace) or prepare(trace)
    with observer.session("s"):
        for n in range(60):
            with ct.tool(f"t{n}"):
                pass
        context = copy_context()
    observer.flush()
    context.run(late, 1)
    until(lambda: not observer.ledger.late and len(written) == 2)
    context.run(late, 2)
    observer.close()
    store = ct.Store.open(store_url)
    assert len(store.session("s").traces[0].spans) == 62
    store.close()


def test_thousands_of_requests_leave_nothing_behind(observer, tmp_path):
    for _ in range(200):
        turn(observer)
    observer.flush()
    gc.collect()
    before = Before(tmp_path)
    objects = sum(type(thing).__name__ in ("OpenTrace", "Incoming") for thing in gc.get_objects())
    for _ in range(2000):
        turn(observer)
    observer.flush()
    gc.collect()
    until(lambda: not before.new_threads())
    # A job of the store may have opened its own connection meanwhile: a few files, however many the requests.
    assert len(before.new_files()) <= 10
    assert sum(type(thing).__name__ in ("OpenTrace", "Incoming") for thing in gc.get_objects()) <= objects + 2
    assert observer.ledger.open == {} and not observer.ledger.late


def test_what_the_limits_left_out_and_what_we_cost_is_counted(store_url):
    observer = ct.ConvoTrace(store=store_url, max_body_bytes=10, redact="all")
    app = _echo_app(observer)
    for number in range(200):
        app({"session_id": f"s{number % 3}", "message": f"m{number}, mail ann@example.com"})
    observer.flush()
    health = observer.health()
    observer.close()
    assert health["cut"] == {"input": 200} and health["redacted"] == {}
    assert 0 < health["overhead"]["request_us"]["p50"] <= health["overhead"]["request_us"]["p99"]


def _echo_app(observer):
    """Return a way to post to an app behind the door for ASGI."""

    async def app(scope, receive, send):
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    door = asgi.ConvoTraceMiddleware(app, convotrace=observer)

    def post(body):
        async def receive():
            return {"type": "http.request", "body": json.dumps(body).encode(), "more_body": False}

        async def send(message):
            return None

        headers = [(b"content-type", b"application/json"), (b"x-session-id", b"s1")]
        scope = {"type": "http", "method": "POST", "path": "/chat", "query_string": b"", "headers": headers}
        asyncio.run(door(scope, receive, send))

    return post
