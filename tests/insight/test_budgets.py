"""Budgets: which limit is reached first, what may be said of one, and what a refusal answers."""

from dataclasses import replace

import pytest

from convotrace.errors import SettingsError
from convotrace.insight.budgets import Budget, Refusal, budget, budget_of, refusal_of
from convotrace.insight.spending import Totals

NOTHING = Totals()


@pytest.mark.parametrize(
    ("limits", "session", "turn", "words"),
    [
        ({"cost": 0.5}, Totals(cost=0.5), NOTHING, "the session cost $0.5000"),
        ({"cost": 0.5}, Totals(cost=0.4999), NOTHING, None),
        ({"tokens": 1_000}, Totals(input_tokens=600, output_tokens=400), NOTHING, "the session took 1,000 tokens"),
        ({"tokens": 1_000}, Totals(input_tokens=999), Totals(input_tokens=9_999), None),
        ({"turns": 20}, Totals(turns=20), NOTHING, "the session has 20 turns"),
        ({"turns": 20}, Totals(turns=19), NOTHING, None),
        ({"errors": 1}, Totals(errors=3), NOTHING, "3 errors in the session"),
        ({"same_failures": 2}, Totals(same_failures=2), NOTHING, "a tool failed in the same way 2 times"),
        ({"tool_loop": 3}, NOTHING, Totals(repeated_calls=3),
         "a tool was called with the same arguments 3 times in one turn"),
        ({"tool_loop": 3}, Totals(repeated_calls=9), NOTHING, None),
        ({"turns": 0}, NOTHING, NOTHING, "the session has 0 turns"),
    ],
)  # fmt: skip
def test_a_limit_is_reached_from_its_value_on(limits, session, turn, words):
    assert budget("b", **limits).reached(session, turn) == words


def test_of_two_limits_that_are_reached_the_first_is_told():
    both = budget("b", turns=1, cost=0.1)
    assert both.reached(Totals(turns=5, cost=1.0), NOTHING) == "the session cost $1.0000"
    assert both.reached(Totals(turns=5), NOTHING) == "the session has 5 turns"


@pytest.mark.parametrize("value", [-1, True, "5", [], float("nan")])
@pytest.mark.parametrize("limit", ["cost", "tokens", "turns", "errors", "same_failures", "tool_loop"])
def test_what_is_no_number_from_0_on_is_no_limit(limit, value):
    with pytest.raises(SettingsError, match=rf"^budget 'b' has {limit}=.*; use a number from 0 on\.$"):
        budget("b", **{limit: value})


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({}, "has no limit; give one of cost, tokens, turns, errors, same_failures, tool_loop."),
        ({"turns": 1, "action": "shout"}, "has action='shout'; use one of notice, advise, stop, hand_over, refuse."),
        ({"turns": 1, "action": "notice"}, "has nothing to say; give notice='…'."),
        ({"turns": 1, "action": "notice", "notice": ""}, "has nothing to say; give notice='…'."),
        ({"turns": 1, "action": "advise"}, "advises nothing; give values={'model': '…'}."),
        ({"turns": 1, "action": "refuse", "status": 99}, "has status=99; use 200 to 599."),
    ],
)
def test_a_budget_that_cannot_work_is_refused_in_one_sentence(options, sentence):
    with pytest.raises(SettingsError) as refused:
        budget("b", **options)
    assert str(refused.value) == f"budget 'b' {sentence}"


def test_a_budget_carries_what_its_action_needs_and_a_refusal_only_where_it_refuses():
    assert budget("b", turns=1) == Budget("b", turns=1)
    told = budget("b", cost=1, action="notice", notice="soon over")
    assert (told.action, told.notice, told.refusal) == ("notice", "soon over", None)
    assert budget("b", cost=1, action="advise", values={"model": "small"}).values == {"model": "small"}
    assert budget("b", cost=1, action="hand_over", team="billing", answer="x").refusal is None
    assert budget("b", cost=1, action="refuse", answer="no more").refusal == Refusal(
        b"no more", 429, "text/plain; charset=utf-8"
    )


def test_a_mapping_describes_the_same_budget_as_the_function():
    told = {"name": "b", "turns": 3, "action": "refuse", "answer": {"error": "enough"}, "status": 503}
    assert budget_of(told) == budget("b", turns=3, action="refuse", answer={"error": "enough"}, status=503)
    assert budget_of({"turns": 3}).name == "budget"


@pytest.mark.parametrize("name", ["turn", "refusal", "Cost", ""])
def test_a_mapping_with_a_strange_name_says_which_are_known(name):
    with pytest.raises(SettingsError, match="use some of action, answer, content_type, cost, errors, name") as refused:
        budget_of({"turns": 3, name: 1})
    assert str(refused.value).startswith(f"a budget has {name!r};") and "refusal," not in str(refused.value)[20:]


@pytest.mark.parametrize(
    ("answer", "refusal"),
    [
        (b"\x00\xff", Refusal(b"\x00\xff", 429, "application/octet-stream")),
        (bytearray(b"x"), Refusal(b"x", 429, "application/octet-stream")),
        ("zu viel", Refusal(b"zu viel", 429, "text/plain; charset=utf-8")),
        ("\ud800", Refusal(b"?", 429, "text/plain; charset=utf-8")),
        (None, Refusal(b"{}", 429, "application/json")),
        ([1, "é"], Refusal('[1, "é"]'.encode(), 429, "application/json")),
    ],
)
def test_the_kind_of_an_answer_follows_from_what_it_is(answer, refusal):
    assert refusal_of("x", answer) == refusal
    assert refusal_of("x", answer, 200, "text/html") == replace(refusal, status=200, content_type="text/html")


def circle():
    found = []
    found.append(found)
    return found


@pytest.mark.parametrize("answer", [object(), {1, 2}, circle(), {"a": b"x"}], ids=["object", "set", "circle", "bytes"])
def test_what_no_answer_can_carry_is_refused_in_one_sentence(answer):
    with pytest.raises(SettingsError, match=r"^x has an answer that is no JSON, text or bytes\.$"):
        refusal_of("x", answer)


@pytest.mark.parametrize("status", [199, 600, True, "200", 200.0, None])
def test_a_status_outside_http_is_refused(status):
    with pytest.raises(SettingsError, match=r"^x has status=.*; use 200 to 599\.$"):
        refusal_of("x", "no", status)
    assert [refusal_of("x", "no", good).status for good in (200, 599)] == [200, 599]


@pytest.mark.parametrize("kind", ["", "text/plain\r\nx: y", "täxt", 5])
def test_a_content_type_that_could_split_a_header_is_refused(kind):
    with pytest.raises(SettingsError, match=r"^x has content_type=.*; use one such as text/plain\.$"):
        refusal_of("x", "no", 429, kind)
