"""The text index fills beside the requests, once across all who look, and costs nothing where nothing waits."""

import pytest

from convotrace.jobs import Work
from convotrace.jobs.text_index import FILL_NS, JOBS
from convotrace.jobs.work import SECOND_NS
from convotrace.model import Change, Payload, SessionFacts, Trace
from convotrace.store import Store

START = 1_700_000_000 * SECOND_NS


@pytest.fixture
def stores(tmp_path):
    opened = [Store.open(f"sqlite:///{tmp_path}/sessions.db") for _ in range(2)]
    yield opened
    for store in opened:
        store.close()


def turn(number):
    said = Payload(f"hello {number}")
    trace = Trace(f"{number:032x}", "s", "POST /chat", is_turn=True, started_ns=START + number, input=said)
    return Change(SessionFacts("s"), trace)


def works(stores, failed):
    return [Work(lambda store=store: store, JOBS, lambda *what: failed.append(what), START) for store in stores]


def test_what_was_said_is_indexed_within_seconds_by_one_of_two(stores):
    failed = []
    both = works(stores, failed)
    stores[0].write([turn(number) for number in range(1, 251)])
    for second in range(25):
        for work in both:
            work.look(START + second * SECOND_NS)
    assert not stores[0].waits_for_index()
    assert failed == []
    stores[1].write([turn(251)])
    for second in range(25, 25 + 2 * FILL_NS // SECOND_NS + 6):
        for work in both:
            work.look(START + second * SECOND_NS)
    assert not stores[0].waits_for_index()


def test_where_nothing_waits_no_lease_is_taken(stores):
    (work, _) = works(stores, [])
    for second in range(60):
        work.look(START + second * SECOND_NS)
    assert stores[0].leases.until("text index") is None
