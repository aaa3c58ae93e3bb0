"""What people make of a store: definitions and pass rates, queues, datasets with versions, what forgetting takes."""

from dataclasses import replace

import pytest

from convotrace.errors import BadRequest, FilterError
from convotrace.insight.definitions import score_definition
from convotrace.insight.queues import Queue
from convotrace.model import Change, Payload, Score, SessionFacts, Target
from convotrace.store.retention import Limits
from tests.store.conftest import SECOND, START, rows


def score(number, name, value, author, trace=None, session="a", kind="numeric"):
    target = Target(session, trace and trace.id)
    return Score(f"s{number}", name, kind, value, START + number, target, "annotator", None, author)


def judge(store, session, *scores):
    store.write([Change(SessionFacts(session, scores=scores))])


@pytest.fixture
def turns(store, make):
    """Two turns of Ann's and one of Ben's."""
    made = [make.trace("a", user_id="ann"), make.trace("a", user_id="ann"), make.trace("b", user_id="ben")]
    users = ("ann", "ann", "ben")
    store.write([make.change(t.session_id, t, user_id=user) for t, user in zip(made, users, strict=True)])
    return made


def test_the_pass_rate_of_a_defined_score_is_that_of_a_recount(store, turns):
    values = [1, 2, 3, 3, 4, 5, 4]
    judge(store, "a", *(score(n, "good", v, f"r{n}", turns[n % 2]) for n, v in enumerate(values)))
    judge(store, "a", score(50, "good", 5, "r0", turns[0]), score(51, "tone", "warm", "r0", kind="categorical"))
    assert next(iter(store.sessions("user:ann"))).passes == {}
    store.put_score_definition(
        score_definition("good", min=1, max=5, pass_min=3), score_definition("tone", labels=["warm"])
    )
    # The first rater's newer score counts, the older one does not; a label without a criterion passes nothing.
    passed = sum(value >= 3 for value in [5, *values[1:]])
    for session in (next(iter(store.sessions("user:ann"))), store.session("a").session):
        assert session.passes == {"good": {"passed": passed, "of": 7}}
    stats = store.score_stats("good")
    assert (stats.passed, stats.judged, stats.count, stats.pass_rate) == (passed, 7, 8, passed / 7)
    store.drop_score_definition("good")
    assert store.score_stats("good").pass_rate is None and next(iter(store.sessions("user:ann"))).passes == {}


def test_a_queue_is_filled_by_filter_by_share_and_by_hand_and_holds_each_turn_once(store, turns, make):
    store.put_queue(Queue("q"))
    assert store.fill_queue("q", "user:ann", turns="last") == 1
    assert store.fill_queue("q", "user:ann") == 1
    assert store.add_to_queue("q", "b", turns[2].id, assignee="kim") is True
    assert store.add_to_queue("q", "b", turns[2].id) is False
    assert [task.trace_id for task in store.tasks("q")] == [turns[n].id for n in (1, 0, 2)]
    assert [task.why for task in store.tasks("q")] == ["filter", "filter", "by hand"]
    store.put_queue(Queue("few"))
    store.write([make.change("long", make.trace("long")) for _ in range(60)])
    added = store.fill_queue("few", "user:nobody OR turns>50", sample=0.5)
    assert 15 < added < 45 and store.fill_queue("few", "turns>50", sample=0.5) == 0
    store.drop_queue("few")
    assert store.queue("few") is None and rows(store, "SELECT count(*) FROM task WHERE queue = 'few'") == [(0,)]


def test_an_item_waits_until_as_many_people_judged_it_as_are_asked(store, turns):
    store.put_queue(Queue("q", raters=2))
    store.fill_queue("q", "user:ben")
    (task,) = store.tasks("q")
    assert task.waits_for("ann", 2)
    store.review("q", task.id, "ann", "skipped")
    store.review("q", task.id, "ann", "done", 5 * SECOND)
    (task,) = store.tasks("q")
    assert [(one.author, one.state, one.took_ns) for one in task.reviews] == [("ann", "done", 5 * SECOND)]
    assert not task.is_done(2) and not task.waits_for("ann", 2) and task.waits_for("kim", 2)
    store.assign("q", task.id, "kim")
    assert not store.tasks("q")[0].waits_for("lee", 2)
    store.review("q", task.id, "kim", "done")
    assert store.tasks("q")[0].is_done(2)


def test_agreement_is_of_what_several_judged_and_of_a_queue_alone_where_one_is_named(store, turns):
    judge(store, "a", score(1, "g", 1, "x", turns[0]), score(2, "g", "1", "y", turns[0], kind="categorical"))
    judge(store, "a", score(3, "g", 2, "x", turns[1]), score(4, "g", 3, "y", turns[1]), score(5, "g", 9, "x"))
    found = store.agreement("g")
    assert [(one.name, one.count, one.mean) for one in found.raters] == [("x", 3, 4.0), ("y", 2, 2.0)]
    assert (found.shared, found.method, round(found.kappa, 4)) == (2, "cohen", 0.3333)
    store.put_queue(Queue("q"))
    store.add_to_queue("q", "a", turns[0].id)
    assert (store.agreement("g", "q").count, store.agreement("g", "q").kappa) == (2, 1.0)


