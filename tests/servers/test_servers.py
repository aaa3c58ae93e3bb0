"""What only real servers show: who gets in behind a proxy, what survives kill -9, what several workers write."""

import http.client
import json
import signal
import socket
import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from convotrace import Store

pytestmark = [pytest.mark.servers, pytest.mark.slow]

ROUTES = [
    "", "/", "/sessions.json", "/s/s1", "/s/s1.json", "/s/s1/t/0123456789abcdef0123456789abcdef", "/health",
    "/health.json", "/healthz", "/static/0123456789abcdef/page.css", "/nothing", "/../_sessions/", "//",
]  # fmt: skip


def token(server):
    """Return the token of a server's store."""
    store = Store.open(server.store)
    try:
        return store.token()
    finally:
        store.close()


def test_behind_a_bare_proxy_every_route_is_unknown(uvicorn, nginx):
    app = uvicorn()
    proxy = nginx(app.port)
    assert proxy.chat("s1", "hello") == "hello"
    unknown = proxy.request("GET", "/_sessions/never-heard-of")
    for route in ROUTES:
        for method in ("GET", "POST", "HEAD", "PUT"):
            assert proxy.request(method, "/_sessions" + route)[0] == 404, (method, route)
    assert proxy.request("GET", "/_sessions/")[2] == unknown[2]


def test_declared_development_does_not_open_the_page_to_a_proxy(uvicorn, nginx):
    app = uvicorn(CONVOTRACE_DEV="1")
    proxy = nginx(app.port)
    assert app.request("GET", "/_sessions/")[0] == 200
    assert app.request("GET", "/_sessions/", headers={"Host": "evil.example"})[0] == 404
    assert app.request("GET", "/_sessions/", headers={"X-Forwarded-For": "1.2.3.4"})[0] == 404
    # nginx's bare proxy_pass sends the upstream's address as Host and adds no header: its socket looks local.
    status = proxy.request("GET", "/_sessions/")[0]
    assert status == 200, "declared development opens to whoever reaches the loopback socket; that is what it declares"


def test_the_link_works_through_a_proxy_with_a_prefix(uvicorn, nginx):
    app = uvicorn()
    proxy = nginx(app.port, "/svc/", "/")
    app.chat("s1", "hello")
    status, headers, _ = proxy.request("GET", f"/svc/_sessions/?token={token(app)}")
    assert status in (302, 303, 307, 308) and "token" not in headers["location"]
    cookie = headers["set-cookie"].partition(";")[0]
    status, _, body = proxy.request("GET", "/svc/_sessions/", headers={"Cookie": cookie})
    assert status == 200 and b"hello" in body
    assert 'href="/' not in body.decode() and 'src="/' not in body.decode()


def test_a_foreign_origin_gets_nothing_though_the_host_allows_all(uvicorn):
    app = uvicorn(CONVOTRACE_DEV="1")
    app.chat("s1", "hello")
    bearer = {"Authorization": f"Bearer {token(app)}"}
    for headers in (
        {"Origin": "http://evil.example"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ):
        for route in ("/sessions.json", "/s/s1.json", "/healthz"):
            status, _, body = app.request("GET", "/_sessions" + route, headers={**headers, **bearer})
            assert status == 404 and b"hello" not in body
        status, _, _ = app.request("POST", "/_sessions/s/s1/scores", {"name": "x", "value": 1}, {**headers, **bearer})
        assert status == 404


def test_several_workers_write_one_file(gunicorn):
    app = gunicorn("--workers", "4")
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: app.chat(f"s{n % 20}", f"m{n}"), range(200)))
    app.stop()
    store = Store.open(app.store)
    sessions = list(store.sessions(limit=100))
    assert (len(sessions), sum(session.turns for session in sessions)) == (20, 200)
    store.close()


def test_a_page_read_sees_what_another_worker_answered(gunicorn):
    app = gunicorn("--workers", "3")
    headers = {"Authorization": f"Bearer {token(app)}"}
    for n in range(6):
        app.chat("s1", f"m{n}")
    time.sleep(0.5)
    listed = json.loads(app.request("GET", "/_sessions/sessions.json", headers=headers)[2])
    assert listed["sessions"][0]["turns"] == 6


@pytest.mark.parametrize("round", range(5))
def test_after_kill_9_every_turn_answered_a_second_before_is_there(uvicorn, round):
    app = uvicorn()
    answered = []
    stop = time.monotonic() + 1.2 + 0.13 * round
    while time.monotonic() < stop:
        app.chat("s1", f"m{len(answered)}")
        answered.append(time.monotonic())
    killed = time.monotonic()
    app.stop(signal.SIGKILL)
    safe = sum(at < killed - 1 for at in answered)
    store = Store.open(app.store)
    texts = {trace.input.text for trace in store.session("s1").traces}
    store.close()
    assert {f"m{n}" for n in range(safe)} <= texts
    path = app.store.removeprefix("sqlite:///")
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()


def test_a_streaming_client_that_leaves_is_noted_and_leaks_nothing(uvicorn):
    app = uvicorn()
    body = json.dumps({"session_id": "s1", "message": "x"}).encode()
    for _ in range(5):
        with socket.create_connection(("127.0.0.1", app.port)) as client:
            client.sendall(
                b"POST /stream HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                b"Content-Length: %d\r\n\r\n%s" % (len(body), body)
            )
            client.recv(200)
    app.chat("s1", "after")
    time.sleep(1.5)
    app.stop()
    assert app.process.stdout.read() == b""
    store = Store.open(app.store)
    statuses = [trace.status for trace in store.session("s1").traces]
    store.close()
    assert statuses.count("disconnected") == 5 and statuses[-1] == "ok"


def test_sigterm_stores_what_was_answered(uvicorn):
    app = uvicorn()
    for n in range(50):
        app.chat("s1", f"m{n}")
    app.stop()
    store = Store.open(app.store)
    assert store.session("s1").session.turns == 50
    store.close()


def test_keep_alive_requests_of_one_connection_do_not_mix(uvicorn):
    app = uvicorn()
    connection = http.client.HTTPConnection("127.0.0.1", app.port)
    for n in range(20):
        body = json.dumps({"session_id": f"s{n % 2}", "message": f"m{n}"})
        connection.request("POST", "/chat", body, {"content-type": "application/json"})
        connection.getresponse().read()
    connection.close()
    app.stop()
    store = Store.open(app.store)
    for k in (0, 1):
        assert [t.input.text for t in store.session(f"s{k}").traces] == [f"m{n}" for n in range(20) if n % 2 == k]
    store.close()
