"""A turn without an id goes on with the session that ends with the history it sends again."""

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
from convotrace.insight.history import summed
from convotrace.model import Change, Payload, Request, Score, SessionFacts, Target
from convotrace.store import Store

SECOND = 1_000_000_000
IDLE = 1800 * SECOND
GREETING = ("assistant", "Hello, how can I help?")


class Client:
    """Sends its whole history with each message, as a page without a session id does."""

    def __init__(self, make, history=(), client="c", user=None, at=0):
        self.make, self.client, self.user, self.at = make, client, user, at
        self.history = list(history)
        self.turns = []

    def say(self, text, answer=None, after=10, **facts):
        self.at += after
        answer = answer or f"{text}?"
        trace = self.make.trace(
            at=self.at, input=Payload(text), output=Payload(answer), id_source="none", user_id=self.user,
            resent=summed(self.history), request=Request("POST", "/chat", client=self.client),
        )  # fmt: skip
        trace = replace(trace, session_id=trace.id)
        facts = {"id_source": "none", "user_id": self.user, **facts}
        change = Change(SessionFacts(trace.id, **facts), trace)
        clues = Clues(history=tuple(self.history) if self.asked >= 2 else (), idle_ns=IDLE)
        self.history += [("user", text), ("assistant", answer)]
        self.turns.append(trace.id)
        return deciding(change, clues) if clues else change

    @property
    def asked(self):
        return sum(role == "user" for role, _ in self.history)


def deciding(change, clues):
    return replace(change, decide=partial(decided, clues, change))


def later(change, written_as):
    """Return a change as it comes when its trace was written before."""
    own = replace(change, decide=None, written_as=written_as)
    return deciding(own, change.decide.args[0]) if change.decide else own


@pytest.fixture
def client(make):
    return Client(make)


def kept(store):
    """Return the turns of each session, by their ids."""
    return {frozenset(t.id for t in store.session(s.id).traces) for s in store.sessions()}


@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize("beginning", [(), (GREETING,)])
def test_a_conversation_that_sends_its_history_is_one_session(memory, make, together, beginning):
    client = Client(make, beginning)
    changes = [client.say(text) for text in ("one", "two", "three", "four")]
    for batch in [changes] if together else [[change] for change in changes]:
        memory.write(batch)
    (session,) = memory.sessions()
    assert (session.id, session.id_source, session.turns) == (client.turns[0], "history", 4)
    traces = memory.session(session.id).traces
    assert [trace.id for trace in traces] == client.turns
    assert [trace.id_source for trace in traces] == ["none", "history", "history", "history"]


def test_one_message_of_the_user_is_no_evidence(memory, client):
    memory.write([client.say("one"), client.say("two")])
    assert len(memory.sessions()) == 2


def test_the_session_may_have_an_id_of_its_own(memory, make, client):
    for number, text in enumerate(("one", "two")):
        trace = make.trace("s", at=number, input=Payload(text), output=Payload(f"{text}?"))
        memory.write([make.change("s", trace)])
        client.say(text)
    memory.write([client.say("three")])
    assert [(s.id, s.id_source, s.turns) for s in memory.sessions()] == [("s", "header", 3)]


def test_of_two_sessions_that_end_alike_none_is_guessed(memory, make):
    one, two = Client(make), Client(make)
    for client in (one, two):
        memory.write([client.say("a"), client.say("b"), client.say("c")])
    assert len(memory.sessions()) == 2
    memory.write([one.say("d")])
    assert len(memory.sessions()) == 3
    # It goes on alone, with all that it sent again as its beginning.
    memory.write([one.say("e")])
    assert sorted(session.turns for session in memory.sessions()) == [2, 3, 3]


@pytest.mark.parametrize(
    "other", [{"client": "other"}, {"user": "bob"}, {"at": 4000}, {"beginning": GREETING}, {"answer": "something else"}]
)
def test_another_client_user_time_or_word_is_another_conversation(memory, make, other):
    client = Client(make, user="ann")
    for text in ("one", "two", "three"):
        memory.write([client.say(text)])
    client.client, client.user = other.get("client", "c"), other.get("user", "ann")
    if "beginning" in other:
        client.history.insert(0, other["beginning"])
    if "answer" in other:
        client.history[1] = ("assistant", other["answer"])
    memory.write([client.say("four", after=other.get("at", 10))])
    assert sorted(session.turns for session in memory.sessions()) == [1, 3]


def test_many_conversations_that_begin_alike_stay_apart(memory, make):
    clients = [Client(make, [GREETING], client=None, at=n) for n in range(6)]
    for step in range(5):
        for number, client in enumerate(clients):
            memory.write([client.say("yes" if step == 1 else f"{step} of {number}", "Well.")])
    assert kept(memory) == {frozenset(client.turns) for client in clients}


def test_a_window_of_the_last_messages_is_enough(memory, client):
    for text in ("one", "two", "three", "four"):
        memory.write([client.say(text)])
    del client.history[:3]
    memory.write([client.say("five")])
    assert [session.turns for session in memory.sessions()] == [5]


