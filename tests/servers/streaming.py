"""Streams as real servers run them, with probes on both sides of the middleware: `streaming:app`, `streaming:wsgi_app`.

The client says for how many seconds it wants events, and how often; `/state` tells what the process holds.
"""

import asyncio
import json
import os
import time

import flask
from starlette.applications import Starlette
from starlette.responses import JSONResponse, StreamingResponse
from starlette.routing import Route

import convotrace
from convotrace.asgi import ConvoTraceMiddleware
from convotrace.wsgi import ConvoTraceMiddleware as WSGIMiddleware

observer = convotrace.ConvoTrace(exclude=["/state"])
# How many chunks the app has handed to the middleware, how many came out of it, and the most that were ever between.
passed = {"inside": 0, "outside": 0, "ahead": 0}
made = {"events": 0}


def event(n):
    """Return one event of a stream; each has its number."""
    return f'data: {{"delta": "word {n:07d} of an answer that goes on and on "}}\n\n'.encode()


def numbered(seconds):
    """Yield events for so many seconds."""
    end, n = time.monotonic() + seconds, 0
    while time.monotonic() < end:
        yield event(n)
        n += 1
        made["events"] += 1


def state():
    """Return open traces, memory in bytes, and what passed."""
    with open("/proc/self/statm") as file:
        pages = int(file.read().split()[1])
    return {"open": len(observer.ledger.open), "memory": pages * os.sysconf("SC_PAGE_SIZE"), **passed, **made}


# Starlette


async def stream(request):
    """Stream events as long as asked for."""
    asked = await request.json()

    async def events():
        for one in numbered(asked["seconds"]):
            await asyncio.sleep(asked["every"])
            yield one

    return StreamingResponse(events(), media_type="text/event-stream")


async def tell(request):
    """Tell the state."""
    return JSONResponse(state())


def counted(app, name):
    """Count the chunks that an app sends, when it has sent them outside and when it begins to inside."""

    async def probe(scope, receive, send):
        async def note(message):
            if message.get("type") == "http.response.body" and message.get("body"):
                passed[name] += 1
                passed["ahead"] = max(passed["ahead"], passed["inside"] - passed["outside"])
            await send(message)

        streams = scope["type"] == "http" and scope["path"] == "/stream"
        await app(scope, receive, note if streams else send)

    return probe


routes = [Route("/stream", stream, methods=["POST"]), Route("/state", tell)]
app = counted(ConvoTraceMiddleware(counted(Starlette(routes=routes), "inside"), convotrace=observer), "outside")


# Flask

flask_app = flask.Flask("streaming")


@flask_app.post("/stream")
def flask_stream():
    """Stream events as long as asked for."""
    asked = flask.request.get_json()

    def events():
        for one in numbered(asked["seconds"]):
            time.sleep(asked["every"])
            yield one

    return flask.Response(events(), mimetype="text/event-stream")


@flask_app.get("/state")
def flask_tell():
    """Tell the state."""
    return flask.Response(json.dumps(state()), mimetype="application/json")


flask_app.wsgi_app = WSGIMiddleware(flask_app.wsgi_app, convotrace=observer)
wsgi_app = flask_app
