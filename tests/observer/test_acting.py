"""What hooks and the app are told about a session: at hand in memory, exact here, fresh of other processes."""

import asyncio

import pytest

import convotrace as ct
from convotrace import asgi
from convotrace.capture import acting as face
from convotrace.errors import SettingsError
from tests.patience import until


@pytest.fixture
def observer(store_url):
    made = ct.ConvoTrace(store=store_url, hook_timeout=5)
    yield made
    face.HOOKS.clear()
    made.close()


def turn(observer, session_id="s1", calls=1, **usage):
    """Hold one turn with some tool calls, and return what the app was told at its end."""
    with observer.session(session_id):
        for _ in range(calls):
            with ct.tool("look", arguments={"b": 1, "a": 2}):
                pass
        if usage:
            with ct.generation("answer", model="m") as call:
                call.set_usage(**usage)
        return ct.advice(), ct.current_session().totals


def test_advice_says_nothing_outside_a_turn_and_without_hooks(observer):
    assert (ct.advice().stop, ct.advice().notices, ct.advice().get("model", "large")) == (False, (), "large")
    with observer.session("s1") as session:
        assert not ct.advice().stop and session.totals is None


def test_a_tool_loop_is_stopped_at_the_third_equal_call(observer):
    @observer.on_turn
    def loop(turn):
        if turn.running.repeated_calls >= 3:
            turn.stop("the same call, three times")

    told = []
    with observer.session("s1"):
        for number in range(5):
            with ct.tool("look", arguments={"order": 1}):
                pass
            told.append(ct.advice().stop)
            if number == 0:
                with ct.tool("look", arguments={"order": 2}):
                    pass
        assert ct.advice().reason == "the same call, three times"
    assert told == [False, False, True, True, True]
    (trace,) = observer.store.session("s1").traces
    assert [(e.name, e.attributes) for e in trace.events] == [
        ("turn.stop", {"by": "loop", "text": "the same call, three times"})
    ]


def test_what_hooks_say_is_heard_once_and_put_together(observer):
    @observer.on_turn
    def one(turn):
        turn.notice("Prices have changed.")
        turn.advise(model="small", temperature=0)

    @observer.on_turn
    def two(turn):
        turn.advise(model="tiny")
        turn.hand_over("billing")

    with observer.session("s1"):
        for _ in range(3):
            advice = ct.advice()
    assert (advice.notices, advice.get("model"), advice.get("temperature"), advice.team) == (
        ("Prices have changed.",), "tiny", 0, "billing",
    )  # fmt: skip
    found = observer.store.session("s1")
    assert [event.name for event in found.traces[0].events] == ["turn.notice", "turn.advise", "turn.advise"]
    assert found.session.outcome == "escalated"


def test_totals_of_this_process_are_exact_at_once_and_equal_what_is_stored(observer):
    observer.on_turn(lambda turn: None)
    for number in range(20):
        _, totals = turn(observer, calls=2, input=10, output=number, cost=0.01)
        assert (totals.turns, totals.tool_calls, totals.input_tokens) == (number, 2 * number + 2, 10 * number + 10)
    stored = observer.store.session("s1").session
    assert (totals.input_tokens, totals.output_tokens) == (stored.input_tokens, stored.output_tokens)
    assert totals.cost == pytest.approx(stored.cost)
    assert (totals.repeated_calls, totals.is_complete) == (40, True)
    _, again = turn(observer)  # after the writer has told what it found
    assert (again.turns, again.tool_calls, again.output_tokens) == (20, 41, stored.output_tokens)


@pytest.mark.parametrize("arguments", [{"q": 1, "password": "hunter2"}, {"to": "ann@example.com"}])
def test_calls_whose_arguments_are_redacted_stay_equal_when_they_are_stored(store_url, arguments):
    made = ct.ConvoTrace(store=store_url, redact="email")
    made.on_turn(lambda turn: None)
    for number in range(3):
        with made.session("s1"):
            for _ in range(2):
                with ct.tool("look", arguments=arguments) as tool:
                    tool.error(f"no access for {arguments}")
            totals = ct.current_session().totals
        made.flush()
        assert (totals.tool_calls, totals.repeated_calls, totals.same_failures) == (2 * number + 2,) * 3
    made.close()


def test_turns_of_another_process_count_within_a_second(observer, store_url):
    observer.on_turn(lambda turn: None)
    turn(observer, input=10, output=1)
    other = ct.ConvoTrace(store=store_url)
    for _ in range(3):
        turn(other, input=100, output=2)
    other.flush()
    until(lambda: observer.acting().known.totals("s1", observer_nothing()).turns == 4)
    found = observer.acting().known.totals("s1", observer_nothing())
    other.close()
    assert (found.turns, found.input_tokens, found.output_tokens, found.repeated_calls) == (4, 310, 7, 4)


