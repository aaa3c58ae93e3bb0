"""What every room's tests share: stores in a temporary folder, and the same small app behind every door."""

import os
import shutil
import socket
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests import postgres as postgres_server
from tests.patience import PATIENCE, until

# A busy machine must not fail a test.
# Whole conversations are large on purpose, and no test depends on the clock.
patient = settings(deadline=None, suppress_health_check=[HealthCheck.data_too_large, HealthCheck.too_slow])
# A change is told apart from luck: each run tries the same examples. `--hypothesis-profile=explore` tries others.
settings.register_profile("explore", patient)
settings.register_profile("patient", patient, derandomize=True)
settings.load_profile("patient")

CHROMIUM = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
)
CHROMIUM_FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--host-resolver-rules=MAP app.example 127.0.0.1",
]  # fmt: skip
DATA = Path(__file__).parents[2] / "shared" / "data"


def missing(what: str) -> None:
    """Skip with a line, but fail where everything has to be there."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"{what} is missing, and CI=true demands it")
    pytest.skip(f"{what} is not installed")


ON_BOTH = {"store", "jobs", "cli", "observer", "page", "doors"}
"""Rooms whose tests run on both databases."""

CORE = {"test_round_trip", "test_listing", "test_facts", "test_leases", "test_postgres"}
"""Modules of those whose PostgreSQL half is part of the default run."""


def pytest_generate_tests(metafunc):
    """Run what asks for a store on SQLite and on PostgreSQL, but for what is marked as being about files."""
    if "database" not in metafunc.fixturenames or metafunc.definition.path.parent.name not in ON_BOTH:
        return
    if metafunc.definition.get_closest_marker("sqlite"):
        return
    marks = () if metafunc.definition.path.stem in CORE else (pytest.mark.postgres,)
    metafunc.parametrize("database", ["sqlite", pytest.param("postgres", marks=marks)], indirect=True)


BOUNDS = [
    "observer.house.DRAIN_SECONDS", "observer.house.REHEARSAL_SECONDS", "page.tools._PATIENCE",
    "recorder.reprs.PATIENCE", "store.indexing._CATCH_UP", "store.store._BROUGHT_ON", "store.forgetting.LOG_PATIENCE",
    "store.sqlite.connections.LOCK_PATIENCE", "store.sqlite.making.OPEN_PATIENCE",
    "store.sqlite.connections.OPEN_PATIENCE", "store.sqlite.connections._FORK_PATIENCE",
    "store.postgres.driver.ANSWER_PATIENCE", "store.postgres.driver.LOCK_PATIENCE",
    "store.postgres.driver.SILENCE_PATIENCE",
]  # fmt: skip
"""For how long something of ours waits in an app, which must not be held up, and then answers with less."""


@pytest.fixture(scope="session", autouse=True)
def nobody_is_in_a_hurry():
    """Let a busy machine take its time: what an app gives up after a moment is waited for here.

    A test about such a bound sets it itself.
    """
    from convotrace import ConvoTrace

    with pytest.MonkeyPatch.context() as patch:
        for name in BOUNDS:
            patch.setattr(f"convotrace.{name}", PATIENCE)
        for verb in (ConvoTrace.flush, ConvoTrace.close):
            patch.setattr(verb, "__defaults__", (float(PATIENCE),))
        patch.setenv("CONVOTRACE_HOOK_TIMEOUT", str(PATIENCE))
        # Jobs begin ten seconds after the first record: which test is still running then is a matter of chance.
        patch.setattr("convotrace.jobs.work._FIRST_LOOK_NS", 3600 * 10**9)
        yield


@pytest.fixture(scope="session")
def postgres():
    """A real PostgreSQL server."""
    if postgres_server.tools() is None:
        missing("a PostgreSQL server")
    if os.environ.get("CI") != "true":
        pytest.importorskip("psycopg", reason="psycopg is not installed")
    server = postgres_server.Server()
    yield server
    server.remove()


@pytest.fixture
def database(request):
    """The name of the database that the test runs on."""
    return getattr(request, "param", "sqlite")


@pytest.fixture
def store_url(database, request, tmp_path):
    """The URL of a store that does not exist yet."""
    if database == "postgres":
        return request.getfixturevalue("postgres").url()
    return f"sqlite:///{tmp_path}/store/sessions.db"


@pytest.fixture(scope="session")
def chromium():
    """The path of a real Chromium."""
    if CHROMIUM is None:
        missing("Chromium")
    return CHROMIUM


@pytest.fixture(scope="module")
def browser(chromium):
    """A running Chromium; it ends with its module, since its event loop would stand in the way of others."""
    if os.environ.get("CI") != "true":
        pytest.importorskip("playwright", reason="Playwright is not installed")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        launched = play.chromium.launch(executable_path=chromium, args=CHROMIUM_FLAGS)
        yield launched
        launched.close()


@pytest.fixture(scope="session")
def free_port():
    """Find a port that nobody uses now."""

    def find():
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            return probe.getsockname()[1]

    return find


@pytest.fixture
def deaf_port():
    """A port on which nobody listens, and nobody else can meanwhile."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        yield holder.getsockname()[1]


@pytest.fixture(scope="session")
def listening():
    """Wait until something listens on a port, or its process has gone."""

    def wait(port, process):
        def answers():
            assert process.poll() is None, "the server did not start"
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", port)) == 0

        until(answers)

    return wait


@pytest.fixture(scope="session")
def data():
    """The folder of shared conversations beside the project."""
    if not DATA.is_dir():
        pytest.skip("the shared conversations are not beside the project")
    return DATA
