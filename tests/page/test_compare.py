"""Two sessions on one page: pairs of turns, what differs in their answers, totals with their change."""

from __future__ import annotations

import dataclasses
import json
from urllib.parse import urlencode

import pytest

from convotrace.model import Conversation, Payload, Session, Trace


def _conversation(name: str, *turns: tuple[str, str], **replaces: str) -> Conversation:
    traces = [
        Trace(f"{name}{n:031x}"[:32], name, is_turn=True, turn=n + 1, input=Payload(asked), output=Payload(said),
              replaces=f"{name}{int(replaces[f't{n}']):031x}"[:32] if f"t{n}" in replaces else None)
        for n, (asked, said) in enumerate(turns)
    ]  # fmt: skip
    session = Session(name, name, turns=len(turns), first_input=turns[0][0], cost_nano=5_000_000_000, errors=1)
    return Conversation(session, tuple(traces))


@pytest.fixture
def house(new_house):
    one = _conversation("a", ("hi", "hello"), ("price?", "It costs 5 euros."), ("price?", "It costs 7."), t2="1")
    other = _conversation("b", ("hi", "hello"), ("price?", "It costs 7 euros."))
    cheaper = dataclasses.replace(other, session=dataclasses.replace(other.session, cost_nano=2_000_000_000, errors=0))
    return new_house([one, cheaper])


def _page(ask, house, *names, path="/compare"):
    return ask(house, path, query=urlencode([("s", name) for name in names]))


def test_a_regenerated_turn_stands_beside_its_counterpart_and_its_first_answer_is_folded(ask, house):
    pairs = json.loads(_page(ask, house, "a", "b", path="/compare.json").body)["pairs"]
    assert [(pair["left"]["turn"], pair["right"]["turn"]) for pair in pairs] == [(1, 1), (3, 2)]
    assert len(pairs[1]["left"]["versions"]) == 1
    page = _page(ask, house, "a", "b").body.decode()
    assert "1 earlier version" in page and "It costs 5 euros." in page


def test_words_that_differ_are_marked_on_both_sides_and_equal_answers_are_said_to_be(ask, house):
    page = _page(ask, house, "a", "b").body.decode()
    assert page.count("same answer") == 1
    assert "<ins> euros</ins>" in page or "<ins>euros</ins>" in page


def test_totals_have_their_change(ask, house):
    page = _page(ask, house, "a", "b").body.decode()
    assert '<th scope="row">cost</th><td>$5.00</td><td>$2.00</td><td class="n">−$3.00</td>' in page
    assert '<th scope="row">turns</th>' in page and '<th scope="row">tokens in</th>' not in page
    assert "the same on both sides" in _page(ask, house, "a", "a").body.decode()


def test_sessions_are_named_by_key_id_or_address_and_what_is_not_stored_is_said(ask, house):
    assert b"Two sessions, turn by turn" in _page(ask, house, " a", "https://x.example/_sessions/s/b/t/1?x#t").body
    missing = _page(ask, house, "a", "gone")
    assert missing.status == 200 and "“gone” is not stored" in missing.body.decode()
    assert _page(ask, house, "a", path="/compare.json").status == 404
    assert b"Compare two sessions" in ask(house, "/compare").body


def test_long_sessions_are_shown_in_pages(ask, new_house):
    turns = [(f"q{n}", "same") for n in range(130)]
    house = new_house([_conversation("a", *turns), _conversation("b", *turns)])
    page = ask(house, "/compare", query="s=a&s=b&from=60").body.decode()
    assert "61 to 120 of 130" in page and "from=120" in page and "q60" in page and "q59" not in page
