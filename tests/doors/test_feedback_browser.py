"""Thumbs on a page of another origin, in a real browser: pressed, sent, and standing on their turn."""

import threading
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import pytest

import convotrace as ct
from convotrace.wsgi import ConvoTraceMiddleware
from tests.patience import until

pytestmark = pytest.mark.browser

PAGE = """<!doctype html><html lang="en"><title>chat</title><script src="{api}/thoughts"></script>
<p>An answer.</p><convotrace-feedback token="{token}" question="What went wrong?"></convotrace-feedback>"""


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Silent(WSGIRequestHandler):
    def log_message(self, *args): ...


@pytest.fixture
def served():
    """Serve WSGI apps; returns their addresses."""
    servers = []

    def serve(app, host):
        server = make_server("127.0.0.1", 0, app, _Server, _Silent)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"http://{host}:{server.server_port}"

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


def nothing(_environ, start):
    start("404 Not Found", [])
    return [b""]


def test_thumbs_on_another_origin_reach_their_turn(browser, served):
    observer = ct.ConvoTrace(store="memory:", enabled=True, feedback_path="/thoughts")
    with observer.session("s"):
        ct.set_input("hi"), ct.set_output("An answer.")
        token = ct.feedback_token()
    api = served(ConvoTraceMiddleware(nothing, convotrace=observer), "127.0.0.1")

    def chat(_environ, start):
        start("200 OK", [("Content-Type", "text/html; charset=utf-8")])
        return [PAGE.format(api=api, token=token).encode()]

    page = browser.new_page()
    page.goto(served(chat, "app.example"))
    with page.expect_request(f"{api}/thoughts"):
        page.click("button[aria-label='Bad answer']")
    assert page.get_attribute("button[aria-label='Bad answer']", "aria-pressed") == "true"
    page.fill("input", "It is <b>wrong</b>.")
    with page.expect_request(f"{api}/thoughts"):
        page.keyboard.press("Enter")
    until(lambda: page.wait_for_timeout(20) or len(observer.store.session("s").traces[0].scores) == 2)
    found = observer.store.session("s")
    told = [(score.value, score.comment, score.source) for score in found.traces[0].scores]
    assert told == [(False, None, "end_user"), (False, "It is <b>wrong</b>.", "end_user")]
    assert found.session.feedback == {"up": 0, "down": 1}
    observer.close()
