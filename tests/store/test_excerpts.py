"""Some turns of a session are what the whole session says of them, whatever their number."""

from __future__ import annotations

import pytest

from convotrace import Store
from convotrace.model import Change, Event, Failure, Payload, Score, SessionFacts, Span, Target, Trace

SECOND = 10**9
MESSAGES = [{"role": "user", "parts": [{"type": "text", "content": "x" * 1_600}]}]


def _trace(at: int, is_turn: bool = True, **fields) -> Change:
    spans = (
        Span(f"{at:015x}1", f"{at:032x}", "chat", "generation", input=MESSAGES, output=MESSAGES),
        Span(f"{at:015x}2", f"{at:032x}", "book", "tool", arguments={"n": at}, result={"text": "y" * 1_600}),
    )
    told = {"input": Payload(f"ask {at}", {"n": at}), "output": Payload(f"told {at}"), "spans": spans, **fields}
    trace = Trace(f"{at:032x}", "s", is_turn=is_turn, started_ns=at * SECOND, duration_ns=SECOND // 2, **told)
    return Change(SessionFacts("s", events=(Event("handoff", at * SECOND),) if at == 50 else ()), trace)


@pytest.fixture
def store(store_url):
    """A session of 100 turns, one in ten with another request behind it, one failing."""
    store = Store.open(store_url)
    for at in range(1, 101):
        failed = {"errors": 1, "status": "error", "error": Failure("E", "no")} if at == 70 else {}
        store.write([_trace(at, **failed)])
        if at % 10 == 0:
            late = _trace(at)
            other = Trace(f"{1000 + at:032x}", "s", started_ns=at * SECOND + SECOND // 4, duration_ns=1)
            store.write([Change(late.session, other)])
    yield store
    store.close()


@pytest.mark.parametrize(("turn", "first", "last"), [(1, 1, 10), (35, 35, 44), (95, 95, 100), (500, 100, 100)])
def test_an_excerpt_is_what_the_whole_session_says_of_its_turns(store, turn, first, last):
    whole, found = store.session("s"), store.excerpt_by_key("s", turn=turn, count=10)
    assert (found.first, found.last, found.total) == (first, last, 100)
    wanted = [trace for trace in whole.traces if trace.turn and first <= trace.turn <= last]
    assert [trace for trace in found.conversation.traces if trace.turn and first <= trace.turn <= last] == wanted
    others = [trace for trace in whole.traces if trace.turn is None and wanted[0].started_ns <= trace.started_ns]
    others = [trace for trace in others if trace.started_ns <= wanted[-1].started_ns + SECOND]
    assert all(other in found.conversation.traces for other in others)
    assert found.conversation.session.turns == whole.session.turns


def test_turns_around_are_there_without_what_grows(store):
    found = store.excerpt_by_key("s", turn=50, count=1)
    numbers = [trace.turn for trace in found.conversation.traces if trace.turn]
    assert (numbers[0], numbers[-1]) == (38, 53)
    around = next(trace for trace in found.conversation.traces if trace.turn == 49)
    assert (around.input.body, around.spans[0].input, around.input.text) == (None, None, "ask 49")
    assert around.spans[1].arguments == {"n": 49}


def test_a_light_excerpt_has_no_prompts_and_bodies_but_all_that_was_said_and_done(store):
    found = store.excerpt_by_key("s", turn=50, count=2, is_light=True)
    trace = next(trace for trace in found.conversation.traces if trace.turn == 50)
    assert (trace.input, trace.spans[0].input) == (Payload("ask 50"), None)
    assert (trace.spans[0].output, trace.spans[1].result) == (MESSAGES, {"text": "y" * 1_600})


@pytest.mark.parametrize(("number", "first"), [(1, 1), (64, 64), (1050, 51)])
def test_an_excerpt_begins_with_a_trace_of_its_id(store, number, first):
    found = store.excerpt_by_key("s", trace_id=f"{number:032x}", count=1)
    assert found.first == first
    assert any(trace.id == f"{number:032x}" for trace in found.conversation.traces)


def test_the_next_failing_turn_is_named_and_after_the_last_the_first(store):
    assert store.excerpt_by_key("s", turn=1, count=10).failing == f"{70:032x}"
    assert store.excerpt_by_key("s", turn=90, count=10).failing == f"{70:032x}"


def test_what_is_not_there_is_none(store):
    assert store.excerpt_by_key("nobody") is None
    assert store.excerpt_by_key("s", trace_id="f" * 32) is None


def test_very_many_other_requests_are_counted_and_not_all_read(store):
    polls = [Trace(f"{5000 + n:032x}", "s", started_ns=95 * SECOND + n) for n in range(0, 500 * 2048, 2048)]
    store.write([Change(SessionFacts("s"), poll) for poll in polls])
    found = store.excerpt_by_key("s", turn=91, count=10)
    others = [trace for trace in found.conversation.traces if trace.turn is None]
    assert len(others) == 200
    assert found.left_out == len(polls) + 3 - 200  # three of those that are there already


def test_a_session_without_turns_has_an_excerpt(store_url):
    with_no_turn = Store.open(store_url)
    with_no_turn.write([Change(SessionFacts("s"), Trace("a" * 32, "s", started_ns=SECOND))])
    found = with_no_turn.excerpt_by_key("s")
    assert (found.first, found.last, found.total, len(found.conversation.traces)) == (1, 0, 0, 1)
    with_no_turn.close()


def _scored(store, number):
    return Score(
        f"{number:04d}", "helpful", "numeric", float(number), (1000 + number) * SECOND,
        Target("s", f"{number % 100 + 1:032x}" if number % 4 else None), "annotator",
    )  # fmt: skip


def test_of_very_many_scores_those_on_the_turns_wanted_and_the_latest_are_read(store):
    store.write([Change(SessionFacts("s", scores=tuple(_scored(store, number) for number in range(300))))])
    whole, found = store.session("s"), store.excerpt_by_key("s", turn=30, count=3)
    wanted = {trace.id: trace.scores for trace in found.conversation.traces}
    assert all(wanted[trace.id] == trace.scores for trace in whole.traces if trace.id in wanted)
    read = [score.id for trace in found.conversation.traces for score in trace.scores]
    read += [score.id for score in found.conversation.scores]
    assert len(read) == len(set(read)) and {f"{number:04d}" for number in range(200, 300)} <= set(read)
    assert found.left_scores == 300 - len(read) > 0


def test_of_few_scores_all_are_read(store):
    store.write([Change(SessionFacts("s", scores=tuple(_scored(store, number) for number in range(20))))])
    found = store.excerpt_by_key("s", turn=90, count=3)
    assert (len(found.conversation.scores), found.left_scores) == (20, 0)
