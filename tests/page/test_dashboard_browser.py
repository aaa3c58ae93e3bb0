"""The dashboard in a real browser: it follows, it is brushed, and it works without scripts."""

import re
from urllib.parse import parse_qs, urlparse

import pytest

import convotrace as ct
from convotrace.insight.ranges import HOUR_NS
from convotrace.wsgi import page_app
from tests.page.conftest import MOUNT, TOKEN
from tests.page.test_dashboard import House

pytestmark = pytest.mark.browser


@pytest.fixture
def house():
    found = House(8, sessions=30)
    yield found
    found.observer.close()


@pytest.fixture
def site(house, monkeypatch, serve):
    """Serve the page of a house with a store; give its address."""
    observer = ct.ConvoTrace(store="memory:", enabled=True, token=TOKEN)
    monkeypatch.setattr(observer, "open_store", lambda: house.store)
    inner = page_app(observer)

    def app(environ, start):
        if not environ["PATH_INFO"].startswith(MOUNT):
            start("204 -", [])
            return [b""]
        return inner({**environ, "SCRIPT_NAME": MOUNT, "PATH_INFO": environ["PATH_INFO"][len(MOUNT) :]}, start)

    return serve(app)


def figure(page, name):
    return page.locator(f'.figures div:has(dt:text-is("{name}")) .big').inner_text()


def test_a_new_turn_moves_the_dashboard_by_itself(browser, open_page, site, house):
    page = open_page(browser, site, "/dashboard")
    page.locator("[data-act=live][data-state=on]").wait_for()
    page.click("#n-turns summary")
    before = int(figure(page, "Turns").replace(",", ""))
    with house.observer.session("new"), ct.tool("brand_new_tool"):
        ct.set_input("Hello")
        ct.set_output("Hi")
    house.observer.flush()
    page.locator("#tools", has_text="brand_new_tool").wait_for()
    assert int(figure(page, "Turns").replace(",", "")) == before + 1
    assert page.locator("#n-turns[open]").count() == 1
    assert page.complaints == []


@pytest.mark.parametrize(("chart", "term"), [("c-latency", "active"), ("c-sessions", "began")])
def test_a_stretch_drawn_across_a_chart_leads_to_its_sessions(browser, open_page, site, house, chart, term):
    page = open_page(browser, site, "/dashboard", viewport={"width": 1440, "height": 900})
    plot = page.locator(f"#{chart} svg[data-brush]")
    plot.scroll_into_view_if_needed()
    box = plot.bounding_box()
    places, start = int(plot.get_attribute("data-count")), int(plot.get_attribute("data-start"))
    middle = [box["x"] + box["width"] * (n + 0.5) / places for n in (4, 9)]
    page.mouse.move(middle[0], box["y"] + 60)
    page.mouse.down()
    page.mouse.move(middle[1], box["y"] + 60, steps=4)
    with page.expect_navigation():
        page.mouse.up()
    q = parse_qs(urlparse(page.url).query)["q"][0]
    assert re.fullmatch(rf"{term}:\S+\.\.\S+", q)
    since = start + 4 * HOUR_NS
    until = since + 6 * HOUR_NS
    moments = {one.session.id: _moments(one, term) for one in house.all}
    wanted = sorted(id for id, found in moments.items() if any(since <= at < until for at in found))
    assert house.ids(q) == wanted and 0 < len(wanted) < 30
    assert page.locator("#rows tr:not(.gap)").count() == len(wanted)


def _moments(one, term):
    return [one.session.started_ns] if term == "began" else [trace.started_ns for trace in one.traces]


def test_without_scripts_every_bar_is_a_link_and_the_numbers_are_a_table(browser, open_page, site, house):
    page = open_page(browser, site, "/dashboard", java_script_enabled=False)
    page.click("#n-turns summary")
    rows = page.locator("#n-turns tbody tr")
    assert rows.count() == 25 and page.locator("#n-turns thead th").all_inner_texts()[1:] == [
        "Turns", "With errors", "Rate",
    ]  # fmt: skip
    place = next(n for n in range(25) if rows.nth(n).locator("td").first.inner_text() != "0")
    page.click(f"#c-turns svg a >> nth={place}", force=True)
    assert "active" in page.url and page.locator("#rows tr").count() > 0
    page.goto(f"{site}/")
    page.click("nav.tabs >> text=Dashboard")
    assert page.url == f"{site}/dashboard"


def test_the_dashboard_is_a_key_away_and_stands_in_the_help(browser, open_page, site):
    page = open_page(browser, site)
    page.keyboard.press("?")
    assert "the dashboard" in page.inner_text("#help")
    page.keyboard.press("Escape")
    with page.expect_navigation():
        page.keyboard.press("g")
    assert page.url == f"{site}/dashboard"


def test_it_is_readable_on_a_small_screen(browser, open_page, site):
    page = open_page(browser, site, viewport={"width": 320, "height": 700})
    page.goto(f"{site}/dashboard?since=7d&by=tag")
    assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0
    assert page.complaints == []
