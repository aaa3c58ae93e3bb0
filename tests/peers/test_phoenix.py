"""A real Phoenix takes what is forwarded and groups the same sessions; so it does where it was down meanwhile."""

import json
import os
import subprocess
import sys
import time
import urllib.request

import pytest

pytest.importorskip("phoenix.version", reason="Phoenix is not installed")

import convotrace as ct
from convotrace.jobs.forwarding import Forwarder
from convotrace.jobs.otlp_client import Forward

SESSIONS = {"shop-1": 3, "shop-2": 1, "订单 7": 2}


@pytest.fixture
def phoenix(tmp_path, free_port):
    """Return how to start a Phoenix on one port; each start goes on with the same data."""
    port, grpc, running = free_port(), free_port(), []
    env = {
        **os.environ, "PHOENIX_WORKING_DIR": str(tmp_path / "phoenix"), "PHOENIX_PORT": str(port),
        "PHOENIX_GRPC_PORT": str(grpc), "PHOENIX_TELEMETRY_ENABLED": "false", "PHOENIX_HOST": "127.0.0.1",
    }  # fmt: skip
    env.pop("PYTHONPATH", None)

    def start():
        command = [sys.executable, "-m", "phoenix.server.main", "serve"]
        running.append(subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            try:
                ask(f"http://127.0.0.1:{port}/v1/projects")
                return f"http://127.0.0.1:{port}"
            except OSError:
                time.sleep(0.5)
        raise AssertionError("Phoenix did not start")

    yield start, f"http://127.0.0.1:{port}"
    for process in running:
        process.terminate()
        process.wait(30)


def ask(url):
    with urllib.request.urlopen(url, timeout=10) as answer:
        return json.load(answer)


def grouped(url):
    """Return the traces of each session as Phoenix groups them."""
    found = ask(f"{url}/v1/projects/default/sessions?limit=100")["data"]
    return {one["session_id"]: {trace["trace_id"] for trace in one["traces"]} for one in found}


def wait_for(url, wanted):
    for _ in range(120):
        if grouped(url) == wanted:
            break
        time.sleep(0.5)
    return grouped(url)


def hold_conversations(observer):
    for id, turns in SESSIONS.items():
        for number in range(turns):
            with observer.session(id, user_id="ann"):
                ct.set_input(f"question {number}")
                with ct.retrieval("kb", query="q") as search:
                    search.set_documents([{"id": "a", "text": "t", "score": 0.5}])
                with ct.generation("chat", model="m", input=f"question {number}") as call:
                    call.set_output("答え").set_usage(input=10, output=2)
                ct.set_output("答え")
                ct.score("kind", 1.0)
    observer.flush()
    return {id: {trace.id for trace in observer.store.session(id).traces} for id in SESSIONS}


def test_it_groups_the_sessions_that_are_stored_here(observer, phoenix):
    start, url = phoenix
    wanted = hold_conversations(observer)
    start()
    command = [sys.executable, "-m", "convotrace", "forward", "--store", observer.settings.store, "--to", url]
    for number in (1, 2):
        run = subprocess.run([*command, "--dialect", "phoenix", "--json"], capture_output=True, text=True, check=True)
        assert json.loads(run.stdout)["spans"] == (18 if number == 1 else 0)
    assert wait_for(url, wanted) == wanted
    assert len(ask(f"{url}/v1/projects/default/spans?limit=1000")["data"]) == 18


def test_one_that_was_down_gets_everything_when_it_comes(observer, phoenix):
    start, url = phoenix
    forwarder, began = Forwarder(Forward(url, dialect="phoenix")), time.time_ns() - 10**9
    forwarder.run(observer.store, began, lambda: True)
    wanted = hold_conversations(observer)
    later = time.time_ns() + 10**10
    forwarder.run(observer.store, later, lambda: True)
    state = observer.store.outbox(forwarder.to.target).state()
    assert state["failures"] == 1 and "ConnectionRefusedError" in state["error"]
    start()
    forwarder.run(observer.store, later + 10**11, lambda: True)
    assert wait_for(url, wanted) == wanted
