"""Session, turn and diff in a real browser: hostile texts stay texts, keys lead on, all of it works without scripts."""

from __future__ import annotations

import re
import time
from dataclasses import replace
from typing import Any

import pytest

from convotrace.model import Conversation, Failure, Payload, Span
from tests.patience import PATIENCE

TOKEN = "open-sesame-0123456789"
FIRST, SECOND = "a" * 32, "b" * 32

pytestmark = pytest.mark.browser

HOSTILE = {
    # The corpus of test_every_page.py stands in short fields; this is long, or breaks what reads JSON and Markdown.
    "attributes": "\"' onmouseover=window.broken=1 x=\"' autofocus onfocus=window.broken=1 ",
    "long line": "x" * 1_000_000,
    "depth": "[" * 4_000 + "]" * 4_000 + "\n" + "> " * 500 + "deep\n" + "".join("  " * n + "- a\n" for n in range(120)),
    "lone surrogate": "a\ud800b",
}


@pytest.fixture
def house(new_house, seed):
    """A house with a session of two turns, in which a harmless text stands everywhere."""
    return new_house([seed("Hello there")])


@pytest.fixture
def visit(browser, site):
    """Open pages in a browser that notes every complaint and every request to elsewhere."""

    def _visit(path: str, **options: Any) -> Any:
        page = browser.new_context(**options).new_page()
        page.set_default_timeout(1000 * PATIENCE)
        page.complaints = []
        page.on("console", lambda message: page.complaints.append(message.text) if _is_complaint(message) else None)
        page.on("pageerror", lambda error: page.complaints.append(str(error)))
        page.on("request", lambda request: request.url.startswith(site) or page.complaints.append(request.url))
        page.goto(f"{site}/health?token={TOKEN}")
        page.goto(f"{site}{path}", wait_until="load")
        return page

    return _visit


def _is_complaint(message: Any) -> bool:
    return message.type in ("error", "warning") and "Cross-Origin-Opener-Policy" not in message.text


def _addresses(house: Any) -> list[str]:
    session = f"/s/{house.shelf.conversations[0].session.key}"
    turns = [f"{session}/t/{letter * 32}" for letter in "ab"]
    spans = [f"{turns[0]}?span={number * 16}" for number in "1234"]
    return [session, f"{session}?zoom=cards", f"{session}?zoom=waterfall", *turns, *spans, f"{turns[1]}/diff"]


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_text_in_every_field_runs_nothing_and_fetches_nothing(visit, house, site, seed, text):
    # A megabyte in every field is no session: it stands where people, models and tools write.
    house.shelf.conversations = [_said(seed("hi"), text) if len(text) > 100_000 else seed(text)]
    addresses = _addresses(house)
    page = visit(addresses[0])
    for address in addresses:
        page.goto(f"{site}{address}")
        assert page.evaluate("[window.broken, document.querySelectorAll('iframe, object, embed, base').length]") == [
            None, 0,
        ]  # fmt: skip
        assert page.locator("h1").count() == 1
    assert page.complaints == []


def _said(conversation: Conversation, text: str) -> Conversation:
    first, *others = conversation.traces
    message = [{"role": "user", "parts": [{"type": "text", "content": text}]}]
    fields = {"generation": {"input": message}, "tool": {"arguments": {"a": text}, "result": text}}
    spans = tuple(replace(span, **fields.get(span.kind, {})) for span in first.spans)
    loud = replace(first, input=Payload(text, {"message": text}), output=Payload(text), spans=spans,
                   error=Failure("E", text, text))  # fmt: skip
    return replace(conversation, traces=(loud, *others))


@pytest.mark.parametrize(("width", "theme"), [(1440, "light"), (900, "dark"), (360, "light"), (320, "dark")])
def test_no_page_of_a_session_scrolls_sideways_or_is_blocked(visit, house, site, width, theme):
    page = visit("/health", viewport={"width": width, "height": 800}, color_scheme=theme)
    for address in _addresses(house):
        page.goto(f"{site}{address}")
        assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0
    assert page.complaints == []


def _key(house: Any) -> str:
    return f"/s/{house.shelf.conversations[0].session.key}"


def test_from_a_session_three_keys_lead_to_the_broken_step(visit, house):
    house.shelf.conversations = [_failing_last(house.shelf.conversations[0])]
    page = visit(_key(house))
    page.keyboard.press("e")
    page.wait_for_url(f"**#t{SECOND}")
    page.keyboard.press("o")
    page.wait_for_url(f"**/t/{SECOND}*")
    assert page.locator(".m.failed").inner_text().splitlines()[-1].endswith("no seat left")


def _failing_last(conversation: Conversation) -> Conversation:
    first, second, *others = conversation.traces
    step = Span("7" * 16, second.id, "book", "tool", status="error", error=Failure("E", "no seat left"),
                started_ns=second.started_ns, duration_ns=1)  # fmt: skip
    calm = replace(first, errors=0, spans=())
    return replace(conversation, traces=(calm, replace(second, spans=(step,)), *others))


def test_zooms_keep_the_turn_and_a_turn_leads_back(visit, house):
    page = visit(_key(house))
    page.keyboard.press("j")
    page.keyboard.press("j")
    for key, asked in (("u", ".*zoom=cards.*"), ("w", ".*zoom=waterfall.*"), ("t", "(?!.*zoom=).*")):
        page.keyboard.press(key)
        page.wait_for_url(re.compile(f"^{asked}#t{SECOND}$"))
    page.keyboard.press("d")
    page.wait_for_url("**/diff")
    page.keyboard.press("t")
    page.wait_for_url(f"**#t{SECOND}")


