"""The job that keeps a store within the limits of the settings."""

import time

import pytest

from convotrace import ConvoTrace
from convotrace.jobs.retention import limits_of, retention
from convotrace.model import Change, Payload, SessionFacts, Trace
from convotrace.settings import Settings
from convotrace.store import Store
from convotrace.store.retention import DAY_NS, Limits

NOW = 1_700_000_000 * 10**9


def settings(**options):
    return Settings.of({"store": "memory:", **options}, {})


def test_limits_are_those_of_the_settings():
    assert limits_of(settings()) == Limits(30 * DAY_NS, 1 << 30, None, 1800 * 10**9)
    few = settings(retention_days=0.5, retention_bytes=None, retention_rows=9, idle_timeout=60)
    assert limits_of(few) == Limits(DAY_NS // 2, None, 9, 60 * 10**9)


def test_there_is_no_job_where_everything_is_kept():
    assert retention(settings(retention_days=None, retention_bytes=None)) is None
    assert retention(settings(retention_days=None)) is not None


def test_it_deletes_what_is_older():
    store = Store.open("memory:")
    for days in (31, 29):
        started = NOW - days * DAY_NS
        trace = Trace(f"{days:032x}", f"{days}", is_turn=True, started_ns=started, input=Payload("hi"))
        store.write([Change(SessionFacts(f"{days}"), trace)])
    retention(settings()).run(store, NOW, lambda: True)
    assert [session.id for session in store.sessions()] == ["29"]
    (line,) = store.deletions()
    assert (line.actor, line.removed.sessions) == ("retention", 1)
    store.close()


@pytest.fixture
def observed(tmp_path):
    made = ConvoTrace(store=f"sqlite:///{tmp_path}/s.db", retention_days=7)
    yield made
    made.close()


def test_the_health_view_says_what_is_kept_and_what_was_deleted(observed):
    state = observed.health()
    assert state["retention"] == {
        "days": 7, "max_bytes": 1 << 30, "max_rows": None, "last_deleted_at": None, "sessions_deleted_that_day": 0,
    }  # fmt: skip
    old = time.time_ns() - 8 * DAY_NS
    trace = Trace("0" * 32, "old", is_turn=True, started_ns=old, input=Payload("hi"))
    observed.store.write([Change(SessionFacts("old"), trace)])
    retention(observed.settings).run(observed.store, time.time_ns(), lambda: True)
    state = observed.health()
    assert state["retention"]["sessions_deleted_that_day"] == 1
    (line,) = state["deletions"]
    assert line == {
        "at": state["retention"]["last_deleted_at"], "by": "retention", "action": "retention",
        "sessions": 1, "traces": 1, "spans": 0,
    }  # fmt: skip
