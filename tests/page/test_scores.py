"""Scores from programs and from the form: kept, typed, refused with one sentence, visible at once."""

from __future__ import annotations

import json
from dataclasses import replace
from urllib.parse import urlencode

import pytest

from convotrace.model import Score, Target
from convotrace.page.score_words import by_name

JSON = {"content-type": "application/json"}
FORM = {"content-type": "application/x-www-form-urlencoded; charset=UTF-8"}
SPAN = "3" * 16


@pytest.fixture
def post(ask, new_house, conversation):
    house = new_house([conversation])

    def _post(fields, headers=None):
        body = fields if isinstance(fields, bytes) else json.dumps(fields).encode()
        return ask(house, f"/s/{conversation.session.key}/scores", "POST", headers or JSON, body=body)

    _post.house = house
    _post.read = lambda: json.loads(ask(house, f"/s/{conversation.session.key}.json").body)["scores"]
    _post.page = lambda: ask(house, f"/s/{conversation.session.key}").body.decode()
    return _post


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (True, "boolean"), (False, "boolean"), (0, "numeric"), (0.25, "numeric"), (-3, "numeric"),
        ("good", "categorical"),
        ("x" * 64, "categorical"), ("x" * 65, "text"), ("two\nlines", "text"), (" ", "categorical"),
    ],
)  # fmt: skip
def test_the_type_follows_the_value_and_the_score_is_there_on_the_next_read(post, value, kind):
    response = post({"name": "helpful", "value": value})
    score = json.loads(response.body)
    assert (response.status, score["type"], score["value"], score["source"]) == (201, kind, value, "annotator")
    assert score in post.read()


def test_a_score_is_called_stored_only_after_the_queue_was_waited_for(post):
    order = []
    post.house.put = lambda change: not order.append("put")
    post.house.drain = lambda: order.append("drain")
    assert post({"name": "n", "value": 1}).status == 201
    assert order == ["drain", "put", "drain"]


def test_a_score_keeps_who_said_it_about_what(post, trace_ids, conversation):
    fields = {
        "name": "tone",
        "value": 1,
        "comment": "Kind.",
        "author": "ana",
        "trace_id": trace_ids[0],
        "span_id": SPAN,
    }
    score = json.loads(post(fields).body)
    assert (score["comment"], score["author"]) == ("Kind.", "ana")
    assert score["target"] == {"session_id": conversation.session.id, "trace_id": trace_ids[0], "span_id": SPAN}


