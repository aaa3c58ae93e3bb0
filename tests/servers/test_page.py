"""The page behind real servers: behind TLS and a prefix, live within a second, and never in the way of the app."""

import json
import shutil
import signal
import subprocess
import threading
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import pytest

from convotrace import Store

pytestmark = [pytest.mark.servers, pytest.mark.slow]


def _bearer(server):
    store = Store.open(server.store)
    try:
        return {"Authorization": f"Bearer {store.token()}"}
    finally:
        store.close()


def _events(server, seconds, query="", headers=None):
    """Listen to the stream; return what came, each with when."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{server.port}/_sessions/live?{query}", headers={**_bearer(server), **(headers or {})}
    )
    found = []
    with urllib.request.urlopen(request, timeout=seconds) as stream:
        assert stream.headers["content-type"] == "text/event-stream"
        assert stream.headers["x-accel-buffering"] == "no"
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            try:
                line = stream.readline()
            except TimeoutError:
                break
            if line.startswith(b"data: "):
                found.append((time.monotonic(), json.loads(line[6:])))
    return found


def test_a_turn_is_told_within_a_second_and_in_another_worker_too(uvicorn):
    app = uvicorn("--workers", "2")
    app.chat("s0", "hello")
    found = []
    listener = threading.Thread(target=lambda: found.extend(_events(app, 6, f"after={time.time_ns()}")))
    listener.start()
    time.sleep(2)
    sent = {}
    for n in range(1, 6):
        app.chat(f"s{n}", "hello")
        sent[f"s{n}"] = time.monotonic()
        time.sleep(0.3)
    listener.join()
    told = {one["key"]: at for at, answer in found for one in answer["sessions"]}
    waits = {key: round(told[key] - at, 2) for key, at in sent.items()}
    print("seconds from the answer of the app to the event:", waits)
    assert max(waits.values()) < 1


def test_an_open_stream_does_not_keep_the_server_from_ending(uvicorn):
    app = uvicorn()
    app.chat("s1", "hello")
    listener = threading.Thread(target=_events, args=(app, 10), daemon=True)
    listener.start()
    time.sleep(1)
    begun = time.monotonic()
    app.process.send_signal(signal.SIGTERM)
    app.process.wait(20)
    print("seconds to the end of a server with an open stream:", round(time.monotonic() - begun, 2))
    assert time.monotonic() - begun < 5


def test_ten_tabs_that_ask_never_starve_an_app_of_two_workers(gunicorn):
    app = gunicorn("--workers", "2")
    app.chat("s0", "hello")
    bearer, ended = _bearer(app), threading.Event()

    def tab():
        while not ended.is_set():
            status, headers, _ = app.request("GET", f"/_sessions/tail.json?after={time.time_ns()}", headers=bearer)
            assert status == 200 and headers["etag"]
            ended.wait(1.5)

    for _ in range(8):  # templates are loaded with the first page of a worker
        app.request("GET", f"/_sessions/tail.json?after={time.time_ns()}", headers=bearer)
    with ThreadPoolExecutor(10) as tabs:
        alone = _slowest(app)
        for _ in range(10):
            tabs.submit(tab)
        time.sleep(0.5)
        beside = _slowest(app)
        ended.set()
    print(f"slowest of 100 requests: {alone:.3f} s alone, {beside:.3f} s beside ten tabs")
    assert beside < alone + 1


def _slowest(app):
    waits = []
    for n in range(100):
        begun = time.monotonic()
        app.chat(f"s{n}", "hello")
        waits.append(time.monotonic() - begun)
        time.sleep(0.02)
    return max(waits)


def test_on_wsgi_no_stream_is_held(gunicorn):
    app = gunicorn("--workers", "1")
    app.chat("s1", "hello")
    status, _, body = app.request("GET", "/_sessions/live", headers=_bearer(app))
    assert (status, "tail.json" in json.loads(body)["error"]) == (503, True)
    assert b'data-live="poll"' in app.request("GET", "/_sessions/", headers=_bearer(app))[2]


@pytest.fixture
def tls_nginx(tmp_path, free_port, listening):
    """Start nginx that ends TLS under a prefix, as its documentation shows it."""
    found = shutil.which("nginx", path="/usr/sbin:/usr/bin") or pytest.skip("nginx is not installed")
    openssl = shutil.which("openssl") or pytest.skip("openssl is not installed")
    subprocess.run(
        [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=app.example",
         "-keyout", tmp_path / "key.pem", "-out", tmp_path / "cert.pem"],
        check=True, capture_output=True,
    )  # fmt: skip
    running = []

    def start(upstream):
        port = free_port()
        (tmp_path / "tls.conf").write_text(
            f"daemon off; pid {tmp_path}/tls.pid; error_log {tmp_path}/tls.log; events {{}}\n"
            f"http {{ access_log off; client_body_temp_path {tmp_path}/b; proxy_temp_path {tmp_path}/p;\n"
            f"fastcgi_temp_path {tmp_path}/f; uwsgi_temp_path {tmp_path}/u; scgi_temp_path {tmp_path}/s;\n"
            f"server {{ listen 127.0.0.1:{port} ssl; ssl_certificate cert.pem; ssl_certificate_key key.pem;\n"
            f"location /svc/ {{ proxy_pass http://127.0.0.1:{upstream}/; proxy_set_header Host $http_host;\n"
            "proxy_set_header X-Forwarded-For $remote_addr; proxy_set_header X-Forwarded-Proto $scheme; } } }\n"
        )
        process = subprocess.Popen([found, "-c", tmp_path / "tls.conf", "-p", tmp_path], stderr=subprocess.DEVNULL)
        running.append(process)
        listening(port, process)
        return port

    yield start
    for process in running:
        # Not gracefully: that would wait for the streams of open tabs.
        process.terminate()
        process.wait(10)


def test_behind_tls_under_a_prefix_nothing_is_blocked_and_a_score_can_be_given(uvicorn, tls_nginx, browser):
    app = uvicorn("--proxy-headers")
    app.chat("s1", "hello there")
    base = f"https://app.example:{tls_nginx(app.port)}/svc/_sessions"
    context = browser.new_context(ignore_https_errors=True)
    page, complaints = context.new_page(), []
    page.on(
        "console", lambda message: complaints.append(message.text) if message.type in ("error", "warning") else None
    )
    page.on("request", lambda request: request.url.startswith(base) or complaints.append(request.url))
    token = _bearer(app)["Authorization"].removeprefix("Bearer ")
    page.goto(f"{base}/?token={token}")
    assert page.url == f"{base}/"
    (cookie,) = context.cookies()
    assert (cookie["secure"], cookie["path"]) == (True, "/svc/_sessions")
    page.wait_for_selector("[data-state=on]")
    app.chat("s2", "and another")
    page.wait_for_selector("[data-act=merge]:not([hidden])")
    for address in ("", "health", "search?q=hello", "s/s1"):
        assert page.goto(f"{base}/{address}").status == 200
    assert "plain http" not in page.content()
    page.click("#add summary")
    page.fill("#score-name", "helpful")
    page.fill("[name=value]", "yes")
    page.click("text=Add score")
    page.wait_for_url("**/s/s1#scores")
    assert complaints == []
