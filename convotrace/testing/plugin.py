"""The pytest plugin: registers the `convotrace` fixture. It imports the rest only when a test asks for it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from convotrace.testing import Recorded


@pytest.fixture
def convotrace(monkeypatch: pytest.MonkeyPatch) -> Iterator[Recorded]:
    """Record the conversations of the apps under test in memory, and read them: `convotrace.session("id")`."""
    from convotrace.testing.recorded import recording

    # Apps made during the test record as well, if they name no store of their own.
    monkeypatch.setenv("CONVOTRACE_STORE", "memory:")
    with recording() as recorded:
        yield recorded