def test_a_span_alone_finds_its_trace(post, trace_ids):
    assert json.loads(post({"name": "n", "value": 1, "span_id": SPAN}).body)["target"]["trace_id"] == trace_ids[0]


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ({"value": 1}, "name"), ({"name": "", "value": 1}, "name"), ({"name": " ", "value": 1}, "name"),
        ({"name": 5, "value": 1}, "name"), ({"name": "x" * 101, "value": 1}, "name"), ({"name": "n"}, "value"),
        ({"name": "n", "value": None}, "value"), ({"name": "n", "value": ""}, "value"),
        ({"name": "n", "value": []}, "value"), ({"name": "n", "value": {"a": 1}}, "value"),
        ({"name": "n", "value": "x" * 4001}, "value"), ({"name": "n", "value": 1, "comment": 5}, "comment"),
        ({"name": "n", "value": 1, "comment": "x" * 4001}, "comment"),
        ({"name": "n", "value": 1, "author": []}, "author"),
        ({"name": "n", "value": 1, "trace_id": "f" * 32}, "trace_id"),
        ({"name": "n", "value": 1, "trace_id": 1}, "trace_id"),
        ({"name": "n", "value": 1, "span_id": "f" * 16}, "span_id"),
        ({"name": "n", "value": 1, "trace_id": "b" * 32, "span_id": SPAN}, "span_id"),
        (b"{", "JSON"), (b"", "JSON"), (b"[]", "object"), (b'"x"', "object"), (b'{"name": "n", "value": NaN}', "JSON"),
        (b'{"name": "\xff", "value": 1}', "JSON"), (b"[" * 5000, "JSON"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_refused_in_one_sentence_and_nothing_is_stored(post, fields, word):
    before = post.read()
    response = post(fields)
    assert response.status == 400
    assert word in json.loads(response.body)["error"]
    assert post.read() == before


@pytest.mark.parametrize("kind", ["text/plain", "multipart/form-data; boundary=x", "", "application/jsonx"])
def test_only_json_or_our_form_is_read(post, kind):
    assert post({"name": "n", "value": 1}, {"content-type": kind}).status == 400


def test_a_body_over_the_limit_is_413_and_just_under_it_is_read(post):
    assert post(b" " * (64 * 1024 + 1)).status == 413
    assert post(b'{"name": "n", "value": 1}'.ljust(64 * 1024)).status == 201


def test_an_unknown_session_is_404(ask, new_house):
    assert ask(new_house([]), "/s/unknown/scores", "POST", JSON, body=b'{"name": "n", "value": 1}').status == 404


def test_a_score_that_found_no_place_is_not_called_stored(post):
    post.house.accepts = False
    assert post({"name": "n", "value": 1}).status == 503


@pytest.mark.parametrize(
    "headers", [{"origin": "https://evil.example"}, {"sec-fetch-site": "cross-site"}, {"origin": "null"}]
)
def test_a_score_from_another_site_is_refused(post, headers):
    assert post({"name": "n", "value": 1}, {**JSON, **headers}).status == 404
    assert post(b"name=n&value=1", {**FORM, **headers}).status == 404


@pytest.mark.parametrize(
    ("typed", "value"),
    [("yes", True), ("No", False), ("true", True), ("4", 4), ("0.5", 0.5), ("-1", -1), (".5", 0.5),
     ("4 of 5", "4 of 5"), ("1e9", "1e9"), ("nan", "nan"), ("١", "١")],
)  # fmt: skip
def test_the_form_reads_what_people_type_and_leads_back(post, typed, value, conversation):
    response = post(
        urlencode({"name": "n", "value": typed, "trace_id": "", "comment": "", "author": ""}).encode(), FORM
    )
    assert (response.status, dict(response.headers)["location"]) == (303, f"../{conversation.session.key}#scores")
    assert post.read()[-1]["value"] == value
    assert post.read()[-1]["comment"] is None


def test_a_form_that_cannot_be_used_is_answered_with_a_page(post):
    response = post(b"name=&value=1", FORM)
    assert (response.status, dict(response.headers)["content-type"]) == (400, "text/html; charset=utf-8")
    assert b"name is missing" in response.body


def test_a_new_score_stands_on_the_page_with_its_comment(post, trace_ids):
    post(
        {"name": "helpful", "value": True, "comment": "It was <i>fine</i>.", "author": "ana", "trace_id": trace_ids[0]}
    )
    page = post.page()
    assert "It was &lt;i&gt;fine&lt;/i&gt;." in page
    assert "annotator ana" in page


def test_a_session_of_very_many_scores_shows_the_latest_and_says_how_many_more_there_are(ask, new_house, conversation):
    target = Target(conversation.session.id)
    scores = tuple(Score(f"{n:04}", f"score {n}", "numeric", n, n, target) for n in range(250))
    house = new_house([replace(conversation, scores=scores)])
    page = ask(house, f"/s/{conversation.session.key}").body.decode()
    assert "score 249<" in page and "score 2<" not in page
    assert 'earlier scores more: <a href="' in page


def test_scores_of_several_people_are_shown_as_what_they_come_to_with_who_gave_what():
    def one(id, name, value, author, source="annotator"):
        return Score(id, name, "numeric", value, int(id), Target("s", "t"), source, author=author)

    given = [
        one("1", "good", 1, "ann"), one("2", "good", "4", "ann"), one("3", "good", 2, "ben"),
        one("4", "good", 0.5, None, "evaluator"), one("5", "tone", "warm", "ann"), one("6", "tone", "cold", "ben"),
        one("7", "tone", "warm", "cy"), one("8", "note", "a long one", "ann"), one("9", "alone", True, "ann"),
    ]  # fmt: skip
    shown = by_name(given)
    assert [(it.name, it.several, it.words) for it in shown] == [
        ("good", 2, "3"), ("good", 0, ""), ("tone", 3, "warm × 2, cold"), ("alone", 0, ""),
    ]  # fmt: skip
    assert [it.breakdown for it in shown] == ["ann 4, ben 2", "", "ann warm, ben cold, cy warm", ""]
