"""The ASGI door: forwards every message first and notes it after. It translates, nothing more."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, MutableMapping, Sequence
from typing import TYPE_CHECKING, Any

from convotrace.capture.current import current_node, now_of
from convotrace.exchange import captured
from convotrace.identity import Incoming
from convotrace.observer import ConvoTrace
from convotrace.recorder import OpenTrace

if TYPE_CHECKING:
    from convotrace.page import PageResponse

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
ASGIApp = Callable[[Scope, Receive, Send], Awaitable[None]]

SEEN = "convotrace.stores"
"""Key in the app's scope: the stores that already record this request."""
_PAGE_BODY = 64 * 1024 + 1


class ConvoTraceMiddleware:
    """Observe the conversations of an ASGI app, and answer for the page under the mount.

    Args:
        app: The app, of any framework or none.
        convotrace: The object to record with; made from the options when None.
        options: Options of `ConvoTrace`.
    """

    def __init__(self, app: ASGIApp, /, convotrace: ConvoTrace | None = None, **options: Any) -> None:
        self.app = app
        self.convotrace = ConvoTrace(**options) if convotrace is None else convotrace
        self._mount = self.convotrace.settings.mount
        self._limit = int(self.convotrace.settings.max_body_bytes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        observer = self.convotrace
        if scope.get("type") != "http" or not observer.enabled:
            return await self.app(scope, receive, send)
        path = app_path(scope)
        if path == self._mount or path.startswith(self._mount + "/"):
            return await answer_page(observer, scope, receive, send, path[len(self._mount) :])
        store = observer.store_name
        if store in scope.get(SEEN, ()):
            return await self.app(scope, receive, send)
        trace = observer.begin(incoming(scope, path))
        if trace is None:
            return await self.app(scope, receive, send)
        scope = {**scope, SEEN: (*scope.get(SEEN, ()), store)}
        return await self._traced(trace, scope, receive, send)

    async def _traced(self, trace: OpenTrace, scope: Scope, receive: Receive, send: Send) -> None:
        observer, limit = self.convotrace, self._limit
        request = trace.incoming
        assert request is not None
        request.native = scope
        before = current_node.get()

        async def traced_receive() -> Message:
            message = await receive()
            if message["type"] == "http.request":
                if chunk := message.get("body"):
                    trace.read(chunk, limit)
            elif message["type"] == "http.disconnect":
                trace.disconnect()
            return message

        async def traced_send(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = _with_cookie(observer, trace, scope, message)
                await send(message)
                _note_start(trace, message)
                return
            try:
                await send(message)
            except OSError:
                trace.disconnect()
                raise
            if message["type"] == "http.response.body":
                now = now_of(trace)
                trace.sent(message.get("body", b""), now, limit)
                if not message.get("more_body", False):
                    trace.finish_response(now)

        current_node.set(trace)
        try:
            await self.app(scope, traced_receive, traced_send)
        except BaseException as error:
            self._ended(trace, scope, error)
            raise
        else:
            self._ended(trace, scope, None)
        finally:
            current_node.set(before)

    def _ended(self, trace: OpenTrace, scope: Scope, error: BaseException | None) -> None:
        request = trace.incoming
        if request is not None:
            request.path_params = scope.get("path_params") or {}
            trace.route = trace.route or _route(scope)
            self.convotrace.announce(scope.get("scheme", "http"), request.headers.get("host", ""))
        self.convotrace.finish(trace, error)


def page_app(convotrace: ConvoTrace) -> ASGIApp:
    """Return the page as an ASGI app to mount anywhere; its answers are the same bytes."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope.get("type") == "http":
            await answer_page(convotrace, scope, receive, send, app_path(scope))

    return app


def app_path(scope: Scope) -> str:
    """Return the path without the prefix under which the app is mounted, as far as the server tells it."""
    path: str = scope.get("path", "")
    root: str = scope.get("root_path", "").rstrip("/")
    return path[len(root) :] if root and path.startswith(root + "/") else path


def incoming(scope: Scope, path: str) -> Incoming:
    """Return the request of a scope; nothing is decoded before it is asked for."""
    client = scope.get("client")
    query = scope.get("query_string", b"").decode("latin-1")
    headers: Sequence[tuple[bytes, bytes]] = scope.get("headers", ())
    return Incoming(scope.get("method", "GET"), path, query, headers, decode, scope, client[0] if client else None)


def decode(headers: Sequence[tuple[bytes, bytes]]) -> Iterable[tuple[str, str]]:
    """Return headers as text: UTF-8 where they are, else Latin-1, which any bytes are."""
    for name, value in headers:
        try:
            yield name.decode("latin-1").lower(), value.decode()
        except UnicodeDecodeError:
            yield name.decode("latin-1").lower(), value.decode("latin-1")


async def answer_page(observer: ConvoTrace, scope: Scope, receive: Receive, send: Send, path: str) -> None:
    """Answer a request under the mount; the store is read in a thread, never in the event loop."""
    from convotrace.page import PageRequest

    request = incoming(scope, path)
    asked = PageRequest(
        method=request.method,
        path=path,
        query=request.query_string,
        headers=_joined(request),
        body=await _body(receive),
        peer=request.peer,
        scheme=scope.get("scheme", "http"),
        dev=observer.settings.dev,
    )
    await _send(send, await _in_thread(lambda: observer.page(asked)))


def _joined(request: Incoming) -> dict[str, str]:
    headers: dict[str, str] = {}
    for name, value in decode(request._raw_headers):
        separator = "; " if name == "cookie" else ", "
        headers[name] = headers[name] + separator + value if name in headers else value
    return headers


async def _body(receive: Receive) -> bytes:
    body = b""
    while len(body) < _PAGE_BODY:
        message = await receive()
        body += message.get("body", b"")
        if message["type"] != "http.request" or not message.get("more_body", False):
            break
    return body


async def _in_thread(work: Callable[[], PageResponse]) -> PageResponse:
    try:
        asyncio.get_running_loop()
    except RuntimeError:  # another event loop than asyncio's, such as trio: the page is short, so it may block
        return work()
    return await asyncio.to_thread(work)


async def _send(send: Send, response: PageResponse) -> None:
    headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in response.headers]
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    await send({"type": "http.response.body", "body": response.body})


def _note_start(trace: OpenTrace, message: Message) -> None:
    content_type = next((v for k, v in message.get("headers", ()) if k.lower() == b"content-type"), b"")
    kind = content_type.decode("latin-1")
    trace.respond(message["status"], kind, captured(kind))


def _with_cookie(observer: ConvoTrace, trace: OpenTrace, scope: Scope, message: Message) -> Message:
    if not observer.settings.issue_cookie or trace.incoming is None:
        return message
    cookie = observer.issue_cookie(trace.incoming, dict(decode(message.get("headers", ()))), scope.get("scheme") == "https")
    if cookie is None:
        return message
    return {**message, "headers": [*message.get("headers", ()), (b"set-cookie", cookie.encode("latin-1"))]}


def _route(scope: Scope) -> str | None:
    route = scope.get("route")
    path = getattr(route, "path_format", None) or getattr(route, "path", None)
    return path if isinstance(path, str) else None
