"""A server that is not there, stalls, is full or restarts harms nobody: what was queued is written when it is back."""

import io
import json
import os
import select
import socket
import threading
import time

import pytest

import convotrace as ct
from convotrace import wsgi
from convotrace.store import Store, Writer
from tests import postgres as servers
from tests.store.test_processes import run

psycopg = pytest.importorskip("psycopg")
pytestmark = pytest.mark.postgres
PATIENCE = 60


class Proxy:
    """A way to a server's socket that can stall: it takes connections and bytes, and passes nothing on."""

    def __init__(self, target):
        self._target, self._stalled, self._ended = target, threading.Event(), False
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def stall(self, stalled):
        (self._stalled.set if stalled else self._stalled.clear)()

    def close(self):
        self._ended = True
        self._listener.close()

    def _accept(self):
        while not self._ended:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._carry, args=(client,), daemon=True).start()

    def _carry(self, client):
        with client, socket.socket(socket.AF_UNIX) as server:
            server.connect(self._target)
            while not self._ended:
                if self._stalled.is_set():
                    time.sleep(0.01)
                    continue
                for ready in select.select([client, server], [], [], 0.05)[0]:
                    try:
                        data = ready.recv(65536)
                        (server if ready is client else client).sendall(data)
                    except OSError:
                        return
                    if not data:
                        return


@pytest.fixture
def proxied(postgres):
    proxy = Proxy(str(postgres.folder / ".s.PGSQL.5432"))
    yield proxy, postgres.url(host=f"127.0.0.1:{proxy.port}")
    proxy.close()


@pytest.fixture
def own():
    """A server of the test's own, to be stopped and started."""
    if servers.tools() is None:
        pytest.skip("no PostgreSQL server is installed")
    # A commit that was answered must stand, whatever comes next.
    server = servers.Server(synchronous_commit="on")
    yield server
    server.remove()


@pytest.fixture
def writers():
    """Writers that are closed after the test."""
    made = []

    def make_writer(url):
        made.append(Writer(lambda: Store.open(url), lambda change: [change], interval=0.01))
        return made[-1]

    yield make_writer
    for writer in made:
        writer.close(PATIENCE)


def until(condition, patience=PATIENCE):
    deadline = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def put_all(writer, make, number=50):
    """Put traces, and return the longest that one of them had to wait."""
    longest = 0.0
    for _ in range(number):
        change = make.change()
        began = time.perf_counter()
        assert writer.put(change)
        longest = max(longest, time.perf_counter() - began)
    return longest


def test_a_server_that_stalls_holds_nobody_up_and_gets_all_when_it_answers(proxied, make, writers, monkeypatch):
    monkeypatch.setattr("convotrace.store.postgres.driver.SILENCE_PATIENCE", 0.5)
    proxy, url = proxied
    writer = writers(url)
    put_all(writer, make)
    assert writer.drain(PATIENCE)
    proxy.stall(True)
    assert put_all(writer, make) < 0.1
    until(lambda: "cannot be reached" in (writer.stats()["last_error"] or ""))
    proxy.stall(False)
    assert writer.drain(PATIENCE)
    assert writer.stats()["dropped"] == {}
    store = Store.open(url)
    assert (store.session("s").session.turns, len(store.session("s").traces)) == (100, 100)
    store.close()


def test_a_server_that_stalls_from_the_beginning_is_waited_for(proxied, make, writers, monkeypatch):
    monkeypatch.setattr("convotrace.store.postgres.driver.CONNECT_PATIENCE", 2)
    proxy, url = proxied
    proxy.stall(True)
    writer = writers(url)
    assert put_all(writer, make) < 0.1
    until(lambda: "cannot be reached" in (writer.stats()["last_error"] or ""))
    proxy.stall(False)
    assert writer.drain(PATIENCE)
    store = Store.open(url)
    assert store.session("s").session.turns == 50
    store.close()


@pytest.mark.parametrize("mode", ["fast", "immediate"])
def test_a_server_that_restarts_loses_and_doubles_nothing(own, make, writers, mode):
    url = own.url()
    writer = writers(url)
    put_all(writer, make)
    assert writer.drain(PATIENCE)
    own.stop(mode)
    assert put_all(writer, make) < 0.1
    until(lambda: writer.stats()["last_error"])
    own.start()
    put_all(writer, make)
    assert writer.drain(PATIENCE)
    store = Store.open(url)
    assert (store.session("s").session.turns, len(store.session("s").traces)) == (150, 150)
    assert (store.integrity(), writer.stats()["dropped"]) == ("ok", {})
    store.close()


def ask(app, number):
    """Have a conversation's next turn; return what the app answered and how long it took."""
    body = json.dumps({"message": f"hello {number}", "session_id": "talk"}).encode()
    environ = {
        "REQUEST_METHOD": "POST", "PATH_INFO": "/chat", "CONTENT_TYPE": "application/json", "SERVER_NAME": "app",
        "CONTENT_LENGTH": str(len(body)), "SERVER_PORT": "80", "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body),
    }  # fmt: skip
    began, told = time.perf_counter(), []
    answered = app(environ, lambda status, headers: told.append((status, headers)))
    answer = b"".join(answered)
    getattr(answered, "close", lambda: None)()
    return (*told[0], answer), time.perf_counter() - began


