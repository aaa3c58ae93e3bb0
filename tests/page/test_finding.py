"""Looking for a text inside one session: by the address alone, by the box, by keys, in every zoom."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from convotrace.model import Conversation, Payload, Session, Trace

TOKEN = "open-sesame-0123456789"
S = 1_000_000_000
TURNS = 60


def _trace(number: int) -> Trace:
    said = f"question {number}" + (" about a refund" if number % 10 == 3 else "")
    return Trace(
        f"{number:032x}", "s", is_turn=True, turn=number, started_ns=number * 60 * S, duration_ns=S,
        input=Payload(said), output=Payload("Line\n\n" * 60 + "the very end" if number == 33 else "fine"),
    )  # fmt: skip


@pytest.fixture
def house(new_house):
    """A session of sixty turns; every tenth speaks of a refund, the first of them is turn 3."""
    traces = tuple(_trace(number) for number in range(1, TURNS + 1))
    return new_house([Conversation(Session("s", "s", turns=TURNS, traces=TURNS), traces)])


@pytest.fixture
def see(ask, house):
    """The page of the session at a query."""
    return lambda query: ask(house, "/s/s", query=query).body.decode()


def _at(page: str) -> list[str]:
    return re.findall(r'data-turn="(\d+)"[^>]*data-says="at" data-current', page)


def test_the_first_turn_that_says_it_is_shown_and_the_others_are_marked(see):
    page = see("find=refund")
    assert _at(page) == ["3"]
    assert '<b class="num">1 of 6</b>' in page
    assert re.findall(r'data-turn="(\d+)"[^>]*data-says="also"', page) == ["13", "23"]
    assert page.count('id="found"') == 1


@pytest.mark.parametrize("zoom", ["transcript", "cards", "waterfall"])
def test_ways_lead_on_and_round_in_every_zoom(see, zoom):
    page = see(f"find=refund&hit=6&zoom={zoom}")
    assert _at(page) == ["53"]
    ways = dict(re.findall(r'data-hit="(\w+)" href="([^"]*)"', page))
    kept = "" if zoom == "transcript" else f"zoom={zoom}&amp;"
    assert ways == {"before": f"?{kept}find=refund&amp;hit=5#found", "after": f"?{kept}find=refund&amp;hit=1#found"}
    assert re.search(rf'rel="prev" href="\?turn=\d+&amp;{kept}find=refund"', page)


def test_the_box_goes_on_with_the_same_text_and_begins_anew_with_another(see):
    assert _at(see("find=refund&was=refund&hit=1")) == ["13"]
    assert _at(see("find=question&was=refund&hit=4")) == ["1"]


@pytest.mark.parametrize("hit", ["0", "-1", "x", "999999999999", "7", ""])
def test_a_hit_that_does_not_exist_is_one_that_does(see, hit):
    assert len(_at(see(f"find=refund&hit={hit}"))) == 1


def test_what_no_turn_says_is_told_and_can_be_looked_for_everywhere(see):
    page = see("find=a%20%22b%22%26")
    assert "No turn says it." in page and _at(page) == []
    assert re.search(r'href="[./]*search\?q=a(\+|%20)%22b%22%26"', page)


def test_a_turn_that_was_asked_for_is_shown_whatever_was_found(see):
    page = see("find=refund&hit=1&turn=41")
    assert 'data-turn="41"' in page and 'data-turn="3"' not in page


@pytest.mark.parametrize("text", ["%00", "%EF%B7%90", "%ED%A0%80", "x" * 5_000, "%3Cscript%3E", "+", "%F0%9F%92%A9"])
def test_hostile_texts_are_looked_for_like_any_other(ask, house, text):
    answer = ask(house, "/s/s", query=f"find={text}")
    assert answer.status == 200 and b"<script>" not in answer.body


def test_a_hit_in_a_replaced_turn_is_unfolded(see, house):
    before = house.shelf.conversations[0]
    traces = list(before.traces)
    traces[3] = replace(traces[3], replaces=traces[2].id)
    house.shelf.conversations = [replace(before, traces=tuple(traces))]
    assert '<details class="gone" open>' in see("find=refund")
    assert '<details class="gone">' in see("find=fine&hit=1")


@pytest.mark.browser
def test_keys_find_and_go_on_and_the_words_are_marked(browser, site, open_page):
    page = open_page(browser, site, "/s/s", viewport={"width": 1440, "height": 800})
    page.keyboard.press("/")
    page.keyboard.type("REFUND")
    page.keyboard.press("Enter")
    page.wait_for_selector("#t" + f"{3:032x}" + "[data-current]")
    assert page.evaluate("[...CSS.highlights.get('found')].map(String)") == ["refund"] * 3
    page.keyboard.press(">")
    page.wait_for_selector("#t" + f"{13:032x}" + "[data-current]")
    page.keyboard.press("<")
    page.wait_for_selector("#t" + f"{3:032x}" + "[data-current]")
    page.keyboard.press("<")
    page.wait_for_selector("#t" + f"{53:032x}" + "[data-current]")
    page.keyboard.press("j")
    page.wait_for_url(f"**#t{54:032x}")
    assert page.complaints == []


@pytest.mark.browser
def test_what_is_found_below_a_fold_is_unfolded_and_in_sight(browser, site, open_page):
    from playwright.sync_api import expect

    page = open_page(browser, site, "/s/s", viewport={"width": 360, "height": 700})
    page.goto(f"{site}/s/s?find=very+end#found")
    page.wait_for_selector(".unfold:checked ~ .long", state="attached")
    expect(page.get_by_text("the very end")).to_be_in_viewport()
    assert page.complaints == []


@pytest.mark.browser
def test_without_scripts_the_box_and_the_ways_lead_from_turn_to_turn(browser, site, open_page):
    page = open_page(browser, site, "/s/s", java_script_enabled=False, viewport={"width": 360, "height": 700})
    page.fill("[name=find]", "refund")
    page.press("[name=find]", "Enter")
    page.wait_for_url("**find=refund*#found")
    assert page.locator("[data-says=at]").get_attribute("data-turn") == "3"
    page.press("[name=find]", "Enter")
    page.wait_for_url("**was=refund*hit=1*")
    assert page.locator("[data-says=at]").get_attribute("data-turn") == "13"
    page.click("[data-hit=after]")
    page.wait_for_url("**hit=3#found")
    assert page.locator("[data-says=at]").get_attribute("data-turn") == "23"