def test_a_turn_that_moves_to_another_session_takes_its_place_in_a_queue_along(store, turns, make):
    store.put_queue(Queue("q"))
    store.fill_queue("q", "user:ben")
    store.review("q", store.tasks("q")[0].id, "kim", "done")
    store.write([make.change("new", replace(turns[2], session_id="new"), written_as="b")])
    (task,) = store.tasks("q")
    assert (task.session_id, task.trace_id, len(task.reviews)) == ("new", turns[2].id, 1)


def test_a_dataset_keeps_its_versions_whatever_becomes_of_the_working_copy(store, turns):
    store.put_dataset("d", "for a test")
    assert store.fill_dataset("d") == 3
    assert store.commit_dataset("d", "all").number == 1
    with pytest.raises(BadRequest, match="nothing to keep"):
        store.commit_dataset("d")
    first = list(store.items("d", 1))
    assert store.remove_from_dataset("d", first[0].id) is True
    store.expect("d", first[1].id, "Better.", "kim")
    assert store.dataset("d").changed and store.commit_dataset("d").number == 2
    store.remove_from_dataset("d", first[2].id)
    assert list(store.items("d", 1)) == first
    assert {one.id: one.expected for one in store.items("d", 2)} == {first[1].id: "Better.", first[2].id: None}
    assert [one.author for one in store.items("d")] == ["kim"]
    with pytest.raises(BadRequest, match="no such version, it has 2"):
        store.items("d", 3)


def test_a_correction_is_what_is_expected_and_stands_in_what_follows(store, turns):
    store.put_dataset("d")
    store.fill_dataset("d", "user:ann")
    judge(store, "a", score(1, "correction", "old", "kim", turns[0], kind="text"))
    judge(store, "a", score(2, "correction", "right", "lee", turns[0], kind="text"))
    assert store.add_to_dataset("d", "a", turns[0].id)
    store.fill_dataset("d", "user:ann", turns="last")
    first, second = sorted(store.items("d"), key=lambda one: one.turn)
    assert (first.expected, first.answer, first.author, first.output) == ("right", "right", "lee", turns[0].output.text)
    assert [one["content"] for one in second.messages] == [turns[0].input.text, "right", turns[1].input.text]
    assert store.fill_dataset("d", turns="corrected") == 1
    store.put_dataset("whole")
    store.fill_dataset("whole", "user:ann", on="session")
    assert [one["content"] for one in next(store.items("whole")).messages][1] == "right"


def test_what_was_judged_in_a_queue_becomes_a_dataset(store, turns):
    store.put_queue(Queue("q"))
    store.fill_queue("q")
    store.review("q", store.tasks("q")[0].id, "kim", "done")
    store.review("q", store.tasks("q")[1].id, "kim", "skipped")
    store.put_dataset("d")
    assert store.fill_dataset("d", queue="q") == 1
    assert [one.trace_id for one in store.items("d")] == [store.tasks("q")[0].trace_id]


def test_items_outlive_retention_but_neither_their_session_s_nor_their_user_s_being_forgotten(store, turns):
    store.put_dataset("d")
    store.fill_dataset("d")
    store.commit_dataset("d")
    list(store.prune(Limits(rows=0), now_ns=START + 10**6 * SECOND))
    assert (len(store.sessions()), len(list(store.items("d")))) == (0, 3)
    store.forget(session="b")
    assert {one.session_id for one in store.items("d", 1)} == {"a"}
    store.forget(user="ann")
    assert list(store.items("d", 1)) == []


def test_forgetting_a_user_in_another_s_session_takes_every_copy_of_that_session(store, make):
    store.write([make.change("s", make.trace("s", user_id="ann"), user_id="ann")])
    store.write([make.change("s", make.trace("s", user_id="ben", input=Payload("my secret")))])
    store.put_dataset("d")
    store.fill_dataset("d"), store.fill_dataset("d", on="session")
    store.forget(user="ben")
    assert list(store.items("d")) == []


def test_what_cannot_be_is_refused_in_a_sentence(store, turns):
    store.put_queue(Queue("q")), store.put_dataset("d")
    for act, words in (
        (lambda: store.fill_queue("none"), "There is no queue 'none'"),
        (lambda: store.add_to_queue("q", "a"), "is of turns"),
        (lambda: store.add_to_queue("q", "x", "t"), "no such session"),
        (lambda: store.fill_queue("q", turns="odd"), "use one of all, last"),
        (lambda: store.review("q", "x", "kim", "done"), "no such item"),
        (lambda: store.fill_dataset("none"), "There is no dataset 'none'"),
        (lambda: store.put_dataset("a/b"), "use 1 to 60 letters"),
    ):
        with pytest.raises(BadRequest, match=words):
            act()
    with pytest.raises(FilterError):
        store.fill_queue("q", "tokns>5")
