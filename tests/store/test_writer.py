"""The writer's thread: nothing put is lost without being counted, and nobody who puts ever waits."""

import gc
import random
import subprocess
import sys
import threading
import time
import weakref

import pytest

from convotrace.errors import StoreError
from convotrace.model import Score, Target
from convotrace.store import Store, Writer
from convotrace.store.backlog import Backlog, Entry
from tests.patience import PATIENCE, Before, until


@pytest.fixture
def writers():
    """Make writers that are closed after the test."""
    made = []

    def make(open_store, prepare=lambda change: [change], **options):
        made.append(Writer(open_store, prepare, **{"interval": 0.01, **options}))
        return made[-1]

    yield make
    for writer in made:
        writer.close(PATIENCE)


class Gate:
    """A store that can be shut, as a locked or full one is."""

    def __init__(self, store):
        self.store, self.shut, self.tries, self.failed, self.retries = store, False, 0, 0, []

    def __getattr__(self, name):
        return getattr(self.store, name)

    def write(self, changes, retry=False):
        self.tries += 1
        self.retries.append(retry)
        if self.shut:
            self.failed += 1
            raise StoreError("The store is shut.")
        return self.store.write(changes, retry)


@pytest.fixture
def gate(memory):
    return Gate(memory)


def test_what_is_put_is_there_after_a_drain(memory, make, writers):
    writer = writers(lambda: memory)
    assert all(writer.put(make.change()) for _ in range(700))
    assert writer.drain(PATIENCE)
    assert memory.session("s").session.turns == 700
    stats = writer.stats()
    assert (stats["queued"], stats["written"]["traces"], stats["dropped"]) == (0, 700, {})
    assert stats["write_ms"]["p95"] >= stats["write_ms"]["p50"] > 0


def test_no_thread_and_no_store_before_the_first_item(memory, make, writers):
    opened = []
    before = Before()
    writer = writers(lambda: opened.append(1) or memory)
    assert writer.drain(0)
    assert (before.new_threads(), opened) == ([], [])
    writer.put(make.change())
    assert writer.drain(PATIENCE)
    assert opened == [1]


def test_an_idle_writer_does_nothing(memory, make, writers):
    asked = []
    writer = writers(lambda: memory, due=lambda now: asked.append(now) or [])
    writer.put(make.change())
    assert writer.drain(PATIENCE)
    until(lambda: writer._idle)
    before = len(asked)
    time.sleep(0.1)
    assert len(asked) == before


def test_a_full_queue_drops_and_counts_and_keeps_room_for_what_matters(gate, make, writers):
    gate.shut = True
    writer = writers(lambda: gate, max_rows=100)
    taken = [writer.put(make.change(), rows=10) for _ in range(15)]
    assert taken == [True] * 10 + [False] * 5
    matters = [writer.put(make.change(), rows=10, important=True, kind="score") for _ in range(5)]
    assert matters == [True] * 3 + [False] * 2
    until(lambda: writer.stats()["last_error"])
    assert not writer.put(make.change(), rows=10)
    gate.shut = False
    assert writer.drain(PATIENCE)
    dropped = writer.stats()["dropped"]
    assert sum(dropped["trace"].values()) == 6
    assert dropped["trace"]["store: The store is shut."] >= 1
    assert sum(dropped["score"].values()) == 2
    assert gate.session("s").session.turns == 13


def test_bytes_are_bounded_too(gate, make, writers):
    gate.shut = True
    writer = writers(lambda: gate, max_bytes=1000)
    assert [writer.put(make.change(), size=400) for _ in range(4)] == [True, True, True, False]
    gate.shut = False


def test_a_batch_that_failed_is_kept_and_written_once(gate, make, writers):
    writer = writers(lambda: gate)
    gate.shut = True
    for _ in range(5):
        writer.put(make.change())
    until(lambda: gate.tries >= 2)
    assert not writer.drain(0.01)
    gate.shut = False
    assert writer.drain(PATIENCE)
    assert gate.session("s").session.turns == 5
    # What came when the first batch had been taken already is a batch of its own, after that.
    assert gate.retries[: gate.failed + 1] == [False] + [True] * gate.failed
    assert writer.stats()["dropped"] == {}


def test_a_store_that_cannot_be_opened_is_tried_again(memory, make, writers):
    tries = []

    def open_store():
        tries.append(1)
        if len(tries) < 3:
            raise StoreError("There is no room.")
        return memory

    writer = writers(open_store)
    writer.put(make.change())
    until(lambda: writer.drain(0.2))
    assert len(tries) == 3
    assert memory.session("s").session.turns == 1


def test_an_item_whose_preparation_needs_a_shut_store_is_kept(gate, make, writers):
    gate.shut = True

    def prepare(change):
        if gate.shut:
            raise StoreError("The store is shut.")
        return [change]

    writer = writers(lambda: gate, prepare)
    for _ in range(3):
        writer.put(make.change())
    until(lambda: writer.stats()["last_error"])
    gate.shut = False
    assert writer.drain(PATIENCE)
    assert gate.session("s").session.turns == 3


