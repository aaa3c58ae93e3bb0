"""The middleware: which scopes are recorded, which are the page's, and which pass untouched."""

from __future__ import annotations

from typing import Any

from convotrace.asgi.http import Exchange
from convotrace.asgi.page import answer_page
from convotrace.asgi.protocol import SEEN, ASGIApp, Receive, Scope, Send, app_path, handshake, incoming, single
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
        self._mount = self.convotrace.settings.mount
        self._feedback = self.convotrace.settings.feedback_path
        self._limit = int(self.convotrace.settings.max_body_bytes)
        self.convotrace.warm("convotrace.observer.connection")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> Any:
        observer = self.convotrace
        kind = scope.get("type")
        if kind == "lifespan" and observer.enabled:
            return await self._live(scope, receive, send)
        if kind not in ("http", "websocket") or not observer.enabled:
            return await self.app(scope, receive, send)
        path = app_path(scope)
        if kind == "websocket":
            return await self._connect(scope, receive, send, path)
        if path == self._mount or path.startswith(self._mount + "/"):
            return await answer_page(observer, scope, receive, send, path[len(self._mount) :])
        if path == self._feedback:
            return await answer_page(observer, scope, receive, send, "/feedback")
        store, seen = observer.store_name, scope.get(SEEN, ())
        trace = None if store in seen else observer.begin(incoming(scope, path))
        if trace is None:
            return await self.app(scope, receive, send)
        mirror = Mirror(scope, {SEEN: (*seen, store)})
        if HOOKS or observer.deeds:
            from convotrace.asgi.acting import ActingExchange

            return await ActingExchange(observer, trace, mirror, receive, send, self._limit).run(self.app)
        return await Exchange(observer, trace, mirror, receive, send, self._limit).run(self.app)

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

    async def _connect(self, scope: Scope, receive: Receive, send: Send, path: str) -> Any:
        observer = self.convotrace
        store, seen = observer.store_name, scope.get(SEEN, ())
        if store in seen:
            return await self.app(scope, receive, send)
        mirror = Mirror(scope, {SEEN: (*seen, store)})
        connection = observer.connect(handshake(mirror.copy, path))
        if connection is None:
            return await self.app(scope, receive, send)
        from convotrace.asgi.websocket import Socket

        return await Socket(observer, connection, mirror, receive, send).run(self.app)
