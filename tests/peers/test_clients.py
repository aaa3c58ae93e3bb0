"""The real clients against recorded streams: with one argument their calls are spans, with two lines the texts are."""

import http.server
import json
import os
import subprocess
import sys
import threading
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
APP = Path(__file__).with_name("chat_app.py")
HAS_SDK = find_spec("opentelemetry.sdk") is not None
CLIENTS = {
    "openai": ("openai-chat--complex-agent-run", "openai-chat--agent-arun-streaming-with-tools-1"),
    "langchain": ("openai-chat--complex-agent-run", "openai-chat--agent-arun-streaming-with-tools-1"),
    "pydantic-ai": ("openai-chat--complex-agent-run", "openai-chat--agent-arun-streaming-with-tools-1"),
    "anthropic": ("anthropic-messages--sdk-basic",),
}
MODULES = {"langchain": "langchain_openai", "pydantic-ai": "pydantic_ai"}
OF_OPENAI = [364 + 83, 40 + 9, round((364 * 2.5 + 40 * 10 + 83 * 0.15 + 9 * 0.6) * 1000)]
COUNTED = {"openai": OF_OPENAI, "langchain": OF_OPENAI, "pydantic-ai": OF_OPENAI, "anthropic": [11, 6, None]}


@pytest.fixture
def upstream(data):
    """Start a server that answers its requests with recorded bodies, one after the other."""
    servers = []

    def serve(names):
        bodies = [(data / "streams" / f"{name}.body").read_bytes() for name in names]

        class Replay(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                self.rfile.read(int(self.headers["Content-Length"]))
                self.send_response(200)
                self.send_header("Content-Type", "text/event-stream")
                self.end_headers()
                self.wfile.write(bodies.pop(0))

            def log_message(self, *args):
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Replay)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}"

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def ask(upstream, store_url):
    """Run the app with a client and return what it printed."""

    def run(client, form, **environ):
        if find_spec(MODULES.get(client, client)) is None:
            pytest.skip(f"{client} is not installed")
        env = {**os.environ, "CONVOTRACE_STORE": store_url, "PYTHONPATH": f"{ROOT}:{ROOT}/integrations", **environ}
        command = [sys.executable, str(APP), client, form, upstream(CLIENTS[client])]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=env, check=False)
        assert done.returncode == 0, done.stderr
        assert "Traceback" not in done.stderr and "detach" not in done.stderr, done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    return run


@pytest.mark.parametrize("client", CLIENTS)
def test_with_two_lines_the_texts_are_there_and_nothing_is_counted_that_is_not_known(ask, client):
    said = ask(client, "two-line", BARE="1")
    text = "Hello there!" if client == "anthropic" else "6 times 7 is 42."
    assert said["answer"] == [200, {"reply": text}]
    assert said["turn"][3:] == ["hello", text]
    assert said["totals"] == [None, None, None] and said["spans"] == []
    assert said["mode"]["mode"] == "API only"


@pytest.mark.parametrize("client", CLIENTS)
def test_with_one_argument_model_calls_tools_tokens_and_cost_are_there(ask, client):
    said = ask(client, "one-argument", BARE="1")
    holds(said, client)
    assert said["mode"]["mode"] == "ours"


@pytest.mark.skipif(not HAS_SDK, reason="the SDK is not installed")
@pytest.mark.parametrize("client", CLIENTS)
def test_with_an_sdk_exporter_and_store_see_the_same_ids_and_one_server_span(ask, client):
    said = ask(client, "one-argument")
    holds(said, client)
    assert said["mode"]["mode"] == "your provider"
    servers = [span for span in said["exported"] if span["kind"] == "SERVER"]
    assert [(span["trace"], span["id"]) for span in servers] == [tuple(said["turn"][:2])]
    exported = {span["id"]: span for span in said["exported"]}
    for span in said["spans"]:
        parent = exported[span["id"]]["parent"]
        assert span["parent"] == (None if parent == servers[0]["id"] else parent)


def holds(said, client):
    """See that a turn has its model calls, each counted once, below each other as they ran."""
    text = "Hello there!" if client == "anthropic" else "6 times 7 is 42."
    assert said["turn"][3:] == ["hello", text]
    assert said["totals"][:2] == COUNTED[client][:2]
    if COUNTED[client][2] is not None:
        assert said["totals"][2] == COUNTED[client][2]
    ids = {span["id"] for span in said["spans"]}
    assert all(span["parent"] is None or span["parent"] in ids for span in said["spans"])
    calls = [span for span in said["spans"] if span["kind"] == "generation" and span["usage"]]
    assert len(calls) >= len(CLIENTS[client]) and all(span["model"] for span in calls)
    assert calls[0]["input"][-1]["parts"][0]["content"] == "hello"
    assert calls[-1]["output"][0]["parts"][0]["content"] == text
    if client != "anthropic":
        parts = [part for span in calls for message in span["output"] for part in message["parts"]]
        assert [p["name"] for p in parts if p["type"] == "tool_call"][:2] == ["get_country", "get_product_name"]
    if client == "pydantic-ai":
        assert [span["name"] for span in said["spans"] if span["kind"] == "agent"]
        assert {span["result"] for span in said["spans"] if span["kind"] == "tool"} == {"Mexico", "Pydantic AI"}
