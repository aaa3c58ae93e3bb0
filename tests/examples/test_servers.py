"""The example apps under real servers: real conversations posted over HTTP give the totals they must."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from convotrace.demo.posting import post_all
from convotrace.demo.recordings import read
from convotrace.model import Conversation
from convotrace.store import Store

ROOT = Path(__file__).parents[2]
SERVERS = {
    "fastapi": ["uvicorn", "examples.fastapi_app:app", "--log-level", "warning", "--port"],
    "flask": ["gunicorn", "examples.flask_app:app", "--threads", "8", "--log-level", "warning", "--bind"],
}

pytestmark = pytest.mark.servers


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


@pytest.mark.data
@pytest.mark.slow
@pytest.mark.parametrize("via", ["verbs", "logs"])
@pytest.mark.parametrize("name", SERVERS)
def test_real_conversations_give_the_totals_they_must(name: str, via: str, tmp_path: Path, data: Path) -> None:
    store = f"sqlite:///{tmp_path}/s.db"
    expected = json.loads((data / "expected.json").read_text())["conversations"]
    with server(name, store) as base:
        for file in expected:
            assert post_all(read([data / "conversations" / file], via), base, workers=4).failures == []
    opened = Store.open(store)
    for file in expected:
        lines = (data / "conversations" / file).read_text(encoding="utf-8").splitlines()
        conversations = [json.loads(line) for line in lines]
        stored = [opened.session(conversation["id"]) for conversation in conversations]
        assert _counted([found for found in stored if found]) == _wanted(expected[file])
        for conversation, found in zip(conversations, stored, strict=True):
            assert found is not None and _texts(found) == [(t["user"], t["assistant"]) for t in conversation["turns"]]
    opened.close()


def _texts(stored: Conversation) -> list[tuple[str | None, str | None]]:
    return [(trace.input.text, trace.output.text) for trace in stored.traces]


def _wanted(expected: dict[str, Any]) -> Counter[str]:
    """Return the numbers of the file that a store can be asked for; what is not named there is none."""
    known = {name: value for name, value in expected.items() if isinstance(value, int) and name != "distinct_tools"}
    return +Counter({**known, **{f"rated {name}": count for name, count in expected["feedback"].items()}})


def _counted(stored: list[Conversation]) -> Counter[str]:
    counts: Counter[str] = Counter(conversations=len(stored))
    for found in stored:
        counts.update(_of(found))
    counts["users"] = len({found.session.user_id for found in stored} - {None})
    return +counts


def _of(found: Conversation) -> Counter[str]:
    session, spans = found.session, [span for trace in found.traces for span in trace.spans]
    counts = Counter(span.kind for span in spans)
    counts["turns"] = session.turns
    counts["user_messages"] = sum(trace.input.text is not None for trace in found.traces)
    counts["assistant_messages"] = sum(trace.output.text is not None for trace in found.traces)
    counts["documents"] = sum(len(span.documents) for span in spans)
    counts["errors"] = session.errors
    counts["input_tokens"] = session.input_tokens or 0
    counts["output_tokens"] = session.output_tokens or 0
    counts["cost_nano_usd"] = session.cost_nano or 0
    counts["escalated"] = any(event.name == "escalation" for event in found.events)
    counts["success"], counts["failed"] = session.resolved is True, session.resolved is False
    counts.update(f"rated {score.name}" for trace in found.traces for score in trace.scores)
    return counts
