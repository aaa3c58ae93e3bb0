"""One HTTP request through the ASGI door: every message is forwarded first and noted after."""

from __future__ import annotations

from convotrace.asgi.passage import Passage
from convotrace.asgi.protocol import Message, Receive, Send, decode, kind_of, route_of
from convotrace.capture.current import now_of
from convotrace.exchange import captured
from convotrace.observer import ConvoTrace
from convotrace.observer.cookie import joined
from convotrace.observer.mirror import Mirror
from convotrace.recorder import OpenTrace

_PARTS_OF_BODY = frozenset({"http.response.body", "http.response.zerocopysend", "http.response.pathsend"})
_TOLD, _NOTHING_TOLD = (b"content-type", b"content-encoding", b"content-length"), ("", "", "")


class Exchange(Passage):
    """One request on its way through the door."""

    __slots__ = ("_limit", "_trace")

    def __init__(
        self, observer: ConvoTrace, trace: OpenTrace, mirror: Mirror, receive: Receive, send: Send, limit: int
    ) -> None:
        super().__init__(observer, mirror, receive, send)
        self._trace = trace
        self._limit = limit

    def _opening(self) -> OpenTrace:
        return self._trace

    async def receive(self) -> Message:
        """Hand on what the server gives, and note it."""
        message = await self._receive()
        try:  # as guard.note does, without the call
            self._note_received(message)
        except Exception as fault:
            self._observer.guard.failed("recording", fault)
        return message

    async def send(self, message: Message) -> None:
        """Hand on what the app says, and note it after."""
        if kind_of(message) == "http.response.start":
            message = self._before_first(message)
        try:
            await self._send(message)
        except OSError:
            self._trace.disconnect(now_of(self._trace))
            raise
        try:
            self._note_sent(message)
        except Exception as fault:
            self._observer.guard.failed("recording", fault)

    def _first(self, message: Message) -> Message:
        if self._trace.telemetry is not None:
            self._trace.telemetry.answering(self._trace)
        return self._with_cookie(message)

    def _with_cookie(self, message: Message) -> Message:
        observer, request = self._observer, self._trace.incoming
        if not observer.issues_cookies or request is None:
            return message
        headers = list(message.get("headers", ()))
        https = self._mirror.copy.get("scheme") == "https"
        cookie = observer.issue_cookie(request, joined(decode(headers)), https)
        # Headers may be an iterator that is spent now: the list stands in its place.
        added = [] if cookie is None else [(b"set-cookie", cookie.encode("latin-1"))]
        return {**message, "headers": [*headers, *added]}

    def _note_received(self, message: Message) -> None:
        kind = kind_of(message)
        if kind == "http.request":
            if chunk := message.get("body"):
                self._trace.read(chunk, self._limit)
        elif kind == "http.disconnect":
            self._trace.disconnect(now_of(self._trace))

    def _note_sent(self, message: Message) -> None:
        trace, kind = self._trace, message["type"]
        if kind == "http.response.start":
            told, headers = {}, message.get("headers")
            # Others may read them only once, and a server may do so later: then it does.
            for name, value in headers if isinstance(headers, (list, tuple)) else ():
                if (known := bytes(name).lower()) in _TOLD:
                    told[known] = bytes(value).decode("latin-1")
            content_type, encoding, length = map(told.get, _TOLD, _NOTHING_TOLD)
            trace.respond(int(message["status"]), content_type, captured(content_type), encoding, length)
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
            trace.route = trace.route or route_of(scope)
            if not self._observer.announcer.done:
                self._observer.announcer.announce(scope.get("scheme", "http"), request.headers.get("host", ""))
