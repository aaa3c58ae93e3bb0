"""Alert rules on a real store: fired, told once across restarts, and delivered to addresses that behave badly."""

import hmac
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

import convotrace as ct
from convotrace.errors import SettingsError
from convotrace.insight.rules import Notice
from convotrace.jobs.alerts import Watch
from convotrace.jobs.delivery import Delivery, body_of
from convotrace.jobs.webhooks import NotDelivered, Webhook, post
from convotrace.jobs.work import SECOND_NS
from convotrace.model import Change, Payload, Score, SessionFacts, Target, Trace
from convotrace.store import Store
from tests.patience import PATIENCE, until

MINUTE_NS = 60 * SECOND_NS


@pytest.fixture
def store():
    opened = Store.open("memory:")
    yield opened
    opened.close()


def turns(store, number, at_ns, session="s", **fields):
    for _ in range(number):
        id = f"{time.perf_counter_ns():032x}"
        fields = {"duration_ns": 10**8, "output": Payload("a"), **fields}
        trace = Trace(id, session, is_turn=True, started_ns=at_ns, input=Payload("q"), **fields)
        store.write([Change(SessionFacts(session), trace)])


def test_an_error_rate_fires_once_names_its_sessions_and_recovers_across_restarts(store):
    rule, told, now = ct.alert("errors", "error_rate", above=0.2, window="60s"), [], time.time_ns()

    def watch():
        return Watch([rule], lambda _rule, notice: told.append(notice))

    turns(store, 4, now - SECOND_NS)
    watch().run(store, now, lambda: True)
    assert told == []
    turns(store, 4, now - SECOND_NS, "bad", errors=1, status="error")
    for _ in range(3):
        watch().run(store, now, lambda: True)
    (notice,) = told
    assert (notice.kind, notice.value, notice.threshold, notice.sessions) == ("alert", 0.5, 0.2, ("bad",))
    (incident,) = store.open_incidents()
    assert (incident.rule, incident.reason) == ("errors", "error_rate is 0.5, above 0.2")
    turns(store, 4, now + 10 * MINUTE_NS)
    watch().run(store, now + 10 * MINUTE_NS + SECOND_NS, lambda: True)
    assert [one.kind for one in told] == ["alert", "recovered"] and store.open_incidents() == ()
    assert store.incidents()[0].closed_ns == now + 10 * MINUTE_NS + SECOND_NS


def test_thumbs_down_in_a_window_are_counted(store):
    told, now = [], time.time_ns()
    watch = Watch([ct.alert("thumbs", "feedback_down", above=1)], lambda _rule, notice: told.append(notice.value))
    for number, value in enumerate([True, False, False]):
        score = Score(str(number), "feedback", "boolean", value, now - SECOND_NS, Target("s"), "end_user")
        store.write([Change(SessionFacts("s", scores=(score,)))])
        watch.run(store, now, lambda: True)
    assert told == [2]


def test_a_session_that_goes_wrong_alerts_once_while_it_runs(store):
    told, now = [], time.time_ns()
    rule = ct.session_alert("three failures", failures=3)
    for number in range(5):
        turns(store, 1, now - SECOND_NS + number, errors=1, status="error")
        Watch([rule], lambda _rule, notice: told.append(notice)).run(store, now, lambda: True)
    assert [(one.kind, one.sessions, one.reason) for one in told] == [("alert", ("s",), "3 errors in this session")]


def test_two_rules_of_one_name_and_what_is_no_rule_are_refused_at_the_call():
    rule = ct.alert("same", "cost", above=1)
    with pytest.raises(SettingsError, match="two rules named 'same'"):
        ct.ConvoTrace(store="memory:", alerts=[rule, rule])
    with pytest.raises(SettingsError, match="use a list of alert"):
        ct.ConvoTrace(store="memory:", alerts=["errors > 3"])


NOTICE = Notice("errors <!channel>", "alert", 1, 0.5, 0.2, "error_rate is 0.5", "ab12", ("s 1",))


