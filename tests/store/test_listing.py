"""Lists of sessions: every session once under every order, found by what was said."""

import json

import pytest

from convotrace.errors import BadRequest
from convotrace.export import as_json, dump
from convotrace.insight.definitions import score_definition
from convotrace.model import Link, Payload, Score, Target, TurnMark
from convotrace.store import listing
from convotrace.store.listing import ORDERS
from tests.store.conftest import rows

ALL = [sign + order for order in ORDERS for sign in ("", "-")]


@pytest.fixture
def many(memory, make):
    """A store of 23 sessions, with many ties and some unknown costs."""
    changes = []
    for number in range(23):
        for turn in range(number % 4 + 1):
            trace = make.trace(f"s{number}", at=number % 5 + turn, cost_nano=number % 3 or None, errors=number % 2)
            changes.append(make.change(f"s{number}", trace))
    memory.write(changes)
    return memory


def pages(store, order, limit, q=None):
    after, found = None, []
    while True:
        page = store.sessions(q, order=order, limit=limit, after=after)
        found += page
        if page.next is None:
            return found
        assert len(page) == limit
        after = page.next


@pytest.mark.parametrize("order", ALL)
def test_pages_hold_every_session_once_in_one_order(many, order):
    found = [session.id for session in pages(many, order, 4)]
    assert sorted(found) == sorted(f"s{number}" for number in range(23))
    assert found == [session.id for session in pages(many, order, 100)]


@pytest.mark.parametrize("order", ["-last", "cost"])
def test_a_page_made_into_json_at_once_is_the_json_of_its_records(many, make, order):
    metadata = {"n": 1 << 70, "x": float("nan")}
    odd = {"name": "\ud800 \x00", "user_id": "名", "tags": ("a", "\ud800"), "metadata": metadata}
    judged = [Score(f"{n}", "good", "boolean", n > 0, n, Target("s1"), "end_user") for n in range(3)]
    many.write([make.change("s1", make.trace("s1"), scores=tuple(judged), links=(Link("s2", "same_id"),), **odd)])
    many.write([make.change("plain", make.trace("plain", duration_ns=None), tags=("b",), metadata={"plan": "pro"})])
    many.put_score_definition(score_definition("good", type="boolean", pass_value=True))
    page = many.sessions(order=order, limit=20)
    document = json.loads(dump(many.sessions_document(order=order, limit=20)))
    assert document == json.loads(dump(as_json(page)))
    assert document["next"]
    rest = many.sessions_document(order=order, after=page.next)
    assert len(document["sessions"]) + len(rest["sessions"]) == 24 and rest["next"] is None


def test_an_order_sorts_by_its_value_and_the_minus_turns_it(many):
    turns = [session.turns for session in many.sessions(order="turns")]
    assert turns == sorted(turns)
    assert [session.turns for session in many.sessions(order="-turns")] == turns[::-1]
    costs = [session.cost_nano for session in many.sessions(order="-cost")]
    assert [cost for cost in costs if cost is None] == costs[costs.index(None) :]


def test_a_session_written_between_two_pages_repeats_and_hides_nothing(many, make):
    first = many.sessions(order="-started", limit=10)
    many.write([make.change("new", make.trace("new", at=1000))])
    rest = pages_after(many, first.next)
    assert sorted(s.id for s in [*first, *rest]) == sorted(f"s{number}" for number in range(23))


def pages_after(store, cursor):
    found = []
    while cursor:
        page = store.sessions(order="-started", limit=10, after=cursor)
        found += page
        cursor = page.next
    return found


@pytest.mark.parametrize("order", ["", "color", "--last", "last ", "id"])
def test_an_unknown_order_is_refused_with_those_that_exist(memory, order):
    with pytest.raises(BadRequest, match="started"):
        memory.sessions(order=order)


@pytest.mark.parametrize(
    "after",
    ["", "x", "!!!", "WzFd", "WyItbGFzdCIsIngiLDFd", "é", "bnVsbA", "WyItbGFzdCIsMTg0NDY3NDQwNzM3MDk1NTE2MTUsMV0"],
)
def test_a_cursor_of_nowhere_is_refused(memory, after):
    with pytest.raises(BadRequest):
        memory.sessions(after=after)


def test_a_cursor_of_another_order_is_refused(many):
    cursor = many.sessions(limit=3).next
    with pytest.raises(BadRequest, match="-last"):
        many.sessions(order="turns", after=cursor)


