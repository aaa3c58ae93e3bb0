"""The page through every door: the same bytes intercepted and mounted, and links that hold under any prefix."""

from __future__ import annotations

import asyncio
import re
from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

import flask
import pytest
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Mount
from werkzeug.middleware.dispatcher import DispatcherMiddleware

import convotrace_fastapi
import convotrace_flask
from convotrace import ConvoTrace, asgi, wsgi
from convotrace.model import Change, Payload, SessionFacts, Span, Trace

TOKEN = "a-token-for-tests"
START = 1_795_355_342 * 10**9
TURN = "a" * 32


@pytest.fixture
def observer(store_url):
    """A ConvoTrace over a store with one session."""
    made = ConvoTrace(store=store_url, token=TOKEN, service="shop")
    span = Span("1" * 16, TURN, "search", kind="tool", started_ns=START, duration_ns=10**6)
    turn = Trace(TURN, "s1", is_turn=True, started_ns=START, duration_ns=10**9, input=Payload("hi"), spans=(span,))
    made.store.write([Change(SessionFacts("s1", user_id="ann"), turn)])
    yield made
    made.close()


def ask_asgi(app, path, query="", root=""):
    """Return status and body of a GET through an ASGI app."""
    sent = []

    async def receive():
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message):
        sent.append(message)

    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "http",
        "path": path, "raw_path": path.encode(), "query_string": query.encode(), "root_path": root,
        "headers": [(b"host", b"app.example"), (b"authorization", f"Bearer {TOKEN}".encode())],
        "client": ("203.0.113.9", 1), "server": ("app.example", 80), "state": {},
    }  # fmt: skip
    asyncio.run(app(scope, receive, send))
    return sent[0]["status"], b"".join(message.get("body", b"") for message in sent[1:])


