"""Answers that come on another request than their message, through every door."""

import time

import pytest

from tests.patience import until


def transcript(client):
    """Return the texts of each stored session's turns, and how many traces it holds."""
    found = [client.session(session.id) for session in client.sessions()]
    return [([(t.input.text, t.output.text) for t in one.traces if t.turn], len(one.traces)) for one in found]


@pytest.mark.parametrize("more", [{}, {"session_id": "s"}])
def test_a_post_and_a_poll_are_one_turn(client, more):
    client.post("/ask", {"message": "12345678", **more})
    for _ in range(3):
        client.get("/answers/m-12345678")
    assert transcript(client) == [([("12345678", None)], 1)]
    client.get("/answers/m-12345678?words=good%20day")
    client.get("/answers/m-12345678?words=good%20day")
    assert transcript(client) == [([("12345678", "good day")], 1)]
    (session,) = client.sessions()
    (trace,) = client.session(session.id).traces
    (span,) = trace.spans
    assert (session.turns, session.traces, session.spans, session.last_output) == (1, 1, 1, "good day")
    assert (span.kind, span.output, span.status) == ("http", "good day", "ok")
    assert trace.duration_ns == span.started_ns + span.duration_ns - trace.started_ns


@pytest.mark.parametrize("more", [{}, {"session_id": "s"}])
def test_a_post_and_a_stream_on_another_route_are_one_turn(client, more):
    for number in range(2):
        client.post("/ask", {"message": f"{number}", **more})
        client.get(f"/told/m-{number}?words=good%20day")
    told = sorted(turn for turns, _ in transcript(client) for turn in turns)
    assert told == [("0", "good day "), ("1", "good day ")]
    assert len(client.sessions()) == (1 if more else 2)


@pytest.mark.parametrize("path", ["/told/now?session_id=s", "/answers/now?session_id=s"])
def test_a_session_id_alone_ties_an_answer_to_the_last_turn_without_one(client, path):
    for number in range(2):
        client.post("/ask", {"message": f"{number}", "session_id": "s"})
        client.get(path)
        client.get(f"{path}&words=day{number}")
        client.get(f"{path}&words=day{number}")
    turns = [(trace.input.text, trace.output.text) for trace in client.session("s").traces if trace.turn]
    assert [(asked, said.strip()) for asked, said in turns if asked] == [("0", "day0"), ("1", "day1")]


def test_an_answer_fetched_from_another_worker_joins(door):
    one, two = door(), door()
    one.post("/ask", {"message": "12345678"})
    one.observer.flush()
    two.get("/told/m-12345678?words=good")
    assert transcript(two) == [([("12345678", "good ")], 1)]


def test_a_stream_that_the_client_left_says_so_in_its_turn(client):
    client.post("/ask", {"message": "1", "session_id": "s"})
    client.request("GET", "/told/m-1?words=a%20b%20c%20d%20e", leave_after=2)
    (trace,) = client.session("s").traces
    assert (trace.status, trace.output.text.startswith("a ")) == ("disconnected", True)


def test_a_get_that_nobody_awaits_stays_what_it_was(client):
    client.get("/answers/m-1?words=good%20day")
    assert client.sessions() == []
    client.get("/answers/m-1?words=good%20day&session_id=s")
    assert transcript(client) == [([], 1)]
    client.get("/told/m-2?words=good%20day&session_id=t")
    assert sorted(transcript(client)) == [([], 1), ([(None, "good day ")], 1)]


def test_an_answer_is_awaited_no_longer_than_a_session_is_active(door):
    client = door(idle_timeout=0.001)
    client.post("/ask", {"message": "1", "session_id": "s"})
    client.observer.flush()
    time.sleep(0.01)
    client.get("/answers/m-1?words=good%20day")
    assert transcript(client) == [([("1", None)], 1)]


def test_the_app_names_the_turn_itself(client):
    client.post("/chat", {"message": "hello", "session_id": "s", "user": "ann"})
    turn = client.session("s").traces[0]
    client.get(f"/late?turn={turn.id}&words=by%20hand")
    (trace,) = client.session("s").traces
    assert (trace.id, trace.input.text, trace.output.text) == (turn.id, "hello", "by hand")
    request = next(span for span in trace.spans if span.kind == "http")
    assert [span.name for span in trace.spans if span.parent_id == request.id] == ["fetch"]
    assert len(client.sessions()) == 1


@pytest.mark.parametrize("turn", ["f" * 32, "nonsense"])
def test_a_turn_that_is_not_there_changes_nothing(client, turn):
    client.get(f"/late?turn={turn}&words=by%20hand&session_id=s")
    assert [len(client.session(session.id).traces) for session in client.sessions()] == [1]


def test_an_answer_waits_for_a_turn_that_another_worker_writes_a_moment_later(door, monkeypatch):
    monkeypatch.setattr("convotrace.observer.late.PATIENCE", 10**12)
    one, two = door(), door()
    writer, held = one.observer.writer, []
    with monkeypatch.context() as patch:
        patch.setattr(writer, "put", lambda *queued, **options: held.append((queued, options)) or True)
        one.post("/ask", {"message": "12345678"})
    two.get("/told/m-12345678?words=good")
    until(lambda: two.observer.ledger.late)
    for queued, options in held:
        writer.put(*queued, **options)
    assert transcript(one) == [([("12345678", None)], 1)]
    assert transcript(two) == [([("12345678", "good ")], 1)]
