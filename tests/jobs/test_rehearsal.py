"""Rules are tried on what is stored, paused, and read from files; a bad receiver costs nobody anything."""

import socket
import threading
import time

import pytest

import convotrace as ct
from convotrace.errors import SettingsError
from convotrace.insight.rules import Notice
from convotrace.jobs import webhooks
from convotrace.jobs.alerts import Watch
from convotrace.jobs.delivery import Delivery
from convotrace.jobs.rehearsal import rehearse
from convotrace.jobs.rule_files import rules_of
from convotrace.model import Change, Failure, Payload, Score, SessionFacts, Span, Target, Trace
from convotrace.store import Store
from tests.patience import PATIENCE, until

MINUTE = 60 * 10**9


@pytest.fixture
def store(store_url):
    opened = Store.open(store_url)
    yield opened
    opened.close()


def turn(store, at, session="s", ms=100, calls=(), scores=(), **fields):
    id = f"{time.perf_counter_ns():032x}"
    trace = Trace(
        id, session, is_turn=True, started_ns=at, duration_ns=int(ms * 1e6), input=Payload("q"), output=Payload("a"),
        spans=tuple(calls), **fields,
    )  # fmt: skip
    given = [
        Score(f"{id}{name}", name, "x", value, at, Target(session, id), passed=passed) for name, value, passed in scores
    ]
    store.write([Change(SessionFacts(session, scores=tuple(given)), trace)])


def test_a_rule_is_tried_on_the_past_and_tells_when_it_would_have_fired(store):
    now = time.time_ns()
    for minute in range(120):
        turn(store, now - minute * MINUTE - 1, ms=3000 if 50 <= minute < 60 else 100)
    found = rehearse(store, ct.alert("slow", "latency", above=1000, times=5, window="10m"), now - 120 * MINUTE, now)
    assert [notice.kind for notice in found.notices] == ["alert", "recovered"] and found.alerts == 1
    fired = (now - found.notices[0].at_ns) / MINUTE
    assert 50 <= fired <= 57 and (found.looked, found.every_ns) == (120, MINUTE)
    assert store.incidents() == ()  # nobody is told, nothing is written


def test_a_rule_over_sessions_is_tried_on_each_session(store):
    now = time.time_ns()
    for number in range(3):
        error = {"status": "error", "error": Failure("E", "no")}
        call = Span(f"{number:016x}", "", "pay", "tool", arguments={"n": 1}, started_ns=now, **error)
        turn(store, now - MINUTE, "bad", calls=[call])
        turn(store, now - MINUTE, "good")
    turn(store, now - 5000 * MINUTE, "long ago")
    found = rehearse(store, ct.session_alert("stuck", same_failures=3), now - 60 * MINUTE, now)
    assert [(one.sessions, one.reason) for one in found.notices] == [
        (("bad",), "a tool failed in the same way 3 times")
    ]
    assert (found.looked, found.is_cut) == (2, False)


def test_single_turns_of_a_filter_and_scores_that_failed_are_counted(store):
    now = time.time_ns()
    for session in ("a", "b"):
        turn(store, now - MINUTE, session, ms=2000, tags=("vip",) if session == "a" else ())
    store.write([Change(SessionFacts("a", tags=("vip",)))])
    turn(store, now - MINUTE, "c", scores=[("check", True, None), ("tone", 0.9, None)])
    turn(store, now - MINUTE, "d", scores=[("check", False, None), ("tone", 0.2, False)])
    since, beyond = now - 2 * MINUTE, ct.alert("x", "latency", above=1000).is_beyond
    assert store.slow_turns(since, now, beyond) == (2, 4)
    assert store.slow_turns(since, now, beyond, "tag:vip") == (1, 1)
    assert sorted(one.passed for one in store.score_values("check", since, now)) == [False, True]
    told = []
    rules = [ct.alert("check", "fails.check", reaches=1), ct.alert("tone", "fails.tone", reaches=1)]
    Watch(rules, lambda _rule, notice: told.append((notice.rule, notice.value))).run(store, now, lambda: True)
    assert told == [("check", 1.0), ("tone", 1.0)]


def test_a_paused_rule_is_silent_in_every_process_until_it_goes_on(store):
    told, now = [], time.time_ns()
    rules = [ct.alert("errors", "errors", above=0), ct.session_alert("one failure", failures=1)]
    turn(store, now - 10**9, errors=1, status="error")

    def read():
        Watch(rules, lambda _rule, notice: told.append(notice.rule)).run(store, now, lambda: True)

    for rule in rules:
        store.pause_rule(rule.name)
        store.pause_rule(rule.name)
    read()
    assert told == [] and set(store.paused_rules()) == {"errors", "one failure"}
    store.resume_rule("errors")
    read()
    assert told == ["errors"]
    store.resume_rule("one failure")
    store.resume_rule("never paused")
    read()
    assert told == ["errors", "one failure"] and store.paused_rules() == {}


