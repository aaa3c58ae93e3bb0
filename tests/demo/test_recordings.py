"""Files of conversations become requests, and are posted to an app."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from convotrace.demo.posting import post_all
from convotrace.demo.recordings import UnreadableFile, read
from convotrace.demo.replay import main

TOOL = {"kind": "tool", "name": "look", "input": {"q": 1}, "output": None, "error": "gone", "raw": {"x": "y" * 99}}
MODEL = {
    "kind": "generation",
    "name": "chat",
    "input": None,
    "output": {"content": "hi"},
    "usage": {"prompt_tokens": 9},
    "raw": {"usage": {"prompt_tokens_details": {"cached_tokens": 4}}},
}
RECORDED: dict[str, Any] = {
    "id": "c<::>1",
    "user_id": "u",
    "system": "Be kind.",
    "domain": "d",
    "turns": [
        {"user": None, "steps": [], "assistant": "Hello"},
        {"user": "你好", "steps": [TOOL, MODEL], "assistant": None, "feedback": [{"name": "thumbs", "value": 1.0}]},
    ],
    "outcome": {"success": True, "scores": {"a": 1, "b": 0.5}},
}
PLAIN = {"id": "p", "turns": [{"user": "hi", "thumbs": "down"}, {"user": "invoice", "status": 500}]}


class Fake:
    """An HTTP server that keeps what it gets and answers as it is told."""

    def __init__(self) -> None:
        self.got: list[tuple[str, dict[str, Any]]] = []
        self.status = 200
        self.hang_up = False
        self.hang_up_after_crash = False
        self._lock = threading.Lock()
        fake = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                data = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                with fake._lock:
                    fake.got.append((self.path, data))
                if fake.hang_up:
                    self.close_connection = True
                    return
                status = 500 if data.get("message") == "invoice" else fake.status
                self.close_connection = status == 500 and fake.hang_up_after_crash
                self.send_response(status)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            def log_message(self, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def fake() -> Iterator[Fake]:
    made = Fake()
    thread = threading.Thread(target=made.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield made
    made.server.shutdown()
    thread.join()
    made.server.server_close()


def write(path: Path, *conversations: Any) -> Path:
    path.write_text("".join(json.dumps(c) + "\n" for c in conversations), encoding="utf-8")
    return path


def bodies(path: Path, **options: Any) -> list[dict[str, Any]]:
    return [json.loads(post.body) for recording in read([path], **options) for post in recording.posts]


def test_a_recorded_turn_becomes_a_replay_that_says_all_the_app_has_to_re_enact(tmp_path: Path) -> None:
    first, second = bodies(write(tmp_path / "f", RECORDED), via="logs")
    assert first["session_id"] == "c<::>1" and first["user_id"] == "u" and first["message"] is None
    assert first["via"] == "logs"
    assert first["script"]["system"] == "Be kind." and first["script"]["about"] == {"domain": "d"}
    assert first["script"]["outcome"] is None
    assert second["message"] == "你好" and second["script"]["assistant"] is None
    assert second["script"]["outcome"] == RECORDED["outcome"] and second["script"]["system"] is None
    assert second["script"]["feedback"] == [{"name": "thumbs", "value": 1.0}]


def test_a_provider_s_raw_answer_is_dropped_but_for_the_tokens_only_it_counts(tmp_path: Path) -> None:
    tool, model = bodies(write(tmp_path / "f", RECORDED))[1]["script"]["steps"]
    assert "raw" not in tool and "raw" not in model
    assert model["usage"] == {"prompt_tokens": 9, "prompt_tokens_details": {"cached_tokens": 4}}


def test_a_plain_turn_becomes_a_chat_and_its_thumb_a_rating(tmp_path: Path) -> None:
    [recording] = read([write(tmp_path / "f", PLAIN)], suffix="-x")
    assert [(post.path, post.status) for post in recording.posts] == [("/chat", 200), ("/rate", 200), ("/chat", 500)]
    assert recording.id == "p-x"
    assert json.loads(recording.posts[1].body) == {"session_id": "p-x", "value": False}


def test_a_request_too_large_to_be_captured_names_its_session_in_the_path(tmp_path: Path) -> None:
    turn = {"user": "x" * 300_000, "steps": [], "assistant": "ok"}
    [recording] = read([write(tmp_path / "f", {"id": "a/b", "turns": [turn]})])
    assert recording.posts[0].path == "/replay?session_id=a%2Fb"
    assert json.loads(recording.posts[0].body)["script"]["oversized"] is True


def test_a_lone_surrogate_travels_as_json_escape(tmp_path: Path) -> None:
    [body] = bodies(write(tmp_path / "f", {"id": "s", "turns": [{"user": "a\ud800b", "steps": [], "assistant": ""}]}))
    assert body["message"] == "a\ud800b"


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("no json", "line 1 is no JSON"),
        ('{"id": 1, "turns": []}', "is no conversation"),
        ('{"id": "a"}', "is no conversation"),
        ("[]", "is no conversation"),
        ('{"id": "a", "turns": [{"steps": []}]}', "not in the format"),
        ('{"id": "a", "turns": ["hi"]}', "not in the format"),
    ],
)
def test_a_file_in_another_format_is_refused_with_the_place(tmp_path: Path, line: str, reason: str) -> None:
    path = tmp_path / "f.jsonl"
    path.write_text(line)
    with pytest.raises(UnreadableFile, match=reason):
        read([path])


def test_the_limit_counts_conversations_of_each_file(tmp_path: Path) -> None:
    path = write(tmp_path / "f", PLAIN, PLAIN, PLAIN)
    assert len(read([path, path], limit=2)) == 4


def test_turns_are_posted_in_order_and_counted(tmp_path: Path, fake: Fake) -> None:
    done: list[int] = []
    conversations = [{**RECORDED, "id": f"c{n}"} for n in range(8)]
    summary = post_all(
        read([write(tmp_path / "f", *conversations)]), fake.url + "/app/", workers=3, done=lambda: done.append(1)
    )
    assert summary.conversations == 8 and summary.requests == len(done) == 16 and not summary.failures
    assert {path for path, _ in fake.got} == {"/app/replay"}
    for n in range(8):
        assert [d["script"]["index"] for _, d in fake.got if d["session_id"] == f"c{n}"] == [0, 1]
    facts = summary.as_dict()
    assert (facts["turns"], facts["errors"], facts["scores"]) == (16, 8, 24)
    assert facts["steps"] == {"generation": 8, "tool": 8}


def test_a_crash_that_was_expected_is_no_failure(tmp_path: Path, fake: Fake) -> None:
    summary = post_all(read([write(tmp_path / "f", PLAIN)]), fake.url)
    assert summary.failures == [] and summary.counts["turns"] == 2


def test_a_server_that_hangs_up_after_a_crash_is_met_anew(tmp_path: Path, fake: Fake) -> None:
    fake.hang_up_after_crash = True
    crash = {"user": "invoice", "status": 500}
    summary = post_all(read([write(tmp_path / "f", {"id": "p", "turns": [crash, {"user": "hi"}] * 20})]), fake.url)
    assert summary.failures == [] and summary.requests == 40


def test_an_answer_that_was_not_expected_is_a_failure_and_not_counted(tmp_path: Path, fake: Fake) -> None:
    fake.status = 503
    summary = post_all(read([write(tmp_path / "f", RECORDED)]), fake.url)
    assert len(summary.failures) == 2 and "status 503" in summary.failures[0]
    assert summary.counts["turns"] == 0


def test_a_server_that_hangs_up_is_a_failure_of_each_request(tmp_path: Path, fake: Fake) -> None:
    fake.hang_up = True
    summary = post_all(read([write(tmp_path / "f", RECORDED)]), fake.url)
    assert len(summary.failures) == 2 and "RemoteDisconnected" in summary.failures[0]


def test_the_command_prints_what_it_posted_as_json(tmp_path: Path, fake: Fake) -> None:
    path = write(tmp_path / "f", RECORDED, PLAIN)
    result = CliRunner().invoke(main, [str(path), "--to", fake.url, "--json", "--via", "logs"])
    assert result.exit_code == 0
    assert json.loads(result.stdout)["conversations"] == 2
    assert [data["via"] for path, data in fake.got if path == "/replay"] == ["logs", "logs"]


def test_the_command_fails_when_a_request_failed(tmp_path: Path, fake: Fake) -> None:
    fake.status = 404
    result = CliRunner().invoke(main, [str(write(tmp_path / "f", RECORDED)), "--to", fake.url])
    assert result.exit_code == 1
    assert "2 requests failed" in result.stdout


def test_the_command_names_the_line_it_cannot_read(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, [str(write(tmp_path / "bad.jsonl", []))])
    assert result.exit_code == 2
    assert "bad.jsonl, line 1" in result.output
