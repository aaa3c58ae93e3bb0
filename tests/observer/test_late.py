"""What waits before it is written: a request that may bring the answer of a turn which another process still writes."""

import pytest

from convotrace.observer.late import PATIENCE, Late
from convotrace.recorder import OpenTrace

NOW = 1_800_000_000 * 10**9


@pytest.fixture(autouse=True)
def a_clock_that_stands(monkeypatch):
    monkeypatch.setattr("convotrace.observer.late.time_ns", lambda: NOW)


def ended(ago_ns=0, follows_up=True):
    trace = OpenTrace(None, NOW - ago_ns - 1)
    trace.end(NOW - ago_ns)
    trace.follows_up = follows_up
    return trace


def test_a_request_that_may_bring_an_answer_waits_once():
    late, trace = Late(), ended()
    assert late.must_follow(trace) and bool(late)
    assert late.take(trace.ended) == []
    assert late.take(trace.ended + PATIENCE) == [trace]
    assert not late.must_follow(trace) and not late


@pytest.mark.parametrize(
    "trace", [ended(follows_up=False), ended(follows_up=None), ended(PATIENCE), OpenTrace(None, 1)]
)
def test_others_and_what_ended_long_ago_do_not_wait(trace):
    assert not Late().must_follow(trace)


def test_nothing_waits_that_ended_before_somebody_hurried():
    late, trace = Late(), ended()
    assert late.take() == []
    assert not late.must_follow(trace)
    later = ended(-1)
    assert late.must_follow(later)
    assert late.take() == [later]
