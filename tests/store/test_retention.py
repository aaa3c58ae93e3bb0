"""What is old or too much goes: whole sessions, the longest idle first, a bounded number of rows at a time."""

import random
import signal
import subprocess
import time
from pathlib import Path

import pytest

from convotrace.model import Event
from convotrace.store import Store, retention
from convotrace.store.removal import ROWS_AT_ONCE, Removed
from convotrace.store.retention import DAY_NS, Limits
from tests.store.conftest import START, rows
from tests.store.test_processes import command, environment

DAY = 86400
NOW = START + 100 * DAY_NS
MONTH = Limits(age_ns=30 * DAY_NS)


def noise(seed=None):
    """Return a text that is stored apart and cannot be compressed much."""
    return random.Random(seed).randbytes(450).hex()


def fill(store, make, days, spans=2):
    """Write one session for each age in days; its id is that age."""
    for age in days:
        steps = tuple(make.span(result=noise()) for _ in range(spans))
        store.write([make.change(str(age), make.trace(str(age), at=(100 - age) * DAY, spans=steps))])


def prune(store, limits, now=NOW, **options):
    return sum(store.prune(limits, now, **options), Removed())


def ids(store):
    return [session.id for session in store.sessions(limit=200)]


def test_what_was_active_within_the_age_stays_and_the_rest_goes_whole(store, make):
    fill(store, make, [1, 29, 31, 60])
    assert store.over(MONTH, NOW) == prune(store, MONTH) == Removed(2, 2, 4)
    assert ids(store) == ["1", "29"]
    assert store.session("31") is None
    assert [len(trace.spans) for trace in store.session("29").traces] == [2]
    assert prune(store, MONTH) == Removed()


def test_the_age_counts_from_the_last_activity_not_the_first(store, make):
    fill(store, make, [60])
    store.write([make.change("60", make.trace("60", at=(100 - 2) * DAY))])
    assert prune(store, MONTH) == Removed()
    assert store.session("60").session.turns == 2


def test_nothing_is_left_of_a_session_that_went(store, make):
    event = Event("handoff", START)
    store.write([make.change("60", make.trace("60", at=40 * DAY, answer_ids=("r1",)), events=(event,))])
    fill(store, make, [60, 50, 1])
    store.write([make.outside("60", events=(event,))])
    prune(store, MONTH)
    tables = [table._meta.table_name for table in store._ready().tables.of_session()]
    assert len({key for table in tables for key in rows(store, f"SELECT DISTINCT sid FROM {table}")}) == 1


@pytest.mark.sqlite
def test_over_the_bytes_the_longest_idle_go_and_the_file_shrinks(store, make):
    empty = store.diagnosis().pages.used_bytes
    fill(store, make, range(90, 2, -1), spans=20)
    limit = empty + (store.diagnosis().pages.used_bytes - empty) // 3
    removed = prune(store, Limits(bytes=limit))
    after = store.diagnosis().pages
    assert after.used_bytes <= after.bytes <= limit
    assert after.used_bytes > empty + (limit - empty) // 2
    left = [int(age) for age in ids(store)]
    assert left == list(range(3, 3 + len(left))) and removed.sessions == 88 - len(left)


def test_over_the_rows_the_longest_idle_go(store, make):
    fill(store, make, [50, 40, 30, 20, 10], spans=9)
    assert store.over(Limits(rows=25), NOW) == prune(store, Limits(rows=25)) == Removed(3, 3, 27)
    assert ids(store) == ["10", "20"]


def test_a_session_that_is_active_stays_whatever_the_limits(store, make):
    fill(store, make, [1], spans=ROWS_AT_ONCE)
    now = store.session("1").session.last_ns + 60 * 10**9
    for limits in (Limits(bytes=1), Limits(rows=1), Limits(age_ns=1)):
        assert prune(store, limits, now) == store.over(limits, now) == Removed()
    assert prune(store, Limits(rows=1, active_ns=59 * 10**9), now) == Removed(1, 1, ROWS_AT_ONCE)


def test_a_session_in_which_something_runs_stays_until_its_process_is_gone(store, make):
    fill(store, make, [90, 80])
    store.write([make.change("90", make.trace("90", at=11 * DAY, status="running", duration_ns=None))])
    store.put_worker(store.worker, {}, NOW)
    assert prune(store, MONTH) == Removed(1, 1, 2)
    assert ids(store) == ["90"]
    later = NOW + DAY_NS
    assert prune(store, MONTH, later) == Removed(1, 2, 2)


@pytest.fixture
def long(store, make):
    """A session of a few traces and many more rows than one transaction deletes, and an ordinary one."""
    steps = tuple(make.span(result=noise(n)) for n in range(ROWS_AT_ONCE))
    for number in range(3):
        steps = tuple(make.span(result=noise(n)) for n in range(ROWS_AT_ONCE))
        store.write([make.change("long", make.trace("long", at=number, spans=steps))])
    fill(store, make, [90])
    return store


def test_a_long_session_goes_at_once_for_readers_and_in_pieces_for_the_lock(long, database):
    steps = iter(long.prune(MONTH, NOW))
    assert next(steps) == Removed(2, 4, 3 * ROWS_AT_ONCE + 2)
    assert ids(long) == []
    assert long.session("long") is None
    assert len(list(steps)) > 3
    assert prune(long, MONTH) == Removed()
    # PostgreSQL keeps the room for what comes next; a file has but the pages of its empty tables and indexes.
    found = long.diagnosis().pages
    assert database == "postgres" or found.used_bytes < 80 * found.size


