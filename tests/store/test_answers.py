"""A turn and the request that brought its answer, written in any states, batches and processes, are one turn."""

import subprocess
import sys
from dataclasses import replace
from functools import partial

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import convotrace
from convotrace.insight.continuity import split_off
from convotrace.insight.deciding import Clues, decided
from convotrace.model import Change, Payload, Score, SessionFacts, Target, Usage
from convotrace.store import Store

SECOND = 1_000_000_000


@pytest.fixture
def asked(make):
    """The states of a turn that goes on working after it promised an answer."""
    early = make.trace("s", at=0, output=Payload(None, {"id": "m-1"}), answer_ids=("m-1",), id_source="body")
    late = replace(early, spans=(make.span(id="d" * 16, trace_id=early.id, name="background"),))
    return [Change(SessionFacts("s", "body"), trace) for trace in (early, late)]


@pytest.fixture
def brought(make):
    """The states of the request that brings it."""
    call = make.span(kind="generation", usage=Usage(input=7, output=2))
    done = make.trace("own", at=3, input=Payload(), output=Payload("hello"), spans=(call,), id_source="none")
    running = replace(done, status="running", duration_ns=None, output=Payload("hel"), spans=())
    return [answer(trace) for trace in (replace(one, is_turn=True, session_id=one.id) for one in (running, done))]


def answer(trace, written_as=None):
    clues = Clues(60 * SECOND, wanted=("m-1",), answer=trace.output.text, span_id="e" * 16, alone=True)
    change = Change(SessionFacts(trace.session_id), trace, written_as)
    return replace(change, decide=partial(decided, clues, change))


def assert_one_turn(store, background):
    (session,) = store.sessions()
    (trace,) = store.session("s").traces
    assert (session.id, session.turns, session.traces, session.spans) == ("s", 1, 1, 2 + background)
    assert (session.input_tokens, session.output_tokens, session.last_output) == (7, 2, "hello")
    assert (trace.output.text, trace.duration_ns, trace.status) == ("hello", 4 * SECOND, "ok")
    assert {span.name for span in trace.spans} >= {"step"}
    assert ("background" in {span.name for span in trace.spans}) is background


# p and P: the turn's states; g and G: those of the request that brings the answer.
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(st.lists(st.sampled_from("PgG"), max_size=6), st.data())
def test_states_in_any_order_and_batches_are_one_turn(asked, brought, steps, data):
    store = Store.open("memory:")
    told = {"p": asked[0], "P": asked[1], "g": brought[0], "G": brought[1]}
    seen, changes = set(), []
    for step in ["p", *steps, "G"]:
        changes.append((step, step.lower() in seen))
        seen.add(step.lower())
    homes = {}
    while changes:
        size = data.draw(st.integers(1, len(changes)))
        batch = []
        for step, again in changes[:size]:
            written_as = homes.get(step.lower()) if again else None
            one = told[step]
            batch.append(answer(one.trace, written_as) if step in "gG" else replace(one, written_as=written_as))
        for (step, _), written in zip(changes[:size], store.write(batch), strict=True):
            homes[step.lower()] = written.session.id
        if data.draw(st.booleans()):
            store.write(batch, retry=True)
        changes = changes[size:]
    assert_one_turn(store, background=_latest(steps) == "P")
    store.close()


def _latest(steps):
    return next((step for step in reversed(steps) if step in "pP"), "p")


def test_scores_from_outside_stay_with_the_turn(memory, asked, brought):
    memory.write([asked[0]])
    score = Score("1", "stars", "numeric", 5, 6, Target("s", asked[0].trace.id))
    memory.write([Change(SessionFacts("s", scores=(score,)))])
    memory.write([brought[1]])
    assert [one.id for one in memory.session("s").traces[0].scores] == ["1"]


@pytest.mark.parametrize("known", [True, False])
def test_a_later_state_finds_its_turn_wherever_that_went(memory, make, asked, brought, known):
    running, done = (sure(change) for change in brought)
    memory.write([make.change("s", make.trace("s", at=-9)), asked[0]])
    (home,) = (written.session.id for written in memory.write([running]))
    memory.write([Change(SessionFacts("s"), decide=partial(split_off, "s", asked[0].trace.id))])
    memory.write([replace(done, written_as=home) if known else done], retry=not known)
    assert sorted(session.traces for session in memory.sessions()) == [1, 1]
    (turn,) = memory.session(asked[0].trace.id).traces
    assert (turn.output.text, turn.status, len(turn.spans)) == ("hello", "ok", 2)


def test_a_batch_that_is_tried_again_finds_its_turn_before_later_ones(memory, make, asked, brought):
    other = replace(asked[0], trace=replace(asked[0].trace, answer_ids=("m-2",)))
    memory.write([other])
    done = sure(brought[1])
    memory.write([done])
    # Another process tells late of a turn that began in between.
    memory.write([make.change("s", make.trace("s", at=2, output=Payload("well")))])
    memory.write([done], retry=True)
    assert [turn.output.text for turn in memory.session("s").traces] == ["hello", "well"]


def sure(change):
    """Return the change of a request that names the session itself."""
    return answer(replace(change.trace, session_id="s", id_source="header"))


def test_a_turn_that_promises_nothing_any_more_gets_nothing(memory, asked, brought):
    memory.write([asked[0]])
    memory.write([replace(asked[0], trace=replace(asked[0].trace, answer_ids=()), written_as="s")])
    memory.write([brought[1]])
    assert sorted(session.turns for session in memory.sessions()) == [1, 1]


SCRIPT = """
import sys
from functools import partial
from convotrace.insight.deciding import Clues, decided
from convotrace.model import Change, Payload, SessionFacts, Trace
from convotrace.store import Store

store = Store.open(sys.argv[1])
for line in sys.stdin:
    what, number = line.split()
    name = f"m-{number}"
    if what == "ask":
        trace = Trace(f"{int(number):032x}", "s", is_turn=True, started_ns=10**18, duration_ns=5, input=Payload(name),
                      answer_ids=(name,))
        store.write([Change(SessionFacts("s", "body"), trace)])
    else:
        id = f"{int(number) + 10**6:032x}"
        trace = Trace(id, id, is_turn=True, started_ns=10**18 + 9, duration_ns=5, output=Payload("re " + name))
        change = Change(SessionFacts(id), trace)
        clues = Clues(10**9, wanted=(name,), answer="re " + name, span_id=id[16:])
        store.write([Change(SessionFacts(id), trace, decide=partial(decided, clues, change))])
    print("done", flush=True)
"""


def test_an_answer_fetched_in_another_process_is_that_turns(store_url):
    root = convotrace.__file__.rsplit("/", 2)[0]
    command = [sys.executable, "-c", SCRIPT, store_url]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "env": {"PYTHONPATH": root}}
    workers = [subprocess.Popen(command, **pipes) for _ in range(2)]
    for number in range(1, 31):
        for worker, what in ((workers[number % 2], "ask"), (workers[1 - number % 2], "fetch")):
            worker.stdin.write(f"{what} {number}\n")
            worker.stdin.flush()
            assert worker.stdout.readline() == "done\n"
    for worker in workers:
        worker.communicate(timeout=60)
    store = Store.open(store_url)
    assert [session.turns for session in store.sessions()] == [30]
    assert all(trace.output.text == "re " + trace.input.text for trace in store.session("s").traces)
    store.close()