def test_keys_go_through_model_calls_and_turns_of_a_turns_page(visit, house):
    page = visit(f"{_key(house)}/t/{FIRST}")
    page.keyboard.press("n")
    page.wait_for_url(f"**/t/{SECOND}")
    page.keyboard.press("p")
    page.wait_for_url(f"**/t/{FIRST}")


def test_a_digit_scores_the_turn_and_typing_does_not(visit, house):
    page = visit(_key(house))
    page.keyboard.press("j")
    with page.expect_response("**/scores"):
        page.keyboard.press("4")
    page.locator("#toast", has_text="Turn 1: rating 4").wait_for()
    assert page.inner_text(f"#t{FIRST} .scores .chip >> nth=0").split() == ["rating", "4"]
    (score,) = [one for one in house.shelf.conversations[0].scores if one.name == "rating"]
    assert (score.value, score.target.trace_id, score.source) == (4, FIRST, "annotator")
    page.click("#add summary")
    page.fill("#score-name", "n5")
    assert len([one for one in house.shelf.conversations[0].scores if one.name == "rating"]) == 1


def test_brackets_fold_and_unfold_what_is_in_the_turn(visit, house):
    page = visit(_key(house))
    page.keyboard.press("j")
    page.keyboard.press("]")
    closed = "document.querySelectorAll('.turn[data-current] details:not(.menu):not([open])').length"
    assert page.evaluate(closed) == 0
    page.keyboard.press("[")
    assert page.evaluate(closed) > 3


def test_a_turn_is_copied_as_markdown_and_by_its_menu(visit, house):
    page = visit(_key(house), permissions=["clipboard-read", "clipboard-write"])
    page.keyboard.press("j")
    page.keyboard.press("y")
    page.locator("#toast", has_text="Markdown copied").wait_for()
    page.click(f"#t{FIRST} .menu summary")
    page.click(f"#t{FIRST} .menu a:has-text('curl')")
    page.locator("#toast", has_text="curl copied").wait_for()
    assert page.locator(".menu[open]").count() == 0
    assert page.complaints == []


def test_without_scripts_everything_is_a_link_a_form_or_a_fold(visit, house, site):
    page = visit(_key(house), java_script_enabled=False)
    page.click("text=Cards")
    assert "zoom=cards" in page.url
    page.click(".tile >> nth=0")
    assert f"/t/{FIRST}" in page.url
    page.click("a[rel=next]")
    page.click("text=Diff with 1")
    assert page.url.endswith(f"{SECOND}/diff")
    page.goto(f"{site}{_key(house)}")
    page.click(f"#t{FIRST} .menu summary")
    page.click(f"#t{FIRST} .menu a:has-text('Markdown')")
    assert page.url.endswith(f"{FIRST}.md")
    assert page.locator("text=Hello there").count() > 0


def test_what_is_new_waits_behind_a_button(visit, house):
    page = visit(_key(house))
    before = house.shelf.conversations[0]
    session = replace(before.session, turns=3, last_ns=before.session.last_ns + 10**9)
    house.shelf.conversations = [replace(before, session=session)]
    page.wait_for_selector("#fresh:not([hidden])")
    assert page.inner_text("#fresh a") == "1 new turn: load"
    page.keyboard.press(".")
    page.wait_for_selector("#fresh", state="hidden")


def _running(conversation: Conversation, seconds: int) -> Conversation:
    first, *others = conversation.traces
    at = {"started_ns": time.time_ns() - seconds * 10**9, "duration_ns": None}
    return replace(conversation, traces=(replace(first, status="running", **at), *others))


@pytest.mark.parametrize("path", ["", "?zoom=cards", "?zoom=waterfall", f"/t/{FIRST}"])
def test_a_running_turn_says_how_long_and_moves_nothing_while_it_does(visit, house, path):
    house.shelf.conversations = [_running(house.shelf.conversations[0], 3)]
    page = visit("/health")
    page.clock.install()
    page.goto(page.url.replace("/health", f"{_key(house)}{path}"))
    told = page.locator(".so-far").last
    assert re.fullmatch(r"\d+ s", told.inner_text())
    before = page.evaluate(_PLACES)
    page.clock.run_for(65_000)
    assert re.fullmatch(r"\d m \d\d s", told.inner_text())
    assert page.evaluate(_PLACES) == before


_PLACES = """[...document.querySelectorAll("main *")].map((one) => one.getBoundingClientRect())
  .map(({ x, y, width, height }) => [x, y, width, height].map(Math.round).join())"""


def test_without_scripts_a_running_turn_says_how_long_it_ran_when_it_was_asked_for(visit, house):
    house.shelf.conversations = [_running(house.shelf.conversations[0], 64)]
    page = visit(_key(house), java_script_enabled=False)
    assert re.fullmatch(r"\d m \d\d s", page.locator(".th .so-far").inner_text())


def test_a_link_to_a_message_unfolds_what_hides_it(visit, house):
    page = visit(f"{_key(house)}/t/{FIRST}?span={'2' * 16}#m1")
    assert page.locator("#m1").is_visible()


def test_on_paper_all_that_is_folded_is_there(visit, house):
    page = visit(_key(house))
    page.emulate_media(media="print")
    assert page.locator(".rail").is_hidden() and page.locator(".seg").first.is_hidden()


def test_on_a_phone_every_page_is_two_taps_away(visit, house):
    page = visit(_key(house), viewport={"width": 360, "height": 700})
    assert not page.locator("nav.tabs").is_visible()
    page.click("details.pages summary")
    names = page.locator("details.pages a").all_inner_texts()
    assert names == page.locator("nav.tabs a").all_text_contents()
    page.click("details.pages a:has-text('Health')")
    page.wait_for_url("**/health")
    assert page.complaints == []
