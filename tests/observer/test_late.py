"""What waits before it is written: a request that may bring the answer of a turn which another process still writes."""

import time

import pytest

from convotrace.observer.late import PATIENCE, Late
from convotrace.recorder import OpenTrace


def ended(ago_ns=0, follows_up=True):
    now = time.time_ns()
    trace = OpenTrace(None, now - ago_ns - 1)
    trace.end(now - ago_ns)
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
    later = ended()
    assert late.must_follow(later)
    assert late.take() == [later]
