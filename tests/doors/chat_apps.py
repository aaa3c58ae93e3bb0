"""One small chat app, written once for each door and porch, and a way to call it in-process.

Every app has the same routes with the same behaviour, so that one contract can be checked behind all of them.
"""

import asyncio
import io
import json
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import flask
from fastapi import FastAPI, Request
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.responses import HTMLResponse, JSONResponse, StreamingResponse
from starlette.routing import Route

import convotrace as ct
import convotrace_fastapi
import convotrace_flask
import convotrace_starlette
from convotrace import asgi, wsgi


@dataclass
class Answer:
    """What a client got."""

    status: int = 0
    headers: list = field(default_factory=list)
    chunks: list = field(default_factory=list)
    error: BaseException | None = None

    @property
    def body(self):
        return b"".join(self.chunks)

    @property
    def json(self):
        return json.loads(self.body)


# What the app does with a message, whatever the framework


def chat(asked):
    """Answer a message, saying everything that the verbs can say about it."""
    ct.user(asked.get("user"))
    ct.tag("vip", on="session")
    ct.tag("slow", on="trace")
    ct.metadata(plan="pro")
    ct.metadata(on="trace", attempt=2)
    with ct.generation("chat", model="m-1", input=[{"role": "user", "content": asked["message"]}]) as call:
        with ct.tool("search", arguments={"q": asked["message"], "password": "hunter2"}, call_id="c1") as tool:
            tool.set_result([1, 2])
            tool.score("useful", 0.5)
            ct.event("looked", shelf=3)
            ct.tag("inner", on="span")
        call.set_output("echo").set_usage(input=10, output=4, cost=0.001)
    ct.event("handoff", on="session", team="billing")
    ct.event("completion", on="trace")
    ct.score("helpful", True, "good", on="session", source="annotator", author="ann")
    ct.feedback(True)
    return {"reply": "echo: " + asked["message"]}


def boom(asked):
    """Fail after reading the message."""
    with ct.tool("lookup"):
        raise ValueError("no luck with " + asked["message"])


def pieces(asked):
    """Stream a reply, holding a span open across each piece."""
    with ct.span("stream", kind="agent"):
        for word in asked["message"].split():
            with ct.tool("say", arguments=word):
                pass
            yield f"data: {json.dumps({'delta': word + ' '})}\n\n".encode()


async def async_pieces(asked):
    """The same, asynchronously."""
    with ct.span("stream", kind="agent"):
        for word in asked["message"].split():
            async with ct.tool("say", arguments=word):
                await asyncio.sleep(0)
            yield f"data: {json.dumps({'delta': word + ' '})}\n\n".encode()


def say(asked):
    """Answer the last message; what a test wants said beside it stands in the body."""
    if "user" in asked:
        ct.user(asked["user"])
    if "link" in asked:
        ct.link_session(asked["link"])
    if "ends" in asked:
        ct.end_session(asked["ends"])
    if "wants_ticket" in asked:
        return {"reply": "done", "ticket": ct.feedback_token()}
    message = asked.get("message") or asked["messages"][-1]["content"]
    if asked.get("fails"):
        raise RuntimeError("no answer")
    return {"reply": asked.get("says") or f"re: {message}"}


def ask(asked):
    """Promise an answer that another request will fetch."""
    return {"id": f"m-{asked['message']}", "status": "queued"}


def answer(id, words):
    """Give a promised answer, or say that it is still made; without words."""
    return {"id": id, "status": "completed", "answer": words} if words else {"id": id, "status": "running"}


def told(words):
    """Stream a promised answer."""
    for word in (words or "").split():
        yield f"data: {json.dumps({'delta': word + ' '})}\n\n".encode()


def late(continues, words):
    """Give an answer to a turn that the app itself names."""
    with ct.tool("fetch"):
        ct.continue_turn(continues)
    return {"answer": words}


PAGE = "<!doctype html><p>message: hello</p>"
HISTORY = {"messages": [{"role": "user", "text": "hi"}]}


# Starlette and FastAPI


async def _chat(request):
    return JSONResponse(chat(await request.json()))


async def _boom(request):
    return JSONResponse(boom(await request.json()))


async def _stream(request):
    return StreamingResponse(async_pieces(await request.json()), media_type="text/event-stream")


async def _sync_stream(request):
    return StreamingResponse(pieces(await request.json()), media_type="text/event-stream")


async def _page(request):
    return HTMLResponse(PAGE)


