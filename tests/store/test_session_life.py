"""A session ends, goes on, is linked to another one, and is never split because of time or a late telling."""

from dataclasses import replace
from itertools import permutations

import pytest

from convotrace.insight.places import RESUME
from convotrace.model import Event, Link

DAY = 86_400


def moments(store, id="s"):
    return [(event.name, event.at_ns, event.attributes) for event in store.session(id).events]


@pytest.fixture
def ending(make):
    """A turn that ends its session, and one that comes later."""
    first, second = make.trace(at=0), make.trace(at=100)
    ended = first.started_ns + 7
    end = Event("session.end", ended, attributes={"outcome": "escalated", "resolved": True})
    return make.change(trace=first, outcome="escalated", resolved=True, ended_ns=ended, events=(end,)), make.change(
        trace=second
    )


@pytest.mark.parametrize("order", [*permutations(range(2)), (0, 1, 0), (1, 0, 1), (0, 0, 1, 1, 0)])
@pytest.mark.parametrize("together", [True, False])
def test_a_later_turn_resumes_an_ended_session_in_whatever_order_they_are_told(memory, ending, order, together):
    told, seen = [], set()
    for position in order:
        told.append(replace(ending[position], written_as="s" if position in seen else None))
        seen.add(position)
    for batch in [told] if together else [[change] for change in told]:
        memory.write(batch)
    found = memory.session("s").session
    assert (found.outcome, found.ended_ns, found.resolved, found.turns, found.events) == ("open", None, True, 2, 2)
    resumed = (RESUME, ending[1].trace.started_ns, {"outcome": "escalated"})
    assert [name for name, _, _ in moments(memory)] == ["session.end", RESUME]
    assert moments(memory)[1] == resumed


def test_a_turn_that_was_already_running_does_not_resume(memory, ending, make):
    memory.write([ending[0]])
    memory.write([make.change(trace=make.trace(started_ns=ending[0].session.ended_ns - 1))])
    assert memory.session("s").session.outcome == "escalated"


def test_a_turn_that_ends_the_session_again_says_so_after_it_resumed(memory, ending):
    again = replace(
        ending[1],
        session=replace(ending[1].session, outcome="completed", ended_ns=ending[1].trace.started_ns + 9),
    )
    memory.write([ending[0], again])
    found = memory.session("s").session
    assert (found.outcome, found.ended_ns) == ("completed", again.session.ended_ns)
    assert moments(memory)[-1][2] == {"outcome": "escalated"}


def test_an_idle_session_keeps_its_id(memory, make):
    memory.write([make.change(trace=make.trace(at=day * DAY)) for day in range(5)])
    assert [(s.id, s.turns) for s in memory.sessions()] == [("s", 5)]


def test_a_link_is_shown_by_both_sessions_and_makes_none(memory, make):
    memory.write([make.change("old")])
    memory.write([make.change("new", links=(Link("old", "continues"), Link("nowhere", "see_also")))])
    memory.write([make.change("new", links=(Link("old", "continues"),))])
    assert memory.session("new").session.links == (Link("old", "continues"), Link("nowhere", "see_also"))
    assert memory.session("old").session.links == (Link("new", "continued_by"),)
    assert memory.session("nowhere") is None


def test_a_link_to_itself_is_kept_as_said(memory, make):
    memory.write([make.change("s", links=(Link("s", "continues"),))])
    assert memory.session("s").session.links == (Link("s", "continues"),)


@pytest.mark.parametrize("app_first", [True, False])
def test_the_word_of_the_app_about_the_end_stands_against_that_of_a_rule(memory, make, app_first):
    said = make.change(outcome="completed")
    by_rule = make.change(outcome="escalated", outcome_reason="the event handoff was noted")
    memory.write([said, by_rule] if app_first else [by_rule, said])
    found = memory.session("s").session
    assert (found.outcome, found.outcome_reason) == ("completed", None)
    assert len(memory.sessions("outcome:escalated")) == 0
