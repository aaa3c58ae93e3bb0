"""What is recorded goes to a backend once, in order, whatever the backend does meanwhile; time is an argument."""

from dataclasses import replace

import pytest

from convotrace.jobs import forwarding
from convotrace.jobs.forwarding import Forwarder, pause_after
from convotrace.jobs.otlp_client import Forward
from convotrace.model import Change, Payload, Score, SessionFacts, Span, Target, Trace
from convotrace.store import Store
from tests.backend import Backend

SECOND = 10**9
START = 1_790_000_000 * SECOND


@pytest.fixture
def backend():
    made = Backend()
    yield made
    made.close()


@pytest.fixture
def store(store_url):
    opened = Store.open(store_url)
    yield opened
    opened.close()


def turn(number, session="s", spans=1, **more):
    id = f"{number:032x}"
    made = tuple(Span(f"{number * 100 + n:016x}", id, "step", started_ns=START + number, duration_ns=5)
                 for n in range(1, spans + 1))  # fmt: skip
    more = {"is_turn": True, "duration_ns": SECOND, "input": Payload(f"question {number}"), **more}
    return Change(SessionFacts(session, "header"),
                  Trace(id, session, started_ns=START + number * SECOND, spans=made, **more))  # fmt: skip


class Machine:
    """One process that forwards, at whatever time a test says."""

    def __init__(self, store, to):
        self.store, self.to = store, to
        self.forwarder = Forwarder(to)

    def at(self, seconds):
        self.forwarder.run(self.store, START + seconds * SECOND, lambda: True)
        return self.store.outbox(self.to.target).state()


@pytest.fixture
def machine(store, backend):
    made = Machine(store, Forward(backend.url))
    made.at(0)
    return made


def test_what_is_recorded_arrives_once_and_grouped_by_its_session(machine, store, backend):
    store.write([turn(1), turn(2), turn(3, "other")])
    machine.at(10)
    machine.at(20)
    assert backend.sessions == {"s": ["question 1", "question 2"], "other": ["question 3"]}
    assert set(backend.spans.values()) == {1} and len(backend.requests) == 1
    method, path, headers = backend.requests[0]
    assert (method, path) == ("POST", "/v1/traces")
    assert (headers["Content-Encoding"], headers["Content-Type"]) == ("gzip", "application/json")


def test_what_was_recorded_before_the_target_was_named_stays_where_it_is(store, backend):
    store.write([turn(-100)])
    machine = Machine(store, Forward(backend.url))
    machine.at(0)
    machine.at(100)
    assert backend.requests == []


def test_another_process_goes_on_where_this_one_was(machine, store, backend, store_url):
    store.write([turn(1)])
    machine.at(10)
    other = Store.open(store_url)
    second = Machine(other, Forward(backend.url))
    other.write([turn(2)])
    second.at(20)
    machine.at(30)
    assert backend.sessions == {"s": ["question 1", "question 2"]} and set(backend.spans.values()) == {1}
    other.close()


def test_a_turn_that_runs_waits_and_one_of_a_process_that_is_gone_goes(machine, store, backend):
    store.put_worker(store.worker, {})
    store.write([turn(1, status="running", duration_ns=None), turn(2)])
    machine.at(10)
    assert backend.sessions == {"s": ["question 2"]}
    store.write([replace(turn(1), written_as="s")])
    machine.at(20)
    assert backend.sessions == {"s": ["question 1", "question 2"]}
    other = Store.open("memory:")
    other.write([turn(1, status="running", duration_ns=None)])
    lone = Machine(other, machine.to)
    lone.forwarder._begun(other.outbox(machine.to.target), START)
    assert len(other.outbox("x").waiting(0, START * 2, 10, {5})) == 1
    assert other.outbox("x").waiting(0, START * 2, 10, {other.worker}) == []
    other.close()


def test_spans_that_come_later_go_later_and_alone(machine, store, backend):
    store.write([turn(1, spans=1)])
    machine.at(10)
    store.write([replace(turn(1, spans=3), written_as="s")])
    machine.at(20)
    assert sorted(backend.spans) == sorted({*backend.spans}) and set(backend.spans.values()) == {1}
    assert len(backend.spans) == 4


