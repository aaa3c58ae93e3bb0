"""The ASGI door: forwards every message first and notes it after. It translates, nothing more."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, MutableMapping, Sequence
from typing import TYPE_CHECKING, Any

from convotrace.capture.current import current_node, now_of
from convotrace.exchange import captured
from convotrace.identity import Incoming
from convotrace.observer import ConvoTrace
from convotrace.observer.mirror import Mirror
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
_PARTS_OF_BODY = frozenset({"http.response.body", "http.response.zerocopysend", "http.response.pathsend"})
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
        self.convotrace.warm()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        observer = self.convotrace
        if scope.get("type") != "http" or not observer.enabled:
            return await self.app(scope, receive, send)
        path = app_path(scope)
        if path == self._mount or path.startswith(self._mount + "/"):
            return await answer_page(observer, scope, receive, send, path[len(self._mount) :])
        store, seen = observer.store_name, scope.get(SEEN, ())
        trace = None if store in seen else observer.begin(incoming(scope, path))
        if trace is None:
            return await self.app(scope, receive, send)
        mirror = Mirror(scope, {SEEN: (*seen, store)})
        return await _Exchange(observer, trace, mirror, receive, send, self._limit).run(self.app)


class _Exchange:
    """One request on its way through the door; a fault of ours is counted and goes no further."""

    __slots__ = ("_limit", "_mirror", "_observer", "_receive", "_send", "_trace")

    def __init__(
        self, observer: ConvoTrace, trace: OpenTrace, mirror: Mirror, receive: Receive, send: Send, limit: int
    ) -> None:
        self._observer = observer
        self._trace = trace
        self._mirror = mirror
        self._receive = receive
        self._send = send
        self._limit = limit
        if trace.incoming is not None:
            trace.incoming.native = mirror.copy

    async def run(self, app: ASGIApp) -> None:
        """Call the app, with the trace current."""
        before = current_node.get()
        current_node.set(self._trace)
        try:
            await app(self._mirror.copy, self.receive, self.send)
        except BaseException as error:
            self._end(error)
            raise
        else:
            self._end(None)
        finally:
            current_node.set(before)

    async def receive(self) -> Message:
        """Hand on what the server gives, and note it."""
        message = await self._receive()
        try:
            self._note_received(message)
        except Exception as fault:
            self._observer.guard.failed("recording", fault)
        return message

    async def send(self, message: Message) -> None:
        """Hand on what the app says, and note it after."""
        if message.get("type") == "http.response.start":
            message = self._before_start(message)
        try:
            await self._send(message)
        except OSError:
            self._trace.disconnect()
            raise
        try:
            self._note_sent(message)
        except Exception as fault:
            self._observer.guard.failed("recording", fault)

    def _before_start(self, message: Message) -> Message:
        try:
            self._mirror.hand_back()
            return self._with_cookie(message)
        except Exception as fault:
            self._observer.guard.failed("recording", fault)
            return message

    def _with_cookie(self, message: Message) -> Message:
        observer, request = self._observer, self._trace.incoming
        if not observer.issues_cookies or request is None:
            return message
        headers = list(message.get("headers", ()))
        https = self._mirror.copy.get("scheme") == "https"
        cookie = observer.issue_cookie(request, dict(decode(headers)), https)
        # Headers may be an iterator that is spent now: the list stands in its place.
        added = [] if cookie is None else [(b"set-cookie", cookie.encode("latin-1"))]
        return {**message, "headers": [*headers, *added]}

    def _note_received(self, message: Message) -> None:
        if message["type"] == "http.request":
            if chunk := message.get("body"):
                self._trace.read(chunk, self._limit)
        elif message["type"] == "http.disconnect":
            self._trace.disconnect()

    def _note_sent(self, message: Message) -> None:
        trace, kind = self._trace, message["type"]
        if kind == "http.response.start":
            named = {bytes(k).lower(): bytes(v).decode("latin-1") for k, v in message.get("headers") or ()}
            content_type = named.get(b"content-type", "")
            encoding = named.get(b"content-encoding", "")
            trace.respond(int(message["status"]), content_type, captured(content_type), encoding)
        elif kind in _PARTS_OF_BODY:
            now = now_of(trace)
            trace.sent(message.get("body", b""), now, self._limit)
            if not message.get("more_body", False):
                trace.finish_response(now)

    def _end(self, error: BaseException | None) -> None:
        try:
            self._mirror.hand_back()
            self._note_route()
        except Exception as fault:
            self._observer.guard.failed("recording", fault)
        self._observer.finish(self._trace, error)

    def _note_route(self) -> None:
        trace, scope, request = self._trace, self._mirror.copy, self._trace.incoming
        if request is not None:
            request.path_params = scope.get("path_params") or {}
            trace.route = trace.route or _route(scope)
            self._observer.announcer.announce(scope.get("scheme", "http"), request.headers.get("host", ""))


def page_app(convotrace: ConvoTrace) -> ASGIApp:
    """Return the page as an ASGI app to mount anywhere; its answers are the same bytes."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope.get("type") == "http":
            await answer_page(convotrace, scope, receive, send, app_path(scope))

    return app


def app_path(scope: Scope) -> str:
    """Return the path without the prefix under which the app is mounted, as far as the server tells it."""
    path: str = scope.get("path", "")
    root: str = (scope.get("root_path") or "").rstrip("/")
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


def _route(scope: Scope) -> str | None:
    route = scope.get("route")
    path = getattr(route, "path_format", None) or getattr(route, "path", None)
    return path if isinstance(path, str) else None