def observer_nothing():
    from convotrace.insight.spending import Spent

    return Spent()


def test_a_session_from_before_the_start_is_known_at_its_next_turn(observer, store_url):
    for _ in range(70):
        turn(observer, input=10, output=1)
    observer.close()
    observer.on_turn(lambda turn: None)
    _, totals = turn(observer, input=5, output=1)
    assert (totals.turns, totals.input_tokens, totals.output_tokens) == (70, 705, 71)
    _, totals = turn(observer)
    assert (totals.turns, totals.input_tokens) == (71, 705)


def test_failures_of_a_tool_and_errors_are_counted(observer):
    observer.on_turn(lambda turn: None)
    for _ in range(3):
        with observer.session("s1") as session:
            try:
                with ct.tool("pay", arguments={}):
                    raise ValueError("no luck")
            except ValueError:
                pass
            totals = session.totals
    assert (totals.errors, totals.same_failures, totals.repeated_calls) == (3, 3, 3)


def test_a_forked_child_begins_without_what_its_parent_knew(observer):
    observer.on_turn(lambda turn: None)
    turn(observer)
    observer.forget_open()
    assert not observer.acting().known.is_read("s1")


def test_messages_of_a_websocket_are_turns_that_hooks_are_asked_about(observer):
    seen, told = [], []
    observer.on_turn(lambda turn: (seen.append((turn.session_id, turn.totals.turns)), turn.notice("hello")))

    async def app(scope, receive, send):
        await receive()
        await send({"type": "websocket.accept"})
        for _ in range(3):
            await receive()
            told.append(ct.advice().notices)
            await send({"type": "websocket.send", "text": '{"reply": "yes"}'})

    frames = iter([{"type": "websocket.connect"}, *[{"type": "websocket.receive", "text": '{"message": "hi"}'}] * 3])

    async def receive():
        return next(frames)

    async def send(message):
        pass

    scope = {"type": "websocket", "path": "/ws", "query_string": b"session_id=s1", "headers": []}
    asyncio.run(asgi.ConvoTraceMiddleware(app, convotrace=observer)(scope, receive, send))
    assert [one for one in seen if one == ("s1", 0)]
    assert [turns for _, turns in seen][-1] == 2
    assert told == [("hello",)] * 3


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (lambda: ct.budget("b"), "has no limit"),
        (lambda: ct.budget("b", cost=-1), "cost=-1"),
        (lambda: ct.budget("b", cost=1, action="explode"), "use one of notice"),
        (lambda: ct.budget("b", cost=1, action="advise"), "values="),
        (lambda: ct.budget("b", cost=1, action="notice"), "notice="),
        (lambda: ct.budget("b", cost=1, action="refuse", answer=object()), "no JSON, text or bytes"),
        (lambda: ct.budget("b", cost=1, action="refuse", status=99), "use 200 to 599"),
        (lambda: ct.budget("b", cost=1, action="refuse", content_type="a\r\nb"), "content_type"),
        (lambda: ct.ConvoTrace(store="memory:", budgets=[{"cots": 1}]), "cots"),
        (lambda: ct.ConvoTrace(store="memory:", budgets=[3]), "use a list of budget"),
        (lambda: ct.on_turn(when="never"), "before or after"),
        (lambda: ct.on_turn("no function"), "use a function"),
    ],
)
def test_what_is_wrong_with_a_hook_or_budget_is_said_at_the_call(wrong, words):
    with pytest.raises(SettingsError, match=words):
        wrong()


def test_a_long_session_of_this_process_alone_is_not_read_again_and_again(observer, monkeypatch):
    observer.on_turn(lambda turn: None)
    for _ in range(60):
        with observer.session("s1"):
            pass
    known = observer.acting().known
    observer.flush()
    known.read("s1")  # of sixty turns ten are sums by now
    read = []
    monkeypatch.setattr(known, "_stored", lambda session_id: read.append(session_id))
    for number in range(3):
        _, totals = turn(observer, input=10, output=1)
        assert totals.input_tokens == 10 * (number + 1)
        observer.flush()
        known.refresh()
    assert read == []


def test_a_long_session_that_another_process_goes_on_with_is_read_again(observer, store_url):
    observer.on_turn(lambda turn: None)
    for _ in range(60):
        turn(observer, input=10, output=1)
    observer.flush()
    known = observer.acting().known
    known.read("s1")
    other = ct.ConvoTrace(store=store_url)
    turn(other, input=1000, output=1)
    other.close()
    known.refresh()
    totals = known.totals("s1", observer_nothing())
    assert (totals.turns, totals.input_tokens, totals.output_tokens) == (61, 1600, 61)
