"""What becomes of a request: a turn, a folded trace of a session, or nothing."""

import pytest

from convotrace.model import SPAN_KINDS
from convotrace.recorder import OpenTrace, Verdict
from convotrace.recorder.open import UNSET

HTML = "text/html; charset=utf-8"
SSE = "text/event-stream"
ID = (("x-session-id", "s1"),)
LOGIN = (("cookie", "sessionid=abc"),)
OWN = (("cookie", "convotrace_session=abc"),)
FORM = {"name": "Ann", "email": "a@b.c", "message": "Call me back"}

TURN, FOLDED, NOTHING = Verdict.TURN, Verdict.FOLDED, Verdict.NO_SESSION

REQUESTS = {
    "a message alone": ({"asked": {"message": "hi"}}, TURN),
    "a message and a reply": ({"asked": {"message": "hi", "lang": "en"}, "answered": {"reply": "ho"}}, TURN),
    "an empty message": ({"asked": {"message": ""}}, TURN),
    "an empty reply": ({"asked": {"x": 1}, "answered": {"reply": ""}}, TURN),
    "both null": ({"asked": {"message": None}, "answered": {"reply": None}, "headers": ID}, FOLDED),
    "a null message with a reply": ({"asked": {"message": None}, "answered": {"reply": "ho"}}, TURN),
    "a reply to nothing known": ({"asked": {"x": 1}, "answered": {"answer": "ho"}}, TURN),
    "a contact form": ({"asked": FORM, "answered": {"ok": True}}, NOTHING),
    "a contact form answered by a page": ({"asked": FORM, "answered": b"<p>", "answered_type": HTML}, NOTHING),
    "a contact form of one logged in": ({"asked": FORM, "answered": {"ok": True}, "headers": LOGIN}, NOTHING),
    "a contact form after our own cookie": ({"asked": FORM, "answered": {"ok": True}, "headers": OWN}, NOTHING),
    "the same with a session id": ({"asked": FORM, "answered": {"ok": True}, "headers": ID}, TURN),
    "the same with a reply": ({"asked": FORM, "answered": {"reply": "We will."}}, TURN),
    "a search page": ({"method": "GET", "query": "query=shoes", "answered": b"<p>", "answered_type": HTML}, NOTHING),
    "a search page of one logged in": (
        {"method": "GET", "query": "query=shoes", "answered": b"<p>", "answered_type": HTML, "headers": LOGIN},
        NOTHING,
    ),
    "a GET with a message and a reply": ({"method": "GET", "query": "message=hi", "answered": {"text": "ho"}}, TURN),
    "a GET with a message and a session id": ({"method": "GET", "query": "message=hi", "headers": ID}, TURN),
    "a GET of data": ({"method": "GET", "answered": {"reply": "ho", "content": "x"}}, NOTHING),
    "a GET of a chat stream": (
        {"method": "GET", "answered": b'data: {"delta": "ho"}\n\n', "answered_type": SSE},
        TURN,
    ),
    "a GET of heartbeats": ({"method": "GET", "answered": b": x\n\ndata: 1\n\n", "answered_type": SSE}, NOTHING),
    "a poll of a session's history": ({"method": "GET", "answered": {"messages": []}, "headers": ID}, FOLDED),
    "a page": ({"method": "GET", "answered": b"<p>Hello</p>", "answered_type": HTML}, NOTHING),
    "a page of a session": ({"method": "GET", "answered": b"<p>", "answered_type": HTML, "headers": ID}, FOLDED),
    "a page of one logged in": (
        {"method": "GET", "answered": b"<p>", "answered_type": HTML, "headers": LOGIN},
        NOTHING,
    ),
    "a script": ({"method": "GET", "answered": b"x = 1", "answered_type": "text/javascript"}, NOTHING),
    "a plain text alone": ({"asked": b"hi", "content_type": "text/plain"}, NOTHING),
    "a plain text with a plain answer": (
        {"asked": b"hi", "content_type": "text/plain", "answered": b"ho", "answered_type": "text/plain"},
        TURN,
    ),
    "an upload": ({"asked": b"\x89PNG", "content_type": "image/png", "answered": {"ok": True}}, NOTHING),
    "a message of one logged in": ({"asked": {"message": "hi"}, "headers": LOGIN}, TURN),
    "nothing at all": ({}, NOTHING),
}


