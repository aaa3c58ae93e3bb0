"""One WebSocket connection through the ASGI door: every message is forwarded first and noted after."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from convotrace.asgi.protocol import ASGIApp, Message, Receive, Send, decode, kind_of, route_of
from convotrace.capture.current import enter, leave
from convotrace.observer import ConvoTrace
from convotrace.observer.connection import Connection
from convotrace.observer.mirror import Mirror
from convotrace.recorder import OpenTrace


class Socket:
    """One connection on its way through the door; a fault of ours is counted and goes no further."""

    __slots__ = ("_accepted", "_connection", "_mirror", "_observer", "_receive", "_send")

    def __init__(
        self, observer: ConvoTrace, connection: Connection, mirror: Mirror, receive: Receive, send: Send
    ) -> None:
        self._observer = observer
        self._connection = connection
        self._mirror = mirror
        self._receive = receive
        self._send = send
        self._accepted = False
        connection.place = self._place
        connection.native(mirror.copy)

    async def run(self, app: ASGIApp) -> None:
        """Call the app, with the beginning of the connection current."""
        opening = self._connection.latest
        before = enter(opening)
        try:
            await app(self._mirror.copy, self.receive, self.send)
        except BaseException as error:
            self._end(error)
            raise
        else:
            self._end(None)
        finally:
            leave(opening, before)

    async def receive(self) -> Message:
        """Hand on what the server gives, and note it; a message of the user's is current from here on."""
        self._noting(self._connection.waits)
        message = await self._receive()
        self._noting(self._note_received, message)
        return message

    async def send(self, message: Message) -> None:
        """Hand on what the app says, and note it after."""
        if kind_of(message) == "websocket.accept":
            message = self._before_accept(message)
        try:
            await self._send(message)
        except BaseException as error:
            self._noting(self._connection.unsent, error)
            raise
        self._noting(self._note_sent, message)

    def _before_accept(self, message: Message) -> Message:
        try:
            self._mirror.hand_back()
            return self._with_cookie(message)
        except Exception as fault:
            self._observer.guard.failed("recording", fault)
            return message

    def _with_cookie(self, message: Message) -> Message:
        if not self._observer.issues_cookies:
            return message
        headers = list(message.get("headers") or ())
        cookie = self._connection.issue_cookie(dict(decode(headers)), self._mirror.copy.get("scheme") == "wss")
        added = [] if cookie is None else [(b"set-cookie", cookie.encode("latin-1"))]
        return {**message, "headers": [*headers, *added]}

    def _note_received(self, message: Message) -> None:
        if message["type"] == "websocket.receive":
            self._connection.received(_data(message))
        elif message["type"] == "websocket.disconnect":
            self._connection.left(_code(message, 1005))

    def _note_sent(self, message: Message) -> None:
        kind = message["type"]
        if kind == "websocket.send":
            self._connection.sent(_data(message))
        elif kind == "websocket.accept":
            self._accepted = True
        elif kind == "websocket.close":
            if self._accepted:
                self._connection.closed(_code(message, 1000))
            else:
                self._connection.refused(403)
        elif kind == "websocket.http.response.start":
            self._connection.refused(int(message["status"]))

    def _end(self, error: BaseException | None) -> None:
        self._noting(self._mirror.hand_back)
        self._noting(self._connection.end, error)

    def _place(self, trace: OpenTrace) -> None:
        """Note on a trace which route the app chose."""
        if trace.incoming is not None:
            trace.incoming.path_params = self._mirror.copy.get("path_params") or {}
            trace.route = trace.route or route_of(self._mirror.copy)

    def _noting(self, note: Callable[..., None], *what: Any) -> None:
        try:
            note(*what)
        except Exception as fault:
            self._observer.guard.failed("recording", fault)


def _data(message: Message) -> str | bytes:
    text = message.get("text")
    data = message.get("bytes") if text is None else text
    return data if isinstance(data, str) else bytes(data or b"")


def _code(message: Message, otherwise: int) -> int:
    code = message.get("code")
    return code if isinstance(code, int) else otherwise
