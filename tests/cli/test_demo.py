"""`convotrace demo`: what was posted is what is stored, in this process and in one of its own."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from convotrace.cli import main
from convotrace.demo.posting import Summary
from convotrace.store import Store
from tests.cli.conftest import hear_ctrl_c
from tests.patience import PATIENCE

RECORDED = {
    "id": "rec-1",
    "turns": [
        {"user": None, "steps": [], "assistant": "Hello"},
        {
            "user": "Is it there?",
            "steps": [{"kind": "tool", "name": "look", "input": {}, "output": None, "error": "gone"}],
            "assistant": "",
            "feedback": [{"name": "thumbs", "value": 0.0}],
        },
    ],
    "outcome": {"success": False, "scores": {"a": 0.5}},
}


def run(tmp_path: Path, *options: str) -> Result:
    store = f"sqlite:///{tmp_path}/demo.db"
    return CliRunner().invoke(main, ["demo", "--once", "--fast", "--port", "0", "--store", store, *options])


def write(path: Path, *conversations: object) -> str:
    path.write_text("".join(json.dumps(c) + "\n" for c in conversations))
    return str(path)


def test_it_posts_its_own_conversations_and_stores_all_of_them(tmp_path: Path) -> None:
    result = run(tmp_path, "--json")
    facts = json.loads(result.stdout)
    assert result.exit_code == 0, result.output
    assert facts["equal"] and facts["posted"] == facts["stored"]
    assert facts["stored"]["sessions"] >= 12 and facts["stored"]["errors"] > 0
    assert all(facts["stored"].values())


def test_a_second_run_makes_new_sessions(tmp_path: Path) -> None:
    run(tmp_path)
    result = run(tmp_path)
    assert result.exit_code == 0, result.output
    store = Store.open(f"sqlite:///{tmp_path}/demo.db")
    assert len(store.sessions(limit=100)) == 28
    store.close()


def test_recorded_conversations_keep_their_ids_texts_and_outcome(tmp_path: Path) -> None:
    result = run(tmp_path, "--conversations", write(tmp_path / "f.jsonl", RECORDED))
    assert result.exit_code == 0, result.output
    store = Store.open(f"sqlite:///{tmp_path}/demo.db")
    stored = store.session("rec-1")
    store.close()
    assert stored is not None
    assert [(trace.input.text, trace.output.text) for trace in stored.traces] == [
        (None, "Hello"),
        ("Is it there?", ""),
    ]
    assert (stored.session.outcome, stored.session.resolved, stored.session.errors) == ("failed", False, 1)


def test_conversations_posted_a_second_time_are_still_counted_right(tmp_path: Path) -> None:
    path = write(tmp_path / "f.jsonl", RECORDED)
    run(tmp_path, "--conversations", path)
    result = run(tmp_path, "--conversations", path, "--json")
    assert json.loads(result.stdout)["posted"]["turns"] == 2
    assert result.exit_code == 1  # the session was there before: one was posted, none is new
    assert json.loads(result.stdout)["stored"]["sessions"] == 0


def test_it_prints_where_to_chat_and_where_to_look(tmp_path: Path) -> None:
    lines = run(tmp_path).output.splitlines()
    assert lines[0].startswith("Chat page  http://127.0.0.1:")
    assert "/_sessions/?token=" in lines[1]


def test_it_fails_when_less_is_stored_than_was_posted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONVOTRACE_ENABLED", "0")
    result = run(tmp_path, "--conversations", write(tmp_path / "f.jsonl", RECORDED))
    assert result.exit_code == 1
    assert "not what was posted" in result.output


def test_it_fails_when_a_request_fails(tmp_path: Path) -> None:
    turn = {"user": "hi", "steps": [{"kind": "magic", "name": "x", "input": 1, "output": 2}], "assistant": None}
    result = run(tmp_path, "--conversations", write(tmp_path / "f.jsonl", {"id": "x", "turns": [turn]}))
    assert result.exit_code == 1
    assert "status 500" in result.output


def test_a_file_in_another_format_is_wrong_use(tmp_path: Path) -> None:
    result = run(tmp_path, "--conversations", write(tmp_path / "f.jsonl", {"no": "id"}))
    assert result.exit_code == 2
    assert "f.jsonl, line 1" in result.output


def test_a_store_that_cannot_be_named_is_one_sentence() -> None:
    result = CliRunner().invoke(main, ["demo", "--once", "--store", "mysql://x"])
    assert result.exit_code == 2
    assert result.output.startswith("Error: ") and "sqlite:///" in result.output


def test_a_store_that_cannot_be_opened_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "demo.db").write_text("this is no database" * 100)
    result = run(tmp_path)
    assert result.exit_code == 2
    assert result.output.startswith("Error: ") and "Traceback" not in result.output


def test_ports_that_are_all_taken_are_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("convotrace.demo.server.TRIES", 1)
    with socket.create_server(("127.0.0.1", 0)) as holder:
        result = run(tmp_path, "--port", str(holder.getsockname()[1]))
    assert result.exit_code == 1
    assert "name another one with --port" in result.output


def test_ctrl_c_while_posting_ends_without_a_traceback(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*args: object) -> Summary:
        raise KeyboardInterrupt

    monkeypatch.setattr("convotrace.demo.replay.with_progress", interrupted)
    result = run(tmp_path)
    assert result.exit_code == 1
    assert "Stopped." in result.output and "Traceback" not in result.output


def test_the_command_runs_from_outside_and_ends_cleanly_on_ctrl_c(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "convotrace", "demo", "--fast", "--port", "0", "--conversations"]
    root = str(Path(__file__).parents[2])
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("CONVOTRACE_", "PYTEST_"))}
    process = subprocess.Popen(
        [*command, write(tmp_path / "f.jsonl", RECORDED)],
        cwd=tmp_path,
        env=environ | {"PYTHONPATH": root, "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=hear_ctrl_c,
    )
    assert process.stdout is not None
    watchdog = threading.Timer(2 * PATIENCE, process.kill)
    watchdog.start()
    seen: list[str] = []
    for line in process.stdout:
        seen.append(line)
        if "Ctrl-C" in line:
            break
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=PATIENCE)
    watchdog.cancel()
    assert process.returncode == 0, errors
    assert "Traceback" not in errors and errors.rstrip().endswith("Stopped.")
    assert (tmp_path / ".convotrace" / "demo.db").exists()
    assert any("turns" in line for line in seen)
