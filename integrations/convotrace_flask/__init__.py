"""The Flask porch: `ConvoTrace(app)`, or `init_app` for factories. It knows Flask and nothing of recording."""

from __future__ import annotations

import weakref
from collections.abc import Iterable
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
        app.extensions["convotrace"] = self
        if "wsgi_app" in vars(app):
            app.wsgi_app = ConvoTraceMiddleware(app.wsgi_app, convotrace=self)  # type: ignore[method-assign]
        else:
            _enter_class(app, self)
        found = weakref.ref(app)
        self.debug = lambda: bool((alive := found()) and alive.debug)
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


def _enter_class(app: flask.Flask, convotrace: ConvoTrace) -> None:
    """Put the middleware into a class for this app alone, where its `wsgi_app` stays what it is: a method.

    As an attribute of the app it would hold the app in a cycle; and holding it weakly, whoever is given `app.wsgi_app`
    alone, such as a dispatcher, would soon have nobody to call.
    """
    own, found = type(app), weakref.ref(app)

    def inner(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        alive = found()
        assert alive is not None  # its method is being called
        body: Iterable[bytes] = own.wsgi_app(alive, environ, start_response)
        return body

    door = ConvoTraceMiddleware(inner, convotrace=convotrace)

    def wsgi_app(self: flask.Flask, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        return door(environ, start_response)

    told = {"__module__": own.__module__, "__qualname__": own.__qualname__, "__doc__": own.__doc__}
    kind: Any = type(own)
    app.__class__ = kind(own.__name__, (own,), {**told, "wsgi_app": wsgi_app})


def _trace() -> OpenTrace | None:
    found = flask.request.environ.get(TRACE)
    return found if isinstance(found, OpenTrace) else None
