"""What every room's tests share: stores in a temporary folder, and the same small app behind every door."""

import os
import shutil
from pathlib import Path

import pytest
from hypothesis import settings

# A busy machine must not fail a test.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")

CHROMIUM = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
)
DATA = Path(__file__).parents[2] / "shared" / "data"


def missing(what: str) -> None:
    """Skip with a line, but fail where everything has to be there."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"{what} is missing, and CI=true demands it")
    pytest.skip(f"{what} is not installed")


@pytest.fixture
def store_url(tmp_path):
    """The URL of a store that does not exist yet."""
    return f"sqlite:///{tmp_path}/store/sessions.db"


@pytest.fixture(scope="session")
def chromium():
    """The path of a real Chromium."""
    if CHROMIUM is None:
        missing("Chromium")
    return CHROMIUM


@pytest.fixture(scope="session")
def data():
    """The folder of shared conversations beside the project."""
    if not DATA.is_dir():
        pytest.skip("the shared conversations are not beside the project")
    return DATA
