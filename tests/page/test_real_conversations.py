"""Real conversations, posted over HTTP to the demo app, on every page of a real browser."""

from __future__ import annotations

import gzip

import pytest

from convotrace import ConvoTrace
from convotrace.demo.posting import post_all
from convotrace.demo.recordings import read
from convotrace.demo.server import serve
from convotrace.demo.service import Service
from convotrace.demo.wsgi_app import DemoApp
from convotrace.wsgi import ConvoTraceMiddleware

pytestmark = [pytest.mark.browser, pytest.mark.data, pytest.mark.slow]

TOKEN = "open-sesame-0123456789"


@pytest.fixture(scope="module")
def site(data):
    """The demo with a few conversations of each file."""
    service, observer = Service(), ConvoTrace(store="memory:", token=TOKEN)
    with serve(ConvoTraceMiddleware(DemoApp(service), convotrace=observer), "127.0.0.1", 0) as port:
        files = sorted((data / "conversations").glob("*.jsonl"))
        assert len(files) == 7
        assert post_all(read(files, limit=4), f"http://127.0.0.1:{port}", workers=4).failures == []
        yield f"http://127.0.0.1:{port}/_sessions"
    observer.close()
    service.assistant.close()


def test_the_list_with_all_that_it_needs_weighs_at_most_thirty_kilobytes(browser, site, open_page):
    page = open_page(browser, site)
    body = page.goto(f"{site}/").body()
    page.wait_for_load_state()
    files = page.evaluate(
        "performance.getEntriesByType('resource').filter((one) => one.name.includes('/static/'))"
        ".reduce((sum, one) => sum + one.encodedBodySize, 0)"
    )
    assert files > 10_000
    assert len(gzip.compress(body, 9)) + files <= 30_000


@pytest.mark.parametrize(("width", "theme"), [(1440, "light"), (360, "dark")])
def test_nothing_is_blocked_fetched_from_elsewhere_or_wider_than_the_page(browser, site, open_page, width, theme):
    page = open_page(browser, site, viewport={"width": width, "height": 900}, color_scheme=theme)
    sessions = page.evaluate("[...document.querySelectorAll('[data-key]')].map((row) => row.dataset.key)")
    assert len(sessions) == 28
    paths = ["", "?q=has:error", "search?q=the", f"compare?s={sessions[0]}&s={sessions[1]}", "health"]
    wide = []
    for path in [*paths, *(f"s/{key}" for key in sessions)]:
        assert page.goto(f"{site}/{path}").status == 200
        page.wait_for_load_state()
        if page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"):
            wide.append(path)
    assert (wide, page.complaints) == ([], [])
