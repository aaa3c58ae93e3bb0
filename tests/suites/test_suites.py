"""Other projects' own test suites with the middleware around every app in them: nothing may change for the app."""

from dataclasses import dataclass

import pytest

pytestmark = [pytest.mark.suites, pytest.mark.slow]


@dataclass(frozen=True)
class Suite:
    """A project, the door its apps are wrapped by, and what is left out: what cannot run here or calls no app.

    One that is foreign is none of ours to install: it comes with what it needs into a folder of its own.
    """

    project: str
    door: str
    without: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    at_least: int = 100
    expected: frozenset[str] = frozenset()
    is_foreign: bool = False
    has_sockets: bool = False

    def tests(self, source):
        """Return the paths of the test files, relative to the source."""
        found = (path.relative_to(source).as_posix() for path in source.glob("test*/**/test_*.py"))
        return sorted(path for path in found if not any(word in path for word in self.without))


# `app.wsgi_app = Middleware(app.wsgi_app)` is a cycle by its form: the app can only be freed by the collector.
CYCLE = frozenset({"tests/test_basic.py::test_app_freed_on_zero_refcount call"})
# The test compares whole environs: ours has our keys. It counts all objects that there are, while our thread works.
OURS = frozenset({
    "tests/test_router.py::TestRouter::test_call_eventsends call",
    "tests/test_integration.py::MemoryLeaksTest::test_memory_leaks call",
})  # fmt: skip
HTTPX = "given httpx:ASGITransport=asgi httpx:WSGITransport=wsgi"
FALCON = "calls falcon.app:App.__call__=wsgi falcon.asgi.app:App.__call__=asgi"
SUITES = [
    Suite("starlette", "starlette_client", ("opentelemetry",), at_least=500, has_sockets=True),
    Suite(
        "fastapi",
        "starlette_client",
        ("telemetry", "benchmarks"),
        ("inline-snapshot", "dirty-equals", "asttokens", "executing"),
        at_least=1000,
        has_sockets=True,
    ),
    Suite("flask", "flask_bare", at_least=300, expected=CYCLE),
    Suite("flask", "flask_porch", at_least=300),
    Suite("werkzeug", "werkzeug_client", ("test_serving",), ("ephemeral-port-reserve",)),
    Suite("bottle", "calls bottle:Bottle.__call__=wsgi", is_foreign=True),
    Suite("webtest", "given webtest.app:TestApp=wsgi", ("selenium", "sel"), is_foreign=True),
    Suite("pyramid", "calls pyramid.router:Router.__call__=wsgi", (), ("webtest",), expected=OURS, is_foreign=True),
    Suite("baize", HTTPX, (), ("httpx", "starlette", "pytest-asyncio"), is_foreign=True),
    Suite("falcon", FALCON, ("test_static", "cython"), ("testtools", "pytest-asyncio"), 1000, is_foreign=True),
]


@pytest.fixture(params=SUITES, ids=lambda suite: f"{suite.project}-{suite.door}", scope="module")
def suite(request):
    return request.param


@pytest.mark.parametrize("mode", ["defaults", "named"])
def test_the_same_tests_fail_before_and_after(run, suite, mode):
    bare, wrapped = run(suite, "bare"), run(suite, mode)
    assert wrapped["collected"] == bare["collected"] > suite.at_least
    assert set(wrapped["failed"]) ^ set(bare["failed"]) == suite.expected
    assert len(bare["failed"]) < 0.05 * bare["collected"]


@pytest.mark.parametrize("mode", ["defaults", "named"])
def test_outside_is_seen_what_the_app_did(run, suite, mode):
    report = run(suite, mode)
    assert report["compared"] > 0.9 * report["reached"]
    assert report["differences"] == []


@pytest.mark.parametrize("mode", ["defaults", "named"])
def test_the_counts_of_health_add_up_to_the_requests(run, suite, mode):
    report = run(suite, mode)
    assert report["reached"] >= suite.at_least
    assert (sum(report["health"]["requests"].values()), report["open"]) == (report["reached"], 0)
    # Each connection is counted once, whatever is said on it.
    assert report["health"]["websocket"]["connections"] == report["connected"]
    assert report["connected"] > 0 or not suite.has_sockets
    assert report["health"]["websocket"]["lost"] == 0
    assert report["health"]["hooks"] == {}


def test_with_one_session_for_all_nearly_every_request_is_stored(run, suite):
    report = run(suite, "named")
    assert report["stored"] >= 0.95 * report["reached"]
    assert report["health"]["ok"] is True
