"""`sample` keeps a share of the sessions, each whole or not at all, and never what failed or was judged."""

import pytest

import convotrace as ct
from convotrace.identity import Incoming
from convotrace.model import Change, SessionFacts, Trace

SESSIONS = [f"s{number}" for number in range(200)]


@pytest.fixture
def observe(store_url):
    made = []

    def one(**options):
        made.append(ct.ConvoTrace(**{"store": store_url, **options}))
        return made[-1]

    yield one
    for observer in made:
        observer.close()


def turn(observer, session="s", status=200, **noted):
    trace = observer.begin(Incoming("POST", "/chat", "", [("x-session-id", session)], iter, {}))
    trace.respond(status, "application/json", True)
    trace.input_text = "hello"
    for name, value in noted.items():
        setattr(trace, name, value)
    observer.finish(trace)
    return trace


def kept(observer):
    return {session.id: session.turns for session in observer.store.sessions(limit=1000)}


def test_a_session_is_kept_whole_or_not_at_all_and_every_process_decides_alike(observe, store_url):
    first = observe(sample=0.3)
    for session in SESSIONS:
        turn(first, session)
    found = kept(first)
    assert 30 <= len(found) <= 90
    assert first.health()["sampled"] == len(SESSIONS) - len(found)
    first.close()  # what it counted is in the store by then, and not only once a second
    second = observe(sample=0.3)
    for session in SESSIONS:
        turn(second, session)
        turn(second, session)
    assert kept(second) == dict.fromkeys(found, 3)
    assert second.health()["requests"]["turns"] == 600


def test_a_greater_share_keeps_what_a_smaller_one_does(observe, tmp_path):
    observer = observe(sample=0.1)
    for session in SESSIONS:
        turn(observer, session)
    few = set(kept(observer))
    observer.close()
    observer = observe(sample=0.6)
    for session in SESSIONS:
        turn(observer, session)
    assert few < set(kept(observer))


def test_nothing_is_kept_of_no_share_and_all_of_the_whole(observe):
    none = observe(sample=0)
    turn(none)
    assert (kept(none), none.health()["sampled"]) == ({}, 1)
    every = observe(store="memory:")
    turn(every)
    assert (kept(every), every.health()["sampled"]) == ({"s": 1}, 0)


def test_an_error_keeps_its_session_from_that_turn_on(observe):
    observer = observe(sample=0)
    turn(observer)
    turn(observer, status=500)
    turn(observer)
    turn(observer, "other")
    assert kept(observer) == {"s": 2}


def test_a_score_keeps_its_session_from_that_turn_on(observe):
    observer = observe(sample=0)
    turn(observer)
    with observer.session("s"):
        ct.set_input("thanks")
        ct.feedback(True)
    turn(observer)
    assert kept(observer) == {"s": 2}
    assert observer.store.session("s").session.feedback == {"up": 1, "down": 0}


def test_a_running_turn_is_shown_only_where_its_session_is_kept(observe):
    observer = observe(sample=0)
    trace = observer.begin(Incoming("POST", "/chat", "", [("x-session-id", "s")], iter, {}))
    trace.input_text = "hello"
    trace.due = 0
    observer.flush()
    assert kept(observer) == {}
    trace.respond(200, "application/json", True)
    observer.finish(trace)
    assert (kept(observer), observer.health()["sampled"]) == ({}, 1)


def test_what_other_services_send_follows_the_session_that_it_is_found_to_be_of(observe):
    observer = observe(sample=0)

    def sent(number, session, **more):
        trace = Trace(f"{number:032x}", session, is_turn=True, started_ns=number, **more)
        return Change(SessionFacts("unknown yet"), trace, decide=lambda _: Change(SessionFacts(session), trace))

    assert observer.take([sent(1, "a"), sent(2, "b", errors=1), sent(3, "b"), sent(4, "a")], 100)
    assert (kept(observer), observer.health()["sampled"]) == ({"b": 2}, 2)


def test_parts_of_one_trace_that_are_united_are_left_out_as_one(observe):
    observer = observe(sample=0)
    trace = Trace("1".zfill(32), "a", is_turn=True, started_ns=1)
    whole = Change(SessionFacts("a"), trace)
    part = Change(SessionFacts("a"), trace, decide=lambda _: whole, unites=lambda earlier: part)
    assert observer.take([part, part], 100)
    assert (kept(observer), observer.health()["sampled"]) == ({}, 1)
