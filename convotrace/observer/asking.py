"""Which session and user a request belongs to, as far as it is known while the request is there."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from convotrace.exchange.bodies import decode
from convotrace.identity import Identity, Incoming, as_id, bounded, identify
from convotrace.model import Json
from convotrace.observer.guard import Guard
from convotrace.recorder import OpenTrace
from convotrace.settings import Settings


class Asker:
    """Asks the app's own functions, and the rules where those know nothing.

    Args:
        settings: The options in force.
        guard: Calls the functions.
        secret: Returns the store's key for hashing cookies, None as long as it is not open.
    """

    def __init__(self, settings: Settings, guard: Guard, secret: Callable[[], bytes | None]) -> None:
        self._settings = settings
        self._guard = guard
        self._secret = secret

    def ask(self, trace: OpenTrace, last: bool = False) -> None:
        """Call the app's functions, unless it was the last time before."""
        settings, incoming = self._settings, trace.incoming
        if incoming is None or trace.asked:
            return
        trace.asked = last
        if settings.session_id is not None and trace.found is None:
            own = self._answer(trace, incoming, "session_id", settings.session_id)
            trace.found = Identity(own, "callable") if own else None
        if settings.user_id is not None and trace.user_id is None:
            trace.user_id = self._answer(trace, incoming, "user_id", settings.user_id)
        if last and trace.user_id is None:
            trace.user_id = incoming.named_user

    def _answer(self, trace: OpenTrace, incoming: Incoming, name: str, function: Callable[[Any], Any]) -> str | None:
        incoming.offer_body(partial(_body_so_far, trace, incoming))
        own = as_id(self._guard.call(name, function, incoming))
        incoming.offer_body(None)
        return bounded(own) if own else None

    def offer(self, trace: OpenTrace, decide: Callable[[OpenTrace], None]) -> None:
        """Let something be decided about a trace by its request, its body included."""
        if trace.incoming is not None:
            trace.incoming.offer_body(partial(_body_so_far, trace, trace.incoming))
        decide(trace)
        if trace.incoming is not None:
            trace.incoming.offer_body(None)

    def known_id(self, trace: OpenTrace) -> str | None:
        """Return the session id as far as it is known inside the request."""
        incoming = trace.incoming
        if trace.found is None and incoming is not None:
            self.ask(trace)
        if trace.found is not None or incoming is None:
            return None if trace.found is None else trace.found.id
        incoming.offer_body(partial(_body_so_far, trace, incoming))
        found = identify(incoming, self._settings, self._secret())
        incoming.offer_body(None)
        return found.id if found is not None else None if trace.fallback is None else trace.fallback.id


def _body_so_far(trace: OpenTrace, incoming: Incoming) -> Json:
    """Return the parsed body as far as the app has read it."""
    if not trace.request_chunks or trace.cut_input:
        return None
    if trace.protocol == "websocket":  # each chunk is a frame, the first the message
        from convotrace.exchange.socket_frames import read_frame  # needed by connections alone

        return dict(read_frame(trace.request_chunks[0].decode("utf-8", "ignore")).fields) or None
    return decode(b"".join(trace.request_chunks), incoming.headers.get("content-type", ""))
