"""What a session has spent: sums by trace, in any order, each told again or taken back."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convotrace.insight.spending import (
    Spent,
    Sum,
    Totals,
    is_handing_over,
    key_of_call,
    key_of_failure,
    spent_of,
)
from convotrace.model import Event, Failure, Span, Trace

few = st.integers(0, 5)
keys = st.lists(st.integers(1, 3), max_size=4).map(tuple)
spents = st.builds(Spent, few, few, few, few, few.map(lambda n: n * 10**9), keys, keys, st.booleans())
steps = st.lists(st.tuples(st.sampled_from("abc"), st.one_of(st.none(), spents)), max_size=12)


def added(spent, running=Spent()):  # noqa: B008  a value
    """Return the totals of traces added up the plain way."""
    every = [*spent, running]
    calls = [key for one in every for key in one.calls]
    failures = [key for one in every for key in one.failures]
    return Totals(
        sum(one.turns for one in spent),
        sum(one.errors for one in every),
        sum(one.input_tokens for one in every),
        sum(one.output_tokens for one in every),
        sum(one.cost_nano for one in every) / 10**9,
        len(calls),
        max(map(calls.count, calls), default=0),
        max(map(failures.count, failures), default=0),
        any(one.handed_over for one in every),
    )


@given(steps, spents)
def test_however_often_traces_come_again_or_go_the_sum_is_that_of_their_last_states(told, running):
    total, last = Sum(), {}
    for name, spent in told:
        if spent is None:
            total.drop(name)
            last.pop(name, None)
        else:
            total.put(name, spent)
            last[name] = spent
    assert total.with_running(running) == added(last.values(), running)
    assert total.counts() == (len(last), sum(one.turns for one in last.values()), sum(o.errors for o in last.values()))
    assert {name for name in "abc" if name in total} == set(last)


def test_the_running_turn_counts_beside_those_before_but_is_no_turn_yet():
    total = Sum()
    total.put("a", Spent(1, calls=(7, 8)))
    told = total.with_running(Spent(1, calls=(7,), failures=(9,)), is_complete=False)
    assert (told.turns, told.tool_calls, told.repeated_calls, told.same_failures) == (1, 3, 2, 1)
    assert not told.is_complete and total.with_running(Spent()).is_complete


TOOL = Span("1", "t", "pay", "tool", arguments={"a": 1})


def test_a_recorded_trace_tells_its_tools_tokens_and_failures():
    failed = dataclasses.replace(TOOL, id="2", status="error", error=Failure("E", "no money"))
    nameless = dataclasses.replace(failed, id="3", error=Failure("E", ""))
    silent = dataclasses.replace(failed, id="4", error=None)
    other = Span("5", "t", "pay", "generation", arguments={"a": 1}, status="error", error=Failure("E", "no money"))
    spans = (TOOL, failed, nameless, silent, other)
    spent = spent_of(Trace("t", "s", is_turn=True, errors=4, input_tokens=5, cost_nano=7, spans=spans))
    assert (spent.turns, spent.errors, spent.input_tokens, spent.output_tokens, spent.cost_nano) == (1, 4, 5, 0, 7)
    assert spent.calls == (key_of_call("pay", {"a": 1}, "x"),) * 4
    assert spent.failures == (key_of_failure("pay", "no money"), key_of_failure("pay", "E"))
    assert not spent.handed_over


def test_what_nobody_told_counts_nothing():
    assert spent_of(Trace("t", "s")) == Spent()


@pytest.mark.parametrize("name", ["handoff", "escalation"])
def test_a_session_is_handed_over_by_an_event_of_the_trace_or_of_its_session(name):
    assert is_handing_over(name) and not is_handing_over("completion")
    assert spent_of(Trace("t", "s", events=(Event(name, 1),))).handed_over
    assert spent_of(Trace("t", "s"), ("note", name)).handed_over
    assert not spent_of(Trace("t", "s", events=(Event("note", 1),)), ("completion",)).handed_over


def test_calls_are_alike_by_tool_and_arguments_and_without_arguments_each_is_its_own():
    assert key_of_call("pay", {"a": 1, "b": 2}, "1") == key_of_call("pay", {"b": 2, "a": 1}, "2")
    assert key_of_call("pay", {"a": 1}, "1") != key_of_call("pay", {"a": 2}, "1")
    assert key_of_call("pay", None, "1") != key_of_call("pay", None, "2")
    assert key_of_failure("pay", "no") != key_of_failure("ship", "no")
