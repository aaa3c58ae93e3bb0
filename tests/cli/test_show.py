"""`convotrace show`, `tail` and `serve`: conversations without the app that held them."""

import json
import sqlite3
import subprocess
import sys
import urllib.error
import urllib.request

import pytest
from click.testing import CliRunner

from convotrace.cli import main
from convotrace.cli.tail import Watch
from convotrace.cli.words import harmless, on_one_line
from convotrace.model import Change, Payload, SessionFacts, Trace
from convotrace.store import Store
from tests.cli.conftest import AGES


def test_it_prints_a_conversation_by_the_id_of_its_session_or_of_a_trace(run):
    assert "> canary older" in run("show", "older").stdout
    assert "> canary older" in run("show", f"{[*AGES].index('older'):032x}").stdout
    assert json.loads(run("show", "older", "--json").stdout)["session"]["id"] == "older"


def test_an_id_that_is_not_there_is_one_sentence_and_2(run):
    result = run("show", "nobody")
    assert result.exit_code == 2
    assert result.stderr == "Error: There is no session 'nobody'; `convotrace sessions` lists those there are.\n"


def test_what_people_wrote_moves_no_cursor():
    assert harmless("a\x1b[2J\r\x07\u202eb\n\tc") == "a\ufffd[2J\ufffd\ufffd\ufffdb\n    c"
    assert on_one_line("a\n b\x1b" + "x" * 99, 10) == "a b\ufffdxxxxx…"


@pytest.fixture
def store(store_url):
    opened = Store.open(store_url)
    yield opened
    opened.close()


def write(store, number, session="s", **fields):
    at = {"started_ns": 10**18 + number, "duration_ns": 5}
    trace = Trace(f"{number:032x}", session, is_turn=True, input=Payload(f"q{number}"), **{**at, **fields})
    store.write([Change(SessionFacts(session, user_id=session), trace)], retry=True)


def told(watch):
    return [turn.input.text for turn in watch.look(0)]


def test_each_turn_is_told_once_and_when_it_has_ended(store):
    watch = Watch(store, None)
    write(store, 1)
    write(store, 2, status="running", duration_ns=None)
    store.put_worker(store.worker, {})
    assert told(watch) == ["q1"]
    write(store, 2)
    write(store, 3, "other")
    assert sorted(told(watch)) == ["q2", "q3"] and told(watch) == []
    write(store, 4)
    assert told(watch) == ["q4"]


def test_a_filter_chooses_the_sessions_that_are_told(store):
    watch = Watch(store, "user:ann")
    write(store, 1, "ann")
    write(store, 2, "ben")
    assert told(watch) == ["q1"]
    url = store.url
    assert CliRunner().invoke(main, ["tail", "-q", "bad:(", "--store", url]).exit_code == 2


@pytest.fixture
def served(kept):
    path = kept.removeprefix("sqlite:///")
    command = [sys.executable, "-m", "convotrace", "serve", path, "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        yield process.stdout.readline().split()[1]
        process.terminate()


def test_it_serves_the_page_on_a_file_to_those_with_its_link_and_deletes_nothing(served, kept):
    base, _, token = served.partition("?token=")
    asked = urllib.request.Request(f"{base}sessions.json", headers={"Authorization": f"Bearer {token}"})
    with urllib.request.urlopen(asked) as response:
        assert {one["id"] for one in json.load(response)["sessions"]} == set(AGES)
    with pytest.raises(urllib.error.HTTPError, match="404"):
        urllib.request.urlopen(f"{base}sessions.json")


@pytest.mark.parametrize("name", ["none.db", "app.db"])
def test_a_file_that_is_not_there_or_no_store_is_one_sentence_and_2(tmp_path, name):
    with sqlite3.connect(tmp_path / "app.db") as db:
        db.execute("CREATE TABLE users (id)")
    db.close()
    result = CliRunner().invoke(main, ["serve", str(tmp_path / name)])
    assert result.exit_code == 2 and result.stderr.count("\n") == 1
