"""Pages on paper, and on screens that take grounds and shadows away: nothing is lost, and the focus is seen."""

from __future__ import annotations

import pytest

from tests.page.furnished import KEY, SECOND, TURN
from tests.page.hands import empty_site, stocked

__all__ = ["empty_site", "stocked"]  # fixtures

pytestmark = pytest.mark.browser

READ = [f"s/{KEY}", TURN, f"s/{KEY}/t/{SECOND}/diff", "datasets/golden"]


@pytest.fixture
def visit(browser, stocked, open_page):
    """Open pages in one way of showing them."""

    def _visit(**media):
        page = open_page(browser, stocked, viewport={"width": 1000, "height": 900})
        page.emulate_media(**media)
        return page

    return _visit


def test_on_paper_what_is_folded_is_open_and_nothing_is_cut_or_scrolls(visit, stocked):
    page = visit(media="print")
    for path in READ:
        page.goto(f"{stocked}/{path}")
        assert page.locator("main details").count() > 0
        assert page.evaluate(_FOLDED) == [], path
        assert page.evaluate(_CUT) == [], path


def test_on_paper_there_is_no_way_to_go_and_nothing_to_press(visit, stocked):
    page = visit(media="print")
    for path in ["", *READ, "dashboard", "health"]:
        page.goto(f"{stocked}/{path}")
        for away in ("header.top", ".skip", ".filter", ".rail", ".bottom", ".facets", ".btn"):
            assert page.locator(f"{away}:visible").count() == 0, (path, away)


def test_a_page_becomes_a_file_for_paper_with_all_its_words(visit, stocked):
    page = visit()
    page.goto(f"{stocked}/s/{KEY}")
    assert page.pdf(format="A4").startswith(b"%PDF-")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_without_colours_of_its_own_a_page_shows_the_focus_and_what_is_chosen(visit, stocked, scheme):
    page = visit(forced_colors="active", color_scheme=scheme)
    for path in ["", f"s/{KEY}", TURN, "dashboard", "review/main?as=kim"]:
        page.goto(f"{stocked}/{path}")
        assert page.evaluate(_UNMARKED) == [], path
        for box in page.locator(".field:visible").all()[:1]:
            box.focus()
            assert box.evaluate(_LINE) is True, path
    page.locator(".optn").first.click()
    assert page.locator(".optn :checked + span").evaluate(_LINE) is True


_LINE = """one => getComputedStyle(one).outlineStyle !== "none" && parseFloat(getComputedStyle(one).outlineWidth) > 0"""
_UNMARKED = f"""() => [...document.querySelectorAll("[aria-current], [data-current], [data-now]")]
  .filter((one) => one.checkVisibility()).filter((one) => !({_LINE})(one)).map((one) => one.outerHTML.slice(0, 120))"""
_FOLDED = """() => [...document.querySelectorAll("main details:not(.menu) > :not(summary)")]
  .filter((one) => getComputedStyle(one).display !== "none")
  .filter((one) => one.textContent.trim() && !one.checkVisibility()).map((one) => one.outerHTML.slice(0, 160))"""
_CUT = """() => [...document.querySelectorAll("main *")].filter((one) => one.checkVisibility())
  .filter((one) => one.clientHeight && getComputedStyle(one).overflowY !== "visible")
  .filter((one) => one.scrollHeight > one.clientHeight + 2).map((one) => one.outerHTML.slice(0, 160))"""
