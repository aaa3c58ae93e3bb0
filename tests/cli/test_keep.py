"""`convotrace prune`, `forget`, `backup` and `doctor`: what they do, what they print, how they end."""

import json
import os
import sqlite3
import stat
from pathlib import Path

import pytest
from click.testing import CliRunner

from convotrace.cli import main
from convotrace.store import Store

COMMANDS = [["prune"], ["forget", "--user", "u", "--yes"], ["backup", "copy.db"], ["doctor"]]


def test_prune_deletes_by_the_limits_of_the_app_and_says_how_much(run, names):
    result = run("prune")
    assert (result.exit_code, result.output) == (0, "Deleted 2 sessions with 2 traces and 0 spans.\n")
    assert names() == ["new", "old"]


def test_prune_deletes_by_the_limits_that_are_named(run, names, as_json):
    found = as_json("prune", "--older-than", "5d", "--dry-run")
    assert {"sessions": 3, "traces": 3, "spans": 0, "dry_run": True}.items() <= found.items()
    assert len(names()) == 4
    assert as_json("prune", "--older-than", "60d")["sessions"] == 1
    assert as_json("prune", "--max-rows", "2")["sessions"] == 1
    assert names() == ["new", "old"]
    assert as_json("prune", "--max-bytes", "1kB")["sessions"] == 1
    assert names() == ["new"]


@pytest.mark.parametrize(
    "wrong",
    [
        ["--older-than", "30"],
        ["--older-than", "soon"],
        ["--max-bytes", "much"],
        ["--max-rows", "0"],
        ["--max-bytes", "-1"],
    ],
)
def test_a_limit_that_is_none_is_wrong_use(run, names, wrong):
    assert run("prune", *wrong).exit_code == 2
    assert len(names()) == 4


def test_forget_asks_and_does_nothing_on_no(run, names):
    result = run("forget", "--user", "ann", answer="n\n")
    assert result.exit_code == 1 and "'ann'" in result.output and "for good" in result.output
    assert len(names()) == 4


def test_forget_deletes_what_was_confirmed(run, names, as_json, kept):
    result = run("forget", "--session", "older", answer="y\n")
    assert result.exit_code == 0 and result.output.endswith("Forgot 1 session with 1 trace and 0 spans.\n")
    expected = {"sessions": 2, "traces": 2, "spans": 0, "wiped": True, "leftover": None}
    assert as_json("forget", "--user", "ann", "--yes") == expected
    assert names() == ["oldest"]
    words = [file.read_bytes().count(b"canary o") for file in Path(kept.removeprefix("sqlite:///")).parent.iterdir()]
    assert sum(words) == Path(kept.removeprefix("sqlite:///")).read_bytes().count(b"canary oldest")


def test_forget_of_somebody_unknown_fails(run, names):
    result = run("forget", "--user", "nobody", "--yes")
    assert (result.exit_code, result.output) == (1, "Forgot 0 sessions with 0 traces and 0 spans.\n")
    assert len(names()) == 4


@pytest.mark.parametrize("wrong", [[], ["--user", "a", "--session", "b"]])
def test_forget_needs_to_know_what(run, wrong):
    assert run("forget", "--yes", *wrong).exit_code == 2


def test_backup_writes_a_store_of_its_own_that_only_its_owner_reads(run, names, tmp_path):
    copy = tmp_path / "copy.db"
    result = run("backup", str(copy))
    assert result.exit_code == 0 and result.output.startswith(f"Wrote {copy}, ")
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    store = Store.open(f"sqlite:///{copy}", create=False)
    assert [session.id for session in store.sessions()] == names()
    assert store.session("older").traces[0].input.text == "canary older"
    store.close()


def test_backup_never_overwrites(run, tmp_path):
    copy = tmp_path / "copy.db"
    copy.write_text("mine")
    result = run("backup", str(copy))
    assert result.exit_code == 1 and "exists already" in result.output
    assert copy.read_text() == "mine"
    assert run("backup", str(tmp_path / "no" / "folder.db")).exit_code == 1
    assert [file.name for file in tmp_path.iterdir() if "part" in file.name] == []


def test_doctor_finds_nothing_wrong_with_a_good_store(run, as_json, kept):
    os.chmod(kept.removeprefix("sqlite:///"), 0o600)
    result = run("doctor")
    assert result.exit_code == 0 and result.output.endswith("Nothing is wrong.\n")
    found = as_json("doctor")
    assert (found["ok"], found["integrity"], found["sessions"], found["troubles"]) == (True, "ok", 4, [])


def test_doctor_says_who_else_may_read_and_how_to_cure_it(run, kept):
    os.chmod(kept.removeprefix("sqlite:///"), 0o644)
    result = run("doctor")
    assert result.exit_code == 1 and "0644" in result.output and "chmod 600" in result.output


def test_doctor_says_that_a_file_is_damaged(run, kept):
    path = Path(kept.removeprefix("sqlite:///"))
    whole = path.read_bytes()
    with sqlite3.connect(path) as db:
        (root,) = db.execute("SELECT rootpage FROM sqlite_master WHERE name = 'trace_started'").fetchone()
    db.close()
    path.write_bytes(whole[: (root - 1) * 4096] + b"\xff" * 4096 + whole[root * 4096 :])
    result = run("doctor")
    assert result.exit_code == 1 and "damaged" in result.output


def test_doctor_shows_what_processes_had_trouble_with(run, as_json, kept):
    store = Store.open(kept)
    store.put_worker(store.worker, {"last_error": "OSError: disk full", "dropped": {"trace": {"queue_full": 3}}})
    store.close()
    assert "disk full" in run("doctor").output
    (worker,) = as_json("doctor")["workers"]
    assert worker["dropped"] == {"trace": {"queue_full": 3}}


@pytest.mark.parametrize("arguments", COMMANDS, ids=lambda arguments: arguments[0])
def test_a_store_that_is_not_there_is_said_and_not_made(arguments, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(main, [*arguments, "--store", f"sqlite:///{tmp_path}/none.db"])
    assert result.exit_code == 2
    assert result.output.startswith("Error: ") and result.output.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("arguments", COMMANDS, ids=lambda arguments: arguments[0])
def test_a_store_of_something_else_is_left_alone(arguments, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "app.db"
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE users (id)")
    db.close()
    before = path.read_bytes()
    assert CliRunner().invoke(main, [*arguments, "--store", f"sqlite:///{path}"]).exit_code == 2
    assert path.read_bytes() == before


def test_prune_prints_json_alone(run):
    assert json.loads(run("prune", "--json").output)["sessions"] == 2
