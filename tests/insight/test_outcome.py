"""How a session ended, by facts alone."""

import json

import pytest

from convotrace.insight.outcome import Ending, after_silence, by_app, ending, is_by_silence, told_by, with_outcome
from convotrace.model import Change, Event, Failure, Left, Payload, SessionFacts, Span, Trace

TOOLS = frozenset({"transfer_to_human"})
MINUTE = 60 * 10**9


def trace(*spans, events=(), **fields):
    return Trace("t", "s", is_turn=True, spans=spans, events=events, **fields)


def test_a_declared_tool_hands_over_unless_it_failed():
    call = Span("a", "t", "transfer_to_human", "tool")
    assert told_by(trace(call), (), TOOLS).outcome == "escalated"
    assert told_by(trace(call), (), TOOLS).reason == "the tool transfer_to_human was called"
    failed = Span("a", "t", "transfer_to_human", "tool", status="error", error=Failure("E", "closed"))
    assert told_by(trace(failed), (), TOOLS) is None
    assert told_by(trace(call), (), frozenset()) is None
    assert told_by(trace(Span("a", "t", "transfer_to_human", "generation")), (), TOOLS) is None


@pytest.mark.parametrize("name", ["handoff", "escalation", "support.handoff"])
def test_an_event_hands_over_wherever_it_was_noted(name):
    event = Event(name, 0)
    on_span = trace(Span("a", "t", "x", events=(event,)))
    for told in (
        told_by(trace(), (event,), TOOLS),
        told_by(trace(events=(event,)), (), TOOLS),
        told_by(on_span, (), ()),
    ):
        assert (told.outcome, told.reason) == ("escalated", f"the event {name} was noted")


def test_an_event_completes_and_a_hand_off_beside_it_says_more():
    done, over = Event("order.completed", 0), Event("handoff", 1)
    assert told_by(trace(events=(done,)), (), TOOLS).outcome == "completed"
    assert told_by(trace(events=(done, over)), (), TOOLS).outcome == "escalated"
    assert told_by(trace(events=(Event("handoff_rate", 0),)), (), TOOLS) is None


def test_the_word_of_the_app_stands():
    said = Change(SessionFacts("s", outcome="completed"), trace(events=(Event("handoff", 0),)))
    assert with_outcome(said, TOOLS) is said
    nothing = Change(SessionFacts("s"), trace())
    assert with_outcome(nothing, TOOLS) is nothing


ASKED = Payload("Where is it?")


@pytest.mark.parametrize(
    ("fields", "wanted", "outcome"),
    [
        ({"output": Payload("yes")}, Ending.ANSWERED, None),
        ({}, Ending.UNANSWERED, "abandoned"),
        ({"output": Payload("", {"text": ""})}, Ending.UNANSWERED, "abandoned"),
        ({"output": Payload(None, {"error": "busy"}), "status_code": 503}, Ending.UNANSWERED, "abandoned"),
        ({"status": "error", "output": Payload("half")}, Ending.FAILED, "failed"),
        ({"status": "interrupted"}, Ending.FAILED, "failed"),
        ({"left": Left(1, 1, 1), "output": Payload("half")}, Ending.LEFT, "abandoned"),
        ({"status": "running"}, Ending.RUNNING, "failed"),
        # Nobody can tell: a reply that was not understood, a model that answered elsewhere, texts that are not kept.
        ({"output": Payload(None, {"queued": 7}), "status_code": 202}, Ending.ANSWERED, None),
        ({"spans": (Span("a", "t", "chat", "generation", output="yes"),)}, Ending.ANSWERED, None),
        ({"input": Payload()}, Ending.ANSWERED, None),
    ],
)
def test_silence_ends_a_session_as_its_last_turn_left_it(fields, wanted, outcome):
    turn = Trace("t", "s", is_turn=True, **{"input": ASKED, **fields})
    assert ending(turn) is wanted
    assert after_silence(wanted, 0, 30 * MINUTE, 30 * MINUTE) is None
    found = after_silence(wanted, 0, 31 * MINUTE, 30 * MINUTE)
    assert (None if found is None else found.outcome) == outcome
    assert found is None or is_by_silence(found.reason)


def test_the_rule_of_an_app_returns_an_outcome_or_one_with_its_reason():
    assert by_app(None) is None
    assert by_app("completed").outcome == "completed" and is_by_silence(by_app("completed").reason)
    assert by_app(("escalated", "a ticket was opened")).reason.startswith("a ticket was opened")
    for wrong in ("done", ("completed", 7), 1, {}):
        with pytest.raises(ValueError, match="return None, or one of open, completed"):
            by_app(wrong)


@pytest.mark.data
def test_one_declared_tool_finds_the_conversations_that_were_handed_over(data):
    tools = frozenset({"transfer_to_human_agents"})
    found, wanted = set(), set()
    for path in sorted((data / "conversations").glob("*.jsonl")):
        for source in map(json.loads, path.read_text(encoding="utf-8").splitlines()):
            steps = [step for turn in source["turns"] for step in turn["steps"]]
            spans = [
                Span("a", "t", step["name"], step["kind"], status="error" if step.get("error") else "ok")
                for step in steps
            ]
            if told_by(trace(*spans), (), tools) is not None:
                found.add(source["id"])
            if (source.get("outcome") or {}).get("escalated"):
                wanted.add(source["id"])
    assert found == wanted and len(wanted) == 32
