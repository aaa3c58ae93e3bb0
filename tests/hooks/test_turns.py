"""One line a finished turn, only where asked, valid whatever the app's chain is."""

import json

import pytest
import structlog

from convotrace.hooks import turn_line, turns
from convotrace.hooks.structlog import configure_structlog
from convotrace.model import Span, Trace
from convotrace.settings import Settings

TRACE = Trace(
    id="a" * 32, session_id="a/b", status="ok", status_code=200, duration_ns=1_500_000, is_turn=True,
    spans=(Span(id="b" * 16, trace_id="a" * 32, name="x"),), user_id="ann\nÄ",
)  # fmt: skip


def settings(**options):
    return Settings.of(options, environ={})


def test_by_default_there_is_no_line(capsys):
    turn_line(settings(), TRACE)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("asked", ["setting", "ready chain"])
def test_where_asked_there_is_one_valid_json_line(capsys, asked):
    if asked == "ready chain":
        configure_structlog(json=True)
    turn_line(settings(log_turns=asked == "setting"), TRACE)
    (line,) = capsys.readouterr().out.splitlines()
    found = json.loads(line)
    assert (found["event"], found["session_id"], found["trace_id"]) == ("turn", "a/b", "a" * 32)
    assert (found["status"], found["duration_ms"], found["spans"], found["user_id"]) == ("ok", 1.5, 1, "ann\nÄ")
    assert "cost" not in found and "input_tokens" not in found and "page_url" not in found


def test_the_ready_chain_can_do_without_turns(capsys):
    configure_structlog(json=True, turns_too=False)
    turn_line(settings(), TRACE)
    assert capsys.readouterr().out == "" and not turns.wanted["by_chain"]


def test_the_line_leads_to_the_page_where_its_address_is_known(capsys):
    turn_line(settings(log_turns=True, page_url="https://shop.example/"), TRACE)
    url = json.loads(capsys.readouterr().out)["page_url"]
    assert url == f"https://shop.example/_sessions/s/~YS9i/t/{'a' * 32}"


def test_the_line_goes_through_the_apps_own_chain(capsys):
    structlog.configure(processors=[structlog.processors.KeyValueRenderer(key_order=["event", "status"])])
    turn_line(settings(log_turns=True), TRACE)
    assert capsys.readouterr().out.startswith("event='turn' status='ok'")


def test_a_chain_that_refuses_the_line_raises_nothing(capsys):
    structlog.configure(processors=[lambda *_: 1 / 0])
    turn_line(settings(log_turns=True), TRACE)
    assert capsys.readouterr() == ("", "")
