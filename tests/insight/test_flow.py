"""Where conversations lose people: last steps, funnels, and the sessions that a bar stands for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convotrace.errors import BadRequest
from convotrace.insight.cohort import Cohort, Member, survival
from convotrace.insight.flow import LastStep, LastTurn, Story, chosen, funnel, last_steps, places, steps_of


def member(id, labels=(), outcome="open", errors=0, turns=1):
    return Member(id, 0, 1, turns, errors, outcome, None, None, None, None, 0, 0, {}, None, frozenset(labels))


PAY, SHIP = ("tool", "pay"), ("tool", "ship")


def test_a_last_step_is_counted_against_the_sessions_that_had_it_at_all():
    members = [member("a", [PAY, SHIP]), member("b", [PAY]), member("c", [SHIP], errors=2), member("d", [PAY])]
    turns = [LastTurn("a", frozenset({PAY})), LastTurn("c", frozenset({SHIP, ("error", "")}))]
    found = last_steps(Cohort(0, 1, members), turns)
    assert found == [LastStep("error", "", 1, 1), LastStep("tool", "pay", 1, 3), LastStep("tool", "ship", 1, 2)]
    assert [step.share for step in found] == [1.0, 1 / 3, 0.5]


def test_an_answer_is_held_against_all_sessions_and_a_retrieval_against_those_with_one():
    members = [member("a", [("kind", "retrieval")]), member("b"), member("c", [("kind", "generation")])]
    turns = [LastTurn("a", frozenset({("retrieval", ""), ("answer", "")})), LastTurn("b", frozenset({("answer", "")}))]
    assert last_steps(Cohort(0, 1, members), turns) == [
        LastStep("answer", "", 2, 3), LastStep("retrieval", "", 1, 1),
    ]  # fmt: skip


def test_a_tag_counts_as_left_only_where_the_session_was_abandoned_or_failed():
    vip = ("tag", "vip")
    members = [member(str(n), [vip], outcome) for n, outcome in enumerate(["open", "abandoned", "failed", "completed"])]
    assert last_steps(Cohort(0, 1, members), []) == [LastStep("tag", "vip", 2, 4)]


def test_a_step_whose_session_the_cohort_does_not_hold_is_never_more_than_all():
    (found,) = last_steps(Cohort(0, 1, []), [LastTurn("gone", frozenset({PAY}))])
    assert (found.left, found.had, found.share) == (1, 1, 1.0)
    assert LastStep("tool", "pay", 0, 0).share is None


def test_of_many_steps_of_one_kind_the_commonest_twelve_stand_and_ties_go_by_name():
    turns = [LastTurn(str(n), frozenset({("tool", f"t{n:02}")})) for n in range(20)]
    turns += [LastTurn("x", frozenset({("tool", "t19"), ("answer", "")}))]
    found = last_steps(Cohort(0, 1, []), turns)
    assert [step.name for step in found if step.kind == "tool"] == ["t19", *(f"t{n:02}" for n in range(11))]
    assert [step.name for step in found if step.kind == "answer"] == [""]


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        ("", []),
        (" , ,", []),
        ("turn:3", [("turn", "3")]),
        ("turn:03", [("turn", "3")]),
        ("paid", [("event", "paid")]),
        ("tool:pay, event:paid:late ,turn:1", [("tool", "pay"), ("event", "paid:late"), ("turn", "1")]),
        (",".join(["x"] * 8), [("event", "x")] * 8),
    ],
)
def test_steps_are_read_as_they_are_written(text, steps):
    assert steps_of(text) == steps


@pytest.mark.parametrize(
    "text",
    ["turn:", "turn:0", "turn:-1", "turn:x", "turn:٣", "turn:1.5", "turn:1234567890", "tool:", "span:x", ":", "event:"],
)
def test_a_step_that_is_none_is_refused_with_what_one_is(text):
    with pytest.raises(BadRequest, match=r"^steps has '.*'; use turn:3 for a turn, tool:name for a call"):
        steps_of(f"paid,{text}")


def test_more_steps_than_eight_are_refused():
    with pytest.raises(BadRequest, match=r"^steps has 9 steps; use at most 8\.$"):
        steps_of(",".join(["x"] * 9))


STORIES = [
    Story("a", [(10, ("turn", "1")), (30, PAY), (20, SHIP), (40, PAY)]),
    Story("b", [(5, ("turn", "1")), (9, PAY)]),
    Story("c", [(5, PAY)]),
    Story("d"),
]
STEPS = [("turn", "1"), PAY]


def test_a_funnel_counts_those_who_took_each_step_after_the_one_before():
    first, second = funnel(STORIES, STEPS)
    assert (first.step, first.sessions, first.share, first.of_before, first.gap_ns) == ("turn:1", 2, 1.0, None, None)
    assert (second.step, second.sessions, second.share, second.of_before, second.gap_ns) == ("tool:pay", 2, 1, 1, 4)


def test_a_funnel_that_nobody_enters_has_no_shares():
    (first, second) = funnel([Story("d")], STEPS)
    assert (first.sessions, first.share, second.share, second.of_before, second.gap_ns) == (0, None, None, None, None)
    assert funnel(STORIES, []) == []


def test_the_same_step_twice_needs_it_twice():
    assert [step.sessions for step in funnel(STORIES, [PAY, PAY])] == [3, 1]


labels = st.sampled_from([PAY, SHIP, ("turn", "1"), ("event", "paid")])


@given(st.lists(st.tuples(st.integers(0, 9), labels), max_size=12), st.lists(labels, max_size=4))
def test_places_are_the_earliest_moments_that_come_in_the_order_of_the_steps(moments, steps):
    found = places(moments, steps)
    assert found == sorted(found) and len(found) <= len(steps)
    assert all((at, step) in moments for at, step in zip(found, steps, strict=False))
    if len(found) < len(steps):  # the next step does not come after those found
        later = [at for at, label in moments if label == steps[len(found)]]
        assert all(at <= found[-1] for at in later) if found else not later


def test_a_bar_of_the_last_steps_opens_exactly_its_sessions():
    turns = [LastTurn("a", frozenset({PAY})), LastTurn("b", frozenset({SHIP, ("error", "")}))]
    assert chosen("last:tool:pay", turns, [], [], {}) == ["a"]
    assert chosen("last:error:", turns, [], [], {}) == ["b"]
    assert chosen("last:tag:vip", turns, [], [], {"vip": ("c",)}) == ["c"]
    assert chosen("last:tag:none", turns, [], [], {"vip": ("c",)}) == []


def test_a_bar_of_the_funnel_opens_those_who_came_so_far_or_went_before_it():
    assert chosen("step:1", [], STORIES, STEPS, {}) == ["a", "b"]
    assert chosen("step:2", [], STORIES, [*STEPS, SHIP], {}) == ["a", "b"]
    assert chosen("lost:3", [], STORIES, [*STEPS, SHIP], {}) == ["a", "b"]
    assert chosen("lost:1", [], STORIES, STEPS, {}) == []


@pytest.mark.parametrize("at", ["", "step", "step:", "step:x", "step:-1", "lost:٣", "first:1"])
def test_what_no_bar_stands_for_is_refused(at):
    with pytest.raises(BadRequest, match=r"^at came as '.*'; use last:tool:name, step:2 or lost:2"):
        chosen(at, [], STORIES, STEPS, {})


def test_sessions_without_a_turn_are_in_no_survival_curve():
    assert survival(Cohort(0, 1, [member("a", turns=0)])) == []
    curve = survival(Cohort(0, 1, [member("a", turns=0), member("b", turns=1), member("c", turns=3)], 0.5), most=2)
    assert [(step.turn, step.sessions, step.share) for step in curve] == [(1, 4, 1.0), (2, 2, 0.5)]