def test_a_session_that_begins_again_while_its_old_rows_go_holds_only_the_new_and_all_of_it(long, make):
    old = long.session("long").traces[0]
    next(iter(long.prune(MONTH, NOW)))
    # The same content as before, and a later state of an old trace.
    again = make.trace("long", id=old.id, at=0, spans=[make.span(result=noise(0))])
    long.write([make.change("long", again, written_as="long")])
    assert prune(long, Limits()) == Removed()
    found = long.session("long")
    assert [span.result for trace in found.traces for span in trace.spans] == [noise(0)]
    assert (found.session.turns, found.session.spans) == (1, 1)


def test_the_audit_says_how_much_went_when_and_by_whom(store, make):
    fill(store, make, [90, 80, 40])
    for now in (NOW, NOW + 20 * DAY_NS):
        for days in (70, 30):
            prune(store, Limits(age_ns=days * DAY_NS), now, actor="someone")
    first, *others = store.deletions()
    assert others == []
    assert (first.at_ns, first.actor, first.action, first.removed) == (NOW, "someone", "retention", Removed(3, 3, 6))
    fill(store, make, [1])
    prune(store, MONTH, NOW + 40 * DAY_NS)
    assert [line.at_ns for line in store.deletions()] == [NOW + 40 * DAY_NS, NOW]
    assert first.at.startswith("2024-02-2")


def test_it_ends_where_it_is_told_to(store, make):
    fill(store, make, range(90, 40, -1), spans=40)
    asked = iter([True])
    removed = prune(store, MONTH, go_on=lambda: next(asked, False))
    assert 0 < removed.sessions < 50
    assert len(ids(store)) == 50 - removed.sessions


@pytest.mark.sqlite
def test_room_is_given_back_to_the_disk(store, store_url, make):
    fill(store, make, range(90, 30, -1), spans=200)
    path = Path(store_url.removeprefix("sqlite:///"))
    Store.open(store_url).close()
    before = store.diagnosis().pages.bytes
    prune(store, MONTH)
    assert path.stat().st_size < before / 2
    assert store.integrity() == "ok"


def test_a_store_in_memory_is_kept_within_its_limits_too(memory, make):
    fill(memory, make, [90, 1])
    assert prune(memory, MONTH) == Removed(1, 1, 2)
    assert ids(memory) == ["1"]


PRUNED = """
from convotrace.store.retention import Limits
store = Store.open(url)
for number in range(60):
    store.write([change(f"s{number}", 10**6 + number * 1000 + n) for n in range(5)])
store.write([change("long", n) for n in range(700)])
print("ready", flush=True)
for removed in store.prune(Limits(rows=1, active_ns=1), time.time_ns() + 10):
    print(removed.sessions, flush=True)
"""


@pytest.mark.parametrize("lines", [1, 6])
def test_a_kill_while_pruning_leaves_a_whole_file_and_the_rest_for_the_next(store_url, lines):
    with subprocess.Popen(command(store_url, PRUNED), env=environment(), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "ready\n"
        for _ in range(lines):
            process.stdout.readline()
        process.send_signal(signal.SIGKILL)
    store = Store.open(store_url, create=False)
    assert store.integrity() == "ok"
    left = [session.id for session in store.sessions(limit=200)]
    assert all(store.session(id).session.turns == len(store.session(id).traces) for id in left)
    prune(store, Limits(rows=1, active_ns=1), time.time_ns() + 10)
    assert (ids(store), store.integrity()) == ([], "ok")
    assert sum(line.removed.sessions for line in store.deletions()) == 61
    store.close()


def test_processes_that_prune_and_write_at_once_lose_and_double_nothing(store_url):
    body = """
from convotrace.store.retention import Limits
store = Store.open(url)
removed = 0
for number in range(60):
    store.write([change(f"{os.getpid()} {number}") for _ in range(5)])
    if number % 10 == 9:
        removed += sum(r.sessions for r in store.prune(Limits(rows=1, active_ns=1), time.time_ns() + 10))
print(removed)
store.close()
"""
    processes = [
        subprocess.Popen(command(store_url, body), env=environment(), stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    removed = sum(int(process.communicate(timeout=60)[0]) for process in processes)
    store = Store.open(store_url, create=False)
    left = store.sessions(limit=200).sessions
    # A session may go while its last turns are on their way: then it comes twice.
    assert removed + len(left) >= 180
    assert sum(line.removed.sessions for line in store.deletions()) == removed
    assert sum(line.removed.traces for line in store.deletions()) + sum(s.turns for s in left) == 900
    assert store.integrity() == "ok"
    store.close()


def test_a_slow_disk_makes_transactions_smaller_and_a_quick_one_larger_again(store, make, monkeypatch):
    fill(store, make, range(90, 60, -1), spans=40)
    run = retention._Run(store._ready(), MONTH, NOW, "test")
    clock, pace = [0.0], [1.0]

    def now():
        clock[0] += pace[0]
        return clock[0]

    monkeypatch.setattr(retention.time, "perf_counter", now)
    rooms = []
    for step in range(12):
        pace[0] = 1.0 if step < 6 else 0.0
        assert run.step() is not None
        rooms.append(run._room)
    assert rooms[:6] == sorted(rooms[:6], reverse=True) and rooms[5] == retention._LEAST_ROOM
    assert rooms[6:] == sorted(rooms[6:]) and rooms[-1] == ROWS_AT_ONCE
    monkeypatch.undo()
    prune(store, MONTH)
    assert ids(store) == []
