"""The list: facets and quick filters that are links, the sparkline, saved views, the first turn, rows that scroll."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html import unescape
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convotrace.model import Bar
from convotrace.page import terms
from convotrace.page.day import BARS, HIGH, day
from convotrace.page.facets import SHOWN, beside
from convotrace.query import parse
from convotrace.store import Store

SECOND = 10**9
NOW = 1_795_355_342 * SECOND


@pytest.mark.parametrize(
    ("q", "field", "value", "then"),
    [
        ("", "tool", "search", "tool:search"),
        ("tool:search", "tool", "search", ""),
        ("refund tool:search", "tool", "book", "refund (tool:search OR tool:book)"),
        ("(tool:search OR tool:book) refund", "tool", "search", "refund tool:book"),
        ("(tool:a OR tool:b)", "tool", "b", "tool:a"),
        ("tool:a OR tool:b", "tool", "c", "tool:a OR tool:b OR tool:c"),
        ("has:error", "has", "error", ""),
        ("env:x -tag:y", "outcome", "failed", "env:x tag!=y outcome:failed"),
        ("tool:sea*", "tool", "search", "tool:sea* tool:search"),
        ("tool:a OR model:b", "tool", "a", "(tool:a OR model:b) tool:a"),
        ("", "tag", 'a "b" (c)', r'tag:"a \"b\" (c)"'),
    ],
)
def test_choosing_a_value_changes_the_filter_and_nothing_else(q, field, value, then):
    assert terms.toggled(terms.parts(q), field, value) == then


@given(st.text(min_size=1, max_size=40).filter(lambda text: "\ud800" not in text and text.strip()))
def test_choosing_twice_is_as_before_whatever_the_value(value):
    chosen = terms.toggled(terms.parts("refund has:error"), "tag", value)
    assert terms.chosen(terms.parts(chosen), "tag") == (value,)
    assert terms.toggled(terms.parts(chosen), "tag", value) == str(parse("refund has:error"))


@pytest.mark.parametrize(
    ("q", "asks"),
    [("has:error", True), ("tag:a errors>=2", True), ("errors>0", True), ("failing:24h..", True), ("errors<2", False),
     ("-has:error", False), ("", False), ("error", False), ("turns>2", False)],
)  # fmt: skip
def test_it_is_known_whether_a_filter_is_about_errors(q, asks):
    assert terms.asks_for_errors(terms.parts(q)) is asks


def test_a_list_of_what_failed_leads_to_the_turns_that_did(ask, new_house, seed):
    house = new_house([seed("has:error"), seed("has:error, not")])
    failed, fine = house.shelf.conversations
    house.shelf.conversations = [failed, replace(fine, session=replace(fine.session, errors=0))]
    for path in ("/", "/rows"):
        page = ask(house, path, query="q=has:error").body.decode()
        assert page.count("?at=error#error") == 1
        assert "at=error" not in ask(house, path).body.decode()


def test_a_time_replaces_a_time():
    found = terms.parts("tag:a since:2h until:1h")
    assert (terms.since(found, "24h"), terms.since(found, "")) == ("tag:a since:24h", "tag:a")


def test_facets_are_links_with_counts_and_a_field_is_counted_without_what_is_chosen_of_it(new_house, seed):
    house = new_house([seed(f"x{n}") for n in range(3)])
    asked = []
    house.shelf.facets, ask = lambda q, most: asked.append(q) or ask(q, most), house.shelf.facets
    found = beside(house.store(), "tag:x1 user:ann", "-cost", 500)
    assert asked[0] == "tag:x1 user:ann" and set(asked[1:]) == {"user:ann"}
    (tags,) = [group for group in found.groups if group.field == "tag"]
    chosen = tags.first[0]
    assert (chosen.value, chosen.is_chosen) == ("x1", True)
    assert chosen.href == "./?" + urlencode({"q": "user:ann", "order": "-cost"})
    assert tags.first[1].href == "./?" + urlencode({"q": "user:ann (tag:x1 OR tag:x0)", "order": "-cost"})


def test_many_values_are_folded_and_a_chosen_one_that_nobody_has_is_still_shown(new_house, seed):
    house = new_house([seed(f"x{n:02d}") for n in range(12)])
    found = beside(house.store(), "tag:gone", "-last", 500)
    (tags,) = [group for group in found.groups if group.field == "tag"]
    assert [(choice.value, choice.count) for choice in tags.first][:1] == [("gone", "0")]
    assert (len(tags.first), len(tags.more)) == (SHOWN, 12 + 1 - SHOWN)


def test_counts_that_may_be_higher_say_so(new_house, seed):
    found = beside(new_house([seed(f"x{n}") for n in range(3)]).store(), "", "-last", 2)
    assert (found.total, found.is_capped) == ("2+", True)
    assert all(choice.count.endswith("+") for group in found.groups for choice in group.first)


class _Bars:
    def __init__(self, *numbers: tuple[int, int]) -> None:
        self.numbers = numbers

    def bars(self, q, start_ns, width_ns, number):
        self.asked = (start_ns, width_ns, number)
        shown = [*self.numbers, *[(0, 0)] * (number - len(self.numbers))]
        return tuple(Bar(start_ns + n * width_ns, *one) for n, one in enumerate(shown))


def test_the_sparkline_is_of_the_last_day_in_quarters_of_an_hour():
    reader = _Bars((4, 1), (2, 0))
    drawn = day(reader, "", NOW)
    start, width, number = reader.asked
    assert (width, number) == (900 * SECOND, BARS)
    assert start % width == 0 and start + number * width - width < NOW <= start + number * width
    assert drawn.all == f"M0 {HIGH}v-38.0h.84v38.0zM1 {HIGH}v-19.0h.84v19.0z"
    assert drawn.failing == f"M0 {HIGH}v-9.5h.84v9.5z"
    assert drawn.label == "6 sessions, 1 with errors"
    assert (drawn.ticks[0], drawn.ticks[-1]) == (start, start + number * width)


@pytest.mark.parametrize(
    ("q", "seconds"), [("since:1h", 60), ("since:7d", 3 * 3600), ("since:2020-01-01", 27 * 86_400)]
)
def test_the_sparkline_reaches_back_as_far_as_is_asked(q, seconds):
    reader = _Bars((1, 0))
    assert day(reader, q, NOW)
    assert reader.asked[1] == seconds * SECOND


def test_where_nothing_happened_there_is_no_sparkline():
    assert day(_Bars(), "", NOW) is None


def test_a_view_is_saved_shown_as_a_link_and_forgotten(ask, new_house, conversation):
    house = new_house([conversation])
    form = {"content-type": "application/x-www-form-urlencoded"}
    body = urlencode({"name": "night <b>", "q": "has:error", "order": "-cost"}).encode()
    saved = ask(house, "/views", "POST", form, body=body)
    assert (saved.status, dict(saved.headers)["location"]) == (303, "./?q=has%3Aerror&order=-cost")
    page = unescape(ask(house, "/").body.decode())
    assert re.search(r'<a class="quick view" href="./\?q=has%3Aerror&order=-cost" dir="auto">night <b></a>', page)
    assert json.loads(ask(house, "/views.json").body) == {
        "views": [{"name": "night <b>", "q": "has:error", "order": "-cost"}]
    }
    assert ask(house, "/views", "POST", form, body=urlencode({"name": "night <b>", "drop": "1"}).encode()).status == 303
    assert house.shelf.kept == {}


@pytest.mark.parametrize(
    "sent", [{"name": " "}, {"name": "x" * 61}, {"name": "a", "q": "usr:x"}, {"name": "a", "order": "colour"}, [1], "{"]
)
def test_a_view_that_cannot_be_kept_is_refused(ask, new_house, sent):
    body = sent.encode() if isinstance(sent, str) else json.dumps(sent).encode()
    house = new_house([])
    response = ask(house, "/views", "POST", {"content-type": "application/json"}, body=body)
    assert response.status == 400 and json.loads(response.body)["error"]
    assert house.shelf.kept == {}


def test_saving_and_sending_need_the_right_to_annotate(ask, new_house):
    house = new_house([], rights=("read",))
    assert [ask(house, path, "POST").status for path in ("/views", "/test")] == [404, 404]
    assert b"Send a test turn" not in ask(house, "/").body


def test_the_button_of_the_empty_list_records_a_turn_and_leads_to_it(ask, new_house):
    store = Store.open("memory:")
    house = new_house([])
    house.store = lambda: store
    house.put = lambda change: bool(store.write([change]))
    assert b"Send a test turn" in ask(house, "/").body
    sent = ask(house, "/test", "POST", {"content-type": "application/x-www-form-urlencoded"})
    key = dict(sent.headers)["location"].removeprefix("s/")
    session = store.session_by_key(key).session
    assert (sent.status, session.turns, session.tags) == (303, 1, ("test",))
    assert b"Does this conversation arrive?" in ask(house, f"/s/{key}").body
    assert json.loads(ask(house, "/test", "POST").body)["session_id"].startswith("test-")
    house.put = lambda change: False
    assert ask(house, "/test", "POST").status == 503
    store.close()


def test_rows_alone_are_the_rows_of_the_page(ask, new_house, seed):
    house = new_house([seed(f"x{n}") for n in range(120)])

    def rows_of(path, query=""):
        page = ask(house, path, query=query).body.decode()
        return re.findall(r"<tr>\n.*?</tr>", page.partition('<tbody id="rows">')[2], re.DOTALL)

    assert rows_of("/") == rows_of("/rows")[:30]
    assert len(rows_of("/rows")) == 50
    assert len(rows_of("/rows", "after=100")) == 20
    assert json.loads(ask(house, "/places.json").body) == {
        "every": 50, "cursors": ["50", "100"], "total": 120, "is_capped": False,
    }  # fmt: skip
