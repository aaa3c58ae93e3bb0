"""Three services and one store: what a front asks of a back, and the back of a worker minutes later, is one turn."""

import asyncio
import threading
from wsgiref.simple_server import WSGIRequestHandler, make_server

import httpx
import pytest

import convotrace as ct
from convotrace.capture.current import current_node
from convotrace.observer import recording

fastapi = pytest.importorskip("fastapi", reason="FastAPI is not installed")
flask = pytest.importorskip("flask", reason="Flask is not installed")

MINUTE = 60_000_000_000


class Quiet(WSGIRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture
def observers(store_url):
    """One object for each service, as three processes have them, over one file."""
    found = {
        name: ct.ConvoTrace(store=store_url, service=name, propagate=["127.0.0.1"])
        for name in ("front", "back", "worker")
    }
    yield found
    for observer in found.values():
        observer.close()


@pytest.fixture
def back(observers):
    """A Flask service on loopback; returns its address and the queue it puts jobs in."""
    app, queue = flask.Flask("back"), []

    @app.post("/refund")
    def refund():
        with ct.generation("decide", model="m") as call:
            call.set_usage(input=20, output=2, cost=0.002)
            queue.append({"order": flask.request.json["order"], "carrier": ct.carrier()})
        return {"state": "queued"}

    app.wsgi_app = ct.wsgi.ConvoTraceMiddleware(app.wsgi_app, convotrace=observers["back"])
    server = make_server("127.0.0.1", 0, app, handler_class=Quiet)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", queue
    server.shutdown()
    server.server_close()
    thread.join()


def front(observer, back_url):
    """Return a FastAPI service that asks the other one twice for each message."""
    app = fastapi.FastAPI()

    @app.post("/chat")
    async def chat(body: dict):
        with ct.generation("plan", model="m") as call:
            call.set_usage(input=100, output=10, cost=0.01)
        with ct.tool("refund"):
            async with httpx.AsyncClient() as client:
                for order in (1, 2):
                    await client.post(f"{back_url}/refund", json={"order": order})
        return {"reply": "done"}

    return ct.asgi.ConvoTraceMiddleware(app, convotrace=observer)


def ask(app, message, **headers):
    async def post():
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://front.example") as client:
            return await client.post("/chat", json={"session_id": "s", "message": message}, headers=headers)

    assert asyncio.run(post()).json() == {"reply": "done"}


def work_off(observer, queue):
    for job in queue:
        with observer.resume(job["carrier"], name="refund job"), ct.generation("word", model="m") as call:
            call.set_usage(input=3, output=1, cost=0.001)


def tree(trace):
    """Return name, service and the names of the spans above, for each span."""
    by_id = {span.id: span for span in trace.spans}

    def above(span):
        return [] if span.parent_id is None else [by_id[span.parent_id].name, *above(by_id[span.parent_id])]

    return sorted((span.name, span.service, tuple(above(span))) for span in trace.spans)


def expected():
    hop = ("POST 127.0.0.1/refund", "refund")
    request = ("POST /refund", *hop)
    return sorted([
        ("plan", "front", ()),
        ("refund", "front", ()),
        *[
            (hop[0], "front", ("refund",)),
            ("POST /refund", "back", hop),
            ("decide", "back", request),
            ("refund job", "worker", ("decide", *request)),
            ("word", "worker", ("refund job", "decide", *request)),
        ] * 2,
    ])  # fmt: skip


@pytest.mark.parametrize("hurry", [False, True], ids=["stored in between", "as it comes"])
def test_a_turn_that_crosses_two_services_and_a_queue_is_one_tree(observers, back, monkeypatch, hurry):
    url, queue = back
    ask(front(observers["front"], url), "refund both")
    if not hurry:
        assert all(observer.flush() for observer in observers.values())
    now = recording.time_ns
    with monkeypatch.context() as patch:
        patch.setattr(recording, "time_ns", lambda: now() + 5 * MINUTE)
        work_off(observers["worker"], queue)
    assert all(observer.flush() for observer in observers.values())
    (session,) = observers["front"].store.sessions()
    conversation = observers["front"].store.session("s")
    (trace,) = conversation.traces
    assert tree(trace) == expected()
    assert (session.id, session.turns, session.traces, session.spans) == ("s", 1, 1, 12)
    assert (session.input_tokens, session.output_tokens) == (146, 16)
    assert session.cost == pytest.approx(0.016, abs=1e-9)
    assert (trace.input_tokens, trace.output_tokens, trace.errors) == (146, 16, 0)
    assert (trace.input.text, trace.output.text, trace.service) == ("refund both", "done", "front")
    assert sorted(session.service) == ["back", "front", "worker"]
    jobs = [span for span in trace.spans if span.name == "refund job"]
    assert all(job.started_ns - trace.started_ns >= 5 * MINUTE for job in jobs)
    assert current_node.get() is None


def test_turns_of_a_browser_that_keeps_one_traceparent_are_turns_with_their_own_trees(observers, back):
    url, _ = back
    app = front(observers["front"], url)
    for message in ("one", "two", "three"):
        ask(app, message, traceparent=f"00-{'a' * 32}-{'b' * 16}-01")
    assert all(observer.flush() for observer in observers.values())
    traces = observers["front"].store.session("s").traces
    assert [trace.input.text for trace in traces] == ["one", "two", "three"]
    assert len({trace.id for trace in traces}) == 3
    assert [len(trace.spans) for trace in traces] == [8, 8, 8]


def test_services_with_stores_of_their_own_have_the_session_in_common(back, observers, tmp_path):
    url, _ = back
    alone = ct.ConvoTrace(store=f"sqlite:///{tmp_path}/front.db", propagate=["127.0.0.1"])
    ask(front(alone, url), "refund both")
    try:
        assert alone.store.session("s").session.turns == 1
        observers["back"].flush()
        assert observers["back"].store.session("s").session.id_source == "baggage"
        ids = {trace.id for trace in observers["back"].store.session("s").traces}
        assert ids == {alone.store.session("s").traces[0].id}
    finally:
        alone.close()
