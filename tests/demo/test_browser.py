"""The chat page in a real browser: what a visitor does is one session, and the page is usable at any width."""

from collections.abc import Iterator
from typing import Any

import pytest

from convotrace import ConvoTrace
from convotrace.demo.limits import tool_loop
from convotrace.demo.server import serve
from convotrace.demo.service import Service
from convotrace.demo.wsgi_app import DemoApp
from convotrace.wsgi import ConvoTraceMiddleware
from tests.patience import PATIENCE

pytestmark = pytest.mark.browser


class Site:
    """The demo app being served, and what convotrace saw of it."""

    def __init__(self, base: str, observer: ConvoTrace) -> None:
        self.base = base
        self.observer = observer


@pytest.fixture
def site() -> Iterator[Site]:
    service, observer = Service(), ConvoTrace(store="memory:")
    observer.on_turn(tool_loop)
    with serve(ConvoTraceMiddleware(DemoApp(service), convotrace=observer), "127.0.0.1", 0) as port:
        yield Site(f"http://127.0.0.1:{port}/", observer)
    observer.close()
    service.assistant.close()


def visit(browser: Any, site: Site, **options: Any) -> Any:
    page = browser.new_context(**options).new_page()
    page.set_default_timeout(1000 * PATIENCE)
    page.goto(site.base)
    return page


def say(page: Any, text: str) -> str:
    """Send a message and return the answer once it is complete."""
    before = page.locator(".assistant").count()
    page.fill("#text", text)
    page.keyboard.press("Enter")
    answer = page.locator(".assistant").nth(before)
    answer.locator("button").first.wait_for()
    return str(answer.locator(".text").inner_text())


def test_a_visit_with_three_messages_is_one_session_of_three_turns(browser: Any, site: Site) -> None:
    page = visit(browser, site)
    page.get_by_role("button", name="Where is my order K-1042?").click()
    page.locator(".assistant .rate").wait_for()
    said = [say(page, text) for text in ("What is in that order?", "谢谢")]
    page.get_by_role("button", name="Yes, helpful").click()
    page.get_by_text("Thank you for telling us.").first.wait_for()
    page.reload()
    page.locator(".assistant").nth(2).wait_for()
    page.context.close()

    [session] = site.observer.store.sessions()
    assert (session.turns, session.feedback) == (3, {"up": 1, "down": 0})
    assert session.traces == 6  # and two polls of the history and the thumb
    stored = site.observer.store.session(session.id)
    assert stored is not None
    assert [trace.output.text for trace in stored.traces if trace.turn][1:] == said


def test_a_new_conversation_is_a_new_session(browser: Any, site: Site) -> None:
    page = visit(browser, site)
    say(page, "hello")
    page.get_by_role("button", name="New conversation").click()
    assert page.locator("#log li").count() == 0
    say(page, "hello again")
    page.context.close()
    assert len([s for s in site.observer.store.sessions() if s.turns == 1]) == 2


def test_a_crash_is_told_kindly_and_can_be_tried_again(browser: Any, site: Site) -> None:
    page = visit(browser, site)
    assert "went wrong" in say(page, "I need the invoice for K-1042")
    page.get_by_role("button", name="Try again").click()
    page.locator(".failed").wait_for()
    assert page.locator("#log li").count() == 2
    page.context.close()


def test_a_hook_ends_a_runaway_agent_at_its_third_equal_call_and_the_page_shows_why(browser: Any, site: Site) -> None:
    page = visit(browser, site)
    page.get_by_role("button", name="Keep checking the parcel of K-1042").click()
    answer = page.locator(".assistant").first
    answer.locator("button").first.wait_for()
    assert "I stop here" in answer.locator(".text").inner_text()

    [session] = site.observer.store.sessions()
    stored = site.observer.store.session(session.id)
    assert stored is not None
    [turn] = [trace for trace in stored.traces if trace.turn]
    calls = [span for span in turn.spans if span.kind == "tool"]
    assert [(span.name, span.arguments) for span in calls] == [("check_delivery", {"order_id": "K-1042"})] * 3
    assert (turn.status, [event.name for event in turn.events]) == ("ok", ["turn.stop"])

    page.goto(site.observer.link(site.base))
    page.goto(f"{site.base}_sessions/s/{session.key}")
    shown = page.locator("main").inner_text()
    assert "the same tool was called with the same arguments 3 times" in shown
    page.context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1440])
def test_nothing_runs_over_the_edge_and_the_console_stays_empty(
    browser: Any, site: Site, width: int, scheme: str
) -> None:
    page = visit(browser, site, viewport={"width": width, "height": 700}, color_scheme=scheme)
    noise: list[str] = []
    page.on("console", lambda message: noise.append(message.text))
    page.on("pageerror", lambda error: noise.append(str(error)))
    say(page, "Supercalifragilisticexpialidocious" * 4)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator("#send").bounding_box()["height"] >= 44
    assert noise == []
    page.context.close()
