"""A session's totals are those of its traces, however often and under whatever id these were written."""

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from convotrace.model import Event, Payload, Score, Target, Usage
from convotrace.store import Store

KNOWN = ("input_tokens", "output_tokens", "cached_tokens", "cache_write_tokens", "reasoning_tokens", "cost_nano")

unknown_or = st.none() | st.integers(0, 5)
states = st.fixed_dictionaries(
    {
        "is_turn": st.booleans(),
        "duration_ns": st.none() | st.integers(0, 10**12),
        "errors": st.integers(0, 2),
        "input": st.none() | st.sampled_from(["", "hello", "x" * 300]),
        "output": st.none() | st.sampled_from(["", "bye"]),
        "spans": st.integers(0, 3),
        "events": st.integers(0, 2),
        **dict.fromkeys(KNOWN, unknown_or),
    }
)
steps = st.lists(st.tuples(st.integers(0, 3), st.sampled_from("abc"), states), min_size=1, max_size=12)


def trace_in(make, number, home, state):
    fields = {name: state[name] for name in ("is_turn", "duration_ns", "errors", *KNOWN)}
    spans = tuple(replace(make.span(), id=f"{n + 1:016x}", events=(Event("e", n),)) for n in range(state["spans"]))
    return make.trace(
        home, at=number * 7, id=f"{number + 1:032x}", spans=spans,
        input=Payload(state["input"], {"text": state["input"]}),
        output=Payload(state["output"]), events=tuple(Event("t", n) for n in range(state["events"])), **fields,
    )  # fmt: skip


def expected(traces):
    turns = [trace for trace in traces if trace.is_turn]
    asked = [trace.input.text for trace in turns if trace.input.text is not None]
    told = [trace.output.text for trace in turns if trace.output.text is not None]
    sums = {name: [v for trace in traces if (v := getattr(trace, name)) is not None] for name in KNOWN}
    return {
        "turns": len(turns),
        "traces": len(traces),
        "spans": sum(len(trace.spans) for trace in traces),
        "errors": sum(trace.errors for trace in traces),
        "events": sum(len(trace.events) + len(trace.spans) for trace in traces),
        "started_ns": min(trace.started_ns for trace in traces),
        "last_ns": max(trace.started_ns + (trace.duration_ns or 0) for trace in traces),
        "first_input": asked[0][:200] if asked else None,
        "last_output": told[-1][:200] if told else None,
        **{name: sum(known) if known else None for name, known in sums.items()},
    }


@pytest.fixture
def fresh():
    """Return stores in memory, an empty one for each example."""
    opened = []

    def one():
        opened.append(Store.open("memory:"))
        return opened[-1]

    yield one
    for store in opened:
        store.close()


@given(steps=steps, together=st.booleans())
@settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
def test_any_order_of_rewrites_and_moves_leaves_exact_totals(fresh, make, steps, together):
    store, homes, changes = fresh(), {}, []
    for number, home, state in steps:
        trace = trace_in(make, number, home, state)
        before = homes.get(number)
        changes.append(make.change(home, trace, written_as=before.session_id if before else None))
        homes[number] = trace
    for part in [changes] if together else [[change] for change in changes]:
        store.write(part)
    for home in "abc":
        traces = sorted((t for t in homes.values() if t.session_id == home), key=lambda trace: trace.started_ns)
        found = store.session(home)
        if not traces:
            assert found is None
            continue
        assert {name: getattr(found.session, name) for name in expected(traces)} == expected(traces)
        # What only a reading tells, such as that a message came again, is no part of what was written.
        told = {"turn": None, "retries": None, "replaces": None, "signals": ()}
        assert [replace(trace, **told) for trace in found.traces] == traces


def test_a_batch_written_twice_counts_once(memory, make):
    changes = [make.change(trace=make.trace(input_tokens=3), events=(Event("handoff", 1),)) for _ in range(3)]
    outside = make.outside(events=(Event("closed", 2),))
    memory.write([*changes, outside])
    before = memory.session("s")
    memory.write([*changes, outside], retry=True)
    memory.write(changes[:1])
    assert memory.session("s") == before
    assert (before.session.turns, before.session.input_tokens, before.session.events) == (3, 9, 4)


