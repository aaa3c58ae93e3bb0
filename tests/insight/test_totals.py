"""Tokens and cost of a trace: each call counted once, however many spans tell of it."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convotrace.insight.echo import ECHO, without_echoes
from convotrace.insight.sums import KNOWN, Sums
from convotrace.insight.totals import REPEATS_CALL, REPEATS_COST, repeats, totals
from convotrace.model import Span, Usage


def span(id, parent=None, kind="generation", used=None, cost=None, at=0, took=10, **fields):
    usage = None if used is None else Usage(*used)
    return Span(id, "t", id, kind, parent, usage=usage, cost_nano=cost, started_ns=at, duration_ns=took, **fields)


def told(*spans):
    found = totals(spans)
    return found["input_tokens"], found["output_tokens"], found["cost_nano"]


def test_nothing_is_known_where_nobody_told_and_what_one_call_tells_is_all():
    assert told() == told(span("a")) == (None, None, None)
    assert told(span("a", used=(5,), cost=7)) == (5, None, 7)
    assert told(span("a", used=(0, 0))) == (0, 0, None)


def test_a_parent_repeats_its_children_and_not_those_of_another_service():
    parent = span("p", used=(7, 3), kind="agent")
    child, grandchild = span("c", "p", used=(5, 2)), span("g", "c", used=(1, 1))
    assert told(parent, child) == (5, 2, None)
    assert told(parent, span("m", "p", "internal"), span("c", "m", used=(5, 2)), span("d", "m", used=(1, 1)))[0] == 6
    assert told(parent, child, grandchild) == (1, 1, None)
    assert told(parent, replace(child, service="other")) == (12, 5, None)
    job = span("j", "p", "internal", used=(4, 4), attributes={"protocol": "none"})
    assert told(parent, job) == (11, 7, None)


def test_two_spans_of_one_reply_are_one_call_and_the_longer_one_counts():
    reply = {"gen_ai.response.id": "r1"}
    inner, outer = span("a", used=(5, 2), took=5, attributes=reply), span("b", used=(6, 2), took=9, attributes=reply)
    assert told(inner, outer) == told(outer, inner) == (6, 2, None)
    assert told(inner, replace(outer, attributes={"llm.response.id": "r1"})) == (6, 2, None)
    assert told(inner, replace(outer, service="other")) == (11, 4, None)
    assert told(inner, replace(outer, attributes={"gen_ai.response.id": "r2"})) == (11, 4, None)
    assert told(replace(inner, attributes={"gen_ai.response.id": 5}), replace(outer, attributes={})) == (11, 4, None)


def scoped(id, scope, at, took, **fields):
    return span(id, used=(5, 2), at=at, took=took, attributes={"otel.scope.name": scope}, **fields)


def test_a_call_that_another_library_closer_to_the_wire_tells_as_well_is_counted_once():
    outer, inner = scoped("o", "agents", 0, 10, cost=9), scoped("i", "openai", 3, 50, cost=9)
    assert told(outer, inner) == (5, 2, 9)
    assert told(outer, scoped("i", "openai", 11, 5)) == (10, 4, 9)
    assert told(outer, scoped("i", "agents", 3, 5)) == (10, 4, 9)
    assert told(replace(outer, duration_ns=None), inner) == (10, 4, 18)
    assert told(outer, replace(inner, parent_id="x")) == (10, 4, 18)


def test_spans_that_repeat_others_are_named_by_their_places():
    parent, child = span("p", used=(5, 2), cost=9, kind="agent"), span("c", "p", used=(5, 2))
    assert repeats((parent, child)) == {0: REPEATS_CALL}
    assert repeats((parent, replace(child, cost_nano=9))) == {0: REPEATS_CALL + REPEATS_COST}
    assert repeats((span("a", used=(1, 1)), span("b", used=(1, 1)))) == {} == repeats((parent,))


ids = st.sampled_from("abcde")
attributes = st.dictionaries(
    st.sampled_from(("otel.scope.name", "gen_ai.response.id", "llm.response.id", "x")),
    st.sampled_from("rs"),
    max_size=2,
)
telling = st.builds(
    span, ids, st.none() | ids, st.sampled_from(("generation", "agent")), st.none() | st.tuples(st.integers(0, 2)),
    st.none() | st.integers(0, 2), st.integers(0, 3), st.integers(0, 5), attributes=attributes,
)  # fmt: skip


@given(st.lists(telling, max_size=5).map(tuple))
def test_where_it_shows_at_once_that_nothing_is_told_twice_that_is_so(spans):
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("convotrace.insight.totals._are_apart", lambda *_: False)
        expected = totals(spans), repeats(spans)
    assert (totals(spans), repeats(spans)) == expected


def test_a_circle_of_parents_ends_and_counts_nothing():
    # Each says that it repeats the other; what stands beside them is counted.
    circle = (span("a", "b", used=(1, 1)), span("b", "a", used=(2, 2)))
    assert told(*circle) == (None, None, None) and told(*circle, span("c", used=(5, 5))) == (5, 5, None)


def echo(id, at):
    return span(id, at=at, attributes={ECHO: "reply"})


def test_an_echo_gives_way_to_any_call_that_was_recorded_and_of_echoes_the_innermost_is_left():
    one, two, call, tool = echo("1", 1), echo("2", 2), span("c"), span("t", kind="tool")
    assert without_echoes((one,)) == (one,) and without_echoes((tool, call)) == (tool, call)
    assert without_echoes((one, two, tool)) == (two, tool)
    assert without_echoes((one, call, two)) == (call,)


amounts = st.one_of(st.none(), st.integers(0, 9))
calls = st.tuples(st.integers(0, 1), *[amounts] * 8)


@given(st.lists(calls, max_size=8), st.lists(calls, max_size=8))
def test_what_was_added_can_be_taken_back_exactly(kept, gone):
    made, whole = Sums(), Sums()
    for one in (*kept, *gone):
        _add(made, 1, one)
    for one in gone:
        _add(made, -1, one)
    for one in kept:
        _add(whole, 1, one)
    assert _read(made) == _read(whole)
    assert made.is_empty == (not any(_read(whole)))


@given(st.lists(calls, max_size=8), st.lists(calls, max_size=8))
def test_merging_two_is_adding_all_to_one(one, other):
    left, right, whole = Sums(), Sums(), Sums()
    for made, some in ((left, one), (right, other), (whole, one), (whole, other)):
        for call in some:
            _add(made, 1, call)
    left.merge(right)
    assert _read(left) == _read(whole)
    assert [getattr(left, name) for name in KNOWN] == [getattr(whole, name) for name in KNOWN]


def _add(made, sign, call):
    counted, duration, first, *known = call
    made.add(sign, counted, 0, 0)
    made.add_times(sign, duration, first)
    made.add_known(sign, *known)


def _read(made):
    known = [getattr(made, name) or 0 for name in KNOWN]
    return (made.count, made.traces, made.duration, made.first_byte, made.durations, made.first_bytes, *known)


@pytest.mark.parametrize("name", KNOWN)
def test_a_sum_is_unknown_until_somebody_tells_it(name):
    made = Sums()
    made.add_known(1, *(0 if one == name else None for one in KNOWN))
    assert [one for one in KNOWN if getattr(made, one) is not None] == [name]
