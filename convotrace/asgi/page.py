"""The page as ASGI answers it: a request under the mount, or an app of its own."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from convotrace.asgi.protocol import ASGIApp, Receive, Scope, Send, app_path, decode, incoming
from convotrace.identity import Incoming
from convotrace.observer import ConvoTrace

if TYPE_CHECKING:
    from convotrace.page import PageResponse
    from convotrace.page.http import Parts

T = TypeVar("T")


def page_app(convotrace: ConvoTrace) -> ASGIApp:
    """Return the page as an ASGI app to mount anywhere; its answers are the same bytes."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        kind = scope.get("type")
        if kind == "http":
            await answer_page(convotrace, scope, receive, send, mounted_path(scope))
        elif kind == "websocket":  # one that is left unanswered is an error in the server's log
            await send({"type": "websocket.close"})

    return app


def mounted_path(scope: Scope) -> str:
    """Return the path below the place where an app is mounted.

    Behind a proxy that takes its prefix away, Starlette names the place with the prefix and the path without it.
    """
    path, root = app_path(scope), (scope.get("root_path") or "").rstrip("/")
    place = root.removeprefix((scope.get("app_root_path") or "").rstrip("/"))
    return path[len(place) :] if place and path == scope.get("path") and path.startswith(place + "/") else path


async def answer_page(observer: ConvoTrace, scope: Scope, receive: Receive, send: Send, path: str) -> None:
    """Answer a request under the mount; the store is read in a thread, never in the event loop."""
    from convotrace.page import MAX_BODY, PageRequest

    request = incoming(scope, path)
    asked = PageRequest(
        method=request.method,
        path=path,
        query=request.query_string,
        headers=_joined(request),
        peer=request.peer,
        scheme=scope.get("scheme", "http"),
        dev=observer.settings.dev,
        streams=_is_asyncio(),
    )
    most = await _in_thread(lambda: observer.page_reads(asked)) if request.method == "POST" else MAX_BODY + 1
    asked = asked.with_body(await _body(receive, most))
    response = await _in_thread(lambda: observer.page(asked))
    try:
        await _send(send, response)
        if response.parts is not None:
            await _send_parts(response.parts, receive, send)
    finally:
        if response.parts is not None:
            await response.parts.aclose()


def _joined(request: Incoming) -> dict[str, str]:
    headers: dict[str, str] = {}
    for name, value in decode(request._raw_headers):
        separator = "; " if name == "cookie" else ", "
        headers[name] = headers[name] + separator + value if name in headers else value
    return headers


async def _body(receive: Receive, most: int) -> bytes | None:
    """Return the body, None where so many bytes came or nothing was to be read: then nothing is kept."""
    pieces: list[bytes] = []
    size, more = 0, most > 0
    while more and size < most:
        message = await receive()
        pieces.append(message.get("body", b""))
        size += len(pieces[-1])
        more = message["type"] == "http.request" and message.get("more_body", False)
    return b"".join(pieces) if size < most else None


async def _in_thread(work: Callable[[], T]) -> T:
    # On another event loop than asyncio's, such as trio: the page is short, so it may block.
    if not _is_asyncio():
        return work()
    import asyncio

    return await asyncio.to_thread(work)


def _is_asyncio() -> bool:
    asyncio = sys.modules.get("asyncio")  # what runs is loaded
    try:
        return asyncio is not None and asyncio.get_running_loop() is not None
    except RuntimeError:
        return False


async def _send(send: Send, response: PageResponse) -> None:
    headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in response.headers]
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    await send({"type": "http.response.body", "body": response.body, "more_body": response.parts is not None})


async def _send_parts(parts: Parts, receive: Receive, send: Send) -> None:
    """Send what comes until nobody listens any more, or the server is about to end: it would wait for this stream."""
    import asyncio

    gone = asyncio.ensure_future(_disconnect(receive))
    try:
        async for part in parts:
            if gone.done() or _server_ends():
                break
            if part:
                await send({"type": "http.response.body", "body": part, "more_body": True})
        if not gone.done():
            await send({"type": "http.response.body", "body": b""})
    except OSError:  # the server's word for a client that has gone
        return
    finally:
        gone.cancel()


async def _disconnect(receive: Receive) -> None:
    """Wait until the client has gone; one that sends its body again and again without end is not listened to."""
    import asyncio

    read = False
    while (message := await receive())["type"] != "http.disconnect":
        if read:
            await asyncio.Event().wait()
        read = not message.get("more_body", False)


def _server_ends() -> bool:
    """Tell whether the server was asked to end; uvicorn's own handler of the signal knows, others let streams go."""
    import signal

    server = getattr(signal.getsignal(signal.SIGTERM), "__self__", None)
    return getattr(server, "should_exit", False) is True