async def _history(request):
    return JSONResponse(HISTORY)


async def _threads(request):
    return JSONResponse({"answer": request.path_params["thread_id"]})


async def _background(request):
    asked = await request.json()

    async def after():
        with ct.tool("after"):
            await asyncio.sleep(0)

    return JSONResponse({"reply": asked["message"]}, background=BackgroundTask(after))


async def _say(request):
    return JSONResponse(say(await request.json()))


async def _ask(request):
    return JSONResponse(ask(await request.json()), 202)


async def _answer(request):
    return JSONResponse(answer(request.path_params["answer"], request.query_params.get("words")))


async def _told(request):
    return StreamingResponse(told(request.query_params.get("words")), media_type="text/event-stream")


async def _late(request):
    return JSONResponse(late(request.query_params["turn"], request.query_params["words"]))


def _starlette():
    return Starlette(
        routes=[
            Route("/chat", _chat, methods=["POST"]),
            Route("/boom", _boom, methods=["POST"]),
            Route("/stream", _stream, methods=["POST"]),
            Route("/sync-stream", _sync_stream, methods=["POST"]),
            Route("/page", _page),
            Route("/history", _history),
            Route("/threads/{thread_id}", _threads, methods=["POST"]),
            Route("/background", _background, methods=["POST"]),
            Route("/say", _say, methods=["POST"]),
            Route("/ask", _ask, methods=["POST"]),
            Route("/answers/{answer}", _answer),
            Route("/told/{answer}", _told),
            Route("/late", _late),
        ]
    )


def starlette_app(**options):
    app = _starlette()
    return Client(app, convotrace_starlette.ConvoTrace(app, **options))


def fastapi_app(**options):
    app = FastAPI()
    app.post("/chat")(_fastapi(_chat))
    app.post("/boom")(_fastapi(_boom))
    app.post("/stream")(_fastapi(_stream))
    app.post("/sync-stream")(_fastapi(_sync_stream))
    app.get("/page")(_fastapi(_page))
    app.get("/history")(_fastapi(_history))
    app.post("/threads/{thread_id}")(_fastapi(_threads))
    app.post("/background")(_fastapi(_background))
    app.post("/say")(_fastapi(_say))
    app.post("/ask")(_fastapi(_ask))
    app.get("/answers/{answer}")(_fastapi(_answer))
    app.get("/told/{answer}")(_fastapi(_told))
    app.get("/late")(_fastapi(_late))
    return Client(app, convotrace_fastapi.ConvoTrace(app, **options))


def _fastapi(handler):
    async def endpoint(request: Request):
        return await handler(request)

    return endpoint


def asgi_app(**options):
    observer = ct.ConvoTrace(**options)
    return Client(asgi.ConvoTraceMiddleware(_starlette(), convotrace=observer), observer)


# Flask and bare WSGI


def _flask():
    app = flask.Flask("chat")
    app.post("/chat")(lambda: flask.jsonify(chat(flask.request.get_json())))
    app.add_url_rule("/boom", "boom", lambda: flask.jsonify(boom(flask.request.get_json())), methods=["POST"])
    app.add_url_rule("/stream", "stream", _flask_stream, methods=["POST"])
    app.add_url_rule("/sync-stream", "sync-stream", _flask_stream, methods=["POST"])
    app.add_url_rule("/page", "page", lambda: PAGE)
    app.add_url_rule("/history", "history", lambda: flask.jsonify(HISTORY))
    app.add_url_rule("/threads/<thread_id>", "threads", lambda thread_id: {"answer": thread_id}, methods=["POST"])
    app.add_url_rule("/say", "say", lambda: say(flask.request.get_json()), methods=["POST"])
    app.add_url_rule("/ask", "ask", lambda: (ask(flask.request.get_json()), 202), methods=["POST"])
    app.add_url_rule("/answers/<id>", "answers", lambda id: answer(id, flask.request.args.get("words")))
    app.add_url_rule("/told/<id>", "told", _flask_told)
    app.add_url_rule("/late", "late", lambda: late(flask.request.args["turn"], flask.request.args["words"]))
    return app


def _flask_told(id):
    return flask.Response(told(flask.request.args.get("words")), mimetype="text/event-stream")


def _flask_stream():
    return flask.Response(pieces(flask.request.get_json()), mimetype="text/event-stream")


def flask_app(**options):
    app = _flask()
    return Client(app, convotrace_flask.ConvoTrace(app, **options))


