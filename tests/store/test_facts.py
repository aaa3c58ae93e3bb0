"""What is said of a session over its life is merged in its row."""

import pytest

from convotrace.model import Link, Request, Score, Target


def session(store, id="s"):
    return store.session(id).session


def test_tags_services_and_links_grow_and_metadata_is_overwritten_by_key(memory, make):
    memory.write(
        [make.change(tags=("b", "a", "b"), service="web", metadata={"plan": 1, "x": 1}, links=(Link("o", "same_id"),))]
    )
    memory.write([make.change(tags=("c", "a"), service="worker", metadata={"plan": 2}, links=(Link("o", "same_id"),))])
    found = session(memory)
    assert found.tags == ("b", "a", "c")
    assert found.service == ("web", "worker")
    assert found.metadata == {"plan": 2, "x": 1}
    assert found.links == (Link("o", "same_id"),)


def test_the_first_known_user_and_id_source_stay_and_the_latest_name_wins(memory, make):
    memory.write([make.change(id_source="none", user_id=None, name="one", release="1")])
    memory.write([make.change(id_source="header", id_name="X-Session-ID", user_id="ann", name="two")])
    memory.write([make.change(id_source="cookie", id_name="sid", user_id="bob", release="2")])
    found = session(memory)
    assert (found.id_source, found.id_name, found.user_id) == ("header", "X-Session-ID", "ann")
    assert (found.name, found.release) == ("two", "2")


def test_a_later_request_that_is_no_turn_does_not_open_an_ended_session_unless_it_says_so(memory, make):
    trace = make.trace()
    ended = trace.started_ns + 5
    memory.write(
        [make.change(trace=trace, outcome="escalated", outcome_reason="asked", resolved=False, ended_ns=ended)]
    )
    memory.write([make.change(trace=make.trace(is_turn=False))])
    found = session(memory)
    assert (found.outcome, found.outcome_reason, found.resolved, found.ended_ns) == ("escalated", "asked", False, ended)
    memory.write([make.change(trace=make.trace(is_turn=False), outcome="open")])
    assert (session(memory).outcome, session(memory).ended_ns) == ("open", None)


def test_facts_from_outside_make_the_session_where_it_is_missing(memory, make):
    memory.write([make.outside("hand", tags=("manual",), user_id="ann")])
    found = session(memory, "hand")
    assert (found.tags, found.user_id, found.traces) == (("manual",), "ann", 0)


def test_the_first_trace_sets_the_times_of_a_session_begun_by_a_fact(memory, make):
    memory.write([make.outside(tags=("early",))])
    trace = make.trace(at=5)
    memory.write([make.change(trace=trace)])
    found = session(memory)
    assert (found.started_ns, found.last_ns) == (trace.started_ns, trace.started_ns + trace.duration_ns)


def test_a_turn_without_an_id_is_warned_about_with_the_cure(memory, make):
    memory.write([make.change(id_source="none")])
    (warning,) = session(memory).warnings
    assert warning.code == "every_turn_its_own_id"
    assert "X-Session-ID" in warning.message


@pytest.mark.parametrize(
    ("source", "clients", "warned"),
    [("header", 3, True), ("header", 2, False), ("callable", 3, False), ("code", 3, False)],
)
def test_one_id_of_many_clients_is_warned_about_unless_it_was_meant(memory, make, source, clients, warned):
    for number in range(clients):
        trace = make.trace(request=Request("POST", "/chat", client=f"client {number}"))
        memory.write([make.change(trace=trace, id_source=source)])
    assert [w.code for w in session(memory).warnings] == (["one_id_many_clients"] if warned else [])


def test_feedback_and_means_count_the_newest_score_of_each_author(memory, make):
    def score(number, value, source="end_user", author="ann", name="helpful"):
        return Score(str(number), name, "boolean", value, number, Target("s"), source=source, author=author)

    scores = (score(1, True), score(2, False), score(3, "up", author="bob"), score(4, 1, author="cat"))
    graded = (
        score(5, 0.5, "evaluator", "x", "tone"),
        score(6, 0.75, "evaluator", "y", "tone"),
        score(7, "fine", "annotator"),
    )
    memory.write([make.outside(scores=scores + graded)])
    found = session(memory)
    assert found.feedback == {"up": 2, "down": 1}
    assert found.scores == {"helpful": 0.5, "tone": 0.625}


def test_a_score_sent_again_under_its_id_replaces_itself(memory, make):
    for value in (1, 2):
        memory.write([make.outside(scores=(Score("one", "n", "numeric", value, 1, Target("s")),))])
    assert [score.value for score in memory.session("s").scores] == [2]


@pytest.mark.parametrize("order", [("baggage", "body"), ("body", "baggage"), ("otlp", "none", "body", "baggage")])
def test_the_rule_that_found_an_id_counts_more_than_those_that_passed_it_on(store, make, order):
    store.write([make.change(id_source=source, id_name=source) for source in order])
    (session,) = store.sessions()
    assert (session.id_source, session.id_name) == ("body", "body")


def test_a_score_of_any_name_is_summed_up_under_that_name(store, make):
    score = Score("1", "nul\0", "numeric", 4, 5, Target("s"), source="annotator")
    store.write([make.change(scores=(score,))])
    assert session(store).scores == {"nul\0": 4}
    assert [one.id for one in store.sessions(q='score."nul\0"=4')] == ["s"]
