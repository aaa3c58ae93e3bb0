"""The assistant: deterministic, free of frameworks, and what convotrace is told of it."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import convotrace as ct
from convotrace import demo
from convotrace.demo.assistant import Assistant
from convotrace.demo.model import Model, decide, pieces_of, usage_of
from convotrace.demo.rules import Call
from convotrace.model import Conversation

OWN = Path(demo.__file__).parent / "data" / "conversations.jsonl"


@pytest.fixture
def assistant() -> Iterator[Assistant]:
    made = Assistant()
    yield made
    made.close()


def say(assistant: Assistant, *messages: str, session: str = "s") -> str:
    """Say messages in turn and return the last answer."""
    return ["".join(assistant.reply(session, message)) for message in messages][-1]


def traced(assistant: Assistant, *messages: str) -> Conversation:
    """Say messages, each in a trace of its own, and return what was stored."""
    observer = ct.ConvoTrace(store="memory:")
    try:
        for message in messages:
            with observer.session("s"):
                say(assistant, message)
        stored = observer.store.session("s")
        assert stored is not None
        return stored
    finally:
        observer.close()


@pytest.mark.parametrize("line", OWN.read_text(encoding="utf-8").splitlines(), ids=lambda line: json.loads(line)["id"])
def test_its_own_conversations_go_the_same_way_every_time(line: str) -> None:
    def hold() -> list[str]:
        assistant = Assistant()
        answers = []
        for turn in json.loads(line)["turns"]:
            try:
                answers.append(say(assistant, turn["user"]))
                assert turn.get("status", 200) == 200
            except RuntimeError:
                assert turn["status"] == 500
        assistant.close()
        return answers

    assert hold() == hold()


def test_its_own_conversations_cover_three_languages_crashes_and_thumbs() -> None:
    conversations = [json.loads(line) for line in OWN.read_text(encoding="utf-8").splitlines()]
    turns = [turn for conversation in conversations for turn in conversation["turns"]]
    assert len(conversations) >= 12
    assert {conversation["language"] for conversation in conversations} == {"en", "es", "zh"}
    assert {turn.get("thumbs") for turn in turns} == {"up", "down", None}
    assert any(turn.get("status") == 500 for turn in turns)


@pytest.mark.parametrize(
    ("messages", "part"),
    [
        (["Where is K-1042?"], "NP-55310"),
        (["Where is K-1043?"], "delivered by Norte Post on 2026-02-26"),
        (["Where is K-1051?"], "is packed and leaves our house"),
        (["Where is K-1077?"], "does not answer right now"),
        (["Where is K-9999?"], "I find no order K-9999"),
        (["I want a refund"], "Which order is it about?"),
        (["I want a refund", "K-1043, 14 EUR"], "14.00 EUR of order K-1043"),
        (["refund order K-1070"], "I have asked a colleague"),
        (["return K-1060"], "cannot be returned"),
        (["return K-1043"], "/labels/K-1043.pdf"),
        (["Do you sell bicycles?"], "I would rather not guess"),
        (["Have you got a mug under 2 EUR"], "nothing like that"),
        (["I need a person"], "A colleague will write to you"),
        (["¿Cuánto tarda el envío?"], "dos días laborables"),
        (["我的包裹到哪了？", "K-1058"], "Far Lane"),
    ],
)
def test_it_answers_and_recovers_from_every_refusal(assistant: Assistant, messages: list[str], part: str) -> None:
    assert part in say(assistant, *messages)


def test_an_error_nobody_foresaw_leaves_the_conversation_as_it_was(assistant: Assistant) -> None:
    say(assistant, "hello")
    before = assistant.memory.recall("s")
    with pytest.raises(RuntimeError):
        say(assistant, "I need the invoice for K-1042")
    assert assistant.memory.recall("s") == before


def test_the_answer_is_streamed_in_pieces_that_make_the_text(assistant: Assistant) -> None:
    text = "Hola, ¿qué tal?  \n 你好，这里是 K-1042。"
    assert "".join(pieces_of(text)) == text
    assert len(pieces_of(text)) > 5
    assert len(list(assistant.reply("s", "hello"))) > 20


def test_two_conversations_know_nothing_of_each_other(assistant: Assistant) -> None:
    say(assistant, "Where is K-1042?", session="a")
    assert "Which order" in say(assistant, "I want a refund", session="b")


def test_every_step_of_a_turn_is_a_span_under_the_agent(assistant: Assistant) -> None:
    stored = traced(assistant, "Where is my order K-1042?")
    [trace] = stored.traces
    agent, *steps = trace.spans
    assert [span.kind for span in trace.spans] == ["agent", "generation", "tool", "generation", "tool", "generation"]
    assert {span.parent_id for span in steps} == {agent.id}
    assert [span.name for span in steps if span.kind == "tool"] == ["look_up_order", "check_delivery"]
    assert steps[1].arguments == {"order_id": "K-1042"}
    assert steps[1].result["total"] == 87.0
    assert steps[0].output[0]["parts"][0]["id"] == steps[1].call_id


def test_a_model_call_keeps_its_messages_tools_tokens_and_price(assistant: Assistant) -> None:
    first, second = (trace.spans[1] for trace in traced(assistant, "hello", "thanks").traces)
    assert [message["role"] for message in first.input] == ["system", "user"]
    assert [message["role"] for message in second.input] == ["system", "user", "assistant", "user"]
    assert first.usage is not None and first.usage.input and first.usage.output and first.usage.cached_read == 0
    assert second.usage is not None and second.usage.cached_read
    assert first.cost and first.model and first.tools[0].name == "look_up_order"


def test_a_refused_tool_is_an_error_of_its_span_only(assistant: Assistant) -> None:
    [trace] = traced(assistant, "Where is order K-9999?").traces
    assert [(span.kind, span.status) for span in trace.spans if span.status != "ok"] == [("tool", "error")]
    assert trace.status == "ok"


def test_a_search_keeps_its_query_and_documents_with_scores(assistant: Assistant) -> None:
    [trace] = traced(assistant, "How do I clean a cast-iron pan?").traces
    [search] = [span for span in trace.spans if span.kind == "retrieval"]
    assert search.query == "How do I clean a cast-iron pan?"
    assert search.documents[0].id == "iron-care" and search.documents[0].score


def test_the_app_s_own_log_lines_stand_at_their_span(assistant: Assistant) -> None:
    refused, searched = traced(assistant, "Where is order K-9999?", "How do I clean a kettle?").traces
    [tool] = [span for span in refused.spans if span.kind == "tool"]
    [search] = [span for span in searched.spans if span.kind == "retrieval"]
    assert [(event.name, event.level) for event in tool.events] == [
        ("look_up_order refused: No order K-9999.", "warning")
    ]
    assert [(event.name, event.attributes["count"]) for event in search.events] == [("articles found", 1)]


def test_a_hand_off_is_an_event_a_tag_and_an_outcome_that_a_goodbye_does_not_undo(assistant: Assistant) -> None:
    stored = traced(assistant, "refund order K-1070", "thanks, bye")
    assert [event.name for event in stored.events] == ["handoff", "session.end", "session.resume", "session.end"]
    assert stored.session.tags == ("handed-off",)
    assert stored.session.outcome == "escalated"


def test_a_content_goodbye_completes_the_session(assistant: Assistant) -> None:
    stored = traced(assistant, "Where is K-1042?", "thanks, bye")
    assert (stored.session.outcome, stored.session.resolved) == ("completed", True)
    assert [event.name for event in stored.events] == ["completion", "session.end"]


def test_what_it_counts_itself_is_what_was_stored(assistant: Assistant) -> None:
    stored = traced(assistant, "Where is K-1077?", "How do I clean a kettle?")
    spans = [span for trace in stored.traces for span in trace.spans]
    counts = assistant.tally.counts()
    assert {kind: counts[kind] for kind in counts if kind != "error"} == {
        kind: sum(span.kind == kind for span in spans) for kind in ("agent", "generation", "tool", "retrieval")
    }
    assert counts["error"] == stored.session.errors == 1


def test_a_model_that_never_stops_calling_tools_is_stopped(
    assistant: Assistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    endless = Call("look_up_order", {"order_id": "K-1042"})
    monkeypatch.setattr(Model, "stream", lambda self, messages: iter([endless, usage_of(messages, endless)]))
    with pytest.raises(RuntimeError, match="no answer after"):
        say(assistant, "hello")


def test_the_model_is_a_function_of_its_messages() -> None:
    messages = [{"role": "user", "parts": [{"type": "text", "content": "Where is K-1042?"}]}]
    assert decide(messages) == decide(messages) == Call("look_up_order", {"order_id": "K-1042"})


def test_the_assistant_loads_no_web_framework() -> None:
    code = "import sys, convotrace.demo.service, convotrace.demo.wsgi_app; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"fastapi", "starlette", "flask", "werkzeug", "uvicorn"} & set(loaded)
