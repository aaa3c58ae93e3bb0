"""Several processes on one file, and the ends that processes come to."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import convotrace
from convotrace.store import Store
from convotrace.store.workers import GONE_AFTER_NS
from tests.store.audit import audit, audit_store

ROOT = str(Path(convotrace.__file__).parents[1])
SCRIPT = """
import os, sys, threading, time
from convotrace.model import Change, SessionFacts, Trace, Payload, Span
from convotrace.store import Store, Writer
from convotrace.store.sqlite import connections, making

# Many processes on few cores: who has to wait for a lock waits, as the tests' own process does.
connections.LOCK_PATIENCE = connections.OPEN_PATIENCE = making.OPEN_PATIENCE = connections._FORK_PATIENCE = 60
url = sys.argv[1]
started = time.time_ns()
numbers = iter(range(10**9))


def change(session, number=None, **fields):
    number = next(numbers) if number is None else number
    id = f"{os.getpid():016x}{number:016x}"
    spans = (Span(f"{number + 1:016x}", id, "step", result="x" * 1_600),)
    trace = Trace(id, session, is_turn=True, started_ns=time.time_ns(), input=Payload("hi"), spans=spans, **fields)
    return Change(SessionFacts(session, id_source="header"), trace)


def writer(**options):
    return Writer(lambda: Store.open(url), lambda item: [item], **{"interval": 0.01, **options})

"""


def command(url, body):
    return [sys.executable, "-X", "dev", "-c", SCRIPT + body, url]


def environment():
    return {**os.environ, "PYTHONPATH": ROOT, "PYTHONDEVMODE": ""}


def run(url, body, code=0):
    done = subprocess.run(
        command(url, body), env=environment(), capture_output=True, text=True, timeout=120, check=False
    )
    assert (done.returncode, done.stderr) == (code, "")
    return done.stdout


FORKS = """
shared = Store.open(url)
w = Writer(lambda: shared, lambda item: [item], interval=0.001)
stop = threading.Event()


def load():
    while not stop.is_set():
        w.put(change("parent"))
        shared.sessions()
        time.sleep(0.0005)


thread = threading.Thread(target=load)
thread.start()
w.put(change("parent"))
assert w.drain(60)
children = []
for number in range(20):
    time.sleep(0.003)
    pid = os.fork()
    if not pid:
        w.put(change("child", number))
        ok = w.drain(60) and shared.session("child") is not None
        os._exit(0 if ok else 1) if number % 2 else sys.exit(0 if ok else 1)
    children.append(pid)
codes = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in children]
stop.set()
thread.join()
assert w.drain(60)
print(codes, w.stats()["written"]["traces"], w.stats()["dropped"])
w.close()
"""


def test_forks_under_load_write_on_both_sides(store_url):
    codes, rest = run(store_url, FORKS).split("] ")
    assert codes == "[" + ", ".join("0" * 20)
    written = int(rest.split()[0])
    assert rest.split(" ", 1)[1].strip() == "{}"
    store = Store.open(store_url, create=False)
    assert {s.id: s.turns for s in store.sessions()} == {"parent": written, "child": 20}
    assert store.integrity() == "ok"
    store.close()


def test_four_processes_on_one_file_lose_nothing(store_url):
    body = """
w = writer()
for _ in range(250):
    w.put(change("all"))
    w.put(change(f"own {os.getpid()}"))
    time.sleep(0.0002)
assert w.close(60), w.stats()
"""
    processes = [
        subprocess.Popen(command(store_url, body), env=environment(), stderr=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    for process in processes:
        assert (process.communicate(timeout=120)[1], process.returncode) == ("", 0)
    store = Store.open(store_url, create=False)
    assert sorted(session.turns for session in store.sessions()) == [250, 250, 250, 250, 1000]
    assert store.integrity() == "ok"
    assert len(store.session("all").traces) == 1000
    assert store.metrics().total.count == 2000
    store.roll_up(now_ns=time.time_ns() + 10**12)
    assert store.metrics().total.count == 2000
    store.close()


CROWD = """
w = writer(max_rows=3000)
sent, deadline = 0, time.monotonic() + float(os.environ["CROWD_SECONDS"])
while time.monotonic() < deadline:
    for _ in range(40):
        w.put(change(f"s{sent % 50}" if sent % 2 else f"own {os.getpid()}"))
        sent += 1
    time.sleep(0.01)
