"""`convotrace stats`: many turns as a small table, or as JSON."""

import json

import pytest
from click.testing import CliRunner

from convotrace.cli import main
from convotrace.model import Change, SessionFacts, Span, Trace
from convotrace.store import Store

START = 1_700_000_000 * 10**9
DAYS = ("--since", "2023-11-14", "--until", "2023-11-16")


@pytest.fixture
def url(tmp_path):
    url = f"sqlite:///{tmp_path}/sessions.db"
    store = Store.open(url)
    for n in range(4):
        id, at = f"{n + 1:032x}", START + n
        tool = Span(f"{n + 1:016x}", id, "\x1b[2Jsearch", kind="tool", started_ns=at, duration_ns=(n + 1) * 10**9)
        trace = Trace(
            id, f"s{n}", is_turn=True, started_ns=at, duration_ns=2 * 10**9, cost_nano=n * 10**9, spans=(tool,)
        )
        store.write([Change(SessionFacts(f"s{n}", "header", outcome="escalated" if n else None), trace)])
    store.close()
    return url


@pytest.fixture
def run(url):
    return lambda *arguments: CliRunner().invoke(main, ["stats", "--store", url, *arguments])


def test_it_prints_all_turns_and_how_sessions_ended(run):
    lines = run(*DAYS).stdout.splitlines()
    assert lines[0] == "2023-11-14 00:00 to 2023-11-16 00:00 UTC"
    assert lines[2].split() == ["All", "4", "0", "0", "–", "6.0000", *["2.0", "s"] * 3, "–"]
    assert lines[3] == "4 sessions began, 1.0 turns each: 0 completed, 3 escalated, 0 abandoned, 0 failed."


def test_calls_are_told_by_tool_and_nothing_moves_the_cursor(run):
    result = run(*DAYS, "--by", "tool")
    assert "Calls" in result.stdout and "\x1b" not in result.stdout
    assert "4.0 s" in result.stdout and "search" in result.stdout


def test_json_is_that_of_the_page(run):
    found = json.loads(run(*DAYS, "--json", "-q", "outcome:escalated").stdout)
    assert found["total"]["turns"] == 3 and found["sessions"]["escalated"] == 3
    assert sum(point["turns"] for point in found["series"][0]["points"]) == 3


@pytest.mark.parametrize("wrong", [("--by", "colour"), ("--since", "soon"), ("-q", "turns>many")])
def test_what_cannot_be_asked_is_wrong_use(run, wrong):
    result = run(*wrong)
    assert result.exit_code == 2 and "Error" in result.stderr
