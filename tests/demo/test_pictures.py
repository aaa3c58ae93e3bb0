"""The pictures of the README, taken of the demo's own conversations: `make pictures` writes them, a test takes them."""

import os
from pathlib import Path

import pytest

from convotrace import ConvoTrace, demo
from convotrace.demo.posting import post_all
from convotrace.demo.recordings import read
from convotrace.demo.server import serve
from convotrace.demo.service import Service
from convotrace.demo.wsgi_app import DemoApp
from convotrace.wsgi import ConvoTraceMiddleware

pytestmark = [pytest.mark.browser, pytest.mark.slow]

PICTURES = Path(os.environ.get("CONVOTRACE_PICTURES", ""))


@pytest.fixture(scope="module")
def site():
    """The demo with its conversations, posted over HTTP to a model that takes its time."""
    service, observer = Service(0.012), ConvoTrace(store="memory:", token="t", service="shop", environment="demo")
    with serve(ConvoTraceMiddleware(DemoApp(service), convotrace=observer), "127.0.0.1", 0) as port:
        own = read([Path(demo.__file__).parent / "data" / "conversations.jsonl"])
        post_all(own, f"http://127.0.0.1:{port}", workers=4, pace=0.2)
        yield f"http://127.0.0.1:{port}/_sessions"
    observer.close()
    service.assistant.close()


@pytest.mark.parametrize(("name", "path", "theme"), [("list", "", "light"), ("session", "session", "dark")])
def test_a_picture_is_taken_of(browser, site, tmp_path, name, path, theme):
    context = browser.new_context(viewport={"width": 1200, "height": 720}, color_scheme=theme, timezone_id="UTC")
    page = context.new_page()
    page.goto(f"{site}/?token=t")
    page.wait_for_load_state()
    if path:
        page.goto(f"{site}/?q=has:error")
        page.click("a.first >> nth=0")
        page.wait_for_load_state()
    folder = PICTURES if PICTURES.name else tmp_path
    page.screenshot(path=folder / f"{name}.png")
    assert (folder / f"{name}.png").stat().st_size > 20_000
    context.close()