assert w.close(60), w.stats()
dropped = sum(number for reasons in w.stats()["dropped"].values() for number in reasons.values())
print(sent, w.stats()["written"]["traces"], dropped)
"""


@pytest.mark.slow
def test_of_eight_processes_on_one_file_for_a_minute_all_that_was_sent_is_stored_or_counted(tmp_path):
    crowd(f"sqlite:///{tmp_path}/store/crowd.db", seconds=60).close()
    assert audit(tmp_path / "store" / "crowd.db") == []


def crowd(url, seconds):
    """Let eight processes write as fast as they can; return the store, which holds what they say that it does."""
    asked = {**environment(), "CROWD_SECONDS": str(seconds)}
    processes = [
        subprocess.Popen(command(url, CROWD), env=asked, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(8)
    ]
    told = [process.communicate(timeout=300) for process in processes]
    assert [(process.returncode, errors) for process, (_, errors) in zip(processes, told, strict=True)] == [(0, "")] * 8
    counts = [tuple(map(int, out.split())) for out, _ in told]
    assert all(sent == written + dropped for sent, written, dropped in counts), counts
    print([sum(numbers) for numbers in zip(*counts, strict=True)], "sent, stored, counted as dropped")
    store = Store.open(url, create=False)
    assert sum(session.turns for session in store.sessions(limit=1000)) == sum(written for _, written, _ in counts)
    return store


KILLED = """
w = writer()
w.put(change("unfinished", 999, status="running"))
for number in range(100000):
    w.put(change("s", number))
    if number % 7 == 0:
        assert w.drain(60)
        print(number, flush=True)
"""


@pytest.mark.parametrize("lines", [3, 40])
def test_what_was_drained_before_a_kill_is_there_and_the_file_is_whole(store_url, lines):
    with subprocess.Popen(command(store_url, KILLED), env=environment(), stdout=subprocess.PIPE, text=True) as process:
        for _ in range(lines):
            last = int(process.stdout.readline())
        process.send_signal(signal.SIGKILL)
    store = Store.open(store_url, create=False)
    assert store.integrity() == "ok"
    found = store.session("s")
    assert found.session.turns == len(found.traces) >= last + 1
    assert all(trace.spans[0].result == "x" * 1_600 for trace in found.traces)
    assert store.session("unfinished").traces[0].status == "interrupted"
    assert store.interrupted() == (store.session("unfinished").traces[0].id,)
    # What the process had not counted is read from its rows, and then counted by others.
    assert store.metrics().total.count == found.session.turns + 1
    store.roll_up(now_ns=time.time_ns() + 10**12)
    assert store.metrics().total.count == found.session.turns + 1
    store.close()


ENDINGS = {
    "the end of the program": "",
    "sys.exit": "sys.exit(0)",
    "sys.exit in a thread": "threading.Thread(target=lambda: (time.sleep(0.05), sys.exit())).start()",
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_what_is_queued_is_written_at_exit(store_url, ending):
    run(store_url, "w = writer(interval=5)\nfor _ in range(50): w.put(change('s'))\n" + ENDINGS[ending])
    store = Store.open(store_url, create=False)
    assert store.session("s").session.turns == 50
    store.close()


def test_no_exit_waits_for_a_store_that_never_opens(tmp_path):
    run(f"sqlite:///{tmp_path}", "w = writer()\nfor _ in range(5): w.put(change('s'))\n")


def test_a_running_trace_is_interrupted_once_its_process_is_gone(store, make):
    store.write([make.change(trace=make.trace(status="running", duration_ns=None))])
    (trace,) = store.session("s").traces
    now = time.time_ns()
    assert (trace.status, store.interrupted(now)) == ("running", ())
    assert store.interrupted(now + 2 * GONE_AFTER_NS) == (trace.id,)
    store.put_worker(store.worker, {}, now - 2 * GONE_AFTER_NS)
    assert store.session("s").traces[0].status == "interrupted"


def test_workers_show_what_each_process_counted(store_url):
    body = "store = Store.open(url)\nstore.put_worker(store.worker, {'requests': 3})\nprint(os.getpid())\nstore.close()"
    pid = int(run(store_url, body))
    store = Store.open(store_url)
    store.put_worker(store.worker, {"requests": 4})
    workers = store.workers()
    assert [(w.pid, w.alive, w.present, dict(w.counters)) for w in workers] == [
        (pid, False, False, {"requests": 3}),
        (os.getpid(), True, True, {"requests": 4}),
    ]
    store.put_worker(store.worker, {}, time.time_ns() - 2 * GONE_AFTER_NS)
    assert [(w.alive, w.present) for w in store.workers() if w.pid == os.getpid()] == [(False, True)]
    store.close()


def test_a_store_in_memory_is_empty_in_a_forked_child(store_url):
    body = """