def test_rules_of_a_file_stand_beside_others(tmp_path, monkeypatch):
    path = tmp_path / "rules.toml"
    path.write_text('[[alert]]\nname = "dear"\nmetric = "cost"\nabove = 100\n')
    own = ct.alert("slow", "p95", above=1)
    assert [rule.name for rule in rules_of([str(path), own])] == ["dear", "slow"]
    made = ct.ConvoTrace(store="memory:", alerts=[str(path), own])
    assert [rule.name for rule in made.settings.alerts] == ["dear", "slow"]
    monkeypatch.setenv("CONVOTRACE_ALERTS", str(path))
    assert [rule.name for rule in ct.ConvoTrace(store="memory:").settings.alerts] == ["dear"]


@pytest.mark.parametrize("content", [None, b"\xff\xfe", b"[[alert]]\n", b"x" * (2 << 20)])
def test_a_file_that_cannot_be_used_is_said_and_stops_no_app_that_did_not_name_it(
    tmp_path, monkeypatch, capsys, content
):
    path = tmp_path / "rules.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SettingsError, match=r"rules\.toml"):
        ct.ConvoTrace(store="memory:", alerts=[str(path)])
    monkeypatch.setenv("CONVOTRACE_ALERTS", str(path))
    made = ct.ConvoTrace(store="memory:")
    assert made.settings.alerts == () and "No rule is in force" in made.settings.warnings[-1]
    assert "CONVOTRACE_ALERTS" in capsys.readouterr().err


# Receivers that behave badly

NOTICE = Notice("errors", "alert", 1, 0.5, 0.2, "error_rate is 0.5", "ab12", ("s 1",))
RULE = ct.alert("errors", "errors", above=1)


class Raw:
    """A receiver that does with each connection as a test says."""

    def __init__(self, behave):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}/"
        self.came, self._connections = 0, []
        self._behave = behave
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.came += 1
            self._connections.append(connection)
            threading.Thread(target=self._one, args=(connection,), daemon=True).start()

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)  # else who accepts would do so for ever
        self.listener.close()
        for connection in self._connections:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:  # it is closed already
                pass

    def _one(self, connection):
        try:
            connection.recv(65536)
            self._behave(connection)
        except OSError:
            pass
        finally:
            connection.close()


def hangs(connection):
    connection.recv(1)


def trickles(connection):
    while True:
        connection.sendall(b"H")
        time.sleep(0.05)


def answers_a_gigabyte(connection):
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n")
    for _ in range(1 << 14):
        connection.sendall(b"x" * 65536)


def leads_to_link_local(connection):
    connection.sendall(b"HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\n\r\n")


def answers(connection):
    connection.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")


@pytest.mark.parametrize("behave", [hangs, trickles, answers_a_gigabyte, leads_to_link_local])
def test_a_bad_receiver_keeps_neither_the_rules_nor_another_receiver_waiting(monkeypatch, behave):
    # Who waits for the bad one waits so long.
    monkeypatch.setattr(webhooks, "TIMEOUT", float(PATIENCE))
    monkeypatch.setattr(webhooks, "ALL_IN_ALL", float(PATIENCE))
    bad, good = Raw(behave), Raw(answers)
    hooks = [webhooks.Webhook(one.url, allow_private=True) for one in (bad, good)]
    delivery = Delivery(hooks, None, "/_sessions", lambda _seconds: time.sleep(0.01))
    began = time.monotonic()
    for _ in range(5):
        delivery.tell(RULE, NOTICE)
    until(lambda: good.came == 5 and bad.came >= 1)
    assert time.monotonic() - began < PATIENCE / 2
    for one in (bad, good):
        one.close()


def test_a_receiver_that_answers_without_end_is_given_up(monkeypatch):
    monkeypatch.setattr(webhooks, "TIMEOUT", 5.0)
    monkeypatch.setattr(webhooks, "ALL_IN_ALL", 0.5)
    receiver = Raw(trickles)
    with pytest.raises(webhooks.NotDelivered, match="did not answer"):
        webhooks.post(webhooks.Webhook(receiver.url, allow_private=True), b"{}")
    receiver.close()