def test_one_bad_record_is_found_dropped_and_counted(memory, make, writers):
    writer = writers(lambda: memory)
    for number in range(40):
        writer.put(make.change(trace=make.trace(status_code=2**80 if number == 17 else 200)))
    assert writer.drain(PATIENCE)
    assert memory.session("s").session.turns == 39
    assert writer.stats()["dropped"] == {"trace": {"data: OverflowError": 1}}


@pytest.mark.parametrize("error", [ValueError("no"), SystemExit(1), KeyboardInterrupt()])
def test_a_preparation_that_raises_costs_its_own_item_only(memory, make, writers, error):
    def prepare(change):
        if change.session.id == "bad":
            raise error
        return [change]

    writer = writers(lambda: memory, prepare)
    for session in ("a", "bad", "b"):
        writer.put(make.change(session, make.trace(session)))
    assert writer.drain(PATIENCE)
    assert sorted(session.id for session in memory.sessions()) == ["a", "b"]
    assert writer.stats()["dropped"] == {"trace": {"prepare": 1}}


def test_an_item_may_become_no_change_or_several(memory, make, writers):
    writer = writers(lambda: memory, lambda number: [make.change() for _ in range(number)])
    for number in (0, 3):
        writer.put(number)
    assert writer.drain(PATIENCE)
    assert memory.session("s").session.turns == 3


def test_done_is_called_after_the_commit_with_the_session(memory, make, writers):
    seen = []
    writer = writers(
        lambda: memory, done=lambda item, session: seen.append((item, session, memory.session(session) is not None))
    )
    change = make.change("a", make.trace("a"))
    writer.put(change)
    assert writer.drain(PATIENCE)
    assert seen == [(change, "a", True)]


def test_what_is_due_is_written_while_something_is_unfinished(memory, make, writers):
    running = make.change(trace=make.trace(status="running", duration_ns=None))
    unfinished = [running]
    writer = writers(lambda: memory, due=lambda now: list(unfinished), busy=lambda: bool(unfinished))
    writer.wake()
    until(lambda: memory.session("s"))
    assert memory.session("s").traces[0].status == "running"
    unfinished.clear()
    until(lambda: writer._idle)


def test_a_drain_shows_what_is_due_also_where_nothing_was_put(memory, make, writers):
    running = make.change(trace=make.trace(status="running", duration_ns=None))
    writer = writers(lambda: memory, due=lambda now: [running])
    assert writer.drain(PATIENCE)
    assert memory.session("s").session.turns == 1


def test_a_trace_shown_running_and_finished_in_one_batch_counts_once(memory, make, writers):
    trace = make.trace(status="running", duration_ns=None)
    finished = make.trace(id=trace.id, started_ns=trace.started_ns)
    writer = writers(lambda: memory)
    writer.put(make.change("guess", trace))
    writer.put(make.change("known", finished))
    assert writer.drain(PATIENCE)
    assert [(s.id, s.turns) for s in memory.sessions()] == [("known", 1)]


def test_hooks_that_raise_are_noted_and_end_nothing(memory, make, writers):
    def broken(*_):
        raise RuntimeError("hook")

    writer = writers(lambda: memory, due=broken, done=broken, busy=broken, counters=broken)
    for _ in range(3):
        writer.put(make.change())
    assert writer.drain(PATIENCE)
    assert memory.session("s").session.turns == 3
    assert "hook" in writer.stats()["last_error"]


def test_a_drain_waits_for_what_came_before_it_and_for_nothing_later(memory, make, writers):
    writer = writers(lambda: memory)
    stop = threading.Event()

    def flood():
        while not stop.is_set():
            writer.put(make.change("flood", make.trace("flood")))
            time.sleep(0.0005)

    thread = threading.Thread(target=flood)
    thread.start()
    try:
        for number in range(5):
            writer.put(make.change(f"mine {number}", make.trace(f"mine {number}")))
            assert writer.drain(PATIENCE)
            assert memory.session(f"mine {number}") is not None
    finally:
        stop.set()
        thread.join()


