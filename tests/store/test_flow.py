"""Where sessions lose people, and two groups of them side by side, as a recount of the stored records says."""

from random import Random

import pytest

from convotrace.errors import BadRequest
from convotrace.insight.flow import steps_of
from convotrace.model import Event, Payload, Span
from convotrace.store import cohort
from tests.store.conftest import SECOND, START

SINCE, UNTIL = START - 1, START + 10**6 * SECOND
RANGE = {"since": SINCE, "until": UNTIL}


@pytest.fixture
def walks(store, make):
    """Sessions that take some of three steps, half a minute apart; the last turn fails in a tool now and then."""
    dice, told = Random(11), {}
    for number in range(40):
        id, taken = f"s{number}", dice.sample(["cart", "pay", "paid"], dice.randint(0, 3))
        for turn, step in enumerate([*taken, "end"]):
            at = number * 1000 + turn * 30
            fails = step == "end" and number % 4 == 0
            tool = Span(f"{number * 10 + turn + 1:016x}", "", "search" if turn % 2 else "pay_tool", "tool",
                        started_ns=START + at * SECOND, status="error" if fails else "ok")  # fmt: skip
            trace = make.trace(
                id, at=at, spans=(tool,), events=(Event(step, START + at * SECOND + 1),), errors=int(fails),
                output=Payload(None if fails else "answer"),
            )  # fmt: skip
            store.write([make.change(id, trace=trace, tags=("even",) if number % 2 == 0 else (),
                                     outcome="failed" if fails else None)])  # fmt: skip
        told[id] = (taken, turn)
    return told


def test_the_curve_and_the_last_steps_are_those_of_a_recount(store, walks):
    found = store.flow(**RANGE)
    for step in found.survival:
        assert step.sessions == sum(turn + 1 >= step.turn for _, turn in walks.values())
    last = {(one.kind, one.name): (one.left, one.had) for one in found.last}
    searched = sum(turn % 2 == 1 for _, turn in walks.values())
    assert last["tool", "search"] == (searched, sum(turn >= 1 for _, turn in walks.values()))
    assert last["tool", "pay_tool"] == (40 - searched, 40)
    assert sum(left for (kind, _), (left, _) in last.items() if kind == "error") == 10
    assert last["answer", "none"] == (10, 40) and last["tag", "even"] == (10, 20)
    assert (found.read, found.share) == (40, 1)


def test_every_bar_names_its_sessions(store, walks):
    for one in store.flow(**RANGE).last:
        chosen = store.flow(**RANGE, at=f"last:{one.kind}:{one.name}").chosen
        assert len(chosen) == one.left == len(set(chosen))
    assert set(store.flow(**RANGE, at="last:tool:search").chosen) == {id for id, (_, n) in walks.items() if n % 2 == 1}


def test_a_funnel_counts_steps_in_their_order_with_median_gaps(store, walks):
    found = store.flow(**RANGE, steps="event:cart, event:pay, paid").funnel
    counts = [0, 0, 0]
    for taken, _ in walks.values():
        at = -1
        for place, step in enumerate(["cart", "pay", "paid"]):
            if step not in taken[at + 1 :]:
                break
            at = taken.index(step)
            counts[place] += 1
    assert [step.sessions for step in found] == counts and counts[0] > counts[1] > 0
    assert found[1].share == found[1].of_before == counts[1] / counts[0] and found[0].gap_ns is None
    assert found[1].gap_ns in (30 * SECOND, 60 * SECOND)
    steps = "event:cart, event:pay, paid"
    reached, lost = (store.flow(**RANGE, steps=steps, at=at).chosen for at in ("step:2", "lost:2"))
    assert (len(reached), len(lost)) == (counts[1], counts[0] - counts[1]) and not set(reached) & set(lost)


def test_turns_and_tools_are_steps_too(store, walks):
    found = store.flow(**RANGE, steps="turn:1, tool:search, turn:3").funnel
    assert [step.sessions for step in found] == [40, *(sum(turn >= n for _, turn in walks.values()) for n in (1, 2))]


@pytest.mark.parametrize("steps", ["turn:0", "turn:x", "colour:red", "tool:", ",".join(["a"] * 9)])
def test_a_wrong_step_is_one_sentence(steps):
    with pytest.raises(BadRequest, match="steps has"):
        steps_of(steps)


def test_what_no_bar_stands_for_is_refused(store):
    with pytest.raises(BadRequest, match="at came as"):
        store.flow(**RANGE, at="first:2")


def test_two_arms_are_told_by_filters_and_their_sessions_counted(store, walks, make):
    turns = [make.trace(f"t{n}", at=n) for n in range(60)]
    store.write([make.change(f"t{n}", trace=turn, release="2" if n % 2 else "1") for n, turn in enumerate(turns)])
    found = store.arms("release", "1", "2", **RANGE)
    assert found.sessions == (30, 30) and not any(one.differs for one in found.comparisons)
    failing = store.arms("tool", "search", "pay_tool", **RANGE, q="tag:even")
    assert failing.sessions[1] == 20
    for by, words in (("colour", "use one of release"), ("release", "give a value for each")):
        with pytest.raises(BadRequest, match=words):
            store.arms(by, "1", "", **RANGE)


@pytest.mark.parametrize("since", [SINCE, START + 100 * SECOND])
def test_of_very_many_the_same_share_is_read_by_their_keys_as_by_their_times(store, make, monkeypatch, since):
    store.write([make.change(f"s{number}", make.trace(f"s{number}", at=number)) for number in range(300)])
    whole = store.summary(since, UNTIL)
    monkeypatch.setattr(cohort, "_COUNTED", 90)
    monkeypatch.setattr(cohort, "_PROBED", 1)
    found = []
    for apart in (0, 10**12):
        monkeypatch.setattr(cohort, "_APART", apart)
        found.append(store.summary(since, UNTIL, most=120))
    by_key, by_time = found
    assert by_key == by_time and by_key.share < whole.share == 1
    # Which keys are below a bound is chance: this is six times as much as it mostly comes to.
    assert by_key.sessions.count == pytest.approx(whole.sessions.count, rel=0.6)
