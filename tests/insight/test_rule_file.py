"""Rules in a TOML file: the same as in Python, and each mistake is one sentence that says where."""

import re
from pathlib import Path

import pytest

from convotrace.errors import SettingsError
from convotrace.insight.rule_file import rules_in
from convotrace.insight.rules import alert
from convotrace.insight.session_rules import session_alert

DOCS = (Path(__file__).parents[2] / "docs" / "alerts.md").read_text(encoding="utf-8")


def test_a_file_makes_the_same_rules_as_python():
    text = """
        [[alert]]
        name = "slow"
        metric = "latency"
        above = 1000
        times = 5

        [[session_alert]]
        name = "runaway"
        repeated_calls = 3
        signals = ["left"]
        score = ["helpfulness", 0.5]
    """
    assert rules_in(text, "rules.toml") == (
        alert("slow", "latency", above=1000, times=5),
        session_alert("runaway", repeated_calls=3, signals=["left"], score=("helpfulness", 0.5)),
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[[alert", "rules.toml is no TOML"),
        ("[[alarm]]\nname = 'x'", "use [[alert]] and [[session_alert]]"),
        ("[alert]\nname = 'x'", "with two brackets"),
        ("[[alert]]\nname = 'x'\nmetric = 'p95'\nover = 3", "has 'over'; use some of name, metric"),
        ("[[alert]]\nmetric = 'p95'", 'give name = "…"'),
        ("[[alert]]\nname = 'x'\nmetric = 'p95'", "rules.toml: alert 'x' needs one of"),
        ("[[alert]]\nname = 'x'\nmetric = 'p95'\nabove = 'much'", "use a number"),
        ("[[session_alert]]\nname = 'x'", "says nothing to alert for"),
    ],
)
def test_each_mistake_is_one_sentence_that_says_where(text, words):
    with pytest.raises(SettingsError) as raised:
        rules_in(text, "rules.toml")
    assert words in str(raised.value) and "\n" not in str(raised.value)


@pytest.mark.parametrize("text", re.findall(r"```toml\n(.*?)```", DOCS, re.DOTALL))
def test_the_files_of_the_documentation_are_rules(text):
    assert rules_in(text, "docs/alerts.md")


def test_the_five_examples_of_maxim_stand_in_the_documentation():
    (text, *_) = re.findall(r"```toml\n(.*?)```", DOCS, re.DOTALL)
    assert rules_in(text, "docs/alerts.md") == (
        alert("slow answers", "latency", above=1000, times=5, window="5m"),
        alert("tokens an hour", "tokens", above=1_000_000, window="1h"),
        alert("spent a day", "cost", above=100, window="24h"),
        alert("biased", "fails.bias-check", reaches=1, window="15m"),
        alert("toxic", "score.toxicity", reaches=0.8, times=1, window="5m"),
    )
