"""The search page: grouped by session, marked by the server, links that lead to the turn; the same as JSON."""

from __future__ import annotations

import dataclasses
import json
import re

import pytest

from convotrace.errors import BadRequest
from convotrace.model import Hit, HitPage, Passage


@pytest.fixture
def found(monkeypatch, new_house, conversation):
    """Return a maker of houses in which every search finds the hits given."""

    def make(*hits, **page):
        house = new_house([conversation])
        monkeypatch.setattr(house.shelf, "search", lambda *_: HitPage(hits, **page))
        return house

    return make


def html(ask, house, q="q=x"):
    response = ask(house, "/search", query=q)
    assert response.status == 200
    return response.body.decode()


def test_without_a_text_the_page_says_how_to_ask(ask, new_house):
    body = html(ask, new_house([]), "")
    assert "Search every turn" in body and 'action="search"' in body


def test_hits_of_one_session_stand_together_each_with_a_link_to_its_turn(ask, new_house, seed, trace_ids):
    house = new_house([seed("Hello"), seed("Hello there")])
    body = html(ask, house, "q=Hello")
    assert body.count('<section class="hits">') == 2
    links = re.findall(r'<a class="way" href="([^"]+)"', body)
    assert links[0].endswith(f"#t{trace_ids[0]}") and len(set(links)) == len(links)
    for link in links:
        path, _, anchor = link.partition("#")
        target = ask(house, "/" + path)
        assert target.status == 200
        assert not anchor or f'id="{anchor}"' in target.body.decode()
    assert "<mark>Hello</mark> there" in body


def test_the_turn_of_a_long_session_is_in_the_window_that_is_linked(ask, found, conversation):
    hit = Hit(conversation.session, "a" * 32, 450, 0, (Passage("input", "x", ((0, 1),)),))
    assert f'?turn=430#t{"a" * 32}"' in html(ask, found(hit))


def test_what_is_no_turn_links_to_its_own_page(ask, found, conversation):
    hit = Hit(conversation.session, "c" * 32, None, 0, (Passage("error", "x", ((0, 1),)),))
    body = html(ask, found(hit))
    assert f'/t/{"c" * 32}"' in body and "Other request" in body


def test_hostile_texts_are_text(ask, found, conversation):
    session = dataclasses.replace(conversation.session, first_input="<script>1</script>", user_id="\u202eevil")
    hit = Hit(session, "a" * 32, 1, 0, (Passage("output", "<img src=x>\u202e\0\ud800", ((1, 4),)),))
    body = html(ask, found(hit), "q=%3Cscript%3E%ED%A0%80")
    assert "<script>1" not in body and "<img" not in body and "\u202e" not in body
    assert "&lt;<mark>img</mark> src=x&gt;\\u202e" in body


def test_what_is_not_indexed_yet_is_said(ask, found):
    body = html(ask, found(waiting=3))
    assert "Still indexing 3 turns" in body and "No turn says that" in body


def test_pages_follow_each_other(ask, new_house, seed):
    house = new_house([seed(f"Hello {number}") for number in range(60)])
    first = html(ask, house, "q=Hello")
    (older,) = re.findall(r'rel="next" href="search\?([^"]+)"', first)
    assert "Back to the first" in html(ask, house, older.replace("&amp;", "&"))
    assert house.shelf.limits == [50, 50]


def test_json_says_the_same(ask, new_house, seed, trace_ids):
    house = new_house([seed("Hello")])
    answer = json.loads(ask(house, "/search.json", query="q=Hello&limit=1").body)
    (hit,) = answer["hits"]
    assert (hit["trace_id"], hit["turn"], answer["waiting"]) == (trace_ids[0], 1, 0)
    assert {"where": "input", "text": "Hello", "marks": [[0, 5]]} in hit["found"]
    assert answer["next"] == "1"


@pytest.mark.parametrize("query", ["", "q=", "q=x&limit=0", "q=x&limit=many"])
def test_a_wrong_question_is_answered_with_a_sentence(ask, new_house, query):
    response = ask(new_house([]), "/search.json", query=query)
    assert response.status == 400 and json.loads(response.body)["error"]


def test_a_text_that_cannot_be_asked_for_keeps_its_place_on_the_page(ask, new_house, monkeypatch):
    house = new_house([])

    def refuse(*_):
        raise BadRequest("q has 21 words; use at most 20.")

    monkeypatch.setattr(house.shelf, "search", refuse)
    response = ask(house, "/search", query="q=many+words")
    assert response.status == 400
    assert 'value="many words"' in response.body.decode() and "use at most 20" in response.body.decode()
