"""A conversation as it is read: what is shown, in which order, and in which words where something is missing."""

from __future__ import annotations

import dataclasses

import pytest

from convotrace.model import Conversation, Document, Event, Excerpt, Failure, Left, Payload, Session, Span, Trace
from convotrace.page.steps import Frame, Moment, Retrieval, blocks, moment
from convotrace.page.transcript import WINDOW, Gap, Loose, Others, feed
from convotrace.page.turn_view import Turn, hidden_lines, turn

S = 1_000_000_000


def _trace(number: int | None, at: int = 0, **fields) -> Trace:
    kept = {"input": Payload("hi"), "output": Payload("hello"), "started_ns": at * S, "duration_ns": S, **fields}
    return Trace(f"{at:032x}", "s", turn=number, is_turn=number is not None, **kept)


def _span(at: int, kind: str = "tool", **fields) -> Span:
    kept = {"name": kind, "started_ns": at, "duration_ns": 1, **fields}
    return Span(f"{at:016x}", "t", kind=kind, **kept)


def _conversation(*traces: Trace, events=()) -> Conversation:
    return Conversation(Session("s", "s"), traces, tuple(events))


def _feed(conversation: Conversation, start: int = 1):
    total = sum(trace.turn is not None for trace in conversation.traces)
    return feed(Excerpt(conversation, start, min(total, start + WINDOW - 1), total))


def _failed(at: int, message: str = "no", **fields) -> Span:
    return _span(at, status="error", error=Failure("E", message), **fields)


def _rows(*spans: Span):
    return [row for block in blocks(_trace(1, spans=spans)) if isinstance(block, Frame) for row in block.rows]


@pytest.mark.parametrize(
    ("fields", "user", "agent"),
    [
        ({}, None, None),
        ({"input": Payload(None)}, "The agent spoke first.", None),
        ({"input": Payload("")}, "The message was empty.", None),
        ({"input": Payload(None), "output": Payload(None)}, "No message text in this turn.", "none was captured."),
        ({"output": Payload("")}, None, "The answer was empty."),
        ({"output": Payload(None), "spans": (_span(1), _span(2))}, None, "it ended with a tool call."),
        ({"output": Payload(None), "spans": (_span(1), _span(2, "retrieval"))}, None, "it ended with a retrieval."),
        ({"output": Payload(None), "spans": (_span(2), _span(3, "generation"))}, None, "none was captured."),
        ({"output": Payload(None), "status": "error"}, None, "it failed."),
        ({"output": Payload(None), "status": "running"}, None, "it is still running."),
        ({"output": Payload(None), "status": "disconnected"}, None, "the user left."),
        ({"output": Payload(None), "status": "interrupted"}, None, "the process ended."),
    ],
)
def test_a_missing_text_is_said_and_never_invented(fields, user, agent):
    shown = turn(_trace(1, **fields), (), None)
    assert shown.user_words == user
    assert (shown.agent_words or "").removeprefix("No answer text in this turn: ") == (agent or "")


def test_a_conversation_is_turns_gaps_and_other_requests_in_the_order_of_time():
    items = _feed(
        _conversation(_trace(1, 0), _trace(None, 5), _trace(2, 10), _trace(3, 1000), _trace(None, 1010))
    ).items
    assert [type(item) for item in items] == [Turn, Others, Turn, Gap, Turn, Others]


def test_a_gap_is_shown_only_above_five_minutes():
    assert [type(item) for item in _feed(_conversation(_trace(1, 0), _trace(2, 301))).items] == [Turn, Turn]
    assert _feed(_conversation(_trace(1, 0), _trace(2, 302))).items[1] == Gap(301 * S)


def test_two_turns_with_the_same_text_are_two_turns():
    assert len(_feed(_conversation(_trace(1, 0), _trace(2, 10))).turns) == 2


def test_a_long_conversation_is_read_in_windows_that_leave_out_nothing():
    whole = _conversation(*(_trace(number, number * 10) for number in range(1, 131)))
    numbers, start, steps = [], 1, 0
    while start and steps < 9:
        window = _feed(whole, start)
        numbers += [turn.number for turn in window.turns]
        start, steps = window.later, steps + 1
    assert numbers == list(range(1, 131))
    assert (_feed(whole, 81).earlier, _feed(whole, 1).earlier, _feed(whole, 1).later) == (57, None, 25)


def test_a_session_without_a_turn_shows_its_requests():
    assert [type(item) for item in _feed(_conversation(_trace(None, 1))).items] == [Others]
    assert _feed(_conversation()).items == []


def test_events_of_the_session_stand_in_the_turn_they_fall_into():
    events = [
        Event("before", 0),
        Event("inside", 10 * S + 1),
        Event("after", 12 * S),
        Event("line", 10 * S + 2, "info"),
    ]
    items = _feed(_conversation(_trace(1, 5, duration_ns=S), _trace(2, 10), events=events)).items
    assert isinstance(items[0], Loose)
    second = items[-1]
    assert [block.event.name for block in second.blocks] == ["inside"]
    assert [block.event.name for block in second.after] == ["after"]
    assert [line.name for line in second.log] == ["line"]


