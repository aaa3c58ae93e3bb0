"""Where a web framework takes work: its threads, background tasks and streams stay in the session of their request."""

import asyncio
import threading

import httpx
import pytest

import convotrace as ct
from convotrace.capture.current import current_node

fastapi = pytest.importorskip("fastapi", reason="FastAPI is not installed")
responses = pytest.importorskip("starlette.responses")


@pytest.fixture
def observer(store_url):
    made = ct.ConvoTrace(store=store_url)
    yield made
    made.close()


def note(name):
    """Leave a span; its result is the session that is current."""
    with ct.tool(name) as made:
        made.set_result(ct.current_session() and ct.current_session().id)


def app():
    made = fastapi.FastAPI()

    async def async_task():
        note("async background")

    @made.get("/sync")
    def sync(tasks: fastapi.BackgroundTasks):
        note("endpoint")
        tasks.add_task(note, "sync background")
        tasks.add_task(async_task)
        return {"reply": "ok"}

    @made.get("/async stream")
    async def async_stream():
        async def stream():
            for name in ("first", "second"):
                note(name)
                await asyncio.sleep(0)
                yield name

        return responses.StreamingResponse(stream(), media_type="text/plain")

    @made.get("/sync stream")
    def sync_stream():
        def stream():
            for name in ("first", "second"):
                note(name)
                yield name

        return responses.StreamingResponse(stream(), media_type="text/plain")

    @made.get("/executor")
    async def executor():
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(None, ct.bind(note), "bound")
        await loop.run_in_executor(None, note, "not bound")
        thread = threading.Thread(target=ct.bind(note), args=("thread",))
        thread.start()
        await asyncio.to_thread(thread.join)
        return {"reply": "ok"}

    return made


SPANS = {
    "/sync": ["endpoint", "sync background", "async background"],
    "/async stream": ["first", "second"],
    "/sync stream": ["first", "second"],
    "/executor": ["bound", "thread"],
}


@pytest.mark.parametrize(("path", "spans"), SPANS.items(), ids=SPANS)
def test_work_stays_in_its_session_and_nothing_stays_for_the_next_request(observer, path, spans):
    door = ct.asgi.ConvoTraceMiddleware(app(), convotrace=observer)

    async def ask():
        async with httpx.AsyncClient(transport=httpx.ASGITransport(door), base_url="http://app.example") as client:
            for session in ("one", "two"):
                await client.get(path, params={"message": "hello"}, headers={"X-Session-ID": session})
                assert current_node.get() is None
            # The threads of the pool have served both: nothing of either is left in them.
            return await asyncio.gather(*(asyncio.to_thread(current_node.get) for _ in range(8)))

    assert set(asyncio.run(ask())) == {None}
    for session in ("one", "two"):
        (trace,) = observer.store.session(session).traces
        assert [(span.name, span.result) for span in trace.spans] == [(name, session) for name in spans]


def test_bound_work_stays_in_the_context_of_opentelemetry_too(observer):
    api = pytest.importorskip("opentelemetry.trace")
    found = []
    with observer.session("s"), ct.span("outside"):
        inside = api.get_current_span().get_span_context()
        thread = threading.Thread(target=ct.bind(lambda: found.append(api.get_current_span().get_span_context())))
        thread.start()
        thread.join()
    assert found == [inside] and inside.trace_id != 0
    assert api.get_current_span().get_span_context().trace_id == 0
