"""A pytest plugin for another project's suite: puts the middleware, between two probes, around every app in it.

`CONVOTRACE_SUITE` is "bare", "defaults" or "named", `CONVOTRACE_SUITE_DOOR` one of DOORS. A report is written to
`CONVOTRACE_SUITE_REPORT` as JSON: the node ids that failed, the requests that reached the middleware, what became of
them, and where its two sides differ.
"""

import functools
import gc
import importlib
import json
import operator
import os
from pathlib import Path

import _pytest.monkeypatch
import probes

import convotrace

MODE = os.environ["CONVOTRACE_SUITE"]
REPORT = Path(os.environ["CONVOTRACE_SUITE_REPORT"])
OPTIONS = {
    "bare": None,
    "defaults": {"enabled": True},
    "named": {"exclude": [], "session_id": lambda request: "suite"},
}[MODE]

ledger = probes.Ledger()
failed: list[str] = []


def starlette_client(options):
    """Wrap every app that Starlette's test client, which is FastAPI's too, is given."""
    import starlette.testclient as testclient

    from convotrace.asgi import ConvoTraceMiddleware

    observer = convotrace.ConvoTrace(**options)
    init = testclient.TestClient.__init__

    def wrapped(self, app, *args, **kwargs):
        if testclient._is_asgi3(app):
            app = probes.asgi_outer(ConvoTraceMiddleware(probes.asgi_inner(app), convotrace=observer), ledger)
        init(self, app, *args, **kwargs)

    testclient.TestClient.__init__ = wrapped
    return observer


def werkzeug_client(options):
    """Wrap every app that Werkzeug's test client is given."""
    import werkzeug.test

    from convotrace.wsgi import ConvoTraceMiddleware

    observer = convotrace.ConvoTrace(**options)
    run = werkzeug.test.run_wsgi_app

    def wrapped(app, environ, buffered=False):
        door = ConvoTraceMiddleware(probes.wsgi_inner(app), convotrace=observer)
        return run(probes.wsgi_outer(door, ledger), environ, buffered)

    werkzeug.test.run_wsgi_app = wrapped
    return observer


def flask_bare(options):
    """Wrap `wsgi_app` of every Flask app by the bare middleware."""
    from convotrace.wsgi import ConvoTraceMiddleware

    observer = convotrace.ConvoTrace(**options)

    def wrap(app):
        app.wsgi_app = ConvoTraceMiddleware(app.wsgi_app, convotrace=observer)

    _every_flask_app(wrap)
    return observer


def flask_porch(options):
    """Wrap every Flask app by the porch."""
    import convotrace_flask

    observer = convotrace_flask.ConvoTrace(**options)
    _every_flask_app(observer.init_app)
    return observer


def _every_flask_app(wrap):
    import flask

    # The inner probe stands in the class, so that the porch finds the method it knows.
    flask.Flask.wsgi_app = _as_method(flask.Flask.wsgi_app)
    init = flask.Flask.__init__

    def wrapped(self, *args, **kwargs):
        init(self, *args, **kwargs)
        wrap(self)
        if "wsgi_app" in vars(self):
            self.wsgi_app = probes.wsgi_outer(self.wsgi_app, ledger)
        else:  # the porch has put it into a class of this app's own
            type(self).wsgi_app = _as_method(type(self).wsgi_app, lambda app: probes.wsgi_outer(app, ledger))

    flask.Flask.__init__ = wrapped


def _as_method(wsgi_app, probe=probes.wsgi_inner):
    def method(self, environ, start_response):
        return probe(wsgi_app.__get__(self))(environ, start_response)

    return method


def calls(options, *places):
    """Wrap every app of a class by the way it is called: `module:Class.method=asgi`, or `=wsgi`."""
    observer = convotrace.ConvoTrace(**options)
    for place in places:
        where, _, kind = place.partition("=")
        module, _, path = where.partition(":")
        name, _, method = path.rpartition(".")
        holder = operator.attrgetter(name)(importlib.import_module(module))
        setattr(holder, method, WRAPPERS[kind](getattr(holder, method), observer))
    return observer


def _asgi_method(call, observer):
    from convotrace.asgi import ConvoTraceMiddleware

    @functools.wraps(call)
    async def method(self, scope, receive, send):
        door = ConvoTraceMiddleware(probes.asgi_inner(call.__get__(self)), convotrace=observer)
        return await probes.asgi_outer(door, ledger)(scope, receive, send)

    return method


def _wsgi_method(call, observer):
    from convotrace.wsgi import ConvoTraceMiddleware

    @functools.wraps(call)
    def method(self, environ, start_response):
        door = ConvoTraceMiddleware(probes.wsgi_inner(call.__get__(self)), convotrace=observer)
        return probes.wsgi_outer(door, ledger)(environ, start_response)

    return method


WRAPPERS = {"asgi": _asgi_method, "wsgi": _wsgi_method}


def given(options, *places):
    """Wrap every app that something is made with: `module:Class.argument=asgi`, the first argument of `__init__`."""
    observer = convotrace.ConvoTrace(**options)
    for place in places:
        where, _, kind = place.partition("=")
        module, _, name = where.partition(":")
        holder = operator.attrgetter(name)(importlib.import_module(module))
        holder.__init__ = _with_app(holder.__init__, APPS[kind], observer)
    return observer


def _with_app(init, wrap, observer):
    @functools.wraps(init)
    def method(self, app, *args, **kwargs):
        init(self, wrap(app, observer) if callable(app) else app, *args, **kwargs)

    return method


def _asgi_app(app, observer):
    from convotrace.asgi import ConvoTraceMiddleware
    from convotrace.asgi.protocol import single

    app = single(app)
    return probes.asgi_outer(ConvoTraceMiddleware(probes.asgi_inner(app), convotrace=observer), ledger)


def _wsgi_app(app, observer):
    from convotrace.wsgi import ConvoTraceMiddleware

    return probes.wsgi_outer(ConvoTraceMiddleware(probes.wsgi_inner(app), convotrace=observer), ledger)


APPS = {"asgi": _asgi_app, "wsgi": _wsgi_app}

DOORS = {
    "calls": calls,
    "given": given,
    "starlette_client": starlette_client,
    "werkzeug_client": werkzeug_client,
    "flask_bare": flask_bare,
    "flask_porch": flask_porch,
}
observer = None
if OPTIONS is not None:
    door, *places = os.environ["CONVOTRACE_SUITE_DOOR"].split()
    observer = DOORS[door]({"store": os.environ["CONVOTRACE_SUITE_STORE"], **OPTIONS}, *places)

# A private name that older suites use and newer releases of pytest spell otherwise.
if not hasattr(_pytest.monkeypatch, "notset"):
    _pytest.monkeypatch.notset = _pytest.monkeypatch.NOTSET


def pytest_runtest_logreport(report):
    if report.failed:
        failed.append(f"{report.nodeid} {report.when}")


def pytest_sessionfinish(session):
    result = {"failed": sorted(failed), "collected": session.testscollected}
    if observer is not None:
        ledger.settle()
        gc.collect()  # bodies that no test closed
        observer.flush(60)
        result |= {
            "reached": ledger.reached,
            "connected": ledger.connected,
            "compared": ledger.compared,
            "differences": ledger.differences,
        }
        result |= {"health": observer.health(), "open": len(observer.ledger.open), "stored": _stored()}
        observer.close()
    REPORT.write_text(json.dumps(result, default=str))


def _stored():
    found = observer.store.session("suite")
    return 0 if found is None else len(found.traces)
