"""Judgements that others put on spans: which are told, of what kind, by whom, and what is no judgement."""

import pytest

from convotrace.dialects.scores import Judgement, judgements
from convotrace.model import Event


def annotated(prefix="annotations.0.annotation", **said):
    return {f"{prefix}.{name}": value for name, value in said.items()}


def of(attributes=None, *events):
    return judgements(attributes or {}, events)


@pytest.mark.parametrize(
    ("attributes", "found"),
    [
        (annotated(name="ok", score=0.5, label="fair", explanation="so so", identifier="m", annotator_kind="LLM"),
         Judgement("ok", 0.5, "span", "so so", "evaluator", None, "m", "fair")),
        (annotated(name="ok", score=1, identifier="ann", annotator_kind="human"),
         Judgement("ok", 1.0, "span", None, "annotator", "ann")),
        (annotated("evaluations.0.evaluation", name="ok", label="good", annotator_kind="CODE"),
         Judgement("ok", "good", "span", None, "code", label="good")),
        (annotated("trace.evaluations.0.evaluation", name="ok", score=True), Judgement("ok", True, "trace")),
        (annotated("session.annotations.0.annotation", name="ok", score=2), Judgement("ok", 2.0, "session")),
    ],
)  # fmt: skip
def test_a_judgement_is_told_with_its_level_its_value_and_whoever_gave_it(attributes, found):
    assert of(attributes) == (found,)


@pytest.mark.parametrize(
    "attributes",
    [{}, annotated(name="ok"), annotated(score=1), annotated(name="", score=1), {"annotations.0.other.name": "ok"},
     {"annotations.0.annotation": "odd", "x.annotation.y": 1}, {"annotation.score": 1}],
)  # fmt: skip
def test_what_has_no_name_or_no_value_is_no_judgement(attributes):
    assert of(attributes) == ()


def event(name="gen_ai.evaluation.result", **said):
    return Event(name, 7, None, {f"gen_ai.evaluation.{key.replace('_', '.')}": value for key, value in said.items()})


def test_an_event_tells_a_judgement_in_its_attributes_or_in_its_body():
    told = event(name_="x")
    plain = Event("gen_ai.evaluation.result", 7, None, {"gen_ai.evaluation.name": "ok",
                                                        "gen_ai.evaluation.score.value": 0.5})  # fmt: skip
    body = Event("gen_ai.evaluation.result", 7, None, {"body": {"gen_ai.evaluation.name": "ok",
                                                                "gen_ai.evaluation.score.label": "good"}})  # fmt: skip
    assert of(None, told, plain, Event("other", 1), body) == (
        Judgement("ok", 0.5, "span", at_ns=7), Judgement("ok", "good", "span", label="good", at_ns=7),
    )  # fmt: skip


def ours(**said):
    names = {f"convotrace.score.{name}": value for name, value in said.items()}
    return of(None, Event("gen_ai.evaluation.result", 7, None, {
        "gen_ai.evaluation.name": "ok", "gen_ai.evaluation.score.label": "true",
        "gen_ai.evaluation.score.value": 1, "convotrace.score.id": "s1", **names,
    }))[0]  # fmt: skip


def test_a_judgement_of_ours_that_comes_back_is_what_it_was():
    back = ours(type="boolean", level="session", source="end_user", author="ann", span_id="1")
    assert (back.value, back.level, back.source, back.author, back.id, back.span_id) == (
        True, "session", "end_user", "ann", "s1", "1",
    )  # fmt: skip
    odd = ours(type="numeric", level="planet", source="moon", evaluator="m")
    assert (odd.value, odd.level, odd.source, odd.author, odd.evaluator) == (1.0, "span", "evaluator", None, "m")
