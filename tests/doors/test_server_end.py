"""A server that is told to end: what was answered is stored first."""

import asyncio

import convotrace as ct
from convotrace.asgi import ConvoTraceMiddleware


async def app(scope, receive, send):
    """Answer any request; live without a word."""
    if scope["type"] == "http":
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b'{"reply": "hi"}'})


async def _later(value):
    return value


def test_what_is_queued_is_stored_before_the_life_of_the_app_ends(store_url):
    """A server may kill its process as soon as the app has returned from its life."""
    observer = ct.ConvoTrace(store=store_url)
    asked = {"type": "http.request", "body": b'{"session_id": "s", "message": "hello"}'}

    async def serve():
        door = ConvoTraceMiddleware(app, convotrace=observer)
        scope = {"type": "http", "method": "POST", "path": "/x", "headers": [], "query_string": b""}
        await door(scope, lambda: _later(asked), _later)
        await door({"type": "lifespan"}, None, None)
        return observer.writer.stats()["written"]["traces"]

    assert asyncio.run(serve()) == 1
    observer.close()