def test_each_receiver_gets_the_form_it_knows_with_links_to_the_sessions():
    ours = body_of(Webhook("https://x.example/"), NOTICE, "https://app.example/_sessions")
    assert ours["links"] == ["https://app.example/_sessions/s/~cyAx"] and ours["incident"] == "ab12"
    slack = body_of(Webhook("https://x.example/", "slack"), NOTICE, None)
    assert slack == {"text": "*errors &lt;!channel&gt;* alert: error_rate is 0.5"}
    duty = body_of(Webhook("https://x.example/", "pagerduty", routing_key="R"), NOTICE, None)
    assert (duty["event_action"], duty["dedup_key"], duty["payload"]["severity"]) == (
        "trigger",
        "convotrace-ab12",
        "critical",
    )


class Receiver(HTTPServer):
    """Answers as a test says, and keeps what came."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.came, self.answers, self.left_alone = [], [], threading.Event()
        threading.Thread(target=self.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server_port}/hook?a=b"


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.came.append((self.path, dict(self.headers), body))
        status, headers, told = self.server.answers.pop(0) if self.server.answers else (204, {}, b"")
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        try:
            self.wfile.write(told)
        except OSError:
            self.server.left_alone.set()

    def log_message(self, *_args): ...


@pytest.fixture
def receiver():
    server = Receiver()
    yield server
    server.shutdown()
    server.server_close()


def test_a_body_is_signed_with_its_time(receiver):
    post(Webhook(receiver.url, secret="s3", allow_private=True), b'{"a": 1}', now=1_700_000_000)
    path, headers, body = receiver.came[0]
    signature = hmac.digest(b"s3", b"1700000000." + body, "sha256").hex()
    assert (path, headers["X-Convotrace-Signature"]) == ("/hook?a=b", f"t=1700000000,v1={signature}")


@pytest.mark.parametrize("url", [
    "http://127.0.0.1:1/", "http://localhost:1/", "http://[::1]:1/", "http://169.254.169.254/latest", "http://10.0.0.1/",
    "http://0.0.0.0/", "http://[::ffff:127.0.0.1]/", "http://2130706433/", "http://100.64.0.1/",
])  # fmt: skip
def test_no_address_of_a_private_network_is_connected_to(url):
    with pytest.raises(NotDelivered, match=r"private network|was not found") as raised:
        post(Webhook(url), b"{}")
    assert not raised.value.again or "not found" in str(raised.value)


def test_an_answer_that_leads_elsewhere_is_not_followed_and_one_without_end_is_not_read(receiver):
    receiver.answers = [(302, {"Location": "http://169.254.169.254/"}, b""), (200, {}, b"x" * (64 << 20))]
    hook = Webhook(receiver.url, allow_private=True)
    with pytest.raises(NotDelivered, match="answered 302"):
        post(hook, b"{}")
    post(hook, b"{}")
    assert receiver.left_alone.wait(PATIENCE) and len(receiver.came) == 2


def test_a_notice_is_tried_again_with_longer_pauses_and_then_let_go(receiver):
    pauses, done = [], threading.Event()
    receiver.answers = [(500, {}, b"")] * 2
    delivery = Delivery([Webhook(receiver.url, allow_private=True)], None, "/_sessions", pauses.append)
    delivery.tell(ct.alert("errors", "errors", above=1, notify=lambda _notice: done.set()), NOTICE)
    until(lambda: len(receiver.came) == 3)
    assert pauses == [1, 4] and done.wait(PATIENCE)
    assert json.loads(receiver.came[2][2])["rule"] == NOTICE.rule


def test_a_function_that_raises_and_a_full_queue_hurt_nobody(caplog):
    def breaks(_notice):
        raise RuntimeError("no")

    delivery = Delivery([], None, "/_sessions")
    delivery.tell(ct.alert("errors", "errors", above=1, notify=breaks), NOTICE)
    assert "alert errors <!channel>: alert" in caplog.text
