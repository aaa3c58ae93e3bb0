"""Probes on both sides of the middleware: what the app did, beside what the world outside saw of it.

Nothing here knows a suite or pytest; `wrapped.py` puts the probes in place.
"""

from __future__ import annotations

import itertools

from convotrace.wsgi import SEEN, TeedInput

RECORDED = ("http", "websocket")
OURS = {SEEN, "convotrace.trace", "wsgi.input", "suite.inner"}


class Ledger:
    """The requests that passed, and every difference between the two sides."""

    def __init__(self):
        self._reached = itertools.count()
        self.reached = 0
        self.connected = 0
        self.differences = []
        self.compared = 0
        self._waiting = {}

    def enter(self):
        """Count a request that reached the middleware."""
        self.reached = next(self._reached) + 1

    def compare(self, where, inner, outer):
        """Note where the outside saw something else than the app did."""
        self.compared += 1
        if inner != outer:
            self.differences.append(f"{where}: inside {inner!r:.600} outside {outer!r:.600}")

    def later(self, compare):
        """Remember a comparison for when the body is closed; return the function that then makes it."""
        key = object()
        self._waiting[key] = compare
        return lambda: self._waiting.pop(key, lambda: None)()

    def settle(self):
        """Compare what nobody closed."""
        while self._waiting:
            self._waiting.popitem()[1]()


class Same:
    """An object compared by identity, for exceptions and messages that must not be replaced."""

    def __init__(self, thing):
        self.thing = thing

    def __eq__(self, other):
        # What is closed early is told so anew on each floor.
        return self.thing is other.thing or (type(self.thing) is type(other.thing) is GeneratorExit)

    def __repr__(self):
        return f"{self.thing!r} at {id(self.thing)}"


# ASGI


def asgi_inner(app):
    """Wrap the app: note what it sends, receives, raises, and how its scope differs from the one outside."""

    async def probe(scope, receive, send):
        log = scope.get("suite.inner") if scope.get("type") in RECORDED else None
        if log is None:
            return await app(scope, receive, send)
        outside = scope["suite.outer"]
        changed = {key for key in {*scope, *outside} if scope.get(key) is not outside.get(key)}
        if changed - OURS:
            log.append(("scope", changed))
        return await _noting(app, scope, receive, send, log)

    return probe


def asgi_outer(app, ledger):
    """Wrap the middleware: note what comes out of it, and compare."""

    async def probe(scope, receive, send):
        if SEEN in scope:  # an app inside of another one: what it does is noted there
            scope.pop("suite.inner", None)
        if scope.get("type") not in RECORDED or SEEN in scope:
            return await app(scope, receive, send)
        if scope["type"] == "http":
            ledger.enter()
        else:
            ledger.connected += 1
        inner, outer = [], []
        scope["suite.inner"], scope["suite.outer"] = inner, scope
        try:
            return await _noting(app, scope, receive, send, outer)
        finally:
            ledger.compare(scope["path"], inner, outer)
            if SEEN in scope:
                ledger.differences.append(f"{scope['path']}: a key of ours was left in the caller's scope")

    return probe


async def _noting(app, scope, receive, send, log):
    async def noted_receive():
        message = await receive()
        log.append(("received", Same(message)))
        return message

    async def noted_send(message):
        log.append(("sent", Same(message), dict(message)))
        await send(message)
        log.append("was sent")

    try:
        value = await app(scope, noted_receive, noted_send)
    except BaseException as error:
        log.append(("raised", Same(error), Same(error.__cause__), error.__suppress_context__))
        raise
    log.append(("returned", value))
    return value


# WSGI


def wsgi_inner(app):
    """Wrap the app: note how it answers, yields, closes and raises."""

    def probe(environ, start_response, *more):
        log = environ.get("suite.inner")
        return app(environ, start_response, *more) if log is None else _answer(app, environ, start_response, log)

    return probe


def wsgi_outer(app, ledger):
    """Wrap the middleware: note what comes out of it, and compare when the body has been closed."""

    def probe(environ, start_response):
        if SEEN in environ:  # an app inside of another one: what it does is noted there
            environ.pop("suite.inner", None)
            return app(environ, start_response)
        ledger.enter()
        inner, outer = [], []
        environ["suite.inner"] = inner
        path = environ.get("PATH_INFO")

        def compare():
            ledger.compare(path, inner, outer)
            if SEEN in environ or isinstance(environ.get("wsgi.input"), TeedInput):
                ledger.differences.append(f"{path}: something of ours was left in the caller's environ")

        try:
            body = _answer(app, environ, start_response, outer)
        except BaseException:
            compare()
            raise
        if isinstance(body, _Noted):
            body.then = ledger.later(compare)
        else:
            compare()
        return body

    return probe


def _answer(app, environ, start_response, log):
    def noted_start(status, headers, *exc_info, **named):
        log.append(("start", status, list(headers), len(exc_info), sorted(named)))
        write = start_response(status, headers, *exc_info, **named)

        def noted_write(data):
            log.append(("wrote", data))
            return write(data)

        return noted_write

    try:
        body = app(environ, noted_start)
    except BaseException as error:
        log.append(("raised", Same(error)))
        raise
    if isinstance(body, (list, tuple)):
        log.append(("complete", list(body)))
        return body
    wrapper = environ.get("wsgi.file_wrapper")
    if isinstance(wrapper, type) and isinstance(body, wrapper):
        log.append(("file", Same(body)))
        return body
    return _Noted(body, log)


class _Noted:
    """A body that notes each step; as lazy as the one inside."""

    def __init__(self, body, log):
        self._body, self._log = body, log
        self._steps = None
        self.then = None

    def __iter__(self):
        return self

    def __next__(self):
        try:
            if self._steps is None:
                self._steps = iter(self._body)
            chunk = next(self._steps)
        except BaseException as error:
            self._log.append("end" if isinstance(error, StopIteration) else ("raised", Same(error)))
            raise
        self._log.append(("chunk", chunk))
        return chunk

    def close(self):
        self._log.append("closed")
        try:
            if hasattr(self._body, "close"):
                self._body.close()
        except BaseException as error:
            self._log.append(("raised", Same(error)))
            raise
        finally:
            if self.then is not None:
                self.then()
