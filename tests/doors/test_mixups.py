"""Two sessions at once over one loop, many threads and many greenlets: each request keeps its own facts."""

import asyncio
import io
import json
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

import convotrace as ct
from convotrace.capture.current import current_node
from convotrace.propagation import read_carrier

SESSIONS = ("one", "two")
REQUESTS = 1000


@pytest.fixture
def observer(store_url):
    made = ct.ConvoTrace(store=store_url, instrument=["threading"])
    yield made
    made.close()


@pytest.fixture
def mixed():
    """What was found to belong to another request, while it ran."""
    return []


def look(mixed, session, text):
    """Note where what is current is not this request's."""
    carrier = read_carrier(ct.carrier())
    told = carrier and carrier.session_id, carrier and f"{carrier.trace_id:032x}"
    if (ct.current_session().id, *told) != (session, session, ct.current_trace().id):
        mixed.append((session, text, ct.current_session().id, told))


def part(mixed, session, text, name):
    """Do a piece of work, in whatever thread."""
    with ct.tool(name, arguments={"text": text}) as made:
        look(mixed, session, text)
        made.set_result(text)


def check(observer, mixed, spans):
    """Compare everything that was stored with what was sent."""
    assert mixed == [] and current_node.get() is None
    assert observer.flush(60)
    ids = set()
    for session in SESSIONS:
        traces = observer.store.session(session).traces
        assert sorted(trace.input.text for trace in traces) == sorted(f"{session}-{n}" for n in range(REQUESTS))
        for trace in traces:
            ids.add(trace.id)
            assert trace.output.text == f"re {trace.input.text}"
            assert sorted(span.name for span in trace.spans) == sorted(spans)
            assert {span.arguments["text"] for span in trace.spans} == {trace.input.text}
            assert {span.trace_id for span in trace.spans} == {trace.id}
    assert len(ids) == 2 * REQUESTS and len(list(observer.store.sessions())) == 2


def test_over_one_event_loop(observer, mixed):
    pool = ThreadPoolExecutor(4)

    async def app(scope, receive, send):
        session, text = scope["text"].split("-")[0], scope["text"]
        await receive()
        part(mixed, session, text, "first")
        await asyncio.sleep(0)
        loop = asyncio.get_running_loop()
        await asyncio.gather(
            asyncio.create_task(asyncio.to_thread(part, mixed, session, text, "to_thread")),
            loop.run_in_executor(pool, part, mixed, session, text, "executor"),
        )
        look(mixed, session, text)
        headers = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": json.dumps({"reply": f"re {text}"}).encode()})
        part(mixed, session, text, "after")

    door = ct.asgi.ConvoTraceMiddleware(app, convotrace=observer)

    async def connection(numbers):
        """One connection that stays alive: its requests run in one task, of both sessions in turn."""
        for n in numbers:
            for session in SESSIONS:
                body = json.dumps({"message": f"{session}-{n}", "session_id": session}).encode()
                headers = [(b"content-type", b"application/json"), (b"x-session-id", session.encode())]
                scope = {"type": "http", "method": "POST", "path": "/chat", "query_string": b"", "headers": headers}

                async def receive(body=body):
                    return {"type": "http.request", "body": body}

                async def send(message):
                    await asyncio.sleep(0)

                await door({**scope, "text": f"{session}-{n}"}, receive, send)
                if current_node.get() is not None:
                    mixed.append("left behind")

    async def main():
        await asyncio.gather(*(connection(range(start, REQUESTS, 20)) for start in range(20)))

    asyncio.run(main())
    pool.shutdown()
    check(observer, mixed, ["first", "to_thread", "executor", "after"])


def wsgi(observer, mixed, pause):
    """Return a function that sends one request through the WSGI door, streamed."""

    def app(environ, start_response):
        text = json.loads(environ["wsgi.input"].read())["message"]
        session = text.split("-")[0]
        part(mixed, session, text, "first")
        pause()
        start_response("200 OK", [("Content-Type", "text/plain")])

        def stream():
            for piece in ("re ", text):
                with ct.tool(piece.strip(), arguments={"text": text}):
                    pause()
                    look(mixed, session, text)
                    yield piece.encode()

        return stream()

    door = ct.wsgi.ConvoTraceMiddleware(app, convotrace=observer)

    def send(session, n):
        body = json.dumps({"message": f"{session}-{n}", "session_id": session}).encode()
        environ = {"REQUEST_METHOD": "POST", "PATH_INFO": "/chat", "CONTENT_TYPE": "application/json",
                   "HTTP_X_SESSION_ID": session, "wsgi.input": io.BytesIO(body)}  # fmt: skip
        answer = door(environ, lambda *_: None)
        if b"".join(answer).decode() != f"re {session}-{n}":
            mixed.append(("answer", session, n))
        answer.close()
        if current_node.get() is not None:
            mixed.append("left behind")

    return send


def check_streamed(observer, mixed):
    assert mixed == [] and current_node.get() is None
    assert observer.flush(60)
    for session in SESSIONS:
        traces = observer.store.session(session).traces
        assert len({trace.id for trace in traces}) == REQUESTS
        for trace in traces:
            text = trace.input.text
            assert (trace.output.text, trace.status) == (f"re {text}", "ok")
            assert sorted(span.name for span in trace.spans) == sorted(["first", "re", text])
            assert {span.arguments["text"] for span in trace.spans} == {text}
            assert {span.parent_id for span in trace.spans} == {None}


def test_over_64_threads(observer, mixed):
    send = wsgi(observer, mixed, lambda: None)
    start = threading.Barrier(64)

    def serve(first):
        start.wait(30)
        for n in range(first, REQUESTS, 64):
            for session in SESSIONS:
                send(session, n)

    threads = [threading.Thread(target=serve, args=(first,), daemon=True) for first in range(64)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    check_streamed(observer, mixed)


def test_over_200_greenlets(observer, mixed):
    gevent = pytest.importorskip("gevent", reason="gevent is not installed")
    send = wsgi(observer, mixed, lambda: gevent.sleep(0))

    def serve(first):
        for n in range(first, REQUESTS, 200):
            for session in SESSIONS:
                send(session, n)

    gevent.joinall([gevent.spawn(serve, first) for first in range(200)], raise_error=True, timeout=120)
    check_streamed(observer, mixed)


def test_a_greenlet_of_a_request_belongs_to_it_where_that_is_asked_for(observer):
    gevent = pytest.importorskip("gevent", reason="gevent is not installed")
    pool_module = pytest.importorskip("gevent.pool")
    from convotrace.hooks import threads

    threads._hooked.pop("gevent", None)
    spawn = gevent.spawn, gevent.spawn_later, pool_module.Group.spawn
    threads.install()
    try:
        with observer.session("s"):
            own = ct.current_trace().id
            greenlets = [
                gevent.spawn(lambda: ct.current_trace().id),
                gevent.spawn_later(0, lambda: ct.current_trace().id),
                pool_module.Pool(2).spawn(lambda: ct.current_trace().id),
            ]
        left = gevent.spawn(ct.current_trace)
        gevent.joinall([*greenlets, left], raise_error=True)
    finally:
        gevent.spawn, gevent.spawn_later, pool_module.Group.spawn = spawn
    assert [greenlet.value for greenlet in greenlets] == [own] * 3 and left.value is None
