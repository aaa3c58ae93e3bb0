"""What a request and a connection have in common on their way through the ASGI door."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from convotrace.asgi.protocol import ASGIApp, Message, Receive, Send
from convotrace.capture.current import enter, leave
from convotrace.observer import ConvoTrace
from convotrace.observer.mirror import Mirror
from convotrace.recorder import OpenTrace


class Passage(ABC):
    """An app on its way through the door; a fault of ours is counted and goes no further."""

    __slots__ = ("_mirror", "_observer", "_receive", "_send")

    def __init__(self, observer: ConvoTrace, mirror: Mirror, receive: Receive, send: Send) -> None:
        self._observer = observer
        self._mirror = mirror
        self._receive = receive
        self._send = send

    async def run(self, app: ASGIApp) -> Any:
        """Call the app, with the trace that is open at first current; return what it returns."""
        opening = self._opening()
        before = enter(opening)
        try:
            returned: Any = await app(self._mirror.copy, self.receive, self.send)
        except BaseException as error:
            self._end(error)
            raise
        else:
            self._end(None)
            return returned
        finally:
            leave(opening, before)

    @abstractmethod
    async def receive(self) -> Message:
        """Hand on what the server gives, and note it."""

    @abstractmethod
    async def send(self, message: Message) -> None:
        """Hand on what the app says, and note it after."""

    @abstractmethod
    def _opening(self) -> OpenTrace:
        """Return the trace that the app begins in."""

    @abstractmethod
    def _end(self, error: BaseException | None) -> None:
        """Note that the app has returned, or what it raised."""

    @abstractmethod
    def _first(self, message: Message) -> Message:
        """Return the first message of an answer as it goes on, such as with a cookie of ours."""

    def _before_first(self, message: Message) -> Message:
        """Return the first message of an answer; before it goes on, the caller's scope is brought up to date."""
        try:
            self._mirror.hand_back()
            return self._first(message)
        except Exception as fault:
            self._observer.guard.failed("recording", fault)
            return message
