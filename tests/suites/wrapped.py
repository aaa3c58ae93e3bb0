"""A pytest plugin for another project's suite: puts the middleware, between two probes, around every app in it.

`CONVOTRACE_SUITE` is "bare", "defaults" or "named", `CONVOTRACE_SUITE_DOOR` one of DOORS. A report is written to
`CONVOTRACE_SUITE_REPORT` as JSON: the node ids that failed, the requests that reached the middleware, what became of
them, and where its two sides differ.
"""

import gc
import json
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


DOORS = {
    "starlette_client": starlette_client,
    "werkzeug_client": werkzeug_client,
    "flask_bare": flask_bare,
    "flask_porch": flask_porch,
}
observer = None
if OPTIONS is not None:
    observer = DOORS[os.environ["CONVOTRACE_SUITE_DOOR"]]({"store": os.environ["CONVOTRACE_SUITE_STORE"], **OPTIONS})

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
