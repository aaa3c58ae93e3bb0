"""The middleware: which scopes are recorded, which are the page's, and which pass untouched."""

from __future__ import annotations

from typing import Any

from convotrace.asgi.http import Exchange
from convotrace.asgi.page import answer_page
from convotrace.asgi.passage import Passage
from convotrace.asgi.protocol import (
    SEEN,
    ASGIApp,
    Receive,
    Scope,
    Send,
    app_path,
    handshake,
    incoming,
    keep,
    single,
)
from convotrace.capture.acting import HOOKS
from convotrace.observer import ConvoTrace
from convotrace.observer.mirror import Mirror


class ConvoTraceMiddleware:
    """Observe the conversations of an ASGI app, and answer for the page under the mount.

    Args:
        app: The app, of any framework or none.
        convotrace: The object to record with; made from the options when None.
        options: Options of `ConvoTrace`.
    """

    def __init__(self, app: ASGIApp, /, convotrace: ConvoTrace | None = None, **options: Any) -> None:
        self.app = single(app)
        self.convotrace = ConvoTrace(**options) if convotrace is None else convotrace
        self._limit = int(self.convotrace.settings.max_body_bytes)
        self.convotrace.warm("convotrace.observer.connection")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> Any:
        observer, kind = self.convotrace, scope.get("type")
        if kind == "lifespan" and observer.enabled:
            return await self._live(scope, receive, send)
        if kind not in ("http", "websocket") or not observer.enabled:
            return await self.app(scope, receive, send)
        page = passage = None
        try:
            keep(scope)
            path = app_path(scope)
            page = observer.page_path(path) if kind == "http" else None
            passage = self._passage(kind, scope, receive, send, path) if page is None else None
        except Exception as fault:  # whatever a server calls a request, the app gets it
            observer.guard.failed("recording", fault)
        if page is not None:
            return await answer_page(observer, scope, receive, send, page)
        return await (self.app(scope, receive, send) if passage is None else passage.run(self.app))

    def _passage(self, kind: str, scope: Scope, receive: Receive, send: Send, path: str) -> Passage | None:
        """Return what a request passes through, None where it is not recorded."""
        observer = self.convotrace
        store, seen = observer.store_name, scope.get(SEEN, ())
        if store in seen:
            return None
        mirror = Mirror(scope, {SEEN: (*seen, store)})
        if kind == "websocket":
            return self._socket(mirror, receive, send, path)
        trace = observer.begin(incoming(mirror.copy, path))
        if trace is None:
            return None
        return self._exchange()(observer, trace, mirror, receive, send, self._limit)

    def _exchange(self) -> type[Exchange]:
        if not (HOOKS or self.convotrace.deeds):
            return Exchange
        from convotrace.asgi.acting import ActingExchange

        return ActingExchange

    def _socket(self, mirror: Mirror, receive: Receive, send: Send, path: str) -> Passage | None:
        connection = self.convotrace.connect(handshake(mirror.copy, path))
        if connection is None:
            return None
        from convotrace.asgi.websocket import Socket

        return Socket(self.convotrace, connection, mirror, receive, send)

    async def _live(self, scope: Scope, receive: Receive, send: Send) -> Any:
        """Let the app live, and write what is queued before its server ends.

        A server that was told to end by a signal may kill its process with it as soon as the app has said that it is
        down, and nothing registered for the end of the interpreter is called. The server goes on only when this
        returns, so the wait is a blocking one: nobody is served any more.
        """
        try:
            return await self.app(scope, receive, send)
        finally:
            self.convotrace.last_call()
