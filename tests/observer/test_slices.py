"""The writer works in slices: between two traces the interpreter is the requests', unless somebody waits."""

import pytest

from convotrace import ConvoTrace
from convotrace.observer import writing
from convotrace.recorder import OpenTrace
from convotrace.store import native


@pytest.fixture
def work(store_url, monkeypatch):
    """Prepare traces, each of which takes so many µs; return how often requests had the interpreter."""
    observer, clock, rests = ConvoTrace(store=store_url), [10**9], []
    monkeypatch.setattr(native, "pause", rests.append)
    monkeypatch.setattr(writing, "perf_counter_ns", lambda: clock[0])

    def prepare(traces, each_us):
        rests.clear()
        for _ in range(traces):
            list(observer._writing.prepare(OpenTrace(None, 0)))
            clock[0] += each_us * 1000
        return len(rests)

    yield prepare, observer._writing
    observer.close()


def test_requests_have_the_interpreter_after_each_slice_of_work(work):
    prepare, _ = work
    assert prepare(30, each_us=100) == pytest.approx(6, abs=2)


def test_one_long_trace_is_a_slice(work):
    prepare, _ = work
    assert prepare(10, each_us=5_000) == 10


def test_nobody_is_let_in_while_somebody_waits_for_what_is_written(work, monkeypatch):
    prepare, side = work
    found = []

    class Waited:
        def drain(self, timeout):
            found.append(prepare(30, each_us=5_000))
            return True

        def close(self, timeout):
            return None

    monkeypatch.setattr(side, "made", Waited())
    side.drain(1)
    assert found == [0]
    assert prepare(3, each_us=5_000) == 3
