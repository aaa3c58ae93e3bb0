"""Counts of what a filter finds, the places of a whole list, and what changed lately."""

from __future__ import annotations

import pytest

from convotrace.errors import BadRequest, FilterError
from convotrace.model import Change, Event, Payload, Score, SessionFacts, Span, Target, Trace, View
from convotrace.store import Store

SECOND = 1_000_000_000
START = 1_795_355_342 * SECOND


@pytest.fixture
def store():
    opened = Store.open("memory:")
    yield opened
    opened.close()


def _turn(n: int, tool: str = "search", errors: int = 0, **facts) -> Change:
    trace_id = f"{n + 1:032x}"
    span = Span(f"{n + 1:016x}", trace_id, tool, kind="tool", started_ns=START + n * SECOND)
    trace = Trace(
        trace_id, f"s{n}", "POST /chat", True, started_ns=START + n * SECOND, duration_ns=0, input=Payload("Hello"),
        spans=(span,), errors=errors, status="error" if errors else "ok",
    )  # fmt: skip
    return Change(SessionFacts(f"s{n}", **facts), trace)


def test_facets_count_every_field_and_say_how_many_there_are(store):
    store.write([_turn(n, "search" if n % 3 else "refund", release="2" if n else "1") for n in range(9)])
    found = store.facets()
    assert (found.total, found.is_capped) == (9, False)
    assert [(facet.value, facet.count) for facet in found.fields["tool"]] == [("search", 6), ("refund", 3)]
    assert [(facet.value, facet.count) for facet in found.fields["release"]] == [("2", 8), ("1", 1)]
    assert [(facet.value, facet.count) for facet in found.fields["outcome"]] == [("open", 9)]


def test_facets_are_those_of_the_filter(store):
    ended = {"outcome": "escalated", "events": (Event("escalation", START),)}
    store.write([_turn(n, f"t{n}", **(ended if n < 2 else {})) for n in range(5)])
    found = store.facets("outcome:escalated")
    assert found.total == 2
    assert {facet.value for facet in found.fields["tool"]} == {"t0", "t1"}
    assert [(facet.value, facet.count) for facet in found.fields["outcome"]] == [("escalated", 2)]
    assert store.facets("tool:none").fields == {}


def test_more_sessions_than_are_looked_at_are_said_to_be_more(store):
    store.write([_turn(n, f"t{n}") for n in range(5)])
    found = store.facets(most=3)
    assert (found.total, found.is_capped, found.is_sampled) == (3, True, True)
    assert {facet.value for facet in found.fields["tool"]} == {"t4", "t3", "t2"}


def test_values_are_those_of_the_newest_where_all_are_counted(store, monkeypatch):
    monkeypatch.setattr("convotrace.store.overview.LOOKED_AT", 2)
    store.write([_turn(n, f"t{n}") for n in range(5)])
    found = store.facets()
    assert (found.total, found.is_capped, found.is_sampled) == (5, False, True)
    assert {facet.value for facet in found.fields["tool"]} == {"t4", "t3"}
    assert [facet.count for facet in found.fields["outcome"]] == [2]


def test_the_rows_of_few_sessions_tell_what_their_labels_tell(store, monkeypatch):
    long, escalation = "x" * 300, Event("escalation", START)
    store.write([_turn(n, f"t{n % 3}", n % 2, tags=("a", "", long)[: n % 4], release=("1", None, "ä\0")[n % 3])
                 for n in range(12)])  # fmt: skip
    told = [SessionFacts("s1", outcome="escalated"), SessionFacts("s2", events=(escalation,)),
            SessionFacts("s3", outcome="escalated", resolved=False, events=(escalation,), metadata={"plan": "a"}),
            SessionFacts("s4", outcome="completed", environment="test")]  # fmt: skip
    store.write([Change(one) for one in told])
    scores = [Score(f"{n}", "feedback", "boolean", n % 3 > 0, START, Target(f"s{n}"), "end_user") for n in range(9)]
    store.write([Change(SessionFacts(f"s{n}", scores=(score,))) for n, score in enumerate(scores)])
    store.write([Change(SessionFacts("s5", tags=tuple(f"tag {n}" for n in range(150))))])
    by_rows = [store.facets(q) for q in (None, "has:error", "outcome:escalated", "tag:a", "fb:down")]
    monkeypatch.setattr("convotrace.store.overview._FEW", 0)
    by_labels = [store.facets(q) for q in (None, "has:error", "outcome:escalated", "tag:a", "fb:down")]
    assert by_rows == by_labels and by_rows[0].fields["has"] and by_rows[0].fields["fb"]
    assert [list(one.fields) for one in by_rows] == [list(one.fields) for one in by_labels]


def test_bars_hold_each_session_once_and_those_with_errors(store):
    store.write([_turn(n, errors=n == 4) for n in range(6)])
    bars = store.bars(None, START, 2 * SECOND, 4)
    assert [(bar.sessions, bar.failing) for bar in bars] == [(2, 0), (2, 0), (2, 1), (0, 0)]
    assert [bar.start_ns for bar in bars] == [START + 2 * n * SECOND for n in range(4)]
    assert [bar.sessions for bar in store.bars("errors>0", START, 2 * SECOND, 4)] == [0, 0, 1, 0]


@pytest.mark.parametrize("order", ["-last", "last", "-turns", "cost"])
@pytest.mark.parametrize(("q", "total"), [(None, 20), ("tool:search", 13)])
def test_the_places_of_a_list_begin_the_pages_that_the_list_gives_one_after_another(store, order, q, total):
    store.write([_turn(n, "search" if n < 13 else "refund") for n in range(20)])
    places, after, cursors = store.places(q, order, 5), None, []
    while True:
        page = store.sessions(q, order, 5, after)
        if page.next is None:
            break
        after = page.next
        cursors.append(after)
    assert list(places.cursors) == cursors
    assert (places.total, places.is_capped) == (total, False)


def test_places_refuse_what_a_list_refuses(store):
    with pytest.raises(BadRequest):
        store.places(order="colour")
    with pytest.raises(FilterError):
        store.places("tokns>3")


def test_changes_are_the_latest_first_and_count_up(store):
    store.write([_turn(n) for n in range(4)])
    (latest, before) = store.changes(None, START + 2 * SECOND)
    assert (latest.key, latest.last_ns, latest.turns) == ("s3", START + 3 * SECOND, 1)
    assert before.key == "s2"
    store.write([Change(SessionFacts("s3", tags=("vip",)))])
    (now,) = store.change("s3")
    assert now.version > latest.version
    assert store.change("nobody") == ()
    assert [one.key for one in store.changes("tag:vip", 0)] == ["s3"]


def test_a_view_is_kept_replaced_and_forgotten_by_its_name(store):
    store.put_view(View("night", "has:error since:12h", "-errors"))
    store.put_view(View("ä \ud800", "a \0"))
    store.put_view(View("night", "has:error"))
    assert store.views() == (View("night", "has:error"), View("ä \ud800", "a \0"))
    store.drop_view("night")
    store.drop_view("night")
    assert [view.name for view in store.views()] == ["ä \ud800"]


def test_views_are_few(store):
    for n in range(50):
        store.put_view(View(f"v{n}"))
    with pytest.raises(BadRequest, match="delete one first"):
        store.put_view(View("one more"))
    store.put_view(View("v7", "has:error"))
