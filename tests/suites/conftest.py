"""Other projects' suites: fetched as source distributions, and run in a process of their own."""

import importlib.metadata
import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
# Marks and options of plugins that are not here; every other warning stays as strict as the suite has it.
STRICTNESS = ["-o", "addopts=", "-o", "strict_markers=false", "-o", "strict_config=false"]
STRICTNESS += ["-W", "ignore::pytest.PytestUnknownMarkWarning", "-W", "ignore::pytest.PytestConfigWarning"]


def pip(*arguments):
    """Run pip; return whether it succeeded."""
    return not subprocess.run([sys.executable, "-m", "pip", "-q", *arguments], capture_output=True).returncode


def fetch(suite, folder):
    """Return the unpacked source distribution and a folder with what its tests need beside it."""
    alone = [] if suite.is_foreign else ["--no-deps"]
    wanted = [*([suite.project] if suite.is_foreign else []), *suite.needs]
    if wanted and not pip("install", *alone, "--target", folder / "needs", *wanted):
        pytest.skip(f"{', '.join(wanted)} cannot be downloaded")
    version = version_of(suite.project, folder / "needs")
    if not pip("download", "--no-deps", "--no-binary", ":all:", "-d", folder, f"{suite.project}=={version}"):
        pytest.skip(f"the source distribution of {suite.project} {version} cannot be downloaded")
    (archive,) = folder.glob("*.tar.gz")
    with tarfile.open(archive) as tar:
        tar.extractall(folder / "source", filter="data")
    return next((folder / "source").iterdir()), folder / "needs"


def version_of(project, folder):
    """Return the version of a project in a folder, else of the one that is installed."""
    found = [one.version for one in importlib.metadata.distributions(name=project, path=[str(folder)])]
    return found[0] if found else importlib.metadata.version(project)


@pytest.fixture(scope="session")
def fetched(tmp_path_factory):
    """Fetch a suite, once."""
    known = {}

    def get(suite):
        if suite.project not in known:
            known[suite.project] = fetch(suite, tmp_path_factory.mktemp(suite.project))
        return known[suite.project]

    return get


@pytest.fixture(scope="session")
def run(fetched, tmp_path_factory):
    """Run a suite in one mode and return its report, once."""
    reports = {}

    def run(suite, mode):
        door = "" if mode == "bare" else suite.door
        key = (suite.project, mode, door)
        if key not in reports:
            reports[key] = _run(suite, mode, fetched(suite), tmp_path_factory.mktemp(mode))
        return reports[key]

    return run


def _run(suite, mode, fetched, folder):
    source, needs = fetched
    environment = {
        **os.environ,
        "CONVOTRACE_SUITE": mode,
        "CONVOTRACE_SUITE_DOOR": suite.door,
        "CONVOTRACE_SUITE_REPORT": str(folder / "report.json"),
        "CONVOTRACE_SUITE_STORE": f"sqlite:///{folder}/suite.db",
        "PYTHONPATH": os.pathsep.join(map(str, (HERE, ROOT, ROOT / "integrations", needs))),
    }
    command = [sys.executable, "-m", "pytest", "-q", "-p", "wrapped", "-p", "no:randomly", "-p", "no:cacheprovider"]
    command += [*STRICTNESS, "--continue-on-collection-errors", *suite.tests(source)]
    done = subprocess.run(command, cwd=source, env=environment, capture_output=True, text=True, timeout=900)
    report = folder / "report.json"
    assert report.exists(), done.stdout[-2000:] + done.stderr[-2000:]
    return json.loads(report.read_text())
