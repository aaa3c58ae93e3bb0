"""Hooks and budgets behind every door: they see the session's totals, and act; no answer suffers from them."""

import asyncio
import io
import threading
import time

import pytest

import convotrace as ct
from convotrace.capture import acting as face
from convotrace.wsgi import ConvoTraceMiddleware as WSGI
from tests.patience import until

NAMED = [("x-session-id", "s1")]


@pytest.fixture(autouse=True)
def no_hooks_are_left():
    yield
    face.HOOKS.clear()


def chat(client, text="hi", **named):
    return client.post("/chat", {"message": text, "user": "ann", **named})


def events(client, session_id="s1"):
    return [(event.name, event.attributes) for trace in client.session(session_id).traces for event in trace.events]


def test_a_hook_is_called_before_each_turn_with_what_the_session_has_come_to(door):
    client, seen = door(hook_timeout=5), []
    client.observer.on_turn(lambda turn: seen.append((turn.when, turn.session_id, turn.totals, turn.body)))
    for _ in range(3):
        chat(client, session_id="s1")
    assert [(when, session) for when, session, *_ in seen] == [("before", "s1")] * 3
    assert [(t.turns, t.tokens, t.tool_calls, t.repeated_calls) for _, _, t, _ in seen] == [
        (0, 0, 0, 0), (1, 14, 1, 1), (2, 28, 2, 2),
    ]  # fmt: skip
    assert [round(totals.cost, 6) for *_, totals, _ in seen] == [0, 0.001, 0.002]
    assert all(body["session_id"] == "s1" for *_, body in seen)


def test_a_hook_refuses_with_an_answer_of_its_own_and_the_app_is_not_called(door):
    client = door(session_id=lambda request: request.headers.get("x-chat"), hook_timeout=5)
    client.observer.on_turn(lambda turn: turn.refuse({"reply": "no more today"}, status=429))
    answer = client.post("/boom", {"message": "hi"}, headers=[("x-chat", "s1")])
    assert (answer.status, answer.json, answer.error) == (429, {"reply": "no more today"}, None)
    told = {name.decode(): value.decode() for name, value in answer.headers}
    assert (told["content-type"], told["content-length"]) == ("application/json", str(len(answer.body)))
    (trace,) = client.session("s1").traces
    assert (trace.status_code, trace.input.text, trace.output.text) == (429, "hi", "no more today")
    assert [(event.name, event.attributes["by"]) for event in trace.events] == [("turn.refuse", "<lambda>")]


@pytest.mark.parametrize(
    ("answer", "kind", "body"),
    [("Enough.", "text/plain; charset=utf-8", b"Enough."), (b"\x00\x01", "application/octet-stream", b"\x00\x01")],
)
def test_a_refusal_may_be_a_text_or_bytes(door, answer, kind, body):
    client = door(hook_timeout=5)
    client.observer.on_turn(lambda turn: turn.refuse(answer, status=403))
    found = client.post("/chat", {"message": "hi"}, headers=NAMED)
    told = {name.decode(): value.decode() for name, value in found.headers}
    assert (found.status, found.body, told["content-type"]) == (403, body, kind)


def test_a_refusal_that_comes_when_the_body_was_read_is_advice_to_the_app(door):
    client, found = door(hook_timeout=5), []
    client.observer.on_turn(lambda turn: turn.refuse({"reply": "no"}))
    client.observer.on_turn(lambda turn: found.append(turn.session_id))
    answer = chat(client, session_id="s1")
    assert (answer.status, answer.json) == (200, {"reply": "echo: hi"})
    assert found == ["s1"]
    assert ("turn.refuse", {"by": "<lambda>", "status": 429, "too_late": True}) in events(client)
    assert client.observer.health()["acting"]["too late"] == 1


def test_a_hook_that_raises_or_hangs_leaves_the_answer_as_it_was(door):
    client, bare, release = door(hook_timeout=0.1), door(), threading.Event()

    @client.observer.on_turn
    def hangs(turn):
        release.wait(60)
        turn.refuse({"reply": "never"})

    @client.observer.on_turn
    def raises(turn):
        turn.stop("half way")
        raise SystemExit("no luck")

    began = time.monotonic()
    answers = [client.post("/chat", {"message": "hi"}, headers=NAMED) for _ in range(7)]
    assert time.monotonic() - began < 30
    release.set()
    plain = bare.post("/chat", {"message": "hi"}, headers=[("x-session-id", "s2")])
    assert {(answer.status, answer.body) for answer in answers} == {(plain.status, plain.body)}
    assert all(answer.headers == plain.headers for answer in answers if "date" not in dict(answer.headers))
    assert not [name for name, _ in events(client) if name in ("turn.stop", "turn.refuse")]
    counted = client.observer.health()["acting"]
    # On a busy machine one that raises may also come too late.
    assert counted["failed"] + counted["timed out"] + counted["passed over"] == 14
    assert counted["timed out"] >= 4 and counted["passed over"] >= 3
    assert client.observer.health()["hooks"]["on_turn raises"] >= 1


