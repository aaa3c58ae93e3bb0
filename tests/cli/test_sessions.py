"""`convotrace sessions`: the same filter as everywhere, as a table or as the JSON of the page."""

import json
import sys

import pytest
from click.testing import CliRunner

from convotrace.cli import main
from convotrace.export import as_json
from convotrace.model import Change, Payload, SessionFacts, Trace
from convotrace.store import Store

START = 1_700_000_000 * 10**9


@pytest.fixture
def url(tmp_path):
    url = f"sqlite:///{tmp_path}/sessions.db"
    store = Store.open(url)
    said = [("ann", "A refund\x1b[2J please"), ("ben", "[bold]去地铁站[/bold]"), (None, "third")]
    for n, (user, text) in enumerate(said):
        at = START + n
        trace = Trace(f"{n + 1:032x}", f"s{n}", is_turn=True, started_ns=at, input=Payload(text), cost_nano=n or None)
        store.write([Change(SessionFacts(f"s{n}", "header", user_id=user), trace)])
    store.close()
    return url


@pytest.fixture
def run(url):
    return lambda *arguments: CliRunner().invoke(main, ["sessions", "--store", url, *arguments])


def test_it_prints_a_table_newest_first(run):
    result = run()
    lines = result.stdout.splitlines()
    assert result.exit_code == 0
    assert lines[0].startswith("Last activity") and [line.split()[8] for line in lines[2:]] == ["s1", "s0"]
    assert "–" in lines[3] and "[bold]去地铁站[/bold]" in lines[2]


def test_nothing_moves_the_cursor_of_the_terminal(run):
    assert "\x1b" not in run().output


def test_a_filter_and_an_order_are_those_of_the_store(run, url):
    assert [one["id"] for one in json.loads(run("-q", "user:* -地铁", "--json").stdout)["sessions"]] == ["s0"]
    store = Store.open(url)
    expected = as_json(store.sessions("turns>0", "cost", 2))
    store.close()
    assert json.loads(run("-q", "turns>0", "--order", "cost", "--limit", "2", "--json").stdout) == expected


def test_a_list_is_continued(run):
    first = json.loads(run("--limit", "2", "--json").stdout)
    rest = json.loads(run("--after", first["next"], "--json").stdout)
    assert [one["id"] for one in (*first["sessions"], *rest["sessions"])] == ["s2", "s1", "s0"]
    assert first["next"] in run("--limit", "2").stderr


def test_no_match_is_said_and_no_failure(run):
    result = run("-q", "user:nobody")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "No session matches" in result.stderr


@pytest.mark.parametrize("arguments", [("-q", "usr:ann"), ("--order", "color"), ("--limit", "0"), ("--after", "x")])
def test_what_cannot_be_read_is_wrong_use(run, arguments):
    result = run(*arguments)
    assert result.exit_code == 2 and "Error: " in result.stderr
    if "usr:ann" in arguments:
        assert "at character 1. Did you mean user?" in result.stderr


def test_a_store_that_is_not_there_fails(tmp_path):
    assert CliRunner().invoke(main, ["sessions", "--store", f"sqlite:///{tmp_path}/none.db"]).exit_code == 2


@pytest.mark.parametrize("installed", [True, False])
def test_a_terminal_gets_a_table_of_rich_where_it_is_installed(url, monkeypatch, capsys, installed):
    if installed:
        pytest.importorskip("rich")
    else:
        monkeypatch.setitem(sys.modules, "rich.console", None)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("COLUMNS", "200")
    main(["sessions", "--store", url], standalone_mode=False)
    printed = capsys.readouterr().out
    assert "[bold]去地铁站[/bold]" in printed and "s2" in printed
