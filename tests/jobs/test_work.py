"""Jobs run when they are due, once across all who look, and stop when told to. Time is an argument."""

from itertools import pairwise

import pytest

from convotrace.errors import StoreError
from convotrace.jobs import Job, Work
from convotrace.jobs.work import HOLD_NS, SECOND_NS, next_look
from convotrace.store import Store

START = 1_700_000_000 * SECOND_NS
MINUTE = 60 * SECOND_NS


@pytest.fixture
def url(tmp_path):
    return f"sqlite:///{tmp_path}/sessions.db"


@pytest.fixture
def workers(url):
    """Return a maker of workers: each has its own store object on one file, and a list of what it ran."""
    made = []

    def make(run=None, interval_ns=MINUTE):
        store, ran, failed = Store.open(url), [], []

        def note(store, now_ns, go_on):
            ran.append(now_ns)
            if run is not None:
                run(store, now_ns, go_on)

        work = Work(lambda: store, [Job("job", interval_ns, note)], lambda *what: failed.append(what), START)
        made.append(store)
        return work, ran, failed

    yield make
    for store in made:
        store.close()


def looks(works, until, step=SECOND_NS):
    """Let all look every second."""
    for now in range(START, START + until, step):
        for work in works:
            work.look(now)


def test_nothing_runs_in_the_first_seconds(workers):
    work, ran, _ = workers()
    looks([work], 10 * SECOND_NS)
    assert ran == []
    looks([work], 20 * SECOND_NS)
    assert len(ran) == 1


def test_of_many_workers_one_runs_a_job_in_each_interval(workers):
    all_of_them = [workers() for _ in range(4)]
    looks([work for work, _, _ in all_of_them], 10 * MINUTE)
    ran = sorted(now for _, runs, _ in all_of_them for now in runs)
    assert 9 <= len(ran) <= 10
    assert all(later - earlier >= MINUTE for earlier, later in pairwise(ran))


def test_a_job_goes_on_elsewhere_when_its_process_dies(workers, url):
    dead = Store.open(url)
    assert dead.leases.take("job", START, START + HOLD_NS, HOLD_NS + MINUTE)
    dead.close()
    work, ran, _ = workers()
    looks([work], HOLD_NS)
    assert ran == []
    looks([work], HOLD_NS + 10 * SECOND_NS)
    assert len(ran) == 1


def test_what_a_job_raises_is_told_and_it_runs_again(workers):
    def run(store, now_ns, go_on):
        raise SystemExit("out")

    work, ran, failed = workers(run)
    looks([work], 5 * MINUTE)
    assert len(ran) == len(failed) >= 2
    assert failed[0][0] == "job" and isinstance(failed[0][1], SystemExit)


def test_a_store_that_cannot_be_opened_is_tried_again():
    failed = []

    def closed():
        raise StoreError("closed")

    work = Work(closed, [Job("job", MINUTE, print)], lambda *what: failed.append(what), START)
    looks([work], 5 * MINUTE)
    assert 2 <= len(failed) <= 5


def test_a_job_that_is_told_to_stop_leaves_the_rest_to_another_at_once(workers):
    asked = []

    def run(store, now_ns, go_on):
        asked.append(go_on())
        work.stop()
        asked.append(go_on())

    work, ran, failed = workers(run)
    other, theirs, _ = workers()
    looks([work], MINUTE)
    assert (len(ran), asked, failed, work.stopped) == (1, [True, False], [], True)
    work.look(START + 5 * MINUTE)
    assert len(ran) == 1
    # The lease ends by the real clock, which is later than the one of this test.
    other.look(START + 10**6 * MINUTE * 100)
    assert len(theirs) == 1


def test_the_next_look_is_at_the_end_of_the_lease_and_a_little_later_for_each():
    free = START + 40 * SECOND_NS
    assert next_look(free, START, MINUTE, 0.0) == free + SECOND_NS // 10
    assert next_look(free, START, MINUTE, 1.0) == free + SECOND_NS // 10 + 5 * SECOND_NS
    assert next_look(None, START, MINUTE, 0.0) == next_look(START - MINUTE, START, MINUTE, 0.0) == START + 10**8
    # However far ahead a lease ends, it is looked at again.
    assert next_look(START + 10**6 * MINUTE, START, MINUTE, 0.0) == START + 2 * MINUTE + 10**8


def test_seconds_left_are_those_to_the_next_look(workers):
    work, _, _ = workers()
    assert 10 <= work.seconds_left(START) <= 16
    assert work.seconds_left(START + MINUTE) == 0
    assert Work(print, [], print, START).seconds_left(START) is None
