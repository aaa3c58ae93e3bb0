"""The page of tools and retrieval: what is told of each, with links to where it can be seen; the same as JSON."""

from __future__ import annotations

import json

import pytest

import convotrace as ct
from convotrace.demo.server import serve
from convotrace.wsgi import ConvoTraceMiddleware

TOKEN = "open-sesame-0123456789"
HOSTILE = "<img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def observer(tmp_path_factory):
    made = ct.ConvoTrace(store=f"sqlite:///{tmp_path_factory.mktemp('tools')}/s.db", token=TOKEN)
    for number in range(30):
        with made.session(f"s{number}"):
            ct.set_input("Do you ship to Spain, and how?")
            with ct.retrieval("help articles", query="ship") as search:
                search.set_documents(
                    [
                        {
                            "id": "a1",
                            "title": "Shipping",
                            "text": "We ship to Spain in four working days.",
                            "score": 0.9,
                        },
                        {
                            "id": "a2",
                            "title": HOSTILE,
                            "text": "Vouchers are valid for three whole years.",
                            "score": 0.1,
                        },
                    ]
                )
            for _ in range(2):
                with ct.tool("rates", arguments={"to": "ES"}) as call:
                    call.set_result({"price": 12})
            with ct.tool(HOSTILE, arguments={}) as call:
                call.error("no luck")
            ct.set_output("We ship to Spain in four working days, for 12 EUR.")
    made.flush()
    yield made
    made.close()


@pytest.fixture(scope="module")
def site(observer):
    with serve(ConvoTraceMiddleware(lambda *_: [], convotrace=observer), "127.0.0.1", 0) as port:
        yield f"http://127.0.0.1:{port}/_sessions"


def test_without_calls_the_page_says_how_to_record_them(ask, new_house):
    body = ask(new_house([]), "/tools").body.decode()
    assert "No tool was called" in body and "convotrace.tool(" in body


def test_a_filter_that_cannot_be_read_is_told_of(ask, new_house):
    response = ask(new_house([]), "/tools", query="q=turns>many")
    assert response.status == 400 and "That cannot be asked for" in response.body.decode()
    assert ask(new_house([]), "/tools.json", query="limit=0").status == 400


def test_the_store_tells_of_the_newest_sessions_of_a_filter(observer):
    report = observer.store.tools()
    assert (report.sessions, {one.name: one.calls for one in report.tools}) == (30, {"rates": 60, HOSTILE: 30})
    assert observer.store.tools("tag:none").sessions == 0
    assert (observer.store.tools(limit=7).sessions, observer.store.tools(patience=0).sessions) == (7, 0)
    with pytest.raises(ct.ConvoTraceError, match="limit came as 0"):
        observer.store.tools(limit=0)


@pytest.mark.browser
@pytest.mark.parametrize(("width", "theme"), [(1440, "light"), (360, "dark")])
def test_the_page_leads_from_a_number_to_the_turn_that_shows_it(browser, site, open_page, width, theme):
    page = open_page(browser, site, viewport={"width": width, "height": 900}, color_scheme=theme)
    if width < 920:
        page.click("details.pages summary")
    page.get_by_role("link", name="Tools", exact=True).click()
    assert "the newest 25 sessions" in page.locator("main").inner_text()
    rates = page.locator("tr", has=page.get_by_role("rowheader", name="rates")).first
    assert rates.locator("td").nth(6).inner_text() == "25"
    assert "never used" in page.locator("tr", has_text="<img src=x").last.inner_text()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.get_by_role("link", name="Read 100").click()
    assert "the newest 30 sessions" in page.locator("main").inner_text()
    page.get_by_role("link", name="twice").first.click()
    assert "/t/" in page.url and "rates" in page.locator("main").inner_text()
    assert page.complaints == []
    page.context.close()


@pytest.mark.browser
def test_the_same_is_there_as_json(browser, site, open_page):
    page = open_page(browser, site)
    told = json.loads(page.request.get(f"{site}/tools.json?limit=5").text())
    page.context.close()
    assert (told["sessions"], told["tools"][0]["name"], told["tools"][0]["twice"]) == (5, "rates", 5)
    assert told["tools"][0]["examples"][0]["kind"] == "twice" and told["retrievals"][0]["scores"]["most"] == 0.9
