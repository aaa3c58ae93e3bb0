"""Definitions of scores: what they take, what passes, and that a mistake in one is said at once."""

import pytest

from convotrace.errors import BadRequest, SettingsError
from convotrace.insight.definitions import as_facts, from_facts, score_definition, tallied

GOOD = score_definition("good", min=1, max=5, pass_min=4)
TONE = score_definition("tone", labels=["warm", "cold"], pass_labels=["warm"])
SAFE = score_definition("safe")


@pytest.mark.parametrize(
    ("definition", "value", "taken", "passed"),
    [(GOOD, 4, 4, True), (GOOD, "3.5", 3.5, False), (GOOD, "5", 5, True), (TONE, "warm", "warm", True),
     (TONE, "cold", "cold", False), (SAFE, "yes", True, True), (SAFE, False, False, False), (SAFE, 1, True, True),
     (score_definition("words", type="text"), "long\ntext", "long\ntext", None),
     (score_definition("ms", pass_max=300), 299.5, 299.5, True),
     (score_definition("rude", pass_value=False), False, False, True)],
)  # fmt: skip
def test_a_value_is_taken_for_what_it_says_and_passes_or_not(definition, value, taken, passed):
    assert definition.checked(value) == taken and type(definition.checked(value)) is type(taken)
    assert definition.passed(taken) is passed


@pytest.mark.parametrize(
    ("definition", "value", "sentence"),
    [(GOOD, 6, "good came as 6; it takes a number from 1 to 5."), (GOOD, True, "good came as True"),
     (TONE, "hot", "tone came as 'hot'; it takes one of warm, cold."), (SAFE, "maybe", "it takes yes or no."),
     (GOOD, "nan", "good came as 'nan'"), (GOOD, "x" * 500, "good came as 'xxx")],
)  # fmt: skip
def test_a_value_that_is_none_is_refused_with_what_is_accepted(definition, value, sentence):
    with pytest.raises(BadRequest) as refused:
        definition.checked(value)
    assert str(refused.value).startswith(sentence) or str(refused.value).endswith(sentence)
    assert len(str(refused.value)) < 200


@pytest.mark.parametrize(
    "wrong",
    [{"name": ""}, {"name": "a", "type": "odd"}, {"name": "a", "on": "page"}, {"name": "a", "min": 5, "max": 1},
     {"name": "a", "labels": ["x"], "pass_labels": ["y"]}, {"name": "a", "labels": ["x"], "min": 1},
     {"name": "a", "type": "categorical"}, {"name": "a", "min": "low"}, {"name": "a", "labels": "warm"},
     {"name": "a", "rubric": "x" * 5000}, {"name": "a", "labels": [""]}],
)  # fmt: skip
def test_a_definition_that_cannot_be_is_refused(wrong):
    with pytest.raises(SettingsError):
        from_facts(wrong)


def test_a_definition_comes_back_from_its_json():
    for one in (GOOD, TONE, SAFE, score_definition("rude", pass_value=None)):
        assert from_facts(as_facts(one)) == one


def test_choices_are_few_enough_for_keys_or_none():
    assert GOOD.choices == (1, 2, 3, 4, 5) and TONE.choices == ("warm", "cold") and SAFE.choices == (True, False)
    assert score_definition("share", min=0, max=1).choices == ()
    assert score_definition("ms", pass_max=300).choices == () == score_definition("many", min=0, max=100).choices


def test_a_tally_counts_what_can_pass_of_what_is_defined():
    counts = {"good": [(5, 2), (1, 1), ("?", 1)], "tone": [("warm", 3)], "other": [(1, 9)]}
    found = tallied({"good": GOOD, "tone": TONE}, counts)
    assert found == {"good": {"passed": 2, "of": 3}, "tone": {"passed": 3, "of": 3}}


def test_values_of_which_none_can_pass_and_scores_that_nobody_defined_are_not_tallied():
    known = {"good": GOOD, "tone": TONE, "words": score_definition("words", type="text")}
    counts = {"good": [(9, 4), ("odd", 1)], "tone": [("warm", 2), ("cold", 1), ("hot", 5)], "words": [("x", 1)],
              "other": [(1, 1)]}  # fmt: skip
    assert tallied(known, counts) == {"tone": {"passed": 2, "of": 3}}


@pytest.mark.parametrize(
    ("definition", "accepted"),
    [(score_definition("n", min=1), "a number of at least 1"), (score_definition("n", max=2), "a number of at most 2"),
     (score_definition("n", type="numeric"), "a number"), (score_definition("t", type="text"), "a text"),
     (SAFE, "yes or no"), (TONE, "one of warm, cold")],
)  # fmt: skip
def test_what_a_score_takes_is_said_in_words(definition, accepted):
    assert definition.accepted == accepted
