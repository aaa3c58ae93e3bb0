"""The example apps under real servers: what is posted over HTTP is answered and stored."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from convotrace.demo.posting import post_all
from convotrace.demo.recordings import read
from convotrace.store import Store

ROOT = Path(__file__).parents[2]
SERVERS = {
    "fastapi": ["uvicorn", "examples.fastapi_app:app", "--log-level", "warning", "--port"],
    "flask": ["gunicorn", "examples.flask_app:app", "--threads", "8", "--log-level", "warning", "--bind"],
}

pytestmark = [pytest.mark.servers, pytest.mark.slow]


@contextmanager
def server(name: str, store: str) -> Iterator[str]:
    """Run an example under its server and yield its address."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    path = os.pathsep.join(map(str, (ROOT, ROOT / "integrations")))
    where = f"127.0.0.1:{port}" if name == "flask" else str(port)
    environ = {**os.environ, "CONVOTRACE_STORE": store, "PYTHONPATH": path}
    process = subprocess.Popen([sys.executable, "-m", *SERVERS[name], where], cwd=ROOT, env=environ)
    try:
        _wait(f"http://127.0.0.1:{port}/history", process)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)


def _wait(url: str, process: "subprocess.Popen[bytes]") -> None:
    for _ in range(200):
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except OSError:
            assert process.poll() is None, "the server ended"
            time.sleep(0.05)
    raise AssertionError(f"no answer from {url}")


@pytest.mark.parametrize("name", SERVERS)
def test_the_demo_s_conversations_are_answered_and_stored(name: str, tmp_path: Path) -> None:
    store = f"sqlite:///{tmp_path}/s.db"
    recordings = read([ROOT / "convotrace" / "demo" / "data" / "conversations.jsonl"])
    with server(name, store) as base:
        summary = post_all(recordings, base, workers=4)
    assert summary.failures == []
    opened = Store.open(store)
    sessions = [opened.session(recording.id) for recording in recordings]
    opened.close()
    assert all(sessions)
    assert sum(found.session.turns for found in sessions if found) == summary.counts["turns"]
