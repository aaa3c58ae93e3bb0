"""Tests beside the real SDK, its contrib instrumentations and real clients; `make test-peers` makes their venvs."""

import pytest

import convotrace as ct


def pytest_collection_modifyitems(items):
    """Mark everything in this folder: it needs packages that the development venv does not have."""
    for item in items:
        if "tests/peers/" in item.path.as_posix():
            item.add_marker(pytest.mark.peers)


@pytest.fixture
def observer(store_url):
    """A ConvoTrace object over a store of its own."""
    made = ct.ConvoTrace(store=store_url, session_headers=("X-Session-ID",))
    yield made
    made.close()
