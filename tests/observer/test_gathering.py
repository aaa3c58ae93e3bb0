"""Parts of a great trace wait for each other: what is written of it grows with its spans, and nothing of it is lost."""

import json

import convotrace as ct
from convotrace.intake import receive
from convotrace.model import Change, SessionFacts, Span, Trace
from convotrace.observer import gathering
from convotrace.observer.gathering import Gather
from convotrace.settings import Settings
from convotrace.store import Store
from tests.intake.otlp import JSON, TRACE, span
from tests.patience import until

PART = 300
LATER = 1 << 62


def part(number, trace_id="t", spans=PART):
    made = tuple(Span(f"{number * PART + n:016x}", trace_id, "step") for n in range(spans))
    return Change(SessionFacts(trace_id), Trace(trace_id, trace_id, spans=made))


def written(gather, parts, now_ns=0):
    """Return how many spans each writing of a trace holds, all that is stored read and written again."""
    stored, costs = 0, []
    for number in range(parts):
        released = gather.take(part(number), 1, now_ns) + gather.due(now_ns)
        if released:
            stored += sum(len(change.trace.spans) for change, _ in released)
            costs.append(stored)
    return costs


def test_the_work_grows_with_the_spans_and_not_with_their_square():
    for parts in (8, 16, 24, 33):
        assert sum(written(Gather(), parts)) < 3 * parts * PART
    assert sum(range(34)) > 5 * 3 * 33  # what writing all anew with each part would come to


def test_a_small_trace_and_the_parts_of_a_great_one_in_time_are_written_at_once():
    gather = Gather()
    assert written(gather, 4) == [300, 600, 900, 1200]
    assert gather.take(part(5), 1, 0) == [] and gather.is_waiting
    assert len(gather.take(part(6, "other"), 1, 0)) == 1
    assert gather.due(0) == []
    (waited,) = gather.due(LATER)
    assert waited[0].trace.spans[0].id == f"{5 * PART:016x}" and not gather.is_waiting
    assert len(gather.take(part(6), 1, LATER)) == 0
    assert gather.take(part(7), 1, LATER) == [] and len(gather.due(LATER + LATER)) == 2


def test_as_long_as_a_part_is_on_its_way_into_the_store_the_next_ones_wait():
    gather, second = Gather(), 10**9
    written(gather, 4)
    assert gather.take(part(5), 1, 30 * second) == []
    gather.stored("t", 30 * second)
    assert gather.due(30 * second) == []
    assert len(gather.due(31 * second)) == 1


def test_no_more_waits_than_there_is_room_for(monkeypatch):
    monkeypatch.setattr(gathering, "_MOST_BYTES", 100)
    gather = Gather()
    written(gather, 4)
    assert gather.take(part(5), 90, 0) == []
    assert not gather.is_full and gather.due(0) == []
    assert gather.take(part(6), 20, 0) == [] and gather.is_full
    assert [size for _, size in gather.due(0)] == [90, 20] and not gather.is_full
    written(gather, 2000)
    assert sum(len(one.waiting) for one in gather._traces.values()) == sum(
        len(one.waiting) for one in gather._waiting.values()
    )


def test_what_waits_is_not_forgotten_for_other_traces(monkeypatch):
    monkeypatch.setattr(gathering, "_KNOWN", 3)
    gather = Gather()
    written(gather, 4)
    assert gather.take(part(5), 1, 0) == []
    for number in range(10):
        gather.take(part(number, f"other {number}"), 1, 0)
    assert gather.take(part(6), 1, 0) == []
    assert len(gather.due(0, all_of_it=True)) == 2


def sent(number):
    """Return the changes of one request with some spans of the trace."""
    spans = [span(number * PART + n + 1, start=number * PART + n, attributes={"session.id": "s"}) for n in range(PART)]
    body = {"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}
    return receive(json.dumps(body).encode(), JSON, "traces", Settings()).changes


def spans_of(store_url):
    store = Store.open(store_url)
    (trace,) = store.session("s").traces
    store.close()
    assert trace.id == TRACE
    return len({span.id for span in trace.spans})


def test_who_reads_and_who_ends_finds_all_that_was_sent(store_url, monkeypatch):
    monkeypatch.setattr(gathering, "_WAIT_NS_A_SPAN", 10**9)
    monkeypatch.setattr(gathering, "_LONGEST_NS", LATER)
    made = ct.ConvoTrace(store=store_url)
    for number in range(6):
        assert made._writing.take(sent(number), 100_000)
    assert made._writing._gather.is_waiting
    assert made.flush() and not made._writing._gather.is_waiting
    assert spans_of(store_url) == 6 * PART
    assert made._writing.take(sent(6), 100_000)
    assert made._writing._gather.is_waiting
    made.close()
    assert spans_of(store_url) == 7 * PART


def test_what_waits_is_written_in_time_though_nobody_asks(store_url, monkeypatch):
    monkeypatch.setattr(gathering, "_WAIT_NS_A_SPAN", 200_000)
    made = ct.ConvoTrace(store=store_url)
    for number in range(5):
        assert made._writing.take(sent(number), 100_000)
    until(lambda: not made._writing._gather.is_waiting)
    made.close()
    assert spans_of(store_url) == 5 * PART