def test_a_score_that_comes_later_goes_as_a_span_below_what_it_judges_and_once(machine, store, backend):
    store.write([turn(1)])
    machine.at(10)
    score = Score("5" * 32, "thumb", "boolean", True, START + 15 * SECOND, Target("s", f"{1:032x}"), "end_user")
    on_session = Score("6" * 32, "csat", "numeric", 4.0, START + 15 * SECOND, Target("s"), "annotator")
    store.write([Change(SessionFacts("s", scores=(score, on_session)))])
    for seconds in (20, 40, 60):
        machine.at(seconds)
    restarted = Machine(store, machine.to)
    restarted.at(80)
    talk = backend.store.session("s")
    assert [(s.id, s.value) for s in talk.traces[0].scores] == [("5" * 32, True)]
    assert [(s.id, s.value) for s in talk.scores] == [("6" * 32, 4.0)]
    assert set(backend.spans.values()) == {1} and len(backend.requests) == 2


@pytest.mark.parametrize("manner", [503, 429, 404, (302, {"Location": "/elsewhere"}), "mute", 500])
def test_a_backend_that_refuses_is_asked_again_later_and_nothing_is_lost(machine, store, backend, manner):
    backend.manner = manner
    store.write([turn(1), turn(2)])
    state = machine.at(10)
    assert state["failures"] == 1 and state["retry_ns"] > START + 10 * SECOND and "127.0.0.1" in state["error"]
    asked = len(backend.requests)
    machine.at(10)
    assert len(backend.requests) == asked and {path for _, path, _ in backend.requests} == {"/v1/traces"}
    backend.manner = "ok"
    state = machine.at(20)
    assert state["failures"] == 0 and backend.sessions == {"s": ["question 1", "question 2"]}


def test_a_backend_says_itself_when_it_wants_to_be_asked_again(machine, store, backend):
    backend.manner = (503, {"Retry-After": "120"})
    store.write([turn(1)])
    assert machine.at(10)["retry_ns"] == START + 130 * SECOND
    backend.manner = "ok"
    Machine(store, machine.to).at(129)
    assert backend.sessions == {}
    machine.at(131)
    assert backend.sessions == {"s": ["question 1"]}


def test_a_backend_that_is_down_for_hours_gets_all_of_it_when_it_is_back(machine, store, backend):
    backend.manner = 503
    for hour in range(6):
        store.write([turn(hour * 3600 + 1)])
        machine.at(hour * 3600 + 10)
    backend.manner = "ok"
    machine.at(8 * 3600)
    assert backend.sessions == {"s": [f"question {hour * 3600 + 1}" for hour in range(6)]}


def test_too_much_at_once_goes_in_parts(machine, store, backend):
    backend.manner = lambda spans: 413 if spans > 3 else "ok"
    store.write([turn(n, spans=2 if n != 5 else 9) for n in range(1, 9)])
    state = machine.at(30)
    assert len(backend.spans) == 7 * 3 + 10 and set(backend.spans.values()) == {1}
    assert (state["traces"], state["spans"], state["dropped"]) == (8, 31, 0)


def test_what_is_refused_for_good_is_left_out_alone_and_counted(machine, store, backend):
    bad = turn(3)
    backend.manner = lambda spans: "ok"
    real = forwarding.post

    def picky(to, body):
        if bad.trace.id.encode() in body:
            raise forwarding.NotTaken("127.0.0.1 answered 400", "bad", status=400)
        return real(to, body)

    forwarding.post = picky
    try:
        store.write([turn(1), turn(2), bad, turn(4)])
        state = machine.at(30)
    finally:
        forwarding.post = real
    assert backend.sessions == {"s": ["question 1", "question 2", "question 4"]}
    assert (state["dropped"], state["error"]) == (2, "127.0.0.1 answered 400")
    assert machine.at(40)["traces"] == state["traces"]


def test_one_turn_that_a_backend_always_fails_over_does_not_keep_the_others_for_ever(machine, store, backend):
    real = forwarding.post

    def breaking(to, body):
        if f"{1:032x}".encode() in body:
            raise forwarding.NotTaken("127.0.0.1 answered 500", "again", status=500)
        return real(to, body)

    forwarding.post = breaking
    try:
        store.write([turn(1), turn(2)])
        for n in range(15):
            machine.at(10 + n * 600)
    finally:
        forwarding.post = real
    assert backend.sessions == {"s": ["question 2"]}


def test_many_turns_go_in_batches_and_the_walk_ends(machine, store, backend):
    store.write([turn(n, session=f"s{n % 7}") for n in range(1, 1001)])
    state = machine.at(2000)
    assert state["traces"] == 1000 and sum(map(len, backend.sessions.values())) == 1000
    assert 3 <= len(backend.requests) <= 8


def test_pauses_grow_to_minutes_and_no_further():
    pauses = [pause_after(n) for n in range(1, 40)]
    assert pauses[0] <= 2 and max(pauses) <= 300 and min(pauses[10:]) >= 150
