"""A pytest plugin for another project's suite: puts the ASGI middleware around every app its test client gets.

`CONVOTRACE_SUITE` is "bare", "defaults" or "named"; a report is written to `CONVOTRACE_SUITE_REPORT` as JSON: the node
ids that failed, the requests that reached the middleware, and what became of them.
"""

import json
import os
from itertools import count
from pathlib import Path

import starlette.testclient

import convotrace
from convotrace.asgi import ConvoTraceMiddleware

MODE = os.environ["CONVOTRACE_SUITE"]
REPORT = Path(os.environ["CONVOTRACE_SUITE_REPORT"])
OPTIONS = {
    "bare": None,
    "defaults": {"enabled": True},
    "named": {"exclude": [], "session_id": lambda request: "suite"},
}[MODE]

failed: list[str] = []
reached = count()
observer = None if OPTIONS is None else convotrace.ConvoTrace(store=os.environ["CONVOTRACE_SUITE_STORE"], **OPTIONS)


def probed(app):
    """Return an app that counts the HTTP requests reaching it."""

    async def probe(scope, receive, send):
        if scope["type"] == "http":
            next(reached)
        await app(scope, receive, send)

    return probe


_init = starlette.testclient.TestClient.__init__


def _wrapped(self, app, *args, **kwargs):
    if observer is not None and starlette.testclient._is_asgi3(app):
        app = probed(ConvoTraceMiddleware(app, convotrace=observer))
    _init(self, app, *args, **kwargs)


starlette.testclient.TestClient.__init__ = _wrapped


def pytest_runtest_logreport(report):
    if report.failed:
        failed.append(f"{report.nodeid} {report.when}")


def pytest_sessionfinish(session):
    result = {"failed": sorted(failed), "collected": session.testscollected}
    if observer is not None:
        observer.flush(60)
        result["reached"] = next(reached)
        result["health"] = observer.health()
        found = observer.store.session("suite")
        result["stored"] = 0 if found is None else len(found.traces)
        observer.close()
    REPORT.write_text(json.dumps(result, default=str))
