"""Other projects' own test suites with the middleware around every app in them: nothing may change for the app."""

from dataclasses import dataclass

import pytest

pytestmark = [pytest.mark.suites, pytest.mark.slow]


@dataclass(frozen=True)
class Suite:
    """A project, the door its apps are wrapped by, and what is left out: what cannot run here or calls no app."""

    project: str
    door: str
    without: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    at_least: int = 100
    expected: frozenset[str] = frozenset()

    def tests(self, source):
        """Return the paths of the test files, relative to the source."""
        found = (path.relative_to(source).as_posix() for path in source.glob("tests/**/test_*.py"))
        return sorted(path for path in found if not any(word in path for word in self.without))


# `app.wsgi_app = Middleware(app.wsgi_app)` is a cycle by its form: the app can only be freed by the collector.
CYCLE = frozenset({"tests/test_basic.py::test_app_freed_on_zero_refcount call"})
SUITES = [
    Suite("starlette", "starlette_client", ("opentelemetry",), at_least=500),
    Suite(
        "fastapi",
        "starlette_client",
        ("telemetry", "benchmarks"),
        ("inline-snapshot", "dirty-equals", "asttokens", "executing"),
        at_least=1000,
    ),
    Suite("flask", "flask_bare", at_least=300, expected=CYCLE),
    Suite("flask", "flask_porch", at_least=300),
    Suite("werkzeug", "werkzeug_client", ("test_serving",), ("ephemeral-port-reserve",)),
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
    assert report["connected"] > 0 or suite.door != "starlette_client"
    assert report["health"]["websocket"]["lost"] == 0
    assert report["health"]["hooks"] == {}


def test_with_one_session_for_all_nearly_every_request_is_stored(run, suite):
    report = run(suite, "named")
    assert report["stored"] >= 0.95 * report["reached"]
    assert report["health"]["ok"] is True