def wsgi_app(**options):
    app = _flask()
    observer = ct.ConvoTrace(**options)
    app.wsgi_app = wsgi.ConvoTraceMiddleware(app.wsgi_app, convotrace=observer)
    return Client(app, observer)


ALL = {"asgi": asgi_app, "starlette": starlette_app, "fastapi": fastapi_app, "wsgi": wsgi_app, "flask": flask_app}


class Client:
    """Calls an app in-process, by its protocol alone."""

    def __init__(self, app, observer):
        self.app = app
        self.observer = observer
        self.is_wsgi = hasattr(app, "wsgi_app")

    def post(self, path, body=None, headers=(), leave_after=None):
        """Post JSON; `leave_after` chunks the client goes away."""
        raw = body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()
        return self.request("POST", path, raw, [("content-type", "application/json"), *headers], leave_after)

    def get(self, path, headers=()):
        """Get a path."""
        return self.request("GET", path, b"", headers)

    def request(self, method, path, body=b"", headers=(), leave_after=None):
        """Send any request."""
        call = self._wsgi if self.is_wsgi else self._asgi
        return call(method, urlsplit(path), body, list(headers), leave_after)

    def session(self, id):
        """Return a stored conversation."""
        return self.observer.store.session(id)

    def sessions(self):
        """Return every stored session."""
        return list(self.observer.store.sessions())

    def _asgi(self, method, url, body, headers, leave_after):
        answer = Answer()
        scope = {
            "type": "http", "asgi": {"version": "3.0", "spec_version": "2.3"}, "http_version": "1.1", "method": method,
            "scheme": "http", "path": _unquoted(url.path), "raw_path": url.path.encode(), "root_path": "",
            "query_string": url.query.encode(), "client": ("203.0.113.9", 1234), "server": ("testserver", 80),
            "headers": [(b"host", b"testserver"), *((k.lower().encode(), _raw(v)) for k, v in headers)],
        }  # fmt: skip

        async def run():
            sent, gone = False, asyncio.Event()

            async def receive():
                nonlocal sent
                if sent:
                    await gone.wait()
                    return {"type": "http.disconnect"}
                sent = True
                return {"type": "http.request", "body": body, "more_body": False}

            async def send(message):
                if message["type"] == "http.response.start":
                    answer.status, answer.headers = message["status"], message["headers"]
                elif message.get("body"):
                    answer.chunks.append(message["body"])
                    if leave_after is not None and len(answer.chunks) >= leave_after:
                        gone.set()
                        await asyncio.sleep(0.01)

            try:
                await self.app(scope, receive, send)
            except Exception as error:
                answer.error = error

        asyncio.run(run())
        return answer

    def _wsgi(self, method, url, body, headers, leave_after):
        answer = Answer()
        environ = {
            "REQUEST_METHOD": method, "SCRIPT_NAME": "", "PATH_INFO": _unquoted(url.path).encode().decode("latin-1"),
            "QUERY_STRING": url.query, "SERVER_NAME": "testserver", "SERVER_PORT": "80", "SERVER_PROTOCOL": "HTTP/1.1",
            "HTTP_HOST": "testserver", "REMOTE_ADDR": "203.0.113.9", "CONTENT_LENGTH": str(len(body)),
            "wsgi.version": (1, 0), "wsgi.url_scheme": "http", "wsgi.input": io.BytesIO(body),
            "wsgi.errors": io.StringIO(), "wsgi.multithread": True, "wsgi.multiprocess": False, "wsgi.run_once": False,
        }  # fmt: skip
        for name, value in headers:
            key = name.upper().replace("-", "_")
            environ[key if key == "CONTENT_TYPE" else "HTTP_" + key] = _raw(value).decode("latin-1")

        def start_response(status, response_headers, exc_info=None):
            answer.status = int(status[:3])
            answer.headers = [(k.lower().encode(), v.encode("latin-1")) for k, v in response_headers]
            return answer.chunks.append

        try:
            chunks = self.app(environ, start_response)
            try:
                for chunk in chunks:
                    answer.chunks.append(chunk)
                    if leave_after is not None and len(answer.chunks) >= leave_after:
                        break
            finally:
                if hasattr(chunks, "close"):
                    chunks.close()
        except Exception as error:
            answer.error = error
        return answer


def _raw(value):
    return value if isinstance(value, bytes) else value.encode()


def _unquoted(path):
    from urllib.parse import unquote

    return unquote(path)
