"""The one thread of a process that runs jobs: when it lives, what it survives, and that no program waits for it."""

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

import convotrace
from convotrace.jobs import Job, Work
from convotrace.jobs.runner import Runner
from convotrace.store import Store

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


def threads():
    return [thread for thread in threading.enumerate() if thread.name == "convotrace-jobs"]


def work_of(store, run, interval_ns=10**9, name="job"):
    return Work(lambda: store, [Job(name, interval_ns, run)], print, LONG_AGO)


def soon(condition, patience=10):
    deadline = time.monotonic() + patience
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.005)
    return condition()


def test_the_thread_starts_with_the_first_work_and_ends_with_the_last(runner, store):
    before, ran = len(threads()), []
    works = [work_of(store, lambda *_, n=n: ran.append(n), name=f"job {n}") for n in range(2)]
    for work in works:
        runner.add(work)
    assert soon(lambda: {0, 1} <= set(ran))
    assert len(threads()) == before + 1
    assert runner.remove(works[0])
    assert len(threads()) == before + 1
    assert runner.remove(works[1])
    assert soon(lambda: len(threads()) == before)
    runner.add(work_of(store, lambda *_: ran.append(3), name="job 3"))
    assert soon(lambda: 3 in ran)
    runner.remove(runner._works[0])


def test_work_that_is_removed_is_waited_for_as_long_as_asked(runner, store):
    began, end = threading.Event(), threading.Event()

    def run(*_):
        began.set()
        end.wait(10)

    work = work_of(store, run)
    runner.add(work)
    assert began.wait(10)
    assert not runner.remove(work, 0.02)
    end.set()
    assert runner.remove(work, 10)


def script(body, tmp_path, patience=60):
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-c", "import os, sys, threading, time\n" + body],
        env={**os.environ, "PYTHONPATH": ROOT, "CONVOTRACE_STORE": f"sqlite:///{tmp_path}/s.db"},
        capture_output=True, text=True, timeout=patience, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout, time.monotonic() - began


RECORD = """
import convotrace
ct = convotrace.ConvoTrace()
with ct.session("s"):
    convotrace.set_input("hello")
ct.flush()
names = [thread.name for thread in threading.enumerate()]
"""


def test_a_script_that_records_and_ends_waits_for_no_job(tmp_path):
    out, took = script(RECORD + "print(names.count('convotrace-jobs'), time.process_time())", tmp_path)
    assert out.startswith("1 ")
    assert took < 8


def test_a_job_in_the_middle_of_a_run_delays_the_exit_by_a_step_only(tmp_path):
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
assert began.wait(10)
print(time.monotonic())
"""
    )
    out, _ = script(body, tmp_path)
    assert time.monotonic() - float(out) < 5


def test_nothing_starts_where_nothing_is_recorded(tmp_path):
    out, _ = script("import convotrace, convotrace.jobs.runner\nprint(threading.active_count())", tmp_path)
    assert out == "1\n"
    keep = "os.environ.update(CONVOTRACE_RETENTION_DAYS='none', CONVOTRACE_RETENTION_BYTES='None')\n"
    out, _ = script(keep + RECORD + "print(names.count('convotrace-jobs'), ct.settings.warnings)", tmp_path)
    assert out == "1 ()\n"


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
time.sleep(0.3)
print(threading.active_count())
"""
    )
    out, _ = script(body, tmp_path)
    assert out == "3 20\n1\n"


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
        ok, stats = ct.flush(20), ct.writer.stats()
        os._exit(0 if ok and (stats["written"]["traces"], stats["dropped"]) == (1, {}) else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
ended = RUNNER.remove(work, 10)
print(ended, sum(deleted) > 0, ct.store.integrity())
ct.close()
"""
    )
    out, _ = script(body, tmp_path)
    assert out == "True True ok\n"
