"""One id with two known users is two sessions, whoever writes first and however late the user is known."""

import subprocess
import sys
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import convotrace
from convotrace.model import Link, Score, Target
from convotrace.store import Store

OTHER = {"ann": "s~aaaaaaaa", "bob": "s~bbbbbbbb"}


@pytest.fixture
def of(make):
    """Make a change of a user under the id that all share."""

    def change(user, trace=None, **fields):
        trace = replace(trace or make.trace(), user_id=user)
        return make.change("s", trace, user_id=user, other_id=OTHER.get(user), **fields)

    return change


def turns(store):
    return {session.id: (session.user_id, session.turns) for session in store.sessions()}


@pytest.mark.parametrize("together", [True, False])
def test_the_second_user_of_an_id_has_a_session_of_their_own(memory, of, together):
    changes = [of("ann"), of(None), of("bob"), of("bob"), of("ann")]
    for batch in [changes] if together else [[change] for change in changes]:
        memory.write(batch)
    assert turns(memory) == {"s": ("ann", 3), OTHER["bob"]: ("bob", 2)}
    first, second = memory.session("s"), memory.session(OTHER["bob"])
    assert first.session.links == (Link(OTHER["bob"], "same_id"),)
    assert second.session.links == (Link("s", "same_id"),)
    assert "one_id_two_users" in {w.code for w in (*first.session.warnings, *second.session.warnings)}
    assert {trace.session_id for trace in second.traces} == {OTHER["bob"]}


def test_what_is_written_says_where_it_stands(memory, of):
    memory.write([of("ann")])
    (written,) = memory.write([of("bob")])
    assert (written.session.id, written.trace.session_id) == (OTHER["bob"], OTHER["bob"])


def test_a_user_who_becomes_known_later_takes_the_turn_along(memory, of, make):
    trace = make.trace()
    trace = replace(trace, scores=(Score("1", "good", "boolean", True, 5, Target("s", trace.id)),))
    memory.write([of("ann"), of(None, trace)])
    later = replace(of("bob", trace), written_as="s")
    memory.write([later])
    assert turns(memory) == {"s": ("ann", 1), OTHER["bob"]: ("bob", 1)}
    memory.write([replace(later, written_as=OTHER["bob"])])
    assert turns(memory) == {"s": ("ann", 1), OTHER["bob"]: ("bob", 1)}
    assert [score.id for score in memory.session(OTHER["bob"]).traces[0].scores] == ["1"]


def test_without_another_id_all_users_share_the_session(memory, of):
    memory.write([of("ann"), replace(of("bob"), session=replace(of("bob").session, other_id=None))])
    assert turns(memory) == {"s": ("ann", 2)}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from(["ann", "bob", None]), min_size=1, max_size=12), st.data())
def test_totals_are_right_in_any_order_and_batches(of, users, data):
    store = Store.open("memory:")
    changes = [of(user) for user in users]
    while changes:
        size = data.draw(st.integers(1, len(changes)))
        store.write(changes[:size])
        store.write(changes[:size], retry=True)
        changes = changes[size:]
    known = list(dict.fromkeys(user for user in users if user))
    expected = {"s": (known[0] if known else None, users.count(known[0]) + users.count(None) if known else len(users))}
    if len(known) == 2:
        # Whose turns came before any user was known, or whose user never is, stay in the first.
        expected[OTHER[known[1]]] = (known[1], users.count(known[1]))
    assert turns(store) == {id: found for id, found in expected.items() if found[1]}
    for session in store.sessions():
        assert len(store.session(session.id).traces) == session.traces
    store.close()


SCRIPT = """
import sys
from convotrace.model import Change, Payload, SessionFacts, Trace
from convotrace.store import Store

url, user = sys.argv[1:]
store = Store.open(url)
for number in range(40):
    trace = Trace(f"{ord(user):08x}{number:024x}", "s", is_turn=True, started_ns=10**18 + number, user_id=user,
                  input=Payload(user))
    store.write([Change(SessionFacts("s", "header", user_id=user, other_id="s~" + user), trace)])
"""


def test_users_of_several_processes_are_told_apart(store_url):
    command = [sys.executable, "-c", SCRIPT, store_url]
    root = convotrace.__file__.rsplit("/", 2)[0]
    running = [subprocess.Popen([*command, user], env={"PYTHONPATH": root}) for user in ("a", "b")]
    assert [process.wait(60) for process in running] == [0, 0]
    store = Store.open(store_url)
    found = [store.session(session.id) for session in store.sessions()]
    assert sorted(len(one.traces) for one in found) == [40, 40]
    assert all(len({trace.user_id for trace in one.traces}) == 1 for one in found)
    store.close()
