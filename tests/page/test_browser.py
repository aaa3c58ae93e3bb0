"""The page in a real browser: nothing is blocked or fetched from elsewhere, and it works with and without scripts."""

from __future__ import annotations

from typing import Any

import pytest

MOUNT = "/_sessions"

pytestmark = pytest.mark.browser


@pytest.fixture
def house(new_house, seed):
    """A house with three sessions, whose link gives the right to delete them too."""
    return new_house([seed(f"Hello <b>{number}</b>") for number in range(3)], rights=("read", "annotate", "delete"))


@pytest.fixture
def opened(browser, open_page):
    """Open the page with the link, and note what the browser complains of."""
    return lambda site, path="/", **options: open_page(browser, site, path, **options)


def _addresses(page: Any) -> list[str]:
    session = page.get_attribute("a.first", "href")
    turns = [f"{session}/t/{letter * 32}" for letter in "ab"]
    return ["", session, *turns, "health", "?q=nothing", "search", "search?q=Hello"]


@pytest.mark.parametrize(("width", "theme"), [(1440, "light"), (900, "dark"), (360, "light"), (320, "dark")])
def test_no_page_is_blocked_fetches_from_elsewhere_or_scrolls_sideways(opened, site, width, theme):
    page = opened(site, viewport={"width": width, "height": 800}, color_scheme=theme)
    for address in _addresses(page):
        assert page.goto(f"{site}/{address}").status == 200
        assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0, (
            address
        )
        assert page.evaluate("document.documentElement.classList.contains('js')")
    assert page.complaints == []


def test_a_page_with_an_inline_style_would_be_reported(opened, site):
    page = opened(site)
    page.evaluate("document.body.setAttribute('style', 'color: red')")
    assert "style-src" in page.complaints[0]


def test_times_are_in_the_viewers_zone_with_the_full_time_in_the_title(opened, site):
    page = opened(site, timezone_id="Asia/Tokyo")
    page.click("a.first >> nth=0")
    page.wait_for_load_state()
    shown = page.locator(".th time").first
    assert (shown.inner_text(), shown.get_attribute("title")) == ("22:49:02", "2026-11-22T13:49:02.123456Z")
    assert page.inner_text("[data-zone]") == "Asia/Tokyo"


def test_the_keyboard_reaches_turns_errors_filter_and_help_but_not_while_typing(opened, site):
    page = opened(site)
    page.keyboard.press("j")
    assert page.evaluate("document.activeElement.className") == "first"
    page.keyboard.press("/")
    page.keyboard.type("j?e")
    assert page.input_value("[name=q]") == "j?e"
    page.goto(f"{site}/{_first_session(page)}")
    page.keyboard.press("j")
    page.wait_for_url("**#t" + "a" * 32)
    page.keyboard.press("e")
    page.wait_for_url("**#t" + "b" * 32)
    page.keyboard.press("?")
    assert page.locator("dialog[open]").count() == 1


def _first_session(page: Any) -> str:
    page.goto(page.url.partition("?")[0])
    return str(page.get_attribute("a.first", "href"))


def test_keys_and_theme_are_remembered(opened, site):
    page = opened(site, color_scheme="light")
    page.click("[data-act=theme]")
    page.keyboard.press("?")
    page.uncheck("#keys-on")
    page.reload()
    assert set(page.evaluate("[...document.documentElement.classList]")) == {"js", "dark", "nokeys"}
    page.keyboard.press("j")
    assert page.evaluate("document.activeElement.tagName") == "BODY"


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no-scripts"])
def test_a_score_can_be_given_over_plain_http_with_and_without_scripts(opened, site, scripts):
    page = opened(site, java_script_enabled=scripts)
    page.click("a.first >> nth=0")
    page.click("#add summary")
    page.fill("#score-name", "helpful")
    page.fill("[name=value]", "yes")
    page.click("text=Add score")
    assert page.url.endswith("#scores")
    assert page.locator(".sc", has_text="helpful").inner_text().split("\n")[:2] == ["helpful", "yes"]


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no-scripts"])
def test_a_session_is_deleted_by_the_second_click(opened, site, house, scripts):
    page = opened(site, java_script_enabled=scripts)
    page.click("a.first >> nth=0")
    page.click("#delete summary")
    assert len(house.shelf.conversations) == 3
    page.click("text=Delete for good")
    assert page.url == f"{site}/"
    assert len(house.shelf.conversations) == 2
    assert page.complaints == []


def test_a_link_to_a_deep_page_leaves_no_token_in_the_address(opened, site):
    page = opened(site, "/health")
    assert page.url == f"{site}/health"
    (cookie,) = page.context.cookies()
    assert cookie["name"].startswith("convotrace_page_")
    assert (cookie["path"], cookie["httpOnly"]) == (MOUNT, True)
