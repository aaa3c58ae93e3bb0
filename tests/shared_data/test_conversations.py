"""Every shared conversation, posted over real HTTP to the example apps: totals and texts equal the source."""

import json
import os
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from convotrace.identity import session_key

pytestmark = [pytest.mark.data, pytest.mark.slow]
ROOT = Path(__file__).parents[2]

SERVERS = {
    "fastapi": [sys.executable, "-m", "uvicorn", "examples.fastapi_app:app", "--log-level", "warning", "--port"],
    "flask": [
        sys.executable,
        "-m",
        "gunicorn",
        "examples.flask_app:app",
        "--threads",
        "4",
        "--log-level",
        "error",
        "-b",
    ],
}


@pytest.fixture(scope="module", params=[(app, via) for app in SERVERS for via in ("verbs", "logs")], ids="-".join)
def posted(request, data, tmp_path_factory, free_port, listening):
    """Post all conversations to one app; return its port, its token and what was posted."""
    app, via = request.param
    folder = tmp_path_factory.mktemp(app)
    store = f"sqlite:///{folder}/data.db"
    port = free_port()
    address = f"127.0.0.1:{port}" if app == "flask" else str(port)
    environment = {**os.environ, "CONVOTRACE_STORE": store, "CONVOTRACE_ENABLED": "1"}
    with subprocess.Popen([*SERVERS[app], address], cwd=ROOT, env=environment) as server:
        try:
            listening(port, server)
            files = sorted(map(str, (data / "conversations").glob("*.jsonl")))
            command = [sys.executable, "-m", "convotrace.demo.replay", *files, "--to", f"http://127.0.0.1:{port}"]
            done = subprocess.run([*command, "--via", via, "--json"], cwd=ROOT, capture_output=True, text=True)
            assert done.returncode == 0, done.stdout + done.stderr
            link = [sys.executable, "-m", "convotrace", "link", "--store", store, f"http://127.0.0.1:{port}"]
            url = subprocess.run(link, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()
            page = Page(port, url.partition("token=")[2])
            # A page waits a second for the queue and no longer, so that a busy writer delays no reader.
            for _ in range(300):
                if not page.get("health.json")["queued"]:
                    break
                time.sleep(0.1)
            yield page
        finally:
            server.terminate()


class Page:
    """Reads the page's JSON, as any client of it."""

    def __init__(self, port, token):
        self.port = port
        self.headers = {"Authorization": f"Bearer {token}"}

    def get(self, path):
        import http.client

        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request("GET", f"/_sessions/{path}", headers=self.headers)
        response = connection.getresponse()
        body = response.read()
        connection.close()
        assert response.status == 200, (path, response.status, body[:200])
        return json.loads(body)

    def sessions(self):
        found, after = [], ""
        while True:
            page = self.get(f"sessions.json?limit=200&after={after}")
            found += page["sessions"]
            after = page["next"]
            if not after:
                return found


def _source(data):
    for path in sorted((data / "conversations").glob("*.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            yield path.name, json.loads(line)


def test_totals_and_texts_equal_the_source(posted, data):
    expected = json.loads((data / "expected.json").read_text())["conversations"]
    listed = {session["id"]: session for session in posted.sessions()}
    assert len(listed) == sum(file["conversations"] for file in expected.values()) == 1152
    totals = {name: Counter() for name in expected}
    users = {name: set() for name in expected}
    tools = {name: set() for name in expected}
    for name, source in _source(data):
        whole = posted.get(f"s/{session_key(source['id'])}.json")
        _compare_texts(source, whole)
        _compare_steps(source, whole)
        _add(totals[name], listed[source["id"]], whole)
        users[name] |= {whole["session"]["user_id"]} - {None}
        tools[name] |= {span["name"] for trace in whole["traces"] for span in trace["spans"] if span["kind"] == "tool"}
    for name, wanted in expected.items():
        found = dict(totals[name], users=len(users[name]), distinct_tools=len(tools[name]))
        assert {key: found.get(key, 0) for key in wanted if key != "feedback"} == {
            key: value for key, value in wanted.items() if key != "feedback"
        }, name
        ratings = {key.removeprefix("rating:"): n for key, n in totals[name].items() if key.startswith("rating:")}
        assert ratings == wanted["feedback"], name


def _compare_texts(source, whole):
    turns = [trace for trace in whole["traces"] if trace["turn"] is not None]
    assert [trace["turn"] for trace in turns] == list(range(1, len(source["turns"]) + 1))
    for trace, turn in zip(turns, source["turns"], strict=True):
        assert trace["input"]["text"] == turn["user"], source["id"]
        assert trace["output"]["text"] == turn["assistant"], source["id"]


def _compare_steps(source, whole):
    for trace, turn in zip((t for t in whole["traces"] if t["turn"]), source["turns"], strict=True):
        spans = [span for span in trace["spans"] if span["kind"] in ("tool", "retrieval", "generation")]
        assert [(s["kind"], s["name"]) for s in spans] == [(s["kind"], s["name"]) for s in turn["steps"]]
        for span, step in zip(spans, turn["steps"], strict=True):
            assert span["call_id"] == step.get("call_id")
            if span["kind"] == "tool":
                assert span["arguments"] == step["input"] and span["result"] == step["output"]
            if span["kind"] == "retrieval":
                assert [d["id"] for d in span["documents"]] == [d["document_id"] for d in step["output"]]
                assert [d["text"] for d in span["documents"]] == [d.get("text") for d in step["output"]]
            assert (span["status"] == "error") == ("error" in step)


def _add(totals, session, whole):
    turns = [trace for trace in whole["traces"] if trace["turn"] is not None]
    spans = [span for trace in turns for span in trace["spans"]]
    totals["conversations"] += 1
    totals["turns"] += session["turns"]
    totals["success"] += session["resolved"] is True
    totals["failed"] += session["resolved"] is False
    totals["escalated"] += session["outcome"] == "escalated"
    totals["user_messages"] += sum(trace["input"]["text"] is not None for trace in turns)
    totals["assistant_messages"] += sum(trace["output"]["text"] is not None for trace in turns)
    for span in spans:
        totals[span["kind"]] += 1
        totals["documents"] += len(span["documents"])
    totals["errors"] += session["errors"]
    totals["input_tokens"] += session["input_tokens"] or 0
    totals["output_tokens"] += session["output_tokens"] or 0
    totals["cost_nano_usd"] += round((session["cost"] or 0) * 1e9)
    for trace in turns:
        for score in trace["scores"]:
            totals[f"rating:{score['name']}"] += 1