class Empty:
    """A store in which no answer is awaited."""

    def awaiting(self, names, since_ns):
        return []


@pytest.mark.parametrize(("exchange", "verdict"), REQUESTS.values(), ids=REQUESTS)
def test_a_request_is_a_turn_by_what_was_said(bench, exchange, verdict):
    found, change = bench.assemble(bench.exchange(**exchange))
    assert found is verdict
    written = change.decide(Empty()) if change is not None and change.decide is not None else change
    assert (written is None) == (verdict is NOTHING)
    assert change is None or change.trace.is_turn == (verdict is TURN)


@pytest.mark.parametrize("kind", SPAN_KINDS)
def test_a_request_is_a_turn_by_the_work_in_it(bench, kind):
    trace = bench.exchange({"x": 1}, {"y": 2})
    bench.work(trace, kind=kind)
    turn = kind in ("generation", "agent", "tool", "retrieval")
    assert bench.assemble(trace)[0] is (TURN if turn else NOTHING)


@pytest.mark.parametrize("field", ["input_text", "output_text"])
@pytest.mark.parametrize("text", ["said", "", None])
def test_a_request_is_a_turn_because_a_verb_says_so(bench, field, text):
    trace = bench.exchange({"x": 1}, {"y": 2})
    setattr(trace, field, text)
    verdict, change = bench.assemble(trace)
    assert verdict is TURN
    assert (change.trace.input if field == "input_text" else change.trace.output).text == text


def test_what_a_verb_says_wins_over_what_was_recognised(bench):
    trace = bench.exchange({"message": "body"}, {"reply": "body"})
    trace.input_text, trace.output_text = "verb", None
    found = bench.record(trace, input_text=lambda *_: "hook", output_text=lambda *_: "hook")
    assert (found.input.text, found.output.text) == ("verb", None)


HOOKED = [("hook", "hook"), ("", ""), (None, "body"), (5, "5"), (["a"], "['a']")]


@pytest.mark.parametrize(("returned", "text"), HOOKED)
def test_what_the_apps_own_reader_returns_wins_unless_it_is_none(bench, returned, text):
    trace = bench.exchange({"message": "body"}, {"reply": "body"})
    found = bench.record(trace, input_text=lambda *_: returned, output_text=lambda *_: returned)
    assert (found.input.text, found.output.text) == (text, text)


def test_a_form_is_a_turn_when_the_apps_own_reader_finds_a_message_in_it(bench):
    trace = bench.exchange(FORM, {"ok": True})
    assert bench.assemble(trace, input_text=lambda request, exchange: exchange.request_body["email"])[0] is TURN


def test_a_turn_without_an_id_is_a_session_of_its_own(bench):
    changes = [bench.assemble(bench.exchange({"message": "hi"}))[1] for _ in range(2)]
    for change in changes:
        assert (change.session.id, change.session.id_source) == (change.trace.id, "none")
        assert (change.trace.session_id, change.trace.id_source) == (change.trace.id, "none")
    assert changes[0].session.id != changes[1].session.id


def test_a_login_cookie_names_the_session_of_a_turn(bench):
    change = bench.assemble(bench.exchange({"message": "hi"}, headers=LOGIN))[1]
    assert (change.session.id_source, change.session.id_name) == ("cookie", "sessionid")
    assert "abc" not in change.session.id


def test_a_trace_is_homed_by_the_body_that_the_app_read(bench):
    change = bench.assemble(bench.exchange({"message": "hi", "chat_id": "c1"}))[1]
    assert (change.session.id, change.session.id_source, change.session.id_name) == ("c1", "body", "chat_id")
    assert change.trace.session_id == "c1"


def test_a_skipped_trace_is_nothing_though_it_was_a_turn(bench):
    trace = bench.exchange({"message": "hi"})
    trace.skipped = True
    assert bench.assemble(trace) == (Verdict.EXCLUDED, None)


def test_the_verdicts_have_the_names_health_counts_under():
    assert {verdict.value for verdict in Verdict} == {"turns", "folded", "no_session", "excluded"}


def test_a_trace_without_a_request_and_without_an_id_is_nothing(bench):
    trace = OpenTrace(None, 0)
    assert trace.input_text is UNSET
    assert bench.assemble(trace) == (NOTHING, None)
