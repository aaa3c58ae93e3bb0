"""The ways in which servers run an app: threads, greenlets, forks before and after loading, reloads, signals."""

import importlib.util
import json
import shutil
import sqlite3
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from convotrace import Store

pytestmark = [pytest.mark.servers, pytest.mark.slow]
HERE = Path(__file__).parent


def stored(server):
    """Return the sessions with their traces, and check that the file is whole."""
    store = Store.open(server.store)
    found = {session.id: store.session(session.id).traces for session in store.sessions(limit=200)}
    store.close()
    connection = sqlite3.connect(server.store.removeprefix("sqlite:///"))
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()
    return found


def talk(server, requests=200, sessions=20, clients=16):
    """Post messages from many clients at once."""
    with ThreadPoolExecutor(clients) as pool:
        list(pool.map(lambda n: server.chat(f"s{n % sessions}", f"m{n}"), range(requests)))


def assert_all_there(server, requests=200, sessions=20):
    found = stored(server)
    for k in range(sessions):
        texts = {trace.input.text for trace in found[f"s{k}"]}
        assert texts == {f"m{n}" for n in range(requests) if n % sessions == k}
        assert {trace.status for trace in found[f"s{k}"]} == {"ok"}
        assert all([span.name for span in trace.spans] == ["echo"] for trace in found[f"s{k}"])


GUNICORN = [
    ("--workers", "2", "--worker-class", "gthread", "--threads", "8"),
    ("--workers", "2", "--preload"),
    ("--workers", "2", "--preload", "--worker-class", "gthread", "--threads", "4"),
    ("--workers", "2", "--max-requests", "30"),
]


@pytest.mark.parametrize("how", GUNICORN, ids=" ".join)
def test_every_way_of_gunicorn_stores_every_turn(gunicorn, how):
    app = gunicorn(*how)
    talk(app)
    app.stop()
    assert app.process.stdout.read() == b""
    assert_all_there(app)


@pytest.mark.parametrize("how", [(), ("--preload",)], ids=["plain", "preload"])
def test_greenlets_keep_their_own_session(gunicorn, how):
    if importlib.util.find_spec("gevent") is None:
        pytest.skip("gevent is not installed")
    app = gunicorn("--worker-class", "gevent", "--workers", "2", *how)

    def slow(n):
        body = {"session_id": f"s{n % 20}", "message": f"m{n}"}
        assert json.loads(app.request("POST", "/slow", body)[2]) == {"reply": f"m{n}"}

    began = time.monotonic()
    with ThreadPoolExecutor(50) as pool:
        list(pool.map(slow, range(200)))
    # Twenty at least run at once: nothing of ours stops the hub for the time of a request.
    assert time.monotonic() - began < 200 * 0.05 / 2
    app.stop()
    assert app.process.stdout.read() == b""
    found = stored(app)
    assert sum(map(len, found.values())) == 200
    for traces in found.values():
        for trace in traces:
            (span,) = trace.spans
            assert [event.name for event in span.events] == [trace.input.text]


def test_uvicorn_with_workers_stores_every_turn(uvicorn):
    app = uvicorn("--workers", "2")
    talk(app)
    app.stop()
    assert_all_there(app)


def test_a_reload_leaves_nothing_running_for_ever(start, tmp_path):
    shutil.copy(HERE / "served.py", tmp_path / "served_again.py")
    reload = ("--reload", "--reload-dir", str(tmp_path), "--app-dir", str(tmp_path), "--log-level", "error")
    app = start(sys.executable, "-m", "uvicorn", "served_again:fastapi_app", "--port", "{port}", *reload)
    app.chat("s0", "before")
    before = app.request("GET", "/pid")[2]
    (tmp_path / "served_again.py").touch()
    deadline = time.monotonic() + 20
    while app.request("GET", "/pid")[2] == before:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    app.chat("s0", "after")
    app.stop()
    assert [(trace.input.text, trace.status) for trace in stored(app)["s0"]] == [("before", "ok"), ("after", "ok")]


def test_a_fork_inside_a_request_hangs_nobody_and_counts_once(gunicorn):
    app = gunicorn("--worker-class", "gthread", "--threads", "4")

    def load():
        for n in range(60):
            app.chat(f"s{n % 5}", f"m{n}")

    with ThreadPoolExecutor(1) as pool:
        others = pool.submit(load)
        for n in range(60):
            body = {"session_id": f"s{n % 5}", "message": f"m{n}"}
            assert json.loads(app.request("POST", "/fork", body)[2]) == {"reply": f"m{n}"}
        others.result()
    app.stop()
    assert sum(map(len, stored(app).values())) == 120


def test_a_term_signal_under_load_loses_no_answered_turn(gunicorn):
    app = gunicorn("--worker-class", "gthread", "--threads", "4")
    answered, enough, stop = [], threading.Event(), threading.Event()

    def load(k):
        n = 0
        while not stop.is_set():
            try:
                app.chat(f"s{k}", f"m{n}")
            except (OSError, AssertionError):
                return
            answered.append((k, f"m{n}"))
            n += 1
            if len(answered) > 50:
                enough.set()

    threads = [threading.Thread(target=load, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    assert enough.wait(60)
    app.stop()
    stop.set()
    for thread in threads:
        thread.join()
    found = stored(app)
    assert {(int(id[1:]), trace.input.text) for id, traces in found.items() for trace in traces} >= set(answered)
