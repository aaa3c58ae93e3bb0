"""The one thread of a process that runs jobs: when it lives, what it survives, and that no program waits for it."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import convotrace
from convotrace.jobs import Job, Work
from convotrace.jobs.runner import Runner
from convotrace.store import Store
from tests.patience import PATIENCE, until

ROOT = str(Path(convotrace.__file__).parents[1])
LONG_AGO = 1_600_000_000 * 10**9


@pytest.fixture
def runner():
    """A runner of the test's own."""
    return Runner()


@pytest.fixture
def store():
    opened = Store.open("memory:")
    yield opened
    opened.close()


@pytest.fixture
def alive(runner, monkeypatch):
    """Return the threads of the runner that live; a process may have others of earlier tests."""
    started = []

    def start(run, name):
        thread = threading.Thread(target=run, name=name, daemon=True)
        started.append(thread)
        thread.start()

    monkeypatch.setattr("convotrace.jobs.runner.start_thread", start)
    return lambda: [thread for thread in started if thread.is_alive()]


def work_of(store, run, interval_ns=10**9, name="job"):
    return Work(lambda: store, [Job(name, interval_ns, run)], print, LONG_AGO)


def test_the_thread_starts_with_the_first_work_and_ends_with_the_last(runner, store, alive):
    ran = []
    works = [work_of(store, lambda *_, n=n: ran.append(n), name=f"job {n}") for n in range(2)]
    for work in works:
        runner.add(work)
    until(lambda: {0, 1} <= set(ran))
    assert len(alive()) == 1
    assert runner.remove(works[0], PATIENCE)
    assert len(alive()) == 1
    assert runner.remove(works[1], PATIENCE)
    until(lambda: not alive())
    runner.add(work_of(store, lambda *_: ran.append(3), name="job 3"))
    until(lambda: 3 in ran)
    runner.remove(runner._works[0])


def test_work_that_is_removed_is_waited_for_as_long_as_asked(runner, store):
    began, end = threading.Event(), threading.Event()

    def run(*_):
        began.set()
        end.wait(PATIENCE)

    work = work_of(store, run)
    runner.add(work)
    assert began.wait(PATIENCE)
    assert not runner.remove(work, 0.02)
    end.set()
    assert runner.remove(work, PATIENCE)


def script(body, tmp_path):
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-c", "import os, sys, threading, time\n" + body],
        env={**os.environ, "PYTHONPATH": ROOT, "CONVOTRACE_STORE": f"sqlite:///{tmp_path}/s.db"},
        capture_output=True, text=True, timeout=2 * PATIENCE, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


RECORD = """
import convotrace
ct = convotrace.ConvoTrace()
with ct.session("s"):
    convotrace.set_input("hello")
ct.flush()
names = [thread.name for thread in threading.enumerate()]
"""


def test_a_script_that_records_and_ends_waits_for_no_job(tmp_path):
    far_away = "import convotrace.jobs.work\nconvotrace.jobs.work._FIRST_LOOK_NS = 10**9 * 3600\n"
    assert script(far_away + RECORD + "print(names.count('convotrace-jobs'))", tmp_path) == "1\n"


def test_a_job_in_the_middle_of_an_endless_run_keeps_no_program_from_ending(tmp_path):
    body = (
        RECORD
        + """
from convotrace.jobs import Job, Work
from convotrace.jobs.runner import RUNNER
began = threading.Event()


def run(store, now_ns, go_on):
    began.set()
    while True:
        store.leases.until("x")
        time.sleep(0.01)


RUNNER.add(Work(ct.open_store, [Job("endless", 10**9, run)], lambda *_: None, 0))
assert began.wait(60)
print("ends")
"""
    )
    assert script(body, tmp_path) == "ends\n"


def test_nothing_starts_where_nothing_is_recorded(tmp_path):
    assert script("import convotrace, convotrace.jobs.runner\nprint(threading.active_count())", tmp_path) == "1\n"
    keep = "os.environ.update(CONVOTRACE_RETENTION_DAYS='none', CONVOTRACE_RETENTION_BYTES='None')\n"
    assert script(keep + RECORD + "print(names.count('convotrace-jobs'), ct.settings.warnings)", tmp_path) == "1 ()\n"


def test_a_forked_child_that_records_has_a_runner_of_its_own(tmp_path):
    body = (
        RECORD
        + """
for number in range(20):
    pid = os.fork()
    if not pid:
        before = [thread.name for thread in threading.enumerate()].count("convotrace-jobs")
        with ct.session("child"):
            convotrace.set_input("hello")
        ok = ct.flush()
        after = [thread.name for thread in threading.enumerate()].count("convotrace-jobs")
        os._exit(0 if ok and (before, after) == (0, 1) else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
print(threading.active_count(), ct.store.session("child").session.turns)
ct.close()
deadline = time.monotonic() + 60
while threading.active_count() > 1 and time.monotonic() < deadline:
    time.sleep(0.01)
print(threading.active_count())
"""
    )
    assert script(body, tmp_path) == "3 20\n1\n"


def test_forks_while_a_job_deletes_leave_both_sides_able_to_write(tmp_path):
    body = (
        RECORD
        + """
from convotrace.jobs import Job, Work
from convotrace.jobs.runner import RUNNER
from convotrace.store.retention import Limits
deleted = []


def run(store, now_ns, go_on):
    for number in range(10**6):
        if not go_on():
            return
        with ct.session(f"old {number}"):
            convotrace.set_input("x" * 2000)
        limits = Limits(rows=1, active_ns=1)
        deleted.append(sum(r.sessions for r in store.prune(limits, time.time_ns() - 10**8, "test", go_on)))


work = Work(ct.open_store, [Job("test", 10**9, run)], print, 0)
RUNNER.add(work)
for number in range(15):
    time.sleep(0.02)
    pid = os.fork()
    if not pid:
        with ct.session(f"child {number}"):
            convotrace.set_input("hello")
        # The parent may have deleted it already.
        ok, stats = ct.flush(60), ct.writer.stats()
        os._exit(0 if ok and (stats["written"]["traces"], stats["dropped"]) == (1, {}) else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
deadline = time.monotonic() + 60
while not sum(deleted) and time.monotonic() < deadline:
    time.sleep(0.01)
ended = RUNNER.remove(work, 60)
print(ended, sum(deleted) > 0, ct.store.integrity())
ct.close()
"""
    )
    assert script(body, tmp_path) == "True True ok\n"
