"""A turn without a session id goes on with the one session that ends with its history; else it stays where it is."""

from dataclasses import replace

import pytest

from convotrace.insight.continuity import continued, ends_with, guessed, split_off
from convotrace.insight.history import exchange_hash, summed
from convotrace.model import (
    Change,
    Conversation,
    Event,
    Link,
    Payload,
    Request,
    Score,
    Session,
    SessionFacts,
    Stored,
    Target,
    Trace,
)

IDLE = 1_000


def turn(id, asked, answered, at, session="s", **fields):
    return Trace(id, session, is_turn=True, turn=1, started_ns=at, input=Payload(asked), output=Payload(answered),
                 **fields)  # fmt: skip


def talk(session, *turns, **fields):
    return Conversation(Session(session, session, **fields), tuple(replace(one, session_id=session) for one in turns))


class Shelf:
    """A lookup over conversations in memory; `told` is what they brought to their sessions."""

    def __init__(self, *conversations, home=None, told=()):
        self.conversations = conversations
        self._home = home
        self._told = dict(told)

    def home(self, trace):
        return self._home

    def session(self, session_id):
        return next((one for one in self.conversations if one.session.id == session_id), None)

    def whole(self, session_id):
        found = self.session(session_id)
        return [Stored(trace, *self._told.get(trace.id, ())) for trace in found.traces] if found else []

    def having_said(self, exchange, since_ns):
        return [
            one
            for one in self.conversations
            if one.traces[-1].started_ns >= since_ns
            and any(exchange_hash(turn.input.text, turn.output.text) == exchange for turn in one.traces)
        ]


HISTORY = (("user", "hi"), ("assistant", "hello"), ("user", "price?"), ("assistant", "5 euro"))
FIRST = turn("a", "hi", "hello", 100)
SECOND = turn("b", "price?", "5 euro", 200)
BEFORE = talk("s", FIRST, SECOND)
THIRD = turn("c", "thanks", None, 300, "c")
CHANGE = Change(SessionFacts("c", id_name="x", other_id="y"), THIRD)


def test_a_turn_goes_on_with_the_session_that_ends_with_its_history():
    change = continued(CHANGE, HISTORY, IDLE, Shelf(BEFORE))
    assert (change.session.id, change.session.id_source, change.session.id_name) == ("s", "history", None)
    assert change.session.other_id is None
    assert (change.trace.session_id, change.trace.id_source, change.trace.placed) == ("s", "history", True)
    assert change.moves == ()


SPACED = (("user", " h i"), ("assistant", "hel"), ("assistant", "lo\n"), ("user", "price ?"), ("assistant", "5 euro"))


def test_white_space_and_an_answer_in_pieces_do_not_count():
    assert continued(CHANGE, SPACED, IDLE, Shelf(BEFORE)).session.id == "s"


@pytest.mark.parametrize(
    ("history", "shelf"),
    [
        ((), Shelf(BEFORE)),
        ((("user", " "), ("assistant", "")), Shelf(BEFORE)),
        (HISTORY[2:], Shelf(talk("s", SECOND))),
        ((("user", "hi"), ("assistant", "hello"), ("user", "price?"), ("assistant", "6 euro")), Shelf(BEFORE)),
        ((("user", "other"), ("assistant", "hello"), *HISTORY[2:]), Shelf(BEFORE)),
        ((("user", "earlier"), ("assistant", "yes"), *HISTORY), Shelf(BEFORE)),
        (HISTORY, Shelf()),
        (HISTORY, Shelf(BEFORE, talk("t", FIRST, SECOND))),
        (HISTORY, Shelf(talk("s", FIRST, replace(SECOND, started_ns=301)))),
        (HISTORY, Shelf(talk("s", replace(FIRST, started_ns=-900), replace(SECOND, started_ns=-800)))),
    ],
    ids=["nothing sent", "blanks", "one message is no evidence", "another answer", "another beginning", "more before",
         "nothing stored", "two sessions", "a session of later", "a session that rested too long"],
)  # fmt: skip
def test_without_exactly_one_session_that_fits_a_turn_stays_where_it_is(history, shelf):
    assert continued(CHANGE, history, IDLE, shelf) is CHANGE


def of(user=None, client=None):
    return {"user_id": user, "request": Request("POST", "/", client=client)}


@pytest.mark.parametrize(
    ("stored", "known", "came", "goes_on"),
    [
        (of(client="c1"), None, of(client="c1"), True),
        (of(client="c1"), None, of(client="c2"), False),
        (of(), None, of(client="c2"), True),
        (of(), "ann", of("ann"), True),
        (of(), "ann", of("ben"), False),
        (of(), None, of("ben"), True),
        (of(), "ann", of(), True),
    ],
)
def test_neither_a_known_user_nor_a_known_client_may_differ(stored, known, came, goes_on):
    shelf = Shelf(talk("s", FIRST, replace(SECOND, **stored), user_id=known))
    change = continued(replace(CHANGE, trace=replace(THIRD, **came)), HISTORY, IDLE, shelf)
    assert (change.session.id == "s") is goes_on


