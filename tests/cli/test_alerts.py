"""`convotrace alerts`: a rule is tried before anybody is woken by it; rules are listed and paused."""

import json

import pytest

from convotrace.store import Store

RULES = """
[[alert]]
name = "many turns"
metric = "turns"
above = 0
window = "60s"

[[session_alert]]
name = "dear"
cost = 1.0
"""


@pytest.fixture
def rules(tmp_path, monkeypatch):
    (tmp_path / "rules.toml").write_text(RULES)
    (tmp_path / "my_rules.py").write_text(
        "import convotrace as ct\nRULES = [ct.alert('own', 'turns', above=0)]\nONE = RULES[0]\nNONE = 3\n"
    )
    monkeypatch.chdir(tmp_path)


def test_rules_of_files_and_modules_are_tried_on_what_is_stored(run, rules):
    result = run("alerts", "test", "rules.toml", "my_rules:RULES", "--since", "1h", "--json")
    assert result.exit_code == 0, result.output
    told = {one["rule"]: one for one in json.loads(result.stdout)["rules"]}
    assert list(told) == ["many turns", "dear", "own"]
    assert told["many turns"]["alerts"] == 1 and told["many turns"]["notices"][0]["reason"] == "turns is 1, above 0"
    assert (told["dear"]["alerts"], told["dear"]["looked"]) == (0, 1)


def test_people_read_when_and_why(run, rules):
    result = run("alerts", "test", "rules.toml", "--rule", "many turns", "--since", "30m")
    assert "many turns: turns over 1 min above 0" in result.output and "dear" not in result.output
    assert "1 alert in 30 moments, 1 min apart" in result.output and "turns is 1, above 0" in result.output


def test_a_rule_is_paused_listed_and_goes_on(run, rules, kept):
    assert run("alerts", "pause", "dear").exit_code == 0
    assert "paused    dear" in run("alerts", "list", "rules.toml").output
    store = Store.open(kept)
    assert list(store.paused_rules()) == ["dear"]
    store.close()
    assert "dear goes on." in run("alerts", "resume", "dear").output
    assert "dear was not paused." in run("alerts", "resume", "dear").output
    assert "No rule is paused" in run("alerts", "list").output


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nothing.toml"], "cannot be read"),
        (["my_rules:NONE"], "is no rule"),
        (["my_rules:missing"], "cannot be loaded"),
        (["my_rules"], "is no source of rules"),
        (["rules.toml", "--rule", "other"], "There is no rule 'other'"),
        (["rules.toml", "--since", "soon"], "is no duration"),
    ],
)
def test_what_cannot_be_tried_is_one_sentence_and_exit_code_2(run, rules, arguments, words):
    result = run("alerts", "test", *arguments)
    assert result.exit_code == 2 and words in result.output
