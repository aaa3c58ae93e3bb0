"""Every task by keyboard alone, in a window and on a phone's width; and every key that a page tells of."""

from __future__ import annotations

import re

import pytest

from tests.page.furnished import FIRST, KEY, SECOND, TURN
from tests.page.hands import do, empty_site, keyboard, reach, stocked
from tests.page.tasks import EMPTY, TASKS, Task, params

__all__ = ["empty_site", "stocked"]  # fixtures

pytestmark = pytest.mark.browser

WINDOW = {"width": 1440, "height": 900}
QUEUE = "review/main?as=kim"
PHONE = {"width": 360, "height": 740}


@pytest.mark.parametrize("task", params(TASKS))
def test_by_keyboard_one_can(browser, stocked, open_page, task: Task):
    do(open_page(browser, stocked, viewport=WINDOW), stocked, task, keyboard)


def test_by_keyboard_one_can_send_a_test_turn(browser, empty_site, open_page):
    do(open_page(browser, empty_site), empty_site, EMPTY, keyboard)


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no-scripts"])
def test_on_a_phone_the_menu_of_pages_and_the_menus_of_a_session_open_by_keyboard(browser, stocked, open_page, scripts):
    page = open_page(browser, stocked, viewport=PHONE, java_script_enabled=scripts)
    for path, menu, way in (
        ("", "details.pages summary", "details.pages a:has-text('Tools')"),
        (f"s/{KEY}", ".title .menu summary", ".title .menu a:text-is('JSON')"),
    ):
        page.goto(f"{stocked}/{path}")
        reach(page, page.locator(menu))
        page.keyboard.press("Enter")
        box = page.locator(way).bounding_box()
        assert box and box["x"] >= 0 and box["x"] + box["width"] <= PHONE["width"]
        reach(page, page.locator(way))
        with page.expect_navigation():
            page.keyboard.press("Enter")


T1, T2 = f"#t{FIRST}", f"#t{SECOND}"
KEYS = [
    ("", "j j k", ".first:focus", None), ("", "j e", ".first[data-bad]:focus", None), ("", "/", "[name=q]:focus", None),
    ("", "?", "#help[open]", None), ("", "f", "[data-state=off]", None), ("", "[", "html.nofacets", None),
    ("", "[ ]", "html:not(.nofacets)", None), ("", "j x", ".pick:checked", None), ("", "g", None, "/dashboard"),
    ("", "j x j x =", None, "compare?s="), ("", "r", None, "sessions.json"), ("", "j c", "#toast.on", None),
    ("", "j y", "#toast.on", None), ("", "j Enter", None, "/s/"), (f"s/{KEY}", "j j", f".turn{T2}[data-current]", None),
    (f"s/{KEY}", "j u", None, f"zoom=cards&turn=1{T1}"), (f"s/{KEY}", "j w", None, f"zoom=waterfall&turn=1{T1}"),
    (f"s/{KEY}?zoom=cards", "t", None, f"{KEY}?turn=1"), (f"s/{KEY}", "j o", None, f"/t/{FIRST}"),
    (f"s/{KEY}", "j j d", None, "/diff"), (f"s/{KEY}", "j y", "#toast.on", None),
    (f"s/{KEY}", "j ]", f"{T1} details.row.failed[open]", None), (f"s/{KEY}", "/", "[name=find]:focus", None),
    (f"s/{KEY}?find=words", ">", None, "hit="), (f"s/{KEY}?find=words", "<", None, "hit="),
    (f"s/{KEY}", "j 4", "#toast.on:has-text('rating 4')", None), (f"s/{KEY}", "e", ".turn.bad[data-current]", None),
    (TURN, "t", None, f"at={FIRST}"), (TURN, "n", None, SECOND), (f"s/{KEY}/t/{SECOND}", "p", None, FIRST),
    (f"s/{KEY}/t/{SECOND}", "d", None, "/diff"), (TURN, "j", "a.wr:focus", None), (TURN, "y", "#toast.on", None),
    (TURN, "]", ".fold[open]", None), (TURN, "] [", ".call:not(:has(.fold[open]))", None),
    (f"s/{KEY}", "j r", None, f"/t/{FIRST}.json"), (f"s/{KEY}?zoom=cards", "r", None, f"{KEY}.json"),
    (TURN, "r", None, f"/t/{FIRST}.json"), (TURN, "/", ".sift [name=find]:focus", None),
    ("search?q=person", "r", None, "search.json?q=person"), (f"compare?s={KEY}&s=s1", "r", None, "compare.json?s="),
    ("health", "r", None, "health.json"), ("tools?q=has:error", "r", None, "tools.json?q=has"),
    ("review", "j", "h3 a:focus", None), ("datasets", "j", "h3 a:focus", None),
    ("incidents", "j", ".hits a:focus", None),
    (f"s/{KEY}/t/{SECOND}/diff", "t", None, f"at={SECOND}"), (f"s/{KEY}/t/{SECOND}/diff", "j", ".dnav a:focus", None),
    ("dashboard", "r", None, "dashboard.json"), ("search?q=person", "j", ".way:focus", None),
    (QUEUE, "m", "[name=note]:focus", None), (QUEUE, "r", "[name=correction]:focus", None),
    (QUEUE, "s", None, "as=kim"),
    (QUEUE, "a", None, "item="), (QUEUE, "o", None, f"/s/{KEY}"), (QUEUE, "1", "[name^=score]:checked", None),
]  # fmt: skip
"""Page, keys, and what is there then: something on the page, or a part of the address."""


