"""Starlette's own test suite, from its source distribution, with the middleware around every app in it."""

import importlib.metadata
import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

pytestmark = [pytest.mark.suites, pytest.mark.slow]
HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def suite(tmp_path_factory):
    """The unpacked source distribution of the installed Starlette."""
    folder = tmp_path_factory.mktemp("starlette")
    wanted = f"starlette=={importlib.metadata.version('starlette')}"
    command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--no-binary", ":all:", "-d", folder, wanted]
    if subprocess.run(command, capture_output=True).returncode:
        pytest.skip("the source distribution of Starlette cannot be downloaded")
    (archive,) = folder.glob("*.tar.gz")
    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter="data")
    return next(path for path in folder.iterdir() if path.is_dir())


@pytest.fixture(scope="module")
def run(suite, tmp_path_factory):
    """Run the suite in one mode and return its report."""
    reports = {}

    def run(mode):
        if mode not in reports:
            folder = tmp_path_factory.mktemp(mode)
            environment = {
                **os.environ,
                "CONVOTRACE_SUITE": mode,
                "CONVOTRACE_SUITE_REPORT": str(folder / "report.json"),
                "CONVOTRACE_SUITE_STORE": f"sqlite:///{folder}/suite.db",
                "PYTHONPATH": str(HERE),
            }
            command = [sys.executable, "-m", "pytest", "-q", "-p", "wrapped", "-p", "no:randomly", "-p", "no:cacheprovider"]
            command += ["--ignore", "tests/middleware/test_opentelemetry.py", "tests"]
            subprocess.run(command, cwd=suite, env=environment, capture_output=True, timeout=900)
            reports[mode] = json.loads((folder / "report.json").read_text())
        return reports[mode]

    return run


def test_the_same_tests_fail_before_and_after(run):
    bare = run("bare")
    assert bare["collected"] > 1000
    assert run("defaults")["failed"] == bare["failed"]
    assert run("named")["failed"] == bare["failed"]


def test_at_defaults_the_counts_of_health_add_up_to_the_requests(run):
    report = run("defaults")
    assert report["reached"] > 500
    assert sum(report["health"]["requests"].values()) == report["reached"]


def test_with_one_session_for_all_nearly_every_request_is_stored(run):
    report = run("named")
    assert report["stored"] >= 0.95 * report["reached"]