@pytest.mark.parametrize("known", [True, False])
def test_a_later_state_of_a_guessed_turn_stays_where_it_is(memory, client, known):
    changes = [client.say(text) for text in ("one", "two", "three", "four")]
    (written,) = [memory.write([change]) for change in changes][-1]
    memory.write([later(changes[2], client.turns[0] if known else None)], retry=not known)
    # The turn that was taken along does not know of it.
    memory.write([later(changes[1], client.turns[1])])
    (session,) = memory.sessions()
    assert (session.id, session.turns) == (client.turns[0], 4)
    assert written.session.id == session.id


def test_what_a_session_was_told_comes_along(memory, client):
    first, second = client.say("one", name="n"), client.say("two", tags=("vip",), metadata={"plan": 1})
    memory.write([first, second])
    score = Score("1", "stars", "numeric", 5, 6, Target(client.turns[1], client.turns[1]))
    memory.write([Change(SessionFacts(client.turns[1], scores=(score,)))])
    memory.write([client.say("three")])
    (session,) = memory.sessions()
    assert (session.tags, session.metadata, session.name) == (("vip",), {"plan": 1}, "n")
    assert [one.id for one in memory.session(session.id).traces[1].scores] == ["1"]


def test_a_guess_may_be_split_and_both_parts_go_on_right(memory, client, make):
    changes = [client.say(text) for text in ("one", "two", "three", "four")]
    memory.write(changes)
    home, at = client.turns[0], client.turns[2]
    memory.write([Change(SessionFacts(home), decide=partial(split_off, home, at))])
    first, second = memory.session(home), memory.session(at)
    assert [trace.id for trace in first.traces] == client.turns[:2]
    assert [trace.id for trace in second.traces] == client.turns[2:]
    assert (first.session.turns, second.session.turns, second.session.id_source) == (2, 2, "split")
    assert first.session.last_output == "two?" and second.session.first_input == "three"
    assert [(x.session_id, x.relation) for x in second.session.links] == [(home, "split_from")]
    assert [(x.session_id, x.relation) for x in first.session.links] == [(at, "split_into")]
    # Later states stay, and what follows goes on with the part that was split off.
    memory.write([later(changes[3], home)])
    memory.write([client.say("five")])
    assert [memory.session(id).session.turns for id in (home, at)] == [2, 3]


def test_nothing_is_split_before_the_first_or_an_unknown_turn(memory, client):
    memory.write([client.say("one")])
    home = client.turns[0]
    for at in (home, "f" * 32):
        assert memory.write([Change(SessionFacts(home), decide=partial(split_off, home, at))]) == [None]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(st.lists(st.integers(0, 3), min_size=1, max_size=24), st.data())
def test_conversations_in_turns_and_batches_and_again_are_each_one_session(make, order, data):
    store = Store.open("memory:")
    clients = [Client(make, [GREETING] * (n % 2), client=f"c{n % 3}", at=n) for n in range(4)]
    changes = [clients[who].say(f"{who} {len(clients[who].turns)}") for who in order]
    while changes:
        size = data.draw(st.integers(1, len(changes)))
        store.write(changes[:size])
        if data.draw(st.booleans()):
            store.write(changes[:size], retry=True)
        changes = changes[size:]
    expected = set()
    for client in clients:
        whole = [client.turns] if len(client.turns) > 2 else [[turn] for turn in client.turns]
        expected |= {frozenset(part) for part in whole if part}
    assert kept(store) == expected
    for session in store.sessions():
        assert session.turns == session.traces == len(store.session(session.id).traces)
    store.close()


SCRIPT = """
import sys
from functools import partial
from convotrace.insight.deciding import Clues, decided
from convotrace.insight.history import summed
from convotrace.model import Change, Payload, SessionFacts, Trace
from convotrace.store import Store

store = Store.open(sys.argv[1])
for line in sys.stdin:
    talk, number = map(int, line.split())
    history = [(role, f"{role} {talk} {n}") for n in range(number) for role in ("user", "assistant")]
    id = f"{talk:016x}{number + 1:016x}"
    trace = Trace(id, id, is_turn=True, started_ns=10**18 + number * 10**9, duration_ns=1, resent=summed(history),
                  input=Payload(f"user {talk} {number}"), output=Payload(f"assistant {talk} {number}"))
    change = Change(SessionFacts(id), trace)
    clues = Clues(history=tuple(history) if number >= 2 else (), idle_ns=10**15)
    store.write([Change(SessionFacts(id), trace, decide=partial(decided, clues, change) if clues else None)])
    print("done", flush=True)
"""


def test_turns_of_one_conversation_in_several_processes_are_one_session(store_url):
    root = convotrace.__file__.rsplit("/", 2)[0]
    command = [sys.executable, "-c", SCRIPT, store_url]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "env": {"PYTHONPATH": root}}
    workers = [subprocess.Popen(command, **pipes) for _ in range(3)]
    for number in range(6):
        for talk in range(3):
            # Each turn in another process; the three write at the same time.
            workers[(talk + number) % 3].stdin.write(f"{talk} {number}\n")
        for worker in workers:
            worker.stdin.flush()
        for worker in workers:
            assert worker.stdout.readline() == "done\n"
    for worker in workers:
        worker.communicate(timeout=60)
    store = Store.open(store_url)
    assert sorted(session.turns for session in store.sessions()) == [6, 6, 6]
    assert store.integrity() == "ok"
    store.close()