@pytest.mark.parametrize(("path", "keys", "there", "part"), [
    pytest.param(*one, marks=() if n % 9 == 0 else pytest.mark.slow, id=f"{one[1]} at {n}")
    for n, one in enumerate(KEYS)
])  # fmt: skip
def test_a_key_does_what_the_page_says(browser, stocked, open_page, path, keys, there, part):
    page = open_page(browser, stocked, viewport=WINDOW, permissions=["clipboard-read", "clipboard-write"])
    page.goto(f"{stocked}/{path}")
    page.wait_for_load_state()
    for key in keys.split():
        page.keyboard.press(key)
    if part:
        page.wait_for_url(re.compile(re.escape(part)))
    else:
        page.locator(there).first.wait_for(state="attached")


@pytest.mark.parametrize("path", ["", f"s/{KEY}", TURN, f"s/{KEY}/t/{SECOND}/diff", "dashboard", QUEUE])
def test_every_key_that_a_page_tells_of_is_tried(browser, stocked, open_page, path):
    page = open_page(browser, stocked, viewport=WINDOW)
    page.goto(f"{stocked}/{path}")
    told = set(page.locator("#help kbd").all_text_contents())
    tried = {key for _, keys, _, _ in KEYS for key in keys.split()}
    # What is new, and calls before and after, have tests of their own; the others are the same as one that is tried.
    tried |= {".", ",", ";", "9", "k", "n", "p", "x", "Ctrl", "Esc"}
    assert told - tried == set()


@pytest.mark.parametrize(
    ("path", "without"),
    [("", ""), (f"s/{KEY}", ""), (TURN, "f"), (f"s/{KEY}/t/{SECOND}/diff", "rf/"), ("health", "jkef/"),
     ("nowhere", "jkerf/"), ("dashboard", "jke"), ("incidents", "f/")],
)  # fmt: skip
def test_the_help_is_silent_about_keys_that_do_nothing_here(browser, stocked, open_page, path, without):
    page = open_page(browser, stocked, viewport=WINDOW)
    page.goto(f"{stocked}/{path}")
    page.keyboard.press("?")
    page.locator("#help[open]").wait_for()
    told = page.locator("#help dt >> visible=true").all_inner_texts()
    assert set("jkerf/") - set("".join(told).replace("Enter", "")) == set(without)


@pytest.mark.parametrize("path", ["", f"s/{KEY}", TURN, f"s/{KEY}/t/{SECOND}/diff", QUEUE, "datasets/golden"])
def test_the_first_tab_skips_the_head_and_the_help_gives_the_focus_back(browser, stocked, open_page, path):
    page = open_page(browser, stocked, viewport=WINDOW)
    page.goto(f"{stocked}/{path}")
    page.keyboard.press("Tab")
    assert page.locator(".skip:focus").bounding_box()["x"] >= 0
    page.keyboard.press("Enter")
    assert page.locator("main:focus").count() == 1
    reach(page, page.locator("main :is(a, button, input, summary) >> visible=true").first)
    page.keyboard.press("Shift+Tab")
    reach(page, page.locator("[data-act=help]"))
    page.keyboard.press("Enter")
    page.locator("#help[open]").wait_for()
    page.keyboard.press("Escape")
    assert page.locator("[data-act=help]:focus").count() == 1
