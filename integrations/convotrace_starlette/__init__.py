"""The Starlette porch: `ConvoTrace(app)`, or `init_app` for factories. It knows Starlette and nothing of recording."""

from __future__ import annotations

from typing import Any

try:
    from starlette.applications import Starlette
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        'convotrace_starlette needs Starlette: pip install "convotrace[starlette]"', name=error.name
    ) from error

import convotrace
from convotrace.asgi import ConvoTraceMiddleware

__all__ = ["ConvoTrace"]


class ConvoTrace(convotrace.ConvoTrace):
    """Observe the conversations of a Starlette app and mount the page in it.

    Args:
        app: The app; None where `init_app` is called later.
        options: Options of `convotrace.ConvoTrace`.

    Raises:
        SettingsError: An option is unknown, wrong, or not yet supported.
    """

    def __init__(self, app: Starlette | None = None, **options: Any) -> None:
        super().__init__(**options)
        if app is not None:
            self.init_app(app)

    def init_app(self, app: Starlette) -> None:
        """Add the middleware to an app that has not started yet."""
        self.debug = lambda: bool(app.debug)
        app.state.convotrace = self
        app.add_middleware(ConvoTraceMiddleware, convotrace=self)