store = Store.open("memory:")
store.write([change("s")])
pid = os.fork()
if not pid:
    os._exit(0 if store.session("s") is None and store.integrity() == "ok" else 1)
assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
assert store.session("s").session.turns == 1
store.close()
"""
    run(store_url, body)


def test_threads_that_fork_at_the_same_time_do_not_wait_for_each_other_for_ever(store_url):
    body = """
sys.setswitchinterval(1e-6)
stores = [Store.open(url) for _ in range(30)]
begin = threading.Barrier(8)


def fork():
    begin.wait()
    for _ in range(15):
        pid = os.fork()
        if not pid:
            os._exit(0)
        os.waitpid(pid, 0)


threads = [threading.Thread(target=fork, daemon=True) for _ in range(8)]
[thread.start() for thread in threads]
[thread.join(60) for thread in threads]
print(sum(thread.is_alive() for thread in threads), flush=True)
os._exit(0)
"""
    assert run(store_url, body).strip() == "0"


TANGLED = """
import random
from convotrace.model import Link
from convotrace.errors import StoreError
store, chance = Store.open(url), random.Random(os.getpid())
shown = {}


def patiently(action):
    for _ in range(30):  # on a busy machine the others may have the lock for longer than one try waits
        try:
            return action()
        except StoreError as error:
            last = error
    raise last


for number in range(60):
    changes = []
    for _ in range(6):
        home = f"s{chance.randrange(5)}"
        if shown and chance.random() < 0.4:
            id, (was, at) = shown.popitem()
            spans = (Span(f"{number + 1:016x}", id, "step", kind="tool", result="y" * 1_900),)
            trace = Trace(id, home, is_turn=True, started_ns=at, duration_ns=5, input=Payload("hi"), spans=spans)
            changes.append(Change(SessionFacts(home, links=(Link("s0", "next"),)), trace, written_as=was))
        else:
            new = change(home, status="running") if chance.random() < 0.5 else change(home)
            if new.trace.status == "running":
                shown[new.trace.id] = (home, new.trace.started_ns)
            changes.append(new)
    retry = chance.random() < 0.1
    patiently(lambda: store.write(changes, retry=retry))
    if number % 20 == 19:
        patiently(lambda: store.forget(session="s4"))
store.close()
"""


def test_processes_that_write_into_the_same_sessions_keep_rows_and_totals_true(store_url):
    running = [subprocess.Popen(command(store_url, TANGLED), env=environment()) for _ in range(4)]
    assert [process.wait(120) for process in running] == [0] * 4
    store = Store.open(store_url, create=False)
    assert audit_store(store) == []
    assert sum(session.turns for session in store.sessions()) > 300
    store.close()
