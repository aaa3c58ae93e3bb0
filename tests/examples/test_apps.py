"""The example apps: one assistant, the same answers and the same record in every framework."""

import importlib.util
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from convotrace import ConvoTrace
from convotrace.model import Conversation

EXAMPLES = Path(__file__).parents[2] / "examples"
CHAT = {"session_id": "s", "message": "Where is my order K-1042?"}
STEP = {"kind": "tool", "name": "look", "input": {}, "output": {"x": 1}, "call_id": "c", "error": "gone"}


class App:
    """An example in this process, on a store of its own, asked through its framework's test client."""

    def __init__(self, name: str) -> None:
        spec = importlib.util.spec_from_file_location(f"example_{name}", EXAMPLES / f"{name}_app.py")
        assert spec is not None and spec.loader is not None
        self.module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(self.module)
        self.module.service.assistant._model._pace = 0.0
        self.ask = _flask(self.module.app) if name == "flask" else _starlette(self.module.app)
        app = self.module.app
        self.observer: ConvoTrace = app.extensions["convotrace"] if name == "flask" else app.state.convotrace

    def close(self) -> None:
        """Release the store and the assistant's databases."""
        self.observer.close()
        self.module.service.assistant.close()

    def stored(self) -> Conversation:
        """Return the session all tests write."""
        stored = self.observer.store.session("s")
        assert stored is not None
        return stored


def _starlette(app: Any) -> Callable[..., tuple[int, bytes]]:
    from starlette.testclient import TestClient

    client = TestClient(app, raise_server_exceptions=False)

    def ask(method: str, path: str, data: Any = None) -> tuple[int, bytes]:
        answer = client.request(method, path, json=data)
        return answer.status_code, answer.content

    return ask


def _flask(app: Any) -> Callable[..., tuple[int, bytes]]:
    def ask(method: str, path: str, data: Any = None) -> tuple[int, bytes]:
        with app.test_client().open(path, method=method, json=data) as answer:
            return answer.status_code, answer.get_data()

    return ask


@pytest.fixture(params=["fastapi", "flask"])
def app(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[App]:
    monkeypatch.setenv("CONVOTRACE_STORE", "memory:")
    made = App(request.param)
    yield made
    made.close()


def test_a_message_is_answered_and_is_a_turn_with_its_steps(app: App) -> None:
    status, body = app.ask("POST", "/chat", CHAT)
    [trace] = app.stored().traces
    assert status == 200 and "NP-55310" in json.loads(body)["reply"]
    assert (trace.input.text, trace.output.text) == (CHAT["message"], json.loads(body)["reply"])
    assert [span.kind for span in trace.spans] == ["agent", "generation", "tool", "generation", "tool", "generation"]
    assert {span.parent_id for span in trace.spans[1:]} == {trace.spans[0].id}


def test_a_streamed_answer_is_the_same_record(app: App) -> None:
    status, body = app.ask("POST", "/chat/stream", CHAT)
    events = [json.loads(line[6:]) for line in body.decode().splitlines() if line]
    [trace] = app.stored().traces
    assert status == 200 and events[-1] == {"done": True}
    assert trace.output.text == "".join(event["delta"] for event in events[:-1])
    assert [span.kind for span in trace.spans] == ["agent", "generation", "tool", "generation", "tool", "generation"]
    assert {span.parent_id for span in trace.spans[1:]} == {trace.spans[0].id}


def test_a_handler_that_crashes_is_a_500_with_its_error_and_its_input(app: App) -> None:
    status, _ = app.ask("POST", "/chat", {**CHAT, "message": "I need the invoice for K-1042"})
    [trace] = app.stored().traces
    assert status == 500 and trace.status == "error" and trace.status_code == 500
    assert trace.error is not None and trace.error.type.endswith("InvoiceServiceDown")
    assert trace.input.text == "I need the invoice for K-1042"


def test_page_assets_and_history_make_no_turns(app: App) -> None:
    app.ask("POST", "/chat", CHAT)
    assert app.ask("GET", "/")[0] == 200
    assert app.ask("GET", "/assets/chat.js")[1].startswith(b"//")
    assert len(json.loads(app.ask("GET", "/history?session_id=s")[1])["messages"]) == 2
    session = app.stored().session
    assert (session.turns, session.traces) == (1, 2)


def test_a_thumb_is_feedback_of_the_session(app: App) -> None:
    app.ask("POST", "/chat", CHAT)
    assert app.ask("POST", "/rate", {"session_id": "s", "value": True})[0] == 200
    session = app.stored().session
    assert session.feedback == {"up": 1, "down": 0} and session.turns == 1


@pytest.mark.parametrize("via", ["verbs", "logs"])
def test_a_recorded_turn_is_re_enacted(app: App, via: str) -> None:
    script = {"index": 0, "steps": [STEP], "assistant": "", "outcome": {"success": True}}
    data = {"session_id": "s", "message": "Any?", "user_id": "u", "via": via, "script": script}
    assert json.loads(app.ask("POST", "/replay", data)[1]) == {"reply": ""}
    stored = app.stored()
    [trace] = stored.traces
    assert (trace.input.text, trace.output.text) == ("Any?", "")
    assert [(span.name, span.status, span.result) for span in trace.spans] == [("look", "error", {"x": 1})]
    assert (stored.session.user_id, stored.session.resolved) == ("u", True)


def test_a_turn_without_user_or_answer_keeps_both_unknown(app: App) -> None:
    for message, assistant in ((None, "Hello"), ("bye", None)):
        script: dict[str, Any] = {"steps": [], "assistant": assistant}
        app.ask("POST", "/replay", {"session_id": "s", "message": message, "script": script})
    assert [(t.input.text, t.output.text) for t in app.stored().traces] == [(None, "Hello"), ("bye", None)]
    assert app.stored().session.turns == 2


def test_a_request_that_lacks_something_is_told_so(app: App) -> None:
    status, body = app.ask("POST", "/chat", {"session_id": "s"})
    assert status == 400 and "must be" in json.loads(body)["error"]
    assert app.ask("GET", "/assets/none.js")[0] == 404


def test_the_smallest_app_answers_and_records(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONVOTRACE_STORE", "memory:")
    app = App("starlette")
    assert "NP-55310" in json.loads(app.ask("POST", "/chat", CHAT)[1])["reply"]
    assert app.stored().session.turns == 1
    app.close()