def test_an_earlier_state_of_the_turn_keeps_its_place():
    assert continued(CHANGE, (), IDLE, Shelf(home="t")).session.id == "t"
    assert continued(CHANGE, HISTORY, IDLE, Shelf(BEFORE, home="c")) is CHANGE


def test_the_second_turn_that_was_no_evidence_is_taken_along_by_the_third():
    opening = talk("one", turn("a", "hi", "hello", 100))
    alone = talk("two", turn("b", "price?", "5 euro", 200, resent=summed(HISTORY[:2])), outcome="escalated", name="n")
    event, score = Event("handoff", 5), Score("x", "ok", "boolean", True, 5, Target("two"))
    shelf = Shelf(opening, alone, told={"b": ((event,), (score,))})
    change = continued(CHANGE, HISTORY, IDLE, shelf)
    facts, moved = change.moves
    assert (change.session.id, change.trace.session_id) == ("one", "one")
    assert (facts.session.id, facts.session.outcome, facts.session.name, facts.trace) == ("one", "escalated", "n", None)
    assert (moved.session.events, moved.session.scores) == ((event,), (score,))
    assert (moved.trace.id, moved.trace.session_id, moved.trace.placed) == ("b", "one", True)
    assert moved.takes == (alone.traces[0],)


@pytest.mark.parametrize("source", ["body", "split"])
def test_a_session_with_a_name_of_its_own_or_split_off_by_hand_keeps_its_beginning(source):
    opening = talk("one", turn("a", "hi", "hello", 100))
    second = turn("b", "price?", "5 euro", 200, resent=summed(HISTORY[:2]))
    change = continued(CHANGE, HISTORY, IDLE, Shelf(opening, talk("two", second, id_source=source)))
    assert (change.session.id, change.moves) == ("two", ())


def test_an_open_end_is_no_fact_of_a_session_that_is_taken_along():
    opening = talk("one", turn("a", "hi", "hello", 100))
    alone = talk("two", turn("b", "price?", "5 euro", 200, resent=summed(HISTORY[:2])))
    assert continued(CHANGE, HISTORY, IDLE, Shelf(opening, alone)).moves[0].session.outcome is None


def test_a_history_longer_than_a_session_fits_only_with_what_its_first_turn_sent_again():
    told = [("user", "hi"), ("assistant", "hello"), ("user", "price?"), ("assistant", "5euro")]
    assert ends_with(talk("s", replace(SECOND, resent=summed(told[:2]))), told)
    assert not ends_with(talk("s", replace(SECOND, resent=summed(told[:1]))), told)
    assert not ends_with(talk("s", SECOND), told)
    assert not ends_with(Conversation(Session("s", "s")), told)
    assert ends_with(BEFORE, told) and not ends_with(BEFORE, told[:2])


def test_a_change_without_a_trace_is_put_under_another_session_too():
    moved = guessed(Change(SessionFacts("c")), "s")
    assert (moved.session.id, moved.trace) == ("s", None)


def test_a_turn_is_split_off_with_all_that_came_after_it():
    third = turn("c", "more", "yes", 300, user_id="ann")
    event = Event("completion", 310)
    shelf = Shelf(talk("s", FIRST, replace(SECOND, user_id="ann"), third, environment="test", release="r1"),
                  told={"c": ((event,),)})  # fmt: skip
    change = split_off("s", "b", shelf)
    facts = change.session
    assert (facts.id, facts.id_source, facts.user_id, facts.environment) == ("b", "split", "ann", "test")
    assert (facts.release, facts.links, change.trace) == ("r1", (Link("s", "split_from"),), None)
    assert [(one.trace.id, one.trace.session_id, one.session.id_source) for one in change.moves] == [
        ("b", "b", "split"), ("c", "b", "split"),
    ]  # fmt: skip
    assert change.moves[1].session.events == (event,)


@pytest.mark.parametrize("trace_id", ["a", "unknown"])
def test_nothing_is_split_where_nothing_stands_before(trace_id):
    assert split_off("s", trace_id, Shelf(BEFORE)) is None


def test_a_session_that_went_meanwhile_gives_no_environment_to_what_was_split_off():
    class Gone(Shelf):
        def session(self, session_id):
            return None

        def whole(self, session_id):
            return [Stored(trace) for trace in BEFORE.traces]

    facts = split_off("s", "b", Gone()).session
    assert (facts.id, facts.environment, facts.release) == ("b", None, None)
