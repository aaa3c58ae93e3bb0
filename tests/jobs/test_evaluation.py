"""Evaluators: run beside the app when there is something to judge, once, whatever they do."""

import asyncio
import threading
import time

import pytest

import convotrace as ct
from convotrace.errors import SettingsError
from convotrace.jobs.evaluation import Round, evaluators_of
from convotrace.jobs.work import SECOND_NS
from convotrace.model import Change, Payload, Score, SessionFacts, Span, Target, Trace
from convotrace.store import Store
from tests.patience import PATIENCE

START = 1_700_000_000 * SECOND_NS
IDLE = 1800 * SECOND_NS


@pytest.fixture
def store():
    opened = Store.open("memory:")
    yield opened
    opened.close()


def add(store, number, session="s", **fields):
    spans = (Span(f"{number:016x}", f"{number:032x}", "look_up", "tool", started_ns=START),)
    fields = {
        "started_ns": START + number * SECOND_NS,
        "duration_ns": 1,
        "output": Payload(f"answer {number}"),
        **fields,
    }
    trace = Trace(f"{number:032x}", session, is_turn=True, input=Payload("q"), spans=spans, **fields)
    store.write([Change(SessionFacts(session), trace)], retry=True)


def run(store, *evaluators, at=60, rounds=1, made=None):
    made = made or Round(evaluators_of(evaluators), IDLE)
    for _ in range(rounds):
        made.run(store, START + at * SECOND_NS, lambda: True)
    return made


def results(store, session="s"):
    found = store.session(session)
    inside = [score for trace in found.traces for score in (*trace.scores, *(x for s in trace.spans for x in s.scores))]
    return [(score.name, score.value, score.reason) for score in (*found.scores, *inside)]


def test_turns_spans_and_silent_sessions_are_judged_once_however_often_it_looks(store):
    calls = []

    @ct.evaluator(on="turn")
    def turn(trace):
        calls.append(trace.id)
        return True

    @ct.evaluator(on="span", version="2")
    def span(one):
        return one.name == "look_up", "by its name"

    @ct.evaluator(on="session", after_idle=30)
    def session(conversation):
        return conversation.session.turns / 10

    add(store, 1), add(store, 2)
    run(store, turn, span, session, at=20)
    assert results(store) == [("turn", True, None), ("span", True, "by its name")] * 2
    run(store, turn, span, session, at=60, rounds=3)
    run(store, turn, span, session, at=60)
    assert results(store)[0] == ("session", 0.2, None) and len(results(store)) == 5 and len(calls) == 2


def test_a_session_that_resumes_is_judged_again_and_the_earlier_result_stays_with_the_turns_it_saw(store):
    @ct.evaluator(on="session", after_idle=30)
    def length(conversation):
        return conversation.session.turns

    add(store, 1)
    made = run(store, length)
    add(store, 2, started_ns=START + 90 * SECOND_NS)
    run(store, made=made, at=100)
    assert [(score.value, score.turns) for score in store.session("s").scores] == [(1, 1)]
    run(store, made=made, at=200)
    assert [(score.value, score.turns) for score in store.session("s").scores] == [(1, 1), (2, 2)]


def patient(function):
    return ct.evaluator(function, timeout=PATIENCE)


def test_what_goes_wrong_is_the_result_and_the_others_go_on(store):
    all_the_others_are_done = threading.Event()

    def sleeps(_turn):
        all_the_others_are_done.wait(PATIENCE)

    def raises(_turn):
        raise ValueError("no model")

    def nonsense(_turn):
        return object()

    def fine(_turn):
        return "good", "it is"

    async def waits(turn):
        await asyncio.sleep(0.01)
        return len(turn.output.text)

    add(store, 1)
    run(store, ct.evaluator(sleeps, timeout=0.2), *(patient(one) for one in (raises, nonsense, fine, waits)))
    all_the_others_are_done.set()
    found = {name: (value, reason) for name, value, reason in results(store)}
    assert found["sleeps"] == ("failed", "It had no answer after 0.2 s.")
    assert found["raises"] == ("failed", "It raised ValueError: no model")
    assert found["nonsense"][0] == "failed" and found["nonsense"][1].startswith("object came; an evaluator returns")
    assert (found["fine"], found["waits"]) == (("good", "it is"), (8, None))


def test_nothing_to_say_is_no_result_and_a_score_keeps_what_it_says(store):
    def own(turn):
        return Score("x", "y", "numeric", 0.5, 1, Target("elsewhere"), reason="so", passed=True)

    add(store, 1)
    run(store, lambda turn: None, own)
    (score,) = store.session("s").traces[0].scores
    assert (score.name, score.value, score.reason, score.passed, score.source) == ("own", 0.5, "so", True, "evaluator")
    assert score.target == Target("s", f"{1:032x}") and score.duration_ns > 0


def test_a_filter_and_a_share_choose_what_is_judged(store):
    for number in range(1, 41):
        add(store, number, f"s{number}")
    store.write([Change(SessionFacts("s1", tags=("vip",)))])
    run(store, ct.evaluator(lambda turn: True, name="vip", when="tag:vip"))
    run(store, ct.evaluator(lambda turn: True, name="half", sample=0.5))
    judged = {
        name: sum((name, True, None) in results(store, f"s{n}") for n in range(1, 41)) for name in ("vip", "half")
    }
    assert judged["vip"] == 1 and 5 < judged["half"] < 35


def test_a_running_turn_has_time_and_one_that_ended_just_now_too(store):
    store.put_worker(store.worker, {})
    add(store, 1, status="running", duration_ns=None)
    made = run(store, "answered")
    assert results(store) == []
    add(store, 1)
    run(store, made=made, at=1)
    assert results(store) == []
    run(store, made=made, at=3)
    assert results(store) == [("answered", True, None)]


def test_an_app_with_evaluators_finds_their_results_on_its_sessions(store_url):
    seen = threading.Event()

    @ct.evaluator
    def polite(turn):
        seen.set()
        return "please" in turn.input.text

    observer = ct.ConvoTrace(store=store_url, evaluators=[polite, "answered"])
    with observer.session("s"):
        ct.set_input("more, please"), ct.set_output("here")
    observer.flush()
    (_, work) = next(one for one in observer._writing._chores._works if "evaluation" in [j.name for j in one[1]._at])
    work.look(time.time_ns() + 60 * SECOND_NS)
    assert seen.is_set() and {name for name, _, _ in results(observer.store)} == {"polite", "answered"}
    observer.close()


def test_a_name_that_is_none_is_refused_with_those_there_are():
    with pytest.raises(SettingsError, match="There is no evaluator 'nope'; use one of answered,"):
        evaluators_of(["nope"])
    with pytest.raises(SettingsError, match="evaluators came as 5"):
        ct.ConvoTrace(evaluators=5, store="memory:")
    with pytest.raises(SettingsError, match="on came as 'day'"):
        ct.evaluator(on="day")
