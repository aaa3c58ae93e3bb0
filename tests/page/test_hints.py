"""Where a request was kept but not understood, its page says what to type."""

from dataclasses import replace

import pytest

from convotrace.model import Conversation, Payload, Request, Session, Span, Trace
from convotrace.page.hints import hint

POST = Request("POST", "/chat")
UNREAD = Trace("c" * 32, "s", status_code=200, request=POST, input=Payload(None, {"words": "hi"}))
UNANSWERED = replace(
    UNREAD, turn=1, is_turn=True, input=Payload("hi", {"message": "hi"}), output=Payload(None, {"x": "ho"})
)


def test_a_body_that_was_not_understood_is_told_how_to_name_its_fields():
    assert "input_text= and output_text=" in hint(UNREAD)


def test_an_answer_that_was_not_understood_is_told_so_alone():
    assert "output_text=" in hint(UNANSWERED) and "input_text=" not in hint(UNANSWERED)


QUIET = {
    "a GET": replace(UNREAD, request=Request("GET", "/chat")),
    "no JSON": replace(UNREAD, input=Payload(None, "hi")),
    "no body": replace(UNREAD, input=Payload()),
    "an answer alone": replace(UNREAD, output=Payload("ho", {})),
    "a trace by hand": replace(UNREAD, request=None),
    "the app's own spans": replace(UNREAD, spans=(Span("f" * 16, "c" * 32, "x"),)),
    "an answer awaited": replace(UNANSWERED, answer_ids=("m1",)),
    "a failure": replace(UNANSWERED, status="error"),
    "a refusal of the request": replace(UNANSWERED, status_code=422),
    "both known": replace(UNANSWERED, output=Payload("ho", {"x": "ho"})),
}


@pytest.mark.parametrize("trace", QUIET.values(), ids=QUIET)
def test_where_nothing_is_missing_nothing_is_said(trace):
    assert hint(trace) is None


@pytest.mark.parametrize("path", ["/s/s", f"/s/s/t/{'c' * 32}"])
def test_the_hint_stands_on_the_page_of_the_session_and_of_the_request(ask, new_house, path):
    house = new_house([Conversation(Session("s", "s"), (UNREAD,))])
    assert b"input_text= and output_text=" in ask(house, path).body


def test_a_session_whose_requests_were_understood_has_no_hint(ask, new_house, conversation):
    page = ask(new_house([conversation]), f"/s/{conversation.session.key}").body
    assert b"input_text=" not in page
