"""What an end user thinks of a turn, through every door: with its ticket, from anywhere, and in no other way."""

import json
import subprocess
import sys
import time

import pytest

import convotrace as ct


def ticket(client, session="s", **more):
    answered = client.post("/say", {"session_id": session, "message": "hi", "wants_ticket": True, **more})
    return answered.json["ticket"]


def judge(client, path="/_sessions/feedback", kind="application/json", **fields):
    raw = json.dumps(fields).encode()
    headers = [("content-type", kind), ("origin", "https://elsewhere.example"), ("sec-fetch-site", "cross-site")]
    return client.request("POST", path, raw, headers)


def scores(client, session="s"):
    return [(s.name, s.value, s.comment, s.source) for trace in client.session(session).traces for s in trace.scores]


def test_a_thumb_and_a_comment_stand_on_their_turn(client):
    token = ticket(client)
    assert judge(client, token=token, value=True).status == 204
    assert judge(client, token=token, value=False, comment="<b>no</b>", kind="text/plain;charset=UTF-8").status == 204
    assert scores(client) == [("feedback", True, None, "end_user"), ("feedback", False, "<b>no</b>", "end_user")]
    assert client.session("s").session.feedback == {"up": 0, "down": 1}


def test_a_wrong_ticket_another_turns_and_none_are_answered_like_any_wrong_path(client):
    token = ticket(client)
    wrong = client.get("/_sessions/nowhere")
    for given in (token[:-1] + ("0" if token[-1] != "0" else "1"), "", None, 5, [token]):
        answered = judge(client, token=given, value=True)
        assert (answered.status, answered.body) == (404, wrong.body) == (wrong.status, answered.body)
    assert scores(client) == []


def test_a_ticket_opens_nothing_else(client):
    token = ticket(client)
    for path in ("/_sessions/", "/_sessions/sessions.json", "/_sessions/feedback", "/_sessions/s/s.json"):
        assert client.get(f"{path}?token={token}").status == 404


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"value": None}, "value came as nothing"),
        ({"value": "x" * 200}, "value came as str"),
        ({"value": True, "comment": ["x"]}, "comment came as list"),
        ({"value": True, "comment": "x" * 4001}, "comment has 4,001 characters"),
    ],
)
def test_what_cannot_be_taken_is_said(client, fields, words):
    answered = judge(client, token=ticket(client), **fields)
    assert answered.status == 400 and words in answered.body.decode()


def test_a_body_too_large_and_too_many_judgements_are_refused(client):
    token = ticket(client)
    assert judge(client, token=token, value=True, comment="x" * 9000).status == 413
    assert [judge(client, token=token, value=True).status for _ in range(21)] == [204] * 20 + [429]
    assert judge(client, token=ticket(client), value=True).status == 204


def test_an_address_of_its_own_takes_judgements_and_hands_out_the_element(door):
    client = door(feedback_path="/thoughts")
    assert judge(client, "/thoughts", token=ticket(client), value=True).status == 204
    script = client.get("/thoughts")
    assert script.status == 200 and b"convotrace-feedback" in script.body and len(script.body) < 2048
    assert dict(script.headers)[b"cross-origin-resource-policy"] == b"cross-origin"
    assert scores(client) == [("feedback", True, None, "end_user")]


ELSEWHERE = """
import sys, convotrace
from convotrace.observer.house import House
print(House(convotrace.ConvoTrace(store=sys.argv[1], enabled=True)).trace_of_ticket(sys.argv[2]))
"""


def test_another_process_on_the_store_knows_the_ticket(store_url):
    observer = ct.ConvoTrace(store=store_url)
    with observer.session("s"):
        ct.set_input("hi")
        token, trace_id = ct.feedback_token(), ct.current_trace().id
    observer.close()
    found = subprocess.run([sys.executable, "-c", ELSEWHERE, store_url, token], capture_output=True, text=True)
    assert found.stdout.strip() == trace_id, found.stderr


def test_a_ticket_put_on_another_s_turn_and_one_sent_again_too_late_are_answered_like_any_wrong_path(
    client, monkeypatch
):
    ann, ben = ticket(client), ticket(client)
    key, at, _, signature = ann.split("-")
    grafted = "-".join((key, at, ben.split("-")[2], signature))
    wrong = client.get("/_sessions/nowhere")
    answered = judge(client, token=grafted, value=False)
    assert (answered.status, answered.body) == (404, wrong.body)
    assert judge(client, token=ann, value=True).status == 204
    real = time.time_ns
    monkeypatch.setattr("convotrace.observer.house.time_ns", lambda: real() + 8 * 86400 * 10**9)
    answered = judge(client, token=ann, value=False)
    assert (answered.status, answered.body) == (404, wrong.body)
    assert scores(client) == [("feedback", True, None, "end_user")]