def test_many_threads_put_and_nothing_is_lost(memory, make, writers):
    writer = writers(lambda: memory, batch=50)
    changes = [[make.change(f"s{n}", make.trace(f"s{n}")) for _ in range(200)] for n in range(8)]

    def put(mine):
        assert all(writer.put(change) for change in mine)

    threads = [threading.Thread(target=put, args=(mine,)) for mine in changes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert writer.drain(PATIENCE)
    assert {s.id: s.turns for s in memory.sessions()} == {f"s{n}": 200 for n in range(8)}
    assert writer.stats()["queued"] == 0


def test_close_writes_what_is_queued_and_ends_the_thread(store_url, make):
    before = Before()
    writer = Writer(lambda: Store.open(store_url), lambda change: [change], interval=5)
    for _ in range(20):
        writer.put(make.change())
    assert writer.close(PATIENCE)
    until(lambda: not before.new_threads())
    assert not writer.put(make.change())
    assert writer.stats()["dropped"] == {"trace": {"closed": 1}}
    assert writer.drain(0) and writer.close()
    store = Store.open(store_url, create=False)
    assert store.session("s").session.turns == 20
    assert store.workers()[0].counters["written"]["traces"] == 20
    store.close()


def test_a_close_that_cannot_write_counts_what_it_lost(gate, make):
    gate.shut = True
    writer = Writer(lambda: gate, lambda change: [change], interval=0.01)
    for _ in range(3):
        writer.put(make.change())
    until(lambda: gate.tries)
    assert not writer.close(0.1)
    until(lambda: writer.stats()["dropped"])
    assert writer.stats()["dropped"] == {"trace": {"store: The store is shut.": 3}}


def test_what_a_close_had_no_time_to_write_is_counted_in_the_store_before_it_ends(memory, make, writers):
    """L2, P5: a process that ends while far more waits than it can write leaves behind how much it lost."""
    begun, go_on = threading.Event(), threading.Event()

    def slowly(change):
        begun.set()
        go_on.wait(PATIENCE)
        return [change]

    memory.close = lambda: None  # it is looked into afterwards
    writer = writers(lambda: memory, slowly, batch=1)
    for number in range(200):
        writer.put(make.change(f"s{number}"))
    assert begun.wait(PATIENCE)
    ending = threading.Thread(target=writer.close, args=(0.2,))
    ending.start()
    until(lambda: writer._closed)
    go_on.set()
    ending.join(PATIENCE)
    (row,) = [one for one in memory.workers() if one.id == memory.worker]
    stored = row.counters["written"]["traces"]
    assert stored + row.counters["dropped"]["trace"]["closed"] == 200 and stored < 200


def test_a_closed_writer_is_not_kept(memory, make):
    writer = Writer(lambda: memory, lambda change: [change], interval=0.01)
    writer.put(make.change())
    assert writer.close(PATIENCE)
    seen = weakref.ref(writer)
    del writer
    gc.collect()
    until(lambda: gc.collect() is not None and seen() is None)


@pytest.mark.sqlite
def test_a_locked_file_costs_nobody_who_puts(store, make, writers, monkeypatch):
    monkeypatch.setattr("convotrace.store.sqlite.connections.LOCK_PATIENCE", 0.05)
    program = (
        "import sqlite3, sys; db = sqlite3.connect(sys.argv[1], isolation_level=None);"
        "db.execute('BEGIN IMMEDIATE'); print('held', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", program, store.url.removeprefix("sqlite:///")]
    writer = writers(lambda: store)
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout.readline() == b"held\n"
        score = Score("1", "n", "numeric", 1, 1, Target("s"))
        writer.put(make.outside(scores=(score,)), important=True, kind="score")
        for _ in range(50):
            assert writer.put(make.change())
        assert not writer.drain(0.2)
        assert "locked" in writer.stats()["last_error"]
        other.communicate()
    assert writer.drain(PATIENCE)
    assert (store.session("s").session.turns, store.session("s").scores) == (50, (score,))
    assert writer.stats()["dropped"] == {}


@pytest.mark.sqlite
def test_a_full_disk_is_survived(store, make, writers):
    store.write([make.change()])
    with store._opened.connections._alone() as connection:
        connection.execute("PRAGMA max_page_count=1")
    writer = writers(lambda: store)
    for number in range(30):
        name = random.Random(number).randbytes(3000).hex()  # pressed, it takes more than the pages there are
        writer.put(make.change(trace=make.trace(spans=(make.span(name=name),))))
    until(lambda: "full" in (writer.stats()["last_error"] or ""))
    with store._opened.connections._alone() as connection:
        connection.execute("PRAGMA max_page_count=1000000")
    assert writer.drain(PATIENCE)
    assert store.session("s").session.turns == 31


def test_the_queue_gives_back_its_room_exactly():
    backlog = Backlog(max_rows=10, max_bytes=10)
    entries = [Entry(n, rows=3, size=1) for n in range(3)]
    assert all(backlog.put(entry, important=False) for entry in entries)
    taken, signals = backlog.take(4)
    assert (taken, signals, backlog.rows) == (entries[:2], [], 9)
    for entry in taken:
        backlog.settle(entry)
    assert (backlog.rows, backlog.size, len(backlog)) == (3, 1, 1)


def test_a_signal_in_the_queue_comes_with_what_stands_before_it():
    backlog = Backlog(max_rows=10, max_bytes=10)
    backlog.put(Entry("a"), important=False)
    first, second = backlog.mark(), backlog.mark()
    backlog.put(Entry("b"), important=False)
    assert backlog.take(100) == ([Entry("a")], [first, second])
    assert backlog.take(100) == ([Entry("b")], [])
