"""The Flask porch: `ConvoTrace(app)`, or `init_app` for factories. It knows Flask and nothing of recording."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable
from typing import Any

try:
    import flask
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        'convotrace_flask needs Flask: pip install "convotrace[flask]"', name=error.name
    ) from error

import convotrace
from convotrace.recorder import OpenTrace, failure_of
from convotrace.wsgi import TRACE, ConvoTraceMiddleware, Environ, StartResponse

__all__ = ["ConvoTrace"]


class ConvoTrace(convotrace.ConvoTrace):
    """Observe the conversations of a Flask app and mount the page in it.

    Args:
        app: The app; None where `init_app` is called later.
        options: Options of `convotrace.ConvoTrace`.

    Raises:
        SettingsError: An option is unknown, wrong, or not yet supported.
    """

    def __init__(self, app: flask.Flask | None = None, **options: Any) -> None:
        super().__init__(**options)
        if app is not None:
            self.init_app(app)

    def init_app(self, app: flask.Flask) -> None:
        """Wrap the app's `wsgi_app` and listen to its signals; nothing else of it is touched."""
        found = weakref.ref(app)
        self.debug = lambda: bool((alive := found()) and alive.debug)
        app.extensions["convotrace"] = self
        app.wsgi_app = ConvoTraceMiddleware(_inner(app), convotrace=self)  # type: ignore[method-assign]
        flask.request_started.connect(self._matched, app)
        flask.request_finished.connect(self._answered, app)
        flask.got_request_exception.connect(self._crashed, app)

    def _matched(self, sender: flask.Flask, **_: Any) -> None:
        trace = _trace()
        if trace is None or trace.incoming is None:
            return
        trace.incoming.path_params = flask.request.view_args or {}
        rule = flask.request.url_rule
        trace.route = None if rule is None else rule.rule

    def _answered(self, sender: flask.Flask, **_: Any) -> None:
        # The app's own functions may want `flask.session` or `g`, which are gone when the body has been sent.
        if (trace := _trace()) is not None:
            self.ask_app(trace, last=True)

    def _crashed(self, sender: flask.Flask, exception: BaseException, **_: Any) -> None:
        if (trace := _trace()) is not None:
            trace.fail(failure_of(exception), 500)


def _inner(app: flask.Flask) -> Callable[[Environ, StartResponse], Iterable[bytes]]:
    """Return the app's own `wsgi_app` without a reference back to the app, which would make a cycle."""
    before = app.wsgi_app
    if getattr(before, "__self__", None) is not app:
        return before
    weak = weakref.ref(app)

    def call(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        alive = weak()
        assert alive is not None  # it is being called
        body: Iterable[bytes] = type(alive).wsgi_app(alive, environ, start_response)
        return body

    return call


def _trace() -> OpenTrace | None:
    found = flask.request.environ.get(TRACE)
    return found if isinstance(found, OpenTrace) else None
