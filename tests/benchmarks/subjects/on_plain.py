"""The app alone, and with a class around it that does nothing."""

from __future__ import annotations

from typing import Any

from tests.benchmarks.subjects import Place, Subject

_FRAMEWORKS = ("starlette", "flask")


class Through:
    """Call the app."""

    def __init__(self, app: Any) -> None:
        self.app = app


class ThroughASGI(Through):
    """The least that an ASGI middleware can be."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        return await self.app(scope, receive, send)


class ThroughWSGI(Through):
    """The least that a WSGI middleware can be."""

    def __call__(self, environ: Any, start_response: Any) -> Any:
        return self.app(environ, start_response)


def bare(place: Place) -> Subject:
    """Return the app alone: its steps are no work."""
    return Subject(packages=_FRAMEWORKS)


def through(place: Place) -> Subject:
    """Return the app in a class that does nothing."""
    return Subject(around=ThroughASGI if place.door == "asgi" else ThroughWSGI)
