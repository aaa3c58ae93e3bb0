"""A request through the ASGI door where there are hooks or budgets: they are asked first, and may answer it."""

from __future__ import annotations

from typing import Any

from convotrace.asgi.http import Exchange
from convotrace.asgi.protocol import ASGIApp, Message, Receive, Scope, Send, kind_of
from convotrace.insight.budgets import Refusal


class ActingExchange(Exchange):
    """One request on its way through the door."""

    __slots__ = ()

    async def run(self, app: ASGIApp) -> Any:
        """Call the app, unless a hook or budget answers in its place."""
        refusal = None
        try:
            act = self._observer.acting().at_the_door(self._trace)
            refusal = await act.before_async(may_refuse=True) if act is not None else None
        except Exception as fault:  # whatever is wrong with us, the app answers its request
            self._observer.guard.failed("acting", fault)
        return await super().run(app if refusal is None else _refusing(refusal, self._limit))

    async def receive(self) -> Message:
        """Hand on what the server gives; with the last of the body the session is known, and hooks are asked."""
        message = await super().receive()
        if kind_of(message) == "http.request" and not message.get("more_body", False):
            try:
                if (act := self._observer.acting().in_time(self._trace)) is not None:
                    if self._trace.incoming is not None:
                        self._trace.incoming.path_params = self._mirror.copy.get("path_params") or {}
                    await act.before_async()
            except Exception as fault:
                self._observer.guard.failed("acting", fault)
        return message


def _refusing(refusal: Refusal, limit: int) -> ASGIApp:
    """Return an app that reads what was said, up to a limit in bytes, and gives the answer of a hook or budget."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        size, more = 0, True
        while more and size <= limit:
            message = await receive()
            size += len(message.get("body", b""))
            more = message["type"] == "http.request" and message.get("more_body", False)
        told = refusal.content_type.encode("latin-1"), str(len(refusal.body)).encode()
        headers = [(b"content-type", told[0]), (b"content-length", told[1])]
        await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
        await send({"type": "http.response.body", "body": refusal.body})

    return app