def test_two_traces_of_one_moment_and_of_one_trace_id_are_both_kept(memory, make):
    first = make.trace(at=1)
    same_key = [replace(first, id=f"{n:032x}") for n in range(3000, 3400)]
    upstream = replace(first, started_ns=first.started_ns + 10**9)
    memory.write([make.change(trace=trace) for trace in (first, *same_key, upstream)])
    assert memory.session("s").session.traces == 402
    assert len(memory.session("s").traces) == 402


def test_unknown_tokens_stay_unknown_and_nought_stays_nought(memory, make):
    memory.write(
        [make.change("a"), make.change("a"), make.change("b", make.trace("b", input_tokens=0)), make.change("b")]
    )
    assert memory.session("a").session.input_tokens is None
    assert memory.session("b").session.input_tokens == 0


def test_a_rewritten_trace_keeps_the_scores_from_outside_and_replaces_its_own(memory, make):
    trace = make.trace()
    own = Score("own", "n", "numeric", 1, 1, Target("s", trace.id))
    posted = Score("posted", "n", "numeric", 2, 2, Target("s", trace.id))
    memory.write([make.change(trace=replace(trace, scores=(own,)))])
    memory.write([make.outside(scores=(posted,))])
    memory.write([make.change(trace=trace, written_as="s")])
    assert memory.session("s").traces[0].scores == (posted,)


def test_a_moved_trace_takes_its_scores_along(memory, make):
    trace = make.trace("new")
    posted = Score("posted", "n", "numeric", 2, 2, Target("old", trace.id))
    memory.write([make.change("old", replace(trace, session_id="old")), make.outside("old", scores=(posted,))])
    memory.write([make.change("new", trace, written_as="old")])
    assert memory.session("old") is None
    assert memory.session("new").traces[0].scores == (replace(posted, target=Target("new", trace.id)),)


def test_a_session_that_holds_a_score_of_its_own_outlives_its_last_trace(memory, make):
    trace = make.trace("new")
    own = Score("kept", "n", "numeric", 2, 2, Target("old"))
    memory.write([make.change("old", replace(trace, session_id="old")), make.outside("old", scores=(own,))])
    memory.write([make.change("new", trace, written_as="old")])
    left = memory.session("old")
    assert (left.session.traces, left.session.first_input, left.scores) == (0, None, (own,))


def test_numbers_that_add_up_to_more_than_a_database_counts_are_stored_all_the_same(memory, make):
    usage = Usage(input=2**62)
    for _ in range(4):
        memory.write(
            [make.change(trace=make.trace(input_tokens=2**62, spans=[make.span(kind="generation", usage=usage)]))]
        )
    found = memory.session("s")
    assert found.session.turns == 4 and found.session.input_tokens == 2**62 - 1


@pytest.mark.parametrize("great", [2**63 - 1, 2**62, 2**40 + 1])
def test_numbers_without_reason_are_counted_again_and_listed(memory, make, great):
    many = {"input_tokens": great, "output_tokens": great, "cost_nano": great}
    first, *others = (make.trace("s", **many) for _ in range(4))
    memory.write([make.change("s", trace) for trace in (first, *others)])
    unknown = make.trace("s", id=first.id, started_ns=first.started_ns, output_tokens=1)
    memory.write([make.change("s", unknown, written_as="s"), make.change("t", make.trace("t", input_tokens=1))])
    found = memory.session("s").session
    assert (found.input_tokens, found.turns) == (min(3 * great, 2**62 - 1), 4)
    for order in ("tokens", "-tokens", "-cost", "-input_tokens"):
        page = memory.sessions("tokens>0", order=order, limit=1)
        rest = memory.sessions("tokens>0", order=order, after=page.next)
        assert {session.id for session in (*page, *rest)} == {"s", "t"}, order
