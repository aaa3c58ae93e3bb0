"""`convotrace evaluate`: judges what is stored, and says by its exit code whether it was good enough."""

import json

import pytest

from convotrace.store import Store


@pytest.fixture
def module(tmp_path, monkeypatch):
    (tmp_path / "my_checks.py").write_text(
        "import convotrace\n"
        "@convotrace.evaluator\ndef old(turn): return 'old' not in turn.input.text, 'it is old'\n"
        "def breaks(turn): raise RuntimeError('no')\n"
    )
    monkeypatch.chdir(tmp_path)


def test_it_judges_each_turn_once_and_stores_the_results(run, kept, module):
    result = run("evaluate", "my_checks:old", "answered", "--json")
    facts = json.loads(result.stdout)
    assert result.exit_code == 0, result.output
    assert facts["old"] == {"results": 4, "passed": 1, "rate": 0.25, "failed": 0, "why": "it is old"}
    assert facts["answered"]["rate"] == 0
    store = Store.open(kept)
    assert {score.evaluator for score in store.session("new").traces[0].scores} == {"old", "answered"}
    store.close()
    assert json.loads(run("evaluate", "my_checks:old", "--json").stdout)["old"]["results"] == 0


def test_a_dry_run_stores_nothing_and_a_filter_chooses(run, kept, module):
    result = run("evaluate", "my_checks:old", "-q", "user:ben", "--dry-run")
    assert "old                         1   0.000       0  it is old" in result.stdout
    store = Store.open(kept)
    assert store.session("older").traces[0].scores == ()
    store.close()


@pytest.mark.parametrize(("arguments", "code"), [(["--fail-under", "0.2"], 0), (["--fail-under", "0.5"], 1)])
def test_the_exit_code_says_whether_it_was_good_enough(run, module, arguments, code):
    assert run("evaluate", "my_checks:old", *arguments).exit_code == code


def test_an_evaluator_that_fails_is_told_and_ends_with_1(run, module):
    result = run("evaluate", "my_checks:breaks")
    assert result.exit_code == 1 and "It raised RuntimeError: no" in result.stdout


@pytest.mark.parametrize("name", ["nope", "my_checks:nope", "no_such_module:x"])
def test_what_cannot_be_loaded_is_one_sentence_and_2(run, module, name):
    result = run("evaluate", name)
    assert result.exit_code == 2 and result.stderr.count("\n") == 1


def test_without_names_it_prints_those_there_are(run):
    assert "groundedness      Return the share" in run("evaluate").stdout
