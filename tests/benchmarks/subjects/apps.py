"""The chat app, in Starlette and in Flask, and requests that are put to it without a network."""

from __future__ import annotations

import asyncio
import io
import itertools
import json
from collections.abc import Callable
from time import perf_counter_ns
from typing import Any

from tests.benchmarks.subjects import Subject

SESSIONS = 40
Call = Callable[[int], None]


def starlette_app(subject: Subject) -> Any:
    """Return the app for ASGI: it reads its JSON body, takes its five steps and answers in JSON."""
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import JSONResponse
    from starlette.routing import Route

    numbers = itertools.count()

    async def chat(request: Request) -> JSONResponse:
        said = await request.json()
        subject.steps(next(numbers), said["session_id"], said["message"])
        return JSONResponse({"reply": f"You said: {said['message']}"})

    return subject.around(Starlette(routes=[Route("/chat", chat, methods=["POST"])]))


def flask_app(subject: Subject) -> Any:
    """Return the app for WSGI."""
    import flask

    app, numbers = flask.Flask("bench"), itertools.count()

    @app.post("/chat")
    def chat() -> Any:
        said = flask.request.get_json()
        subject.steps(next(numbers), said["session_id"], said["message"])
        return {"reply": f"You said: {said['message']}"}

    app.wsgi_app = subject.around(app.wsgi_app)
    return app


APPS = {"asgi": starlette_app, "wsgi": flask_app}


def body(number: int) -> bytes:
    """Return the body of a request: one of a few sessions, a message of its own."""
    message = f"Where is my order {number}? It should have come on Monday."
    return json.dumps({"session_id": f"session-{number % SESSIONS}", "message": message}).encode()


def block(app: Any, door: str, first: int, count: int) -> list[int]:
    """Put requests to the app, one after another; return how long each took, in ns."""
    numbers = range(first, first + count)
    return asyncio.run(_by_asgi(app, numbers)) if door == "asgi" else _by_wsgi(app, numbers)


async def _by_asgi(app: Any, numbers: range) -> list[int]:
    walls = []
    for number in numbers:
        data, answers = body(number), []
        scope = asgi_scope(data)

        async def receive(data: bytes = data) -> dict[str, Any]:
            return {"type": "http.request", "body": data, "more_body": False}

        async def send(message: dict[str, Any], answers: list[Any] = answers) -> None:
            answers.append(message)

        started = perf_counter_ns()
        await app(scope, receive, send)
        walls.append(perf_counter_ns() - started)
        assert answers[0]["status"] == 200
    return walls


def asgi_scope(data: bytes) -> dict[str, Any]:
    """Return the scope of a request as uvicorn makes it."""
    headers = [
        (b"host", b"127.0.0.1:8000"), (b"user-agent", b"bench/1"), (b"accept", b"*/*"),
        (b"content-type", b"application/json"), (b"content-length", b"%d" % len(data)),
    ]  # fmt: skip
    return {
        "type": "http", "asgi": {"version": "3.0", "spec_version": "2.3"}, "http_version": "1.1", "method": "POST",
        "scheme": "http", "path": "/chat", "raw_path": b"/chat", "query_string": b"", "root_path": "",
        "headers": headers, "client": ("127.0.0.1", 50000), "server": ("127.0.0.1", 8000), "state": {},
    }  # fmt: skip


def _by_wsgi(app: Any, numbers: range) -> list[int]:
    walls, statuses = [], []
    for number in numbers:
        environ = wsgi_environ(body(number))

        def start_response(status: str, headers: Any, exc_info: Any = None) -> Any:
            statuses.append(status)
            return lambda data: None

        started = perf_counter_ns()
        chunks = app(environ, start_response)
        for _ in chunks:
            pass
        if hasattr(chunks, "close"):
            chunks.close()
        walls.append(perf_counter_ns() - started)
        assert statuses.pop() == "200 OK"
    return walls


def wsgi_environ(data: bytes) -> dict[str, Any]:
    """Return the environ of a request as gunicorn makes it."""
    return {
        "REQUEST_METHOD": "POST", "SCRIPT_NAME": "", "PATH_INFO": "/chat", "QUERY_STRING": "", "RAW_URI": "/chat",
        "SERVER_NAME": "127.0.0.1", "SERVER_PORT": "8000", "SERVER_PROTOCOL": "HTTP/1.1", "REMOTE_ADDR": "127.0.0.1",
        "REMOTE_PORT": "50000", "HTTP_HOST": "127.0.0.1:8000", "HTTP_USER_AGENT": "bench/1", "HTTP_ACCEPT": "*/*",
        "CONTENT_TYPE": "application/json", "CONTENT_LENGTH": str(len(data)), "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http", "wsgi.input": io.BytesIO(data), "wsgi.errors": io.StringIO(),
        "wsgi.multithread": True, "wsgi.multiprocess": False, "wsgi.run_once": False,
    }  # fmt: skip