@pytest.mark.parametrize("limit", [0, -1, 10**9])
def test_a_limit_out_of_bounds_is_refused(memory, limit):
    with pytest.raises(BadRequest, match="limit"):
        memory.sessions(limit=limit)


@pytest.mark.parametrize(
    ("q", "found"),
    [
        ("REFUND", ["a"]),
        ("50%", ["a"]),
        ("5%%", []),
        ("_", ["b"]),
        ("地铁", ["b"]),
        ("user-b", ["b"]),
        ("\ud800", []),
        ("\0", []),
        ("", ["a", "b"]),
    ],
)
def test_text_is_found_as_it_stands(memory, make, q, found):
    memory.write([make.change("a", make.trace("a", input=Payload("A refund of 50% please"), output=Payload("yes")))])
    memory.write(
        [make.change("b", make.trace("b", input=Payload("take_it"), output=Payload("去地铁站")), user_id="user-b")]
    )
    assert sorted(session.id for session in memory.sessions(q=q)) == found


def test_a_session_shows_its_last_turns_and_the_middle_of_their_times(memory, make):
    traces = [make.trace(at=n, duration_ns=n, first_byte_ns=n * 2, errors=n % 2) for n in range(1, 21)]
    memory.write([make.change(trace=trace) for trace in (*traces, make.trace(at=99, is_turn=False))])
    (session,) = memory.sessions()
    assert session.strip == tuple(TurnMark(t.duration_ns, t.errors, t.started_ns) for t in traces[-14:])
    assert (session.p50_ns, session.first_byte_ns) == (10, 20)
    assert session == memory.session("s").session


def test_sessions_at_rest_come_from_indexes_and_the_others_beside_them(many, make, monkeypatch):
    many.roll_up()
    assert rows(many, "SELECT count(*) FROM session WHERE ranked IS NULL") == [(0,)]
    many.write([make.change(f"s{n}", make.trace(f"s{n}", at=n, cost_nano=2, errors=1)) for n in (3, 21, 30, 31, 32)])
    queries = ["cost>=0.000000002", "turns>2", "errors=1 -turns=2", "duration>1s", "duration>1s OR cost=0.000000002"]

    def found():
        lists = {order: [session.id for session in pages(many, order, 4)] for order in ALL}
        return lists | {q: [session.id for session in many.sessions(q, limit=100)] for q in queries}

    from_indexes = found()
    monkeypatch.setattr("convotrace.store.listing.is_usable", lambda _: False)
    monkeypatch.setattr("convotrace.store.wanted.is_usable", lambda _: False)
    assert from_indexes == found()
    assert len(from_indexes["-cost"]) == 26 and 0 < len(from_indexes["turns>2"]) < 26


def test_what_many_sessions_fulfil_is_sorted_from_the_same_indexes(many, make, monkeypatch):
    monkeypatch.setattr("convotrace.store.wanted._FEW", 0)
    many.roll_up()
    many.write([make.change(f"s{n}", make.trace(f"s{n}", at=n, cost_nano=2, errors=1), tags=("a",)) for n in (3, 30)])
    queries = [
        "-has:error",
        "has:error",
        "tag:a",
        "-tag:a",
        "turns>1 -has:error",
        "tag:a OR cost>0",
        "began:..2030-01-01",
    ]

    def found():
        asked = [(q, order) for q in queries for order in ("-cost", "cost", "-errors", "-duration", "-last")]
        return {one: [session.id for session in pages(many, one[1], 4, one[0])] for one in asked}

    from_indexes = found()
    monkeypatch.setattr("convotrace.store.listing.is_usable", lambda _: False)
    assert from_indexes == found()
    assert sorted(from_indexes["tag:a", "-cost"]) == ["s3", "s30"] and from_indexes["-has:error", "-cost"]


@pytest.mark.parametrize("order", ["cost", "turns", "errors", "started", "duration"])
@pytest.mark.sqlite
def test_a_list_that_people_sort_is_read_from_an_index(memory, make, order):
    memory.write([make.change("s")])
    statement, values = listing._ranked(memory._ready(), [], f"-{order}", 10, None)
    plan = [row[3] for row in rows(memory, f"EXPLAIN QUERY PLAN {statement}", *values)]
    assert any(f"session_by_{order}" in step for step in plan), plan
