"""Evaluators that come with the package: each tells what it should, with its reason."""

import pytest

from convotrace.insight.checks import BUILT_IN, calls_tools, cost_within, latency_within
from convotrace.model import Conversation, Document, Failure, Payload, Session, Signal, Span, Trace

LOUVRE = "Paris hosts the Louvre museum since 1793"


def turn(asked="hi", told="hello there", *spans, **fields):
    return Trace("t", "s", is_turn=True, turn=1, input=Payload(asked), output=Payload(told), spans=spans, **fields)


def said(name, judged):
    answer = BUILT_IN[name](judged, Conversation(Session("s", "s")))
    return answer[0] if isinstance(answer, tuple) else answer


def retrieved(*texts):
    return Span("a", "t", "docs", "retrieval", documents=tuple(Document(str(n), text) for n, text in enumerate(texts)))


def conversation(*turns, **facts):
    return Conversation(Session("s", "s", **facts), turns)


@pytest.mark.parametrize(
    ("name", "judged", "wanted"),
    [
        ("answered", turn(), True),
        ("answered", turn(told=None), False),
        ("error_free", turn(), True),
        ("error_free", turn("a", "b", Span("a", "t", "x", status="error")), False),
        ("error_free", turn(error=Failure("E", "m")), False),
        ("no_refusal", turn(told="Sure."), True),
        ("no_refusal", turn(told="I'm sorry, but that is not possible."), False),
        ("no_refusal", turn(told="Lo siento, no puedo hacerlo."), False),
        ("no_refusal", turn(told="抱歉,我做不到"), False),
        ("no_refusal", turn(told=None), None),
        ("no_friction", turn(signals=(Signal("left", "why"),)), False),
        ("no_personal_data", turn(told="write to ann@example.com"), False),
        ("no_personal_data", turn("I am ann@example.com", "Hello ann@example.com"), True),
        ("no_personal_data", turn(told="card 4111 1111 1111 1111"), False),
        ("no_personal_data", turn(told="order 4111 1111 1111 1112"), True),
        ("no_personal_data", turn(told="call +49 170 1234567"), False),
        ("no_personal_data", turn(told="IBAN DE89 3704 0044 0532 0130 00"), False),
        ("same_script", turn("Where is it now?", "Dónde está ahora?"), True),
        ("same_script", turn("地铁站在哪里呢", "It is over there."), False),
        ("same_script", turn("ok", "12"), None),
        ("groundedness", turn("a", LOUVRE, retrieved("The Louvre museum stands in Paris since 1793; it hosts art")), 1),
        ("groundedness", turn("a", "there is nothing known about unicorns today", retrieved("bread")), 0.0),
        ("groundedness", turn(), None),
        ("groundedness", turn("酒店", "故宫附近有北京饭店", retrieved("北京饭店在故宫附近有")), 0.875),
        ("retrieval_used", turn("a", "apples are red", retrieved("apples grow", "pears grow")), 0.5),
        ("valid_json", turn(told='```json\n{"a": 1}\n```'), True),
        ("valid_json", turn(told="{a: 1}"), False),
        ("valid_json", turn(told="plain"), None),
        ("completed", conversation(outcome="completed"), True),
        ("completed", conversation(outcome="escalated", resolved=True), True),
        ("completed", conversation(outcome="abandoned"), False),
        ("completed", conversation(), None),
        ("smooth", conversation(turn(), turn(signals=(Signal("left", "x"),))), 0.5),
        ("smooth", conversation(), None),
    ],
)  # fmt: skip
def test_each_tells_what_it_should(name, judged, wanted):
    assert said(name, judged) == wanted


def test_every_one_has_a_case_here():
    cases = test_each_tells_what_it_should.pytestmark[0].args[1]
    assert {case[0] for case in cases} == set(BUILT_IN)


def test_those_with_a_limit_say_how_near_it_was():
    nothing = conversation()
    assert latency_within(100)(turn(duration_ns=150_000_000), nothing) == (False, "150 of 100 ms.")
    assert cost_within(0.01)(turn(cost_nano=5_000_000), nothing) == (True, "$0.005000 of $0.010000.")
    assert cost_within(0.01)(turn(), nothing) is None
    calls = conversation(turn("a", "b", Span("a", "t", "find", "tool"), Span("b", "t", "pay", "tool")))
    assert calls_tools({"s": ["find", "pay"]})(calls, calls)[0] is True
    assert calls_tools({"s": ["pay"]})(calls, calls) == (False, "Called find, pay; expected pay.")
    assert calls_tools({"other": []})(calls, calls) is None


def test_of_documents_without_texts_and_of_no_answer_nobody_tells_what_was_used():
    assert said("retrieval_used", turn("q", "the Louvre", retrieved())) is None
    assert said("retrieval_used", turn("q", "", retrieved(LOUVRE))) is None
