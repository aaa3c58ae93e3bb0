"""What an evaluator is: how it is made, which functions get the conversation, and what an answer becomes."""

from dataclasses import replace

import pytest

from convotrace.errors import SettingsError
from convotrace.insight.evaluation import evaluator, failure, result
from convotrace.model import Conversation, Score, Session, Target, Trace

TURN = Trace("t", "s", is_turn=True)
TALK = Conversation(Session("s", "s"), (TURN,))
AT = Target("s", "t")


@evaluator
def polite(turn):
    return turn


def test_the_decorator_stands_with_and_without_parentheses():
    @evaluator(on="session", name="kind", version="2", sample=0.5, when="tool:x", after_idle=5, timeout=1)
    def named(turn, conversation):
        return turn, conversation

    assert (polite.name, polite.on, polite.sample, polite.version) == ("polite", "turn", 1.0, None)
    assert (named.name, named.on, named.version, named.sample, named.when, named.after_idle, named.timeout) == (
        "kind", "session", "2", 0.5, "tool:x", 5, 1,
    )  # fmt: skip
    assert polite(TURN, TALK) is TURN and named(TURN, TALK) == (TURN, TALK)


class Judge:
    def __call__(self, turn, *, strict=False):
        return strict


def test_only_a_second_positional_argument_gets_the_conversation():
    judge = evaluator(Judge())
    assert judge.name == "Judge" and judge(TURN, TALK) is False
    assert evaluator(lambda *turns: len(turns))(TURN, TALK) == 1
    assert evaluator(lambda turn, other=None: other)(TURN, TALK) is TALK


class Unreadable:
    __signature__ = "none"

    def __call__(self, turn):
        return "called"


def test_a_callable_whose_signature_cannot_be_read_gets_what_it_judges_alone():
    assert evaluator(Unreadable(), name="u")(TURN, TALK) == "called"
    assert evaluator(bool)(TURN, TALK) is True


@pytest.mark.parametrize("on", ["turns", "", None, "trace"])
def test_what_nobody_judges_is_refused(on):
    with pytest.raises(SettingsError, match=r"^on came as .*; use one of turn, session, span\.$"):
        evaluator(on=on)


@pytest.mark.parametrize("sample", [-0.1, 1.1, "1", None, float("nan")])
def test_a_share_outside_0_to_1_is_refused(sample):
    with pytest.raises(SettingsError, match=r"^sample came as .*; use a number from 0 to 1\.$"):
        evaluator(sample=sample)


def test_a_sample_is_the_same_each_time_and_grows_with_its_share():
    ids = [str(n) for n in range(1_000)]
    taken = {
        share: {id for id in ids if evaluator(len, name="x", sample=share).takes(id)} for share in (0, 0.1, 0.5, 1)
    }
    assert taken[0] == set() and taken[1] == set(ids)
    assert taken[0.1] < taken[0.5] and 60 < len(taken[0.1]) < 140 and 430 < len(taken[0.5]) < 570
    assert taken[0.5] != {id for id in ids if evaluator(len, name="y", sample=0.5).takes(id)}


def judged(answer, turns=3, of=polite, target=AT):
    return result(of, target, answer, 50, 7, turns)


@pytest.mark.parametrize(
    ("answer", "kind", "value", "passed"),
    [
        (True, "boolean", True, True),
        (False, "boolean", False, False),
        (0.5, "numeric", 0.5, None),
        (3, "numeric", 3, None),
        ("good", "categorical", "good", None),
    ],
)
def test_an_answer_becomes_a_score_of_its_kind(answer, kind, value, passed):
    found = judged(answer)
    assert (found.type, found.value, found.passed, found.reason) == (kind, value, passed, None)
    assert (found.name, found.source, found.evaluator, found.version) == ("polite", "evaluator", "polite", None)
    assert (found.at_ns, found.duration_ns, found.turns, found.target) == (50, 7, 3, AT)
    assert judged((answer, 12)).reason == "12" and judged((answer, None)).reason is None


@pytest.mark.parametrize("answer", [float("nan"), float("inf"), [], (1, 2, 3), {}, b"x", object(), (None, "why")])
def test_what_is_no_judgement_is_a_failure_that_says_what_came(answer):
    found = judged(answer)
    assert (found.value, found.passed) == ("failed", None)
    assert found.reason.endswith("came; an evaluator returns a bool, a finite number, a word, a Score or None.")


def test_none_is_no_judgement_and_a_score_keeps_what_it_says():
    own = Score("mine", "x", "numeric", 4, 1, Target("other"), "code", "a comment", passed=True)
    found = judged(own)
    assert judged(None) is None
    assert (found.value, found.comment, found.passed, found.name) == (4, "a comment", True, "polite")
    assert (found.id, found.target, found.at_ns) == (judged(1).id, AT, 50)


def test_the_same_judgement_has_the_same_id_and_any_other_another():
    session = evaluator(polite.function, on="session", name="polite")
    ids = {
        judged(1).id, judged(2, turns=9).id, judged(1, of=replace(polite, version="2")).id,
        judged(1, of=replace(polite, name="x")).id, judged(1, target=Target("s", "u")).id,
        judged(1, of=session, turns=4).id, judged(1, of=session, turns=5).id,
    }  # fmt: skip
    assert judged(1).id == judged(2, turns=9).id and len(ids) == 6


def test_an_evaluator_that_failed_passed_nothing():
    found = failure(polite, AT, "it raised", 50, 7, 3)
    assert (found.value, found.reason, found.passed, found.name) == ("failed", "it raised", None, "polite")
