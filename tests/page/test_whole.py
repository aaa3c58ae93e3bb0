"""A session as JSON and Markdown: all of it where it is of usual length, else in parts that follow each other."""

from __future__ import annotations

import json

import pytest

import convotrace as ct
from convotrace.export import as_json, as_markdown
from convotrace.model import Change, Event, Payload, Score, SessionFacts, Target, Trace
from convotrace.page import PageRequest

SECOND = 10**9
TURNS = 450


def _change(number):
    own = f"{number:032x}"
    trace = Trace(own, "long", is_turn=number % 10 != 5, started_ns=number * SECOND, duration_ns=1, input=Payload(own))
    events = (Event("handoff", number * SECOND + 5),) if number % 100 == 0 else ()
    target = Target("long", own if number % 2 else None)
    scores = (Score(own, "helpful", "numeric", 1.0, number * SECOND, target),) if number % 50 < 2 else ()
    return Change(SessionFacts("long", events=events, scores=scores), trace)


@pytest.fixture(scope="module")
def observer(tmp_path_factory):
    url = f"sqlite:///{tmp_path_factory.mktemp('whole') / 'sessions.db'}"
    made = ct.ConvoTrace(store=url, token="token-of-a-test", retention_days=None)
    made.open_store().write([_change(number) for number in range(1, TURNS * 10 // 9 + 1)])
    yield made
    made.close()


@pytest.fixture
def get(observer):
    def ask(path, query=""):
        headers = {"host": "127.0.0.1:8000", "authorization": "Bearer token-of-a-test", "sec-fetch-site": "none"}
        answer = observer.page(PageRequest("GET", path, query, headers, peer="127.0.0.1"))
        return answer.status, answer.body

    return ask


def test_a_long_session_comes_in_parts_that_are_the_whole_together(observer, get):
    whole = as_json(observer.store.session("long"))
    found, turn, parts = {"traces": [], "events": [], "scores": []}, 1, 0
    while turn:
        _, body = get("/s/long.json", f"turn={turn}")
        part = json.loads(body)
        assert part["session"]["turns"] == TURNS
        found = {name: values + part[name] for name, values in found.items()}
        turn, parts = part["next"], parts + 1
    assert parts == 3
    assert found["traces"] == whole["traces"] and found["events"] == whole["events"]
    assert {score["id"] for score in found["scores"]} == {score["id"] for score in whole["scores"]}


def test_who_asks_for_all_of_them_gets_them_at_once_up_to_a_thousand(observer, get):
    _, body = get("/s/long.json", "limit=1000")
    assert json.loads(body) == {**json.loads(json.dumps(as_json(observer.store.session("long")))), "next": None}


def test_markdown_says_where_it_goes_on(observer, get):
    _, body = get("/s/long.md", "limit=1000")
    assert body.decode() == as_markdown(observer.store.session("long"))
    _, body = get("/s/long.md", "turn=401&limit=20")
    text = body.decode()
    assert [number for number in (400, 401, 420, 421) if f"## Turn {number} " in text] == [401, 420]
    assert text.endswith("*Turn 421 and the later ones are at `?turn=421`.*\n")


def test_a_limit_that_is_none_is_refused(get):
    status, body = get("/s/long.json", "limit=many")
    assert (status, "limit came as" in json.loads(body)["error"]) == (400, True)
    assert get("/s/nobody.json")[0] == 404
