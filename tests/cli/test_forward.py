"""`convotrace forward`: stored sessions to a backend, once, and again from where it stopped."""

import pytest

from tests.backend import Backend


@pytest.fixture
def backend():
    made = Backend()
    yield made
    made.close()


def test_all_sessions_arrive_and_a_second_run_sends_nothing(as_json, backend, names):
    sent = as_json("forward", "--to", backend.url)
    assert (sent["traces"], sent["spans"], sent["refused"]) == (4, 4, 0)
    assert backend.sessions == {name: [f"canary {name}"] for name in names()}
    assert as_json("forward", "--to", backend.url)["traces"] == 0
    assert as_json("forward", "--to", backend.url, "--again")["traces"] == 4
    assert as_json("forward", "--to", backend.url, "--dialect", "phoenix")["traces"] == 4


def test_a_filter_a_dialect_and_headers_are_taken(as_json, backend):
    sent = as_json(
        "forward", "--to", backend.url, "-q", "user:ann", "--dialect", "langfuse", "-H", "Authorization=Basic x"
    )
    assert sent["traces"] == 2 and set(backend.sessions) == {"new", "old"}
    assert backend.requests[0][2]["Authorization"] == "Basic x"


def test_a_backend_that_is_away_ends_it_with_1_and_the_next_run_goes_on(run, backend, monkeypatch):
    monkeypatch.setattr("convotrace.jobs.forwarding.SPANS_AT_ONCE", 1)
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    monkeypatch.setattr("convotrace.jobs.forwarding.batches.__defaults__", (1,))
    backend.manner = lambda spans: "ok" if len(backend.requests) < 3 else 503
    failed = run("forward", "--to", backend.url)
    assert failed.exit_code == 1 and "answered 503. What was sent before is noted" in failed.output
    assert len(backend.sessions) == 2
    backend.manner = "ok"
    assert run("forward", "--to", backend.url).exit_code == 0
    assert len(backend.sessions) == 4 and len(backend.requests) == 2 + 5 + 2


def test_a_wrong_key_is_not_tried_again_and_again(run, backend):
    backend.manner = 401
    failed = run("forward", "--to", backend.url)
    assert failed.exit_code == 1 and "answered 401; look at its address and headers" in failed.output
    assert len(backend.requests) == 1


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((), "Name where to send to"), (("--to", "localhost"), "is no address"),
        (("--to", "http://h", "-H", "x"), "A header came that is none"),
        (("--to", "http://h", "-q", "nope:1"), "nope"), (("--to", "http://h", "--dialect", "x"), "'x' is not one of"),
    ],
)  # fmt: skip
def test_wrong_use_is_one_sentence_and_2(run, arguments, sentence):
    result = run("forward", *arguments)
    assert result.exit_code == 2 and sentence in result.output and "Traceback" not in result.output


def test_what_a_backend_refuses_for_good_is_said(run, backend):
    backend.manner = 400
    result = run("forward", "--to", backend.url)
    assert result.exit_code == 1 and "4 spans were refused. It says: 127.0.0.1 answered 400" in result.output
