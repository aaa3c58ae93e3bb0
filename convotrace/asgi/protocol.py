"""What ASGI calls things, and a scope as a request. Nothing is recorded here."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Iterable, MutableMapping, Sequence
from typing import Any

from convotrace.identity import Incoming

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
ASGIApp = Callable[[Scope, Receive, Send], Awaitable[Any]]

SEEN = "convotrace.stores"
"""Key in the app's scope: the stores that already record this request."""


def single(app: Any) -> ASGIApp:
    """Return an app as ASGI 3 calls it: one of ASGI 2 takes the scope alone and returns what takes the rest."""
    if not _takes(app, 1) or _takes(app, 3):
        return app  # type: ignore[no-any-return]

    async def called(scope: Scope, receive: Receive, send: Send) -> Any:
        return await app(scope)(receive, send)

    return called


def _takes(app: Any, count: int) -> bool:
    try:
        inspect.signature(app, follow_wrapped=False).bind(*range(count))
    except Exception:  # it takes another number, or does not tell
        return False
    return True


def kind_of(message: Any) -> Any:
    """Return what a message says it is; one that is none at all is the server's to refuse."""
    return message.get("type") if type(message) is dict or hasattr(message, "get") else None


def app_path(scope: Scope) -> str:
    """Return the path without the prefix under which the app is mounted, as far as the server tells it."""
    path: str = scope.get("path") or ""
    root: str = (scope.get("root_path") or "").rstrip("/")
    return path[len(root) :] if root and path.startswith(root + "/") else path


def keep(scope: Scope) -> None:
    """Put lists in the place of what can be read only once: the app has to read it too, after us."""
    headers, client = scope.get("headers"), scope.get("client")
    if headers and (_is_read_once(headers) or (type(headers) is list and _is_read_once(headers[0]))):
        scope["headers"] = [tuple(pair) for pair in headers]
    if client and _is_read_once(client):
        scope["client"] = list(client)


def _is_read_once(given: Iterable[Any]) -> bool:
    """Tell whether something can be read only once."""
    return iter(given) is given


def incoming(scope: Scope, path: str) -> Incoming:
    """Return the request of a scope; nothing is decoded before it is asked for."""
    client = scope.get("client")
    query = scope.get("query_string") or b""
    query = query if isinstance(query, str) else query.decode("latin-1")
    headers: Sequence[tuple[bytes, bytes]] = scope.get("headers") or ()
    return Incoming(scope.get("method", "GET"), path, query, headers, decode, scope, client[0] if client else None)


def handshake(scope: Scope, path: str) -> Incoming:
    """Return the request that opens a WebSocket connection; its method is a word that no HTTP request has."""
    return incoming({**scope, "method": "WEBSOCKET"}, path)


def decode(headers: Sequence[tuple[bytes, bytes]]) -> Iterable[tuple[str, str]]:
    """Return headers as text: UTF-8 where they are, else Latin-1, which any bytes are."""
    headers = list(headers)  # it may be one that can be read only once
    try:
        return [(name.decode("latin-1").lower(), value.decode()) for name, value in headers]
    except UnicodeDecodeError:
        return _decode_each(headers)


def _decode_each(headers: Sequence[tuple[bytes, bytes]]) -> Iterable[tuple[str, str]]:
    for name, value in headers:
        try:
            yield name.decode("latin-1").lower(), value.decode()
        except UnicodeDecodeError:
            yield name.decode("latin-1").lower(), value.decode("latin-1")


def route_of(scope: Scope) -> str | None:
    """Return the pattern of the route that the app chose, as far as it says."""
    route = scope.get("route")
    path = getattr(route, "path_format", None) or getattr(route, "path", None)
    return path if isinstance(path, str) else None
