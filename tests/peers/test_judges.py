"""The judges of docs/evaluation.md, as they stand there, with real clients against a model of ours on loopback."""

from __future__ import annotations

import json
import re
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from convotrace.insight.datasets import Item, as_conversation
from convotrace.jobs.evaluation import evaluators_of, tasks
from convotrace.jobs.trial import judge
from convotrace.model import Conversation as Talk
from convotrace.model import Document, Payload, Session, Span, Trace
from convotrace.store import Store

pytest.importorskip("autoevals"), pytest.importorskip("openai")
DOC = (Path(__file__).parents[2] / "docs" / "evaluation.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", DOC.partition("## A model as judge")[2], re.DOTALL)


class _Model(BaseHTTPRequestHandler):
    """Answers a question for JSON with JSON, one with tools by calling the first; `asked` is what came."""

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.server.asked.append((self.path, body))
        if self.server.broken:
            self.send_response(500)
            self.end_headers()
            return
        answer = json.dumps({"model": body["model"], "id": "x", "object": "chat.completion", "created": 1, "choices": [
            {"index": 0, "finish_reason": "stop", "message": self._message(body)}
        ]}).encode()  # fmt: skip
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def _message(self, body):
        if "tools" not in body:
            return {"role": "assistant", "content": '{"score": 3, "reason": "one claim is not in the passages"}'}
        name = body["tools"][0]["function"]["name"]
        chosen = json.dumps({"choice": "B", "reasons": "It says more, and nothing else."})
        call = {"id": "c", "type": "function", "function": {"name": name, "arguments": chosen}}
        return {"role": "assistant", "content": None, "tool_calls": [call]}

    def log_message(self, *_):
        """Keep quiet."""


@pytest.fixture
def model(monkeypatch):
    """A model on loopback, where every client of OpenAI's finds it."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Model)
    server.asked, server.broken = [], False
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("OPENAI_BASE_URL", f"http://127.0.0.1:{server.server_port}/v1")
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    yield server
    server.shutdown()
    server.server_close()


def loaded(number):
    names = {}
    exec(compile(BLOCKS[number], "docs/evaluation.md", "exec"), names)
    return names


def results(conversation, *evaluators):
    store = Store.open("memory:")
    made = evaluators_of(evaluators)
    scores = judge(list(tasks(conversation, made, store, time.time_ns())), lambda: True)
    store.close()
    return {score.name: score for score in scores}


def talk(*documents):
    found = Span("1" * 16, "a" * 32, "search", "retrieval", documents=tuple(Document(text=one) for one in documents))
    said = {"input": Payload("How long?"), "output": Payload("Two weeks, or a year.")}
    turn = Trace("a" * 32, "s", is_turn=True, turn=1, started_ns=1, duration_ns=1, spans=(found,), **said)
    return Talk(Session("s", "s", turns=1), (turn,))


def test_a_model_judges_by_the_app_s_own_client(model):
    from dataclasses import replace

    faithfulness = replace(loaded(0)["faithfulness"], when=None, sample=1.0)
    found = results(talk("Refunds take two weeks."), faithfulness)["faithfulness"]
    assert (found.value, found.reason) == (3, "one claim is not in the passages")
    assert (found.version, found.source) == ("gpt-4.1-mini, rubric 2", "evaluator")
    ((path, asked),) = model.asked
    assert path == "/v1/chat/completions"
    assert json.loads(asked["messages"][1]["content"])["passages"] == ["Refunds take two weeks."]
    assert results(talk(), faithfulness) == {} and len(model.asked) == 1


def test_a_judge_whose_model_is_away_has_a_result_that_says_so(model, monkeypatch):
    from dataclasses import replace

    model.broken = True
    names = loaded(0)
    names["client"].max_retries = 0
    found = results(talk("Refunds."), replace(names["faithfulness"], when=None, sample=1.0))["faithfulness"]
    assert found.value == "failed" and found.reason.startswith("It raised InternalServerError")


def test_a_library_judges_the_items_of_a_dataset_against_what_was_expected(model):
    names = loaded(1)
    messages = ({"role": "user", "content": "How long?"},)
    item = Item("i", "s", "b" * 32, messages, "Two weeks, or a year.", "Two weeks.")
    found = results(as_conversation(item), names["same_facts"], names["closeness"])
    assert found["factuality"].value == 0.6 and found["factuality"].reason == "It says more, and nothing else."
    assert 0 < found["closeness"].value < 1
    ((_, asked),) = model.asked
    assert "Two weeks." in json.dumps(asked["messages"])
    assert results(as_conversation(Item("i", "s", "b" * 32, messages, "x")), names["same_facts"]) == {}