def chat(environ, start_response):
    said = json.loads(environ["wsgi.input"].read())["message"]
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps({"reply": f"{said} to you"}).encode()]


def test_an_app_answers_as_bare_while_its_server_is_away_and_all_turns_are_there_afterwards(own):
    observer = ct.ConvoTrace(store=own.url(), environment="test")
    app = wsgi.ConvoTraceMiddleware(chat, convotrace=observer)
    ask(app, 0)
    assert observer.flush(PATIENCE)
    own.stop("fast")
    answers = [(ask(app, number), ask(chat, number)) for number in range(1, 60)]
    assert all(traced[0] == plain[0] for traced, plain in answers)
    assert sorted(traced[1] for traced, _ in answers)[50] < 0.1
    assert not observer.flush(0.3)
    own.start()
    assert observer.flush(PATIENCE)
    session = observer.store.session("talk")
    assert [trace.input.text for trace in session.traces] == [f"hello {number}" for number in range(60)]
    observer.close()


def test_a_server_killed_again_and_again_under_load_loses_and_doubles_nothing(own, make, writers):
    url = own.url()
    writer = writers(url)
    for _ in range(3):
        put_all(writer, make, 200)
        time.sleep(0.05)
        own.stop("immediate")
        own.start()
    assert writer.drain(PATIENCE)
    store = Store.open(url)
    session = store.session("s")
    assert (session.session.turns, len(session.traces), writer.stats()["dropped"]) == (600, 600, {})
    store.close()


def test_a_server_without_a_connection_to_spare_is_waited_for(own, make, writers):
    url = own.url()
    Store.open(url).close()
    writer = writers(url.replace("postgres@", "writer@"))
    with psycopg.connect(url.partition("&")[0], autocommit=True) as admin:
        admin.execute("CREATE ROLE writer LOGIN SUPERUSER CONNECTION LIMIT 0")
        admin.execute("ALTER ROLE writer NOSUPERUSER")
        put_all(writer, make)
        until(lambda: "too many connections" in (writer.stats()["last_error"] or ""))
        admin.execute("ALTER ROLE writer SUPERUSER CONNECTION LIMIT -1")
    assert writer.drain(PATIENCE)


def test_a_read_only_server_is_waited_for(postgres, make, writers):
    url = postgres.url()
    Store.open(url).close()
    writer = writers(url)
    with psycopg.connect(url.partition("&")[0], autocommit=True) as admin:
        admin.execute("CREATE ROLE careful LOGIN SUPERUSER; ALTER ROLE careful SET default_transaction_read_only TO on")
        writer = writers(url.replace("postgres@", "careful@"))
        put_all(writer, make)
        until(lambda: "read-only" in (writer.stats()["last_error"] or ""))
        admin.execute("ALTER ROLE careful SET default_transaction_read_only TO off")
        admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'careful'")
    assert writer.drain(PATIENCE)
    assert writer.stats()["dropped"] == {}


def test_a_full_disk_is_survived(own, make, writers, tmp_path):
    """What the server says then is made by a trigger: a file system of our own would need rights."""
    url = own.url()
    store = Store.open(url)
    schema = url.rpartition("schema=")[2]
    with psycopg.connect(url.partition("&")[0], autocommit=True) as admin:
        admin.execute(f"SET search_path TO {schema}")
        admin.execute(
            "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = '53100'; END $$;"
            "CREATE TRIGGER full_disk BEFORE INSERT ON trace EXECUTE FUNCTION full_disk()"
        )
        writer = writers(url)
        for _ in range(20):
            writer.put(make.change(trace=make.trace(spans=(make.span(),))))
        until(lambda: "disk is full" in (writer.stats()["last_error"] or ""))
        admin.execute("DROP TRIGGER full_disk ON trace")
    assert writer.drain(PATIENCE)
    assert (store.session("s").session.turns, writer.stats()["dropped"]) == (20, {})
    store.close()


def test_a_row_that_the_server_refuses_does_not_take_others_along(postgres, make, writers):
    writer = writers(postgres.url())
    for number in range(20):
        writer.put(make.change(trace=make.trace(status_code=1 << 70 if number == 7 else 200)))
    assert writer.drain(PATIENCE)
    assert list(writer.stats()["dropped"]["trace"].values()) == [1]
    assert writer.stats()["written"]["traces"] == 19


def test_a_fork_while_a_server_stalls_takes_no_time(proxied):
    proxy, url = proxied
    store = Store.open(url)
    proxy.stall(True)
    reader = threading.Thread(target=store.sessions)
    reader.start()
    time.sleep(0.2)
    began = time.perf_counter()
    child = os.fork()
    if not child:
        os._exit(0)
    os.waitpid(child, 0)
    assert time.perf_counter() - began < 1
    proxy.stall(False)
    reader.join()
    store.close()


def test_an_app_ends_in_time_though_its_server_stalls(proxied):
    proxy, url = proxied
    Store.open(url).close()
    proxy.stall(True)
    began = time.perf_counter()
    run(url, "w = writer()\nw.put(change('s'))\ntime.sleep(0.2)")
    assert time.perf_counter() - began < 15
