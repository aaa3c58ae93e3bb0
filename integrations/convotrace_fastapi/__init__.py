"""The FastAPI porch: `ConvoTrace(app)`, or `init_app` for factories. It knows FastAPI and nothing of recording."""

from __future__ import annotations

from typing import Any

try:
    from fastapi import FastAPI
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        'convotrace_fastapi needs FastAPI: pip install "convotrace[fastapi]"', name=error.name
    ) from error

import convotrace
from convotrace.asgi import ConvoTraceMiddleware

__all__ = ["ConvoTrace"]


class ConvoTrace(convotrace.ConvoTrace):
    """Observe the conversations of a FastAPI app and mount the page in it; the page stays out of the OpenAPI schema.

    Args:
        app: The app; None where `init_app` is called later.
        options: Options of `convotrace.ConvoTrace`.

    Raises:
        SettingsError: An option is unknown, wrong, or not yet supported.
    """

    def __init__(self, app: FastAPI | None = None, **options: Any) -> None:
        super().__init__(**options)
        if app is not None:
            self.init_app(app)

    def init_app(self, app: FastAPI) -> None:
        """Add the middleware to an app that has not started yet."""
        self.debug = lambda: bool(app.debug)
        app.state.convotrace = self
        app.add_middleware(ConvoTraceMiddleware, convotrace=self)
