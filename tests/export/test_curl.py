"""The request of a turn as a command: a shell sends the same again, and nothing in it is obeyed."""

from __future__ import annotations

import json
import shlex

import pytest

from convotrace.export.curl import as_curl
from convotrace.model import Payload, Request, Trace

BASE = "http://app.example:8000"


def _curl(body=None, method="POST", path="/chat", query=None, **headers):
    request = Request(method, path, query or {}, headers)
    return as_curl(Trace("a" * 32, "s", request=request, input=Payload(None, body)), BASE)


def _words(command):
    return shlex.split(command.replace(" \\\n", " "))


def test_the_request_is_told_as_it_came():
    words = _words(_curl({"message": "Hi"}, query={"a": "1 2"}, **{"content-type": "application/json"}))
    assert words[:2] == ["curl", f"{BASE}/chat?a=1+2"]
    assert words[2:] == ["-H", "content-type: application/json", "--data-raw", '{"message":"Hi"}']


def test_what_was_not_stored_is_asked_of_the_environment():
    command = _curl({"a": 1}, authorization="[redacted]", host="app", **{"content-length": "9"})
    assert """-H 'authorization: '"$AUTHORIZATION" """.strip() in command
    assert "host" not in command and "content-length" not in command


@pytest.mark.parametrize(("method", "body", "flag"), [("GET", None, False), ("POST", {}, False), ("PUT", {}, True)])
def test_the_method_is_named_where_curl_would_guess_another(method, body, flag):
    assert ("-X" in _curl(body, method)) == flag


def test_a_form_is_sent_as_a_form():
    words = _words(_curl({"message": "a b"}, **{"content-type": "application/x-www-form-urlencoded"}))
    assert words[-1] == "message=a+b"


@pytest.mark.parametrize("text", ["'; rm -rf ~; '", "$(reboot)", "`id`", "a\nb", "\x1b[31m", "\u202ex", "\ud800"])
def test_no_text_leaves_its_quotes_or_reaches_the_terminal_unseen(text):
    command = _curl({"m": text}, path=f"/{text}", **{"x-a": text})
    assert not set(command) & set("\x1b\u202e\ud800")
    assert json.loads(_words(command)[-1])["m"].replace("\\u202e", "\u202e") is not None
    assert _words(command)[0] == "curl" and len(_words(command)) == 6


def test_without_a_request_there_is_no_command():
    assert as_curl(Trace("a" * 32, "s"), BASE) is None