def test_an_async_hook_runs_in_the_loop_of_the_app_and_is_not_waited_for_for_long(door):
    client, seen = door(hook_timeout=1), []

    @client.observer.on_turn
    async def quick(turn):
        await asyncio.sleep(0)
        seen.append(turn.totals.turns)

    @client.observer.on_turn
    async def slow(turn):
        await asyncio.sleep(60)

    began = time.monotonic()
    assert client.post("/chat", {"message": "hi"}, headers=NAMED).json == {"reply": "echo: hi"}
    assert time.monotonic() - began < 30
    until(lambda: seen == [0])
    assert client.observer.health()["acting"]["timed out"] == 1


def test_a_hook_after_the_turn_hands_the_session_over(door):
    client = door()
    client.observer.on_turn(lambda turn: turn.hand_over("billing", "asked for it"), when="after")
    client.post("/say", {"message": "hi", "session_id": "s1"})
    until(lambda: client.session("s1").session.outcome == "escalated")
    (event,) = client.session("s1").events
    assert (event.name, event.attributes["team"], event.attributes["text"]) == ("handoff", "billing", "asked for it")


def test_a_budget_acts_without_a_hook(door):
    budgets = [
        ct.budget("dear", cost=0.002, action="advise", values={"model": "small"}, notice="A smaller model answers."),
        {"name": "enough", "turns": 3, "action": "refuse", "answer": {"reply": "Come back tomorrow."}},
    ]
    client = door(budgets=budgets)
    answers = [client.post("/chat", {"message": "hi"}, headers=NAMED) for _ in range(4)]
    assert [answer.status for answer in answers] == [200, 200, 200, 429]
    assert answers[3].json == {"reply": "Come back tomorrow."}
    told = [name for name, _ in events(client) if name != "completion"]
    assert told == ["turn.notice", "turn.advise", "turn.notice", "turn.advise", "turn.refuse"]


def test_a_decorator_of_the_face_reaches_every_app_of_the_process(door):
    one, two, seen = door(hook_timeout=5), door(hook_timeout=5), []

    @ct.on_turn(when="before", name="both")
    def hook(turn):
        seen.append(turn.session_id)

    chat(one, session_id="a")
    chat(two, session_id="b")
    assert seen == ["a", "b"]


def test_a_request_that_reads_is_not_asked_about(door):
    client, seen = door(), []
    client.observer.on_turn(lambda turn: seen.append(turn))
    client.get("/history?session_id=s1")
    assert not seen


def test_many_requests_of_one_session_at_once_are_all_counted(door):
    client, seen = door(hook_timeout=5), []
    client.observer.on_turn(lambda turn: seen.append(turn.totals.turns))
    threads = [threading.Thread(target=chat, args=(client,), kwargs={"session_id": "s1"}) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    chat(client, session_id="s1")
    assert seen[-1] == 12


class Ends(BaseException):
    """What a server or a greenlet's own time limit ends the work of a request with."""


@pytest.mark.parametrize("named", [True, False])
def test_what_ends_the_work_of_a_request_while_it_waits_for_a_hook_passes_through(store_url, monkeypatch, named):
    def ends(*_):
        raise Ends

    def app(environ, start_response):
        environ["wsgi.input"].read()
        start_response("200 OK", [])
        return [b"never"]

    observer = ct.ConvoTrace(store=store_url)
    observer.on_turn(lambda turn: None)
    monkeypatch.setattr("convotrace.observer.acting.act.wait", ends)
    monkeypatch.setattr("convotrace.observer.acting.calling.wait", ends)
    environ = {"REQUEST_METHOD": "POST", "PATH_INFO": "/chat", "CONTENT_TYPE": "application/json",
               "CONTENT_LENGTH": "16", "wsgi.input": io.BytesIO(b'{"message": "x"}'),
               **({"HTTP_X_SESSION_ID": "s"} if named else {})}  # fmt: skip
    with pytest.raises(Ends):
        WSGI(app, convotrace=observer)(environ, lambda *_: None)
    assert observer.ledger.open == {}
    observer.close()
