"""Jobs begin as they do in an app; the tests of other rooms have none beside them."""

import pytest

from convotrace.jobs.work import SECOND_NS


@pytest.fixture(autouse=True)
def jobs_begin_after_ten_seconds(monkeypatch):
    monkeypatch.setattr("convotrace.jobs.work._FIRST_LOOK_NS", 10 * SECOND_NS)