def ask_wsgi(app, path, query="", root=""):
    """Return status and body of a GET through a WSGI app."""
    status = []
    environ = {
        "REQUEST_METHOD": "GET", "SCRIPT_NAME": root, "PATH_INFO": path, "QUERY_STRING": query,
        "HTTP_HOST": "app.example", "HTTP_AUTHORIZATION": f"Bearer {TOKEN}", "wsgi.url_scheme": "http",
        "REMOTE_ADDR": "203.0.113.9", "SERVER_NAME": "app.example", "SERVER_PORT": "80", "SERVER_PROTOCOL": "HTTP/1.1",
        "wsgi.version": (1, 0), "wsgi.errors": None, "wsgi.multithread": True, "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }  # fmt: skip
    body = b"".join(app(environ, lambda line, headers, *rest: status.append(int(line[:3]))))
    return status[0], body


def _intercepted_asgi(observer):
    return asgi.ConvoTraceMiddleware(FastAPI(), observer)


def _mounted_fastapi(observer):
    app = FastAPI()
    app.mount("/_sessions", asgi.page_app(observer))
    return app


def _mounted_starlette(observer):
    return Starlette(routes=[Mount("/_sessions", asgi.page_app(observer))])


def _intercepted_wsgi(observer):
    return wsgi.ConvoTraceMiddleware(flask.Flask("shop").wsgi_app, observer)


def _dispatched_flask(observer):
    return DispatcherMiddleware(flask.Flask("shop").wsgi_app, {"/_sessions": wsgi.page_app(observer)})


ASGI = {"intercepted": _intercepted_asgi, "FastAPI mount": _mounted_fastapi, "Starlette Mount": _mounted_starlette}
WSGI = {"intercepted": _intercepted_wsgi, "DispatcherMiddleware": _dispatched_flask}
PAGES = [
    ("/", ""), ("/", "q=tool%3Asearch"), ("/s/s1", ""), (f"/s/s1/t/{TURN}", ""), ("/search", "q=hi"),
    ("/compare", "s=s1&s=s1"), ("/s/s1", "zoom=cards"), ("/arms", ""), ("/tools", ""), ("/review", ""), ("/scores", ""),
    ("/datasets", ""), ("/collect", "session=s1"), ("/incidents", ""), ("/sessions.json", ""),
    ("/s/s1.json", ""), ("/nothing", ""), ("/healthz", ""),
]  # fmt: skip


def test_mounted_by_page_app_and_intercepted_the_page_has_the_same_bytes_and_behind_wsgi_but_for_one_attribute(
    observer,
):
    for path, query in PAGES:
        behind_asgi = {ask_asgi(make(observer), "/_sessions" + path, query) for make in ASGI.values()}
        behind_wsgi = {ask_wsgi(make(observer), "/_sessions" + path, query) for make in WSGI.values()}
        assert (len(behind_asgi), len(behind_wsgi)) == (1, 1), path
        (status, body), (other_status, other) = *behind_asgi, *behind_wsgi
        assert status == other_status
        assert body.count(b'data-live="sse"') == other.count(b'data-live="poll"') == (b"<!doctype html>" in body)
        assert body.replace(b'data-live="sse"', b'data-live="poll"') == other, path


class _Links(HTMLParser):
    def __init__(self, page):
        super().__init__()
        self.found = set()
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.found |= {value for name, value in attrs if name in ("href", "src", "action") and value}


def _walk(ask, start):
    """Ask for every address under the mount that a page names, from three pages on; return what did not answer."""
    missing, seen, waiting = [], set(), [start]
    while waiting:
        address = waiting.pop()
        status, body = ask(urlsplit(address).path, urlsplit(address).query)
        # What is only posted to answers 405 to a GET: it is there.
        if status not in (200, 405):
            missing.append((address, status))
        if not body.startswith(b"<!doctype html>") or address.count("?") > 1:
            continue
        for link in _Links(body.decode()).found:
            there = urljoin(address, link).partition("#")[0]
            if not there.startswith(start):
                missing.append((there, "is outside of the mount"))
            elif there not in seen and len(seen) < 60:
                seen.add(there)
                waiting.append(there)
    assert len(seen) > 20
    return missing


def _told(observer):
    app = FastAPI(root_path="/svc")
    app.add_middleware(asgi.ConvoTraceMiddleware, convotrace=observer)
    return app


def _untold(observer):
    return Starlette(middleware=[Middleware(asgi.ConvoTraceMiddleware, convotrace=observer)])


def _mounted_and_told(observer):
    app = FastAPI(root_path="/svc")
    app.mount("/_sessions", asgi.page_app(observer))
    return app


SHAPES = {
    "not told, the proxy strips": (_untold, True, ""),
    "FastAPI(root_path), the proxy strips": (_told, True, ""),
    "FastAPI(root_path), nobody strips": (_told, False, ""),
    "uvicorn --root-path": (_untold, False, "/svc"),
    "mounted, not told, the proxy strips": (_mounted_fastapi, True, ""),
    "mounted, FastAPI(root_path), the proxy strips": (_mounted_and_told, True, ""),
    "mounted, FastAPI(root_path), nobody strips": (_mounted_and_told, False, ""),
    "mounted, uvicorn --root-path": (_mounted_starlette, False, "/svc"),
}


@pytest.mark.filterwarnings("ignore:.*root_path.*")
@pytest.mark.parametrize(("make", "strips", "root"), SHAPES.values(), ids=SHAPES)
def test_under_a_prefix_every_link_of_every_page_answers(observer, make, strips, root):
    app = make(observer)
    assert _walk(
        lambda path, query: ask_asgi(app, path.removeprefix("/svc") if strips else path, query, root), "/svc/_sessions/"
    ) == []  # fmt: skip


@pytest.mark.parametrize("make", WSGI.values(), ids=WSGI)
@pytest.mark.parametrize("script_name", ["", "/svc"])
def test_behind_wsgi_every_link_answers_whether_the_prefix_is_told_or_not(observer, make, script_name):
    app = make(observer)
    asked = lambda path, query: ask_wsgi(app, path.removeprefix("/svc"), query, script_name)  # noqa: E731
    assert _walk(asked, "/svc/_sessions/") == []


@pytest.mark.parametrize("porch", [convotrace_fastapi, convotrace_flask])
def test_a_porch_answers_the_same_page(store_url, porch):
    app = FastAPI() if porch is convotrace_fastapi else flask.Flask("shop")
    made = porch.ConvoTrace(app, store=store_url, token=TOKEN)
    ask = ask_asgi if porch is convotrace_fastapi else lambda app, path: ask_wsgi(app.wsgi_app, path)
    status, body = ask(app, "/_sessions/")
    assert status == 200 and re.search(rb"No conversations yet", body)
    made.close()


@pytest.mark.parametrize(("kind", "answers"), [("websocket", [{"type": "websocket.close"}]), ("lifespan", [])])
def test_a_mounted_page_refuses_a_connection_and_leaves_the_rest_to_the_server(observer, kind, answers):
    sent = []

    async def send(message):
        sent.append(message)

    asyncio.run(asgi.page_app(observer)({"type": kind, "path": "/_sessions/"}, None, send))
    assert sent == answers
