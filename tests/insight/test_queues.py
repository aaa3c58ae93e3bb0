"""Annotation queues: what may be asked for, who is still asked, and when an item is done."""

import pytest

from convotrace.errors import BadRequest
from convotrace.insight.queues import Queue, Review, Task, checked_name, queue_of, task_id


@pytest.mark.parametrize("name", ["a", "low-scores", "A_1", "9", "x" * 60])
def test_a_name_that_can_stand_in_an_address_is_taken(name):
    assert checked_name(name, "queue") == name


@pytest.mark.parametrize(
    ("name", "came"),
    [("", "''"), ("-a", "'-a'"), ("a b", "'a b'"), ("é", "'é'"), ("a\n", r"'a\n'"), (None, "None"), (5, "5"),
     ("x" * 61, "61 characters"), ("x" * 5_000, "5,000 characters")],
)  # fmt: skip
def test_a_name_that_cannot_is_refused_with_what_came(name, came):
    with pytest.raises(BadRequest) as refused:
        checked_name(name, "dataset")
    assert str(refused.value) == (
        f"name of the dataset came as {came}; use 1 to 60 letters, digits, _ or -, such as low-scores."
    )


def test_a_queue_takes_what_json_says_and_its_defaults_for_the_rest():
    assert queue_of({"name": "q"}, 5) == Queue("q", (), "turn", 1, "", 5)
    told = {"name": "q", "on": "session", "raters": 20, "scores": ["a", "b"], "about": "x" * 600}
    made = queue_of(told, 5)
    assert made == Queue("q", ("a", "b"), "session", 20, "x" * 500, 5)
    assert made.facts() == {**told, "about": "x" * 500}
    assert queue_of({"name": "q", "on": "", "raters": None, "scores": None, "about": None}, 5) == queue_of(
        {"name": "q"}, 5
    )


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"on": "span"}, "on came as 'span'; use turn or session."),
        ({"raters": 21}, "raters came as 21; use 1 to 20."),
        ({"raters": -1}, "raters came as -1; use 1 to 20."),
        ({"raters": True}, "raters came as True; use 1 to 20."),
        ({"raters": "2"}, "raters came as '2'; use 1 to 20."),
        ({"scores": "ok"}, "scores came as something else than a list of names of scores."),
        ({"scores": ["ok", ""]}, "scores came as something else than a list of names of scores."),
        ({"scores": [5]}, "scores came as something else than a list of names of scores."),
        ({"scores": {"ok": 1}}, "scores came as something else than a list of names of scores."),
        ({"scores": ["ok"] * 31}, "31 scores came; ask for at most 30."),
    ],
)
def test_what_a_queue_cannot_use_is_refused_in_one_sentence(wrong, sentence):
    with pytest.raises(BadRequest) as refused:
        queue_of({"name": "q", **wrong}, 5)
    assert str(refused.value) == sentence


def task(*reviews, assignee=None):
    return Task("i", "q", "s", "s", "t", "filter", 1, assignee, "hello", 3, tuple(Review(*one, 9) for one in reviews))


@pytest.mark.parametrize(
    ("reviews", "raters", "done"),
    [
        ([], 1, False),
        ([("ann", "done")], 1, True),
        ([("ann", "skipped")], 1, True),
        ([("ann", "done")], 2, False),
        ([("ann", "done"), ("ann", "done")], 2, False),
        ([("ann", "done"), ("ben", "skipped")], 2, False),
        ([("ann", "done"), ("ben", "done")], 2, True),
        ([(None, "done"), ("ben", "done")], 2, True),
    ],
)
def test_an_item_is_done_when_as_many_people_judged_it_as_are_asked(reviews, raters, done):
    assert task(*reviews).is_done(raters) is done


def test_an_item_waits_for_its_assignee_else_for_anybody_who_did_not_judge_it():
    assert task().waits_for("ann", 1) and task(assignee="").waits_for("ann", 1)
    assert task(assignee="ann").waits_for("ann", 1) and not task(assignee="ben").waits_for("ann", 1)
    once = task(("ann", "skipped"))
    assert not once.waits_for("ann", 2) and once.waits_for("ben", 2) and not once.waits_for("ben", 1)


def test_an_item_as_json_names_who_judged_it():
    assert task(("ann", "done"), assignee="ben").facts() == {
        "id": "i", "session_id": "s", "key": "s", "trace_id": "t", "why": "filter", "assignee": "ben",
        "title": "hello", "reviews": [{"author": "ann", "state": "done"}],
    }  # fmt: skip


def test_a_turn_keeps_its_item_when_it_moves_to_another_session_and_a_session_has_its_own():
    assert task_id("q", "s", "t") == task_id("q", "other", "t") != task_id("r", "s", "t")
    assert task_id("q", "s", None) != task_id("q", "other", None)
    assert task_id("q", "t", None) != task_id("q", "s", "t")
    assert len(task_id("q", "\ud800", None)) == 24
