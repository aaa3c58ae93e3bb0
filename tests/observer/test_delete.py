"""Deleting a session through the page of a real observer, also while one of its turns is on its way."""

import json

import pytest

import convotrace
from convotrace.page import PageRequest


@pytest.fixture
def observed(tmp_path):
    made = convotrace.ConvoTrace(store=f"sqlite:///{tmp_path}/s.db", token="t", rights=("read", "delete"))
    yield made
    made.close()


def say(observed, session, text):
    with observed.session(session):
        convotrace.set_input(text)


def ask(observed, path, method="GET"):
    headers = {"host": "app.example", "authorization": "Bearer t"}
    return observed.page(PageRequest(method, path, headers=headers))


def test_what_is_queued_is_written_first_and_goes_with_the_rest(observed, tmp_path):
    for number in range(5):
        say(observed, "gone", f"canary {number}")
    say(observed, "stays", "hello")
    answer = ask(observed, "/s/gone/delete", "POST")
    deleted = {"sessions": 1, "traces": 5, "spans": 0, "wiped": True, "leftover": None}
    assert json.loads(answer.body)["deleted"] == deleted
    assert ask(observed, "/s/gone").status == 404
    assert [s["id"] for s in json.loads(ask(observed, "/sessions.json").body)["sessions"]] == ["stays"]
    assert not any(b"canary" in file.read_bytes() for file in tmp_path.iterdir())
    (line,) = json.loads(ask(observed, "/health.json").body)["deletions"]
    assert (line["by"], line["action"], line["traces"]) == ("page", "forget session", 5)


def test_a_session_of_the_same_id_that_comes_later_is_a_new_one(observed):
    say(observed, "s", "before")
    ask(observed, "/s/s/delete", "POST")
    say(observed, "s", "after")
    assert [trace.input.text for trace in observed.store.session("s").traces] == ["after"]