@pytest.mark.parametrize(
    ("name", "tone", "words"),
    [
        ("handoff", "warn", "Handed off to a human"), ("session.escalation", "warn", "Handed off to a human"),
        ("completion", "done", "Completed"), ("error", "bad", "error"), ("seat.chosen", "plain", "seat.chosen"),
    ],
)  # fmt: skip
def test_an_event_is_said_in_words_with_its_sign(name, tone, words):
    (block,) = blocks(_trace(1, events=(Event(name, 1, None, {"to": "human", "n": 2}),)))
    assert (block.tone, block.words, block.facts) == (tone, words, "to=human n=2")


def test_calls_in_a_row_share_a_frame_and_a_retrieval_has_its_own():
    found = blocks(_trace(1, spans=(_span(1), _span(2), _span(3, "retrieval"), _span(4)), events=(Event("x", 5),)))
    assert [type(block) for block in found] == [Frame, Retrieval, Frame, Moment]
    assert [len(block.rows) for block in found if isinstance(block, Frame)] == [2, 1]


def test_a_model_call_that_went_well_shows_by_its_thoughts_alone():
    output = [
        {"role": "assistant", "parts": [{"type": "reasoning", "content": "Hm."}, {"type": "text", "content": "Yes"}]}
    ]
    assert [(row.type, row.thought) for row in _rows(_span(1, "generation", output=output))] == [("thought", "Hm.")]
    failed = dataclasses.replace(_failed(2), kind="generation")
    assert [(row.type, row.error) for row in _rows(failed)] == [("generation", "no")]


def test_a_failing_call_made_again_is_counted_and_its_message_told_once():
    rows = _rows(
        _failed(1, arguments={"a": 1}), _failed(2, arguments={"a": 2}), _failed(3, arguments={"a": 1}),
        _failed(4, "other", arguments={"a": 1}),
    )  # fmt: skip
    assert [(row.repeat, row.error) for row in rows] == [
        (None, "no"), (None, "no"), ("repeat 2 of 3", None), ("repeat 3 of 3", "other"),
    ]  # fmt: skip


def test_a_failure_is_told_once_where_it_happened():
    agent = dataclasses.replace(_failed(1), kind="agent")
    tool = dataclasses.replace(_failed(2), parent_id=agent.id)
    http = dataclasses.replace(_failed(3), kind="http", parent_id=tool.id)
    assert [row.span.id for row in _rows(agent, tool, http)] == [tool.id]
    assert [row.span.id for row in _rows(agent)] == [agent.id]
    assert _rows(_span(1, "agent")) == []


def test_a_retrieval_lists_its_documents_with_scores_where_there_are_any():
    documents = (
        Document("d1", "text", 0.5, "Title"),
        Document("d2", "same", None, "same"),
        Document("d3"),
        Document("d4", "t", 7.0),
    )
    (found,) = blocks(_trace(1, spans=(_span(1, "retrieval", query="q", documents=documents),)))
    assert [(hit.title, hit.text, hit.width) for hit in found.hits] == [
        ("Title", "text", 24.0), ("same", "", None), ("d3", "", None), ("", "t", 48.0),
    ]  # fmt: skip
    assert found.row.arguments == "q"


def test_a_long_text_is_folded_after_a_screen():
    assert [hidden_lines("\n" * count) for count in (0, 23, 24, 84)] == [0, 0, 1, 61]
    assert hidden_lines("x" * 95 * 30) == 7


def test_a_replaced_turn_stays_and_says_by_which():
    first = _trace(1, 0)
    second = _trace(2, 10, replaces=first.id)
    assert [turn.replaced_by for turn in _feed(_conversation(first, second)).turns] == [2, None]


def test_the_page_of_a_replaced_turn_keeps_its_text(ask, new_house):
    first, second = _trace(1, 0, input=Payload("the old words")), None
    second = _trace(2, 10, replaces=first.id)
    page = ask(new_house([_conversation(first, second)]), "/s/s").body.decode()
    assert "Replaced by turn 2" in page
    assert "the old words" in page


@pytest.mark.parametrize(("name", "words"), [("session.end", "Session ended"), ("session.resume", "Session resumed")])
def test_the_end_of_a_session_and_what_resumed_it_are_told_in_words(name: str, words: str) -> None:
    assert moment(Event(name, 0)).words == words


@pytest.mark.parametrize(
    ("left", "words"),
    [
        (None, "user left while it was answered"),
        (Left(812, 1_200_000_000, 14, 0.6), "user left after 1.20 s, 14 chunks, at 60%"),
        (Left(1, 30_000_000, 1), "user left after 30 ms, 1 chunk"),
    ],
)
def test_where_the_user_left_is_said(left, words):
    assert turn(_trace(1, status="disconnected", left=left), (), None).state == ("warn", words)


def test_a_step_of_another_service_names_it(ask, new_house):
    trace = _trace(1, service="shop", spans=(_span(1, service="stock"), _span(2, service="shop", name="own")))
    page = ask(new_house([_conversation(trace)]), "/s/s").body.decode()
    assert page.count('<span class="tag">stock</span>') == 1
    assert '<span class="tag">shop</span>' not in page
