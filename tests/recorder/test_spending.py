"""What an open trace has spent so far: each span that ended is read once, what still runs counts as running."""

import pytest

from convotrace.insight.spending import Spent, key_of_call, key_of_failure
from convotrace.model import Failure
from convotrace.pricing import Prices
from convotrace.recorder import OpenSpan, OpenTrace
from convotrace.recorder.parts import OpenEvent
from convotrace.recorder.spending import Meter

# Dollars for a million tokens.
PRICES = Prices.of({"m": {"input": 1_000_000, "output": 2_000_000}, "e": {"input": 1_000_000}})
BOOM = Failure("E", "boom")


@pytest.fixture
def trace():
    return OpenTrace(None, 0)


def opened(trace, kind="tool", name="pay", **fields):
    span = OpenSpan(trace, None, name, kind, 10)
    span.fields.update(fields)
    trace.add(span)
    return span


def spent(trace, meter=None, turns=0):
    return (meter or Meter(trace, PRICES)).spent(turns)


def test_a_trace_in_which_nothing_happened_spent_nothing(trace):
    assert spent(trace) == Spent() and spent(trace, turns=1) == Spent(1)


def test_a_call_that_runs_counts_as_a_call_and_its_tokens_when_it_has_ended(trace):
    meter = Meter(trace, PRICES)
    call, tool = opened(trace, "generation", usage={"input": 3, "output": 2}), opened(trace, arguments={"a": 1})
    key = key_of_call("pay", {"a": 1}, 0)
    assert spent(trace, meter) == Spent(calls=(key,))
    call.end(20)
    tool.end(20)
    assert spent(trace, meter) == spent(trace, meter) == Spent(input_tokens=3, output_tokens=2, calls=(key,))


def test_reading_in_between_changes_no_sum(trace):
    often = Meter(trace, PRICES)
    for number in range(6):
        span = opened(trace, "tool" if number % 2 else "generation", usage={"input": number}, arguments=number)
        if number % 3:
            span.end(20)
        spent(trace, often)
    for span in trace.spans:
        span.end(30)
    once, often = spent(trace), spent(trace, often)
    assert sorted(once.calls) == sorted(often.calls) and len(once.calls) == 3
    assert (once.input_tokens, once.errors) == (often.input_tokens, often.errors) == (15, 0)


def test_failures_count_as_errors_and_of_tools_by_what_they_said(trace):
    for failure in (BOOM, Failure("E", "")):
        span = opened(trace, arguments=1)
        span.fail(failure)
        span.end(20)
    opened(trace).end(20, "error")
    broken = opened(trace, "internal")
    broken.fail(BOOM)
    broken.end(20)
    found = spent(trace)
    assert (found.errors, found.failures) == (4, (key_of_failure("pay", "boom"), key_of_failure("pay", "E")))


def test_a_trace_that_failed_is_one_error_unless_a_span_of_it_is(trace):
    trace.fail(BOOM, 500)
    assert spent(trace).errors == 1
    span = opened(trace)
    span.fail(BOOM)
    span.end(20)
    assert spent(trace).errors == 1


@pytest.mark.parametrize(
    ("kind", "fields", "nano"),
    [
        ("generation", {"cost": 0.5, "usage": {"input": 9}, "model": "m"}, 5 * 10**8),
        ("generation", {"usage": {"input": 1, "output": 1}, "model": "m"}, 3 * 10**9),
        ("embedding", {"usage": {"input": 1}, "model": "e"}, 10**9),
        ("reranker", {"usage": {"input": 1}, "model": "e"}, 10**9),
        ("generation", {"usage": {"input": 1}, "model": "m"}, 0),  # what came out is not known
        ("generation", {"usage": {"input": 1}, "model": "unknown to all"}, 0),
        ("generation", {"usage": {"input": 1}}, 0),
        ("generation", {"model": "m"}, 0),
        ("generation", {"usage": None, "model": "m"}, 0),
        ("tool", {"usage": {"input": 1}, "model": "m"}, 0),
        ("tool", {"cost": 0.25}, 25 * 10**7),
        ("tool", {"cost": None}, 0),
        ("tool", {"cost": "free"}, 0),
    ],
)
def test_a_cost_of_its_own_counts_before_the_price_of_its_tokens(trace, kind, fields, nano):
    opened(trace, kind, **fields).end(20)
    assert spent(trace).cost_nano == nano


def test_a_session_is_handed_over_by_an_event_on_the_trace_or_on_its_session(trace):
    assert not spent(trace).handed_over
    trace.note(OpenEvent("note", 5, None, {}))
    trace.session.events.append(OpenEvent("note", 5, None, {}))
    assert not spent(trace).handed_over
    trace.session.events.append(OpenEvent("handoff", 5, None, {}))
    assert spent(trace).handed_over
    other = OpenTrace(None, 0)
    other.note(OpenEvent("escalation", 5, None, {}))
    assert spent(other).handed_over
