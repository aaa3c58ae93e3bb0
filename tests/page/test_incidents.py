"""The page of incidents: rules are shown in words, tried on the past by a link, paused by who may annotate."""

from __future__ import annotations

import json

import pytest

import convotrace as ct
from convotrace.demo.server import serve
from convotrace.wsgi import ConvoTraceMiddleware

RULES = (ct.alert("dear <b>", "cost", above=1), ct.session_alert("loop", repeated_calls=3))
FORM = {"content-type": "application/x-www-form-urlencoded", "sec-fetch-site": "same-origin"}
TOKEN = "open-sesame-0123456789"


def test_rules_stand_there_in_words_with_links_to_try_them(ask, new_house):
    body = ask(new_house([], alerts=RULES), "/incidents").body.decode()
    assert "cost over 5 min above 1" in body and "dear &lt;b&gt;" in body
    assert 'href="incidents?test=dear+%3Cb%3E&amp;since=24h#test"' in body
    told = json.loads(ask(new_house([], alerts=RULES), "/incidents.json").body)
    assert [(rule["name"], rule["paused"]) for rule in told["rules"]] == [("dear <b>", False), ("loop", False)]


def test_a_rule_is_tried_on_the_past(ask, new_house):
    house = new_house([], alerts=RULES)
    body = ask(house, "/incidents", query="test=loop&since=7d").body.decode()
    assert "In the last 7d it would have alerted 1 time." in body and "cost is 1, above 0.5" in body
    told = json.loads(ask(house, "/incidents/test.json", query="rule=loop&since=6h").body)
    assert (told["rule"], told["alerts"], told["every_ms"]) == ("loop", 1, 900_000)


@pytest.mark.parametrize("query", ["test=other", "test=loop&since=soon", "test=loop&since=90d"])
def test_what_cannot_be_tried_is_said(ask, new_house, query):
    response = ask(new_house([], alerts=RULES), "/incidents", query=query)
    assert response.status == 400 and b"banner" in response.body


def test_a_rule_is_paused_and_goes_on_by_the_right_to_annotate(ask, new_house):
    house = new_house([], alerts=RULES)
    response = ask(house, "/incidents", "POST", FORM, body=b"rule=loop&pause=1")
    assert (response.status, dict(response.headers)["location"]) == (303, "incidents")
    assert house.shelf.paused == {"loop": 1}
    assert "Go on" in ask(house, "/incidents").body.decode()
    answer = ask(
        house, "/incidents", "POST", {"content-type": "application/json"}, body=b'{"rule": "loop", "resume": "1"}'
    )
    assert json.loads(answer.body) == {"rule": "loop", "paused": False} and house.shelf.paused == {}
    assert ask(house, "/incidents", "POST", FORM, body=b"rule=other").status == 400


def test_who_may_only_read_pauses_nothing(ask, new_house):
    house = new_house([], alerts=RULES, rights=("read",))
    assert "Pause" not in ask(house, "/incidents").body.decode()
    assert ask(house, "/incidents", "POST", FORM, body=b"rule=loop&pause=1").status == 404
    assert house.shelf.paused == {}


@pytest.mark.browser
@pytest.mark.parametrize(("width", "theme"), [(1440, "light"), (360, "dark")])
def test_a_rule_is_tried_and_paused_in_the_browser(browser, open_page, tmp_path, width, theme):
    observer = ct.ConvoTrace(
        store=f"sqlite:///{tmp_path}/s.db", token=TOKEN, alerts=[ct.alert("busy", "turns", above=2)]
    )
    for number in range(5):
        with observer.session(f"s{number}"):
            ct.set_input("hello")
    observer.flush()
    with serve(ConvoTraceMiddleware(lambda *_: [], convotrace=observer), "127.0.0.1", 0) as port:
        site = f"http://127.0.0.1:{port}/_sessions"
        page = open_page(browser, site, viewport={"width": width, "height": 900}, color_scheme=theme)
        if width < 920:
            page.click("details.pages summary")
        page.get_by_role("link", name="Incidents").click()
        page.get_by_role("link", name="24h").click()
        assert "it would have alerted 1 time" in page.locator("#test").inner_text()
        page.get_by_role("button", name="Pause").click()
        page.get_by_role("button", name="Go on").wait_for()
        assert "paused" in page.locator("#rules").inner_text()
        assert list(observer.store.paused_rules()) == ["busy"]
        page.get_by_role("button", name="Go on").click()
        page.get_by_role("button", name="Pause").wait_for()
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.complaints == []
        page.context.close()
    observer.close()
