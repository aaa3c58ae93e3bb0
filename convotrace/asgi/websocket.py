"""One WebSocket connection through the ASGI door: every message is forwarded first and noted after."""

from __future__ import annotations

from convotrace.asgi.passage import Passage
from convotrace.asgi.protocol import Message, Receive, Send, decode, kind_of, route_of
from convotrace.capture.acting import HOOKS
from convotrace.observer import ConvoTrace
from convotrace.observer.connection import Connection
from convotrace.observer.cookie import joined
from convotrace.observer.mirror import Mirror
from convotrace.recorder import OpenTrace


class Socket(Passage):
    """One connection on its way through the door."""

    __slots__ = ("_accepted", "_connection")

    def __init__(
        self, observer: ConvoTrace, connection: Connection, mirror: Mirror, receive: Receive, send: Send
    ) -> None:
        super().__init__(observer, mirror, receive, send)
        self._connection = connection
        self._accepted = False
        connection.place = self._place
        connection.native(mirror.copy)

    def _opening(self) -> OpenTrace:
        return self._connection.latest

    async def receive(self) -> Message:
        """Hand on what the server gives, and note it; a message of the user's is current from here on."""
        self._observer.guard.note(self._connection.waits)
        message = await self._receive()
        self._observer.guard.note(self._note_received, message)
        if (HOOKS or self._observer.deeds) and kind_of(message) == "websocket.receive":
            await self._act()
        return message

    async def _act(self) -> None:
        """Ask hooks and budgets about the turn that a message has begun; it is too late to refuse it."""
        try:
            if (act := self._observer.acting().in_time(self._connection.latest)) is not None:
                await act.before_async()
        except Exception as fault:
            self._observer.guard.failed("acting", fault)

    async def send(self, message: Message) -> None:
        """Hand on what the app says, and note it after."""
        if kind_of(message) == "websocket.accept":
            message = self._before_first(message)
        try:
            await self._send(message)
        except BaseException as error:
            self._observer.guard.note(self._connection.unsent, error)
            raise
        self._observer.guard.note(self._note_sent, message)

    def _first(self, message: Message) -> Message:
        if not self._observer.issues_cookies:
            return message
        headers = list(message.get("headers") or ())
        cookie = self._connection.issue_cookie(joined(decode(headers)), self._mirror.copy.get("scheme") == "wss")
        added = [] if cookie is None else [(b"set-cookie", cookie.encode("latin-1"))]
        return {**message, "headers": [*headers, *added]}

    def _note_received(self, message: Message) -> None:
        kind = kind_of(message)
        if kind == "websocket.receive":
            self._connection.received(_data(message))
        elif kind == "websocket.disconnect":
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
        self._observer.guard.note(self._mirror.hand_back)
        self._observer.guard.note(self._connection.end, error)

    def _place(self, trace: OpenTrace) -> None:
        """Note on a trace which route the app chose."""
        if trace.incoming is not None:
            trace.incoming.path_params = self._mirror.copy.get("path_params") or {}
            trace.route = trace.route or route_of(self._mirror.copy)


def _data(message: Message) -> str | bytes:
    text = message.get("text")
    data = message.get("bytes") if text is None else text
    return data if isinstance(data, str) else bytes(data or b"")


def _code(message: Message, otherwise: int) -> int:
    code = message.get("code")
    return code if isinstance(code, int) else otherwise
