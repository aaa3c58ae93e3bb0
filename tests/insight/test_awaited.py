"""An answer that another request brought stands in the turn that asked for it."""

from dataclasses import replace

import pytest

from convotrace.insight.deciding import Clues, decided
from convotrace.insight.places import kept
from convotrace.model import (
    Change,
    Conversation,
    Event,
    Failure,
    Payload,
    Request,
    Score,
    Session,
    SessionFacts,
    Span,
    Stored,
    Target,
    Trace,
)

SECOND = 1_000_000_000
TURN, PART = "a" * 32, "b" * 32
ASKED = Trace(
    TURN, "s", is_turn=True, id_source="body", started_ns=0, duration_ns=SECOND, first_byte_ns=5, input=Payload("hi"),
    output=Payload(None, {"id": "m-1"}), answer_ids=("m-1", "/answers/m-1"),
    request=Request("POST", "/ask", client="c"),
)  # fmt: skip
MODEL = Span("f" * 16, PART, "chat", kind="generation", started_ns=3 * SECOND)
ANSWER = Trace(
    PART, PART, "GET /answers/m-1", started_ns=2 * SECOND, duration_ns=3 * SECOND, first_byte_ns=SECOND,
    status_code=200, output=Payload("hello", ["body"]), spans=(MODEL,),
    request=Request("GET", "/answers/m-1", client="c"),
)  # fmt: skip
BY_ID = Clues(60 * SECOND, wanted=("answers", "m-1"), answer="hello", span_id="e" * 16, alone=False)
BY_VERB = Clues(60 * SECOND, continues=TURN, answer="hello", span_id="e" * 16, alone=False)


class Shelf:
    """A lookup over traces in memory."""

    def __init__(self, *traces):
        self.stored = [one if isinstance(one, Stored) else Stored(one) for one in traces]

    def traces(self, trace_id):
        return [one for one in self.stored if one.trace.id == trace_id]

    def awaiting(self, names, since_ns):
        return [
            one for one in self.stored if set(one.trace.answer_ids) & set(names) and one.trace.started_ns >= since_ns
        ]

    def home(self, trace):
        return None

    def session(self, session_id):
        turns = [one.trace for one in self.stored if one.trace.session_id == session_id and one.trace.is_turn]
        return Conversation(Session(session_id, session_id), tuple(sorted(turns, key=lambda one: one.started_ns)))


def told(clues, *stored, part=ANSWER):
    return decided(clues, Change(SessionFacts(part.session_id), part), Shelf(*stored))


@pytest.mark.parametrize("clues", [BY_ID, BY_VERB])
def test_a_turn_gets_the_answer_the_time_and_the_spans(clues):
    change = told(clues, Stored(ASKED, (Event("handoff", 1),)))
    turn = change.trace
    assert (change.session.id, change.takes, turn.id, turn.session_id) == ("s", (ASKED,), TURN, "s")
    assert (turn.input, turn.output) == (ASKED.input, Payload("hello", {"id": "m-1"}))
    assert (turn.duration_ns, turn.first_byte_ns, turn.status, turn.placed) == (5 * SECOND, 3 * SECOND, "ok", True)
    assert [event.name for event in change.session.events] == ["handoff"]
    request, model = turn.spans
    assert (request.kind, request.name, request.parent_id, request.output) == ("http", ANSWER.name, None, "hello")
    assert (model.parent_id, model.trace_id) == (request.id, TURN)


def test_what_was_judged_in_the_second_request_judges_the_turn():
    score = Score("1", "good", "boolean", True, 5, Target(PART, PART))
    change = told(BY_VERB, ASKED, part=replace(ANSWER, scores=(score,)))
    assert change.trace.scores == (replace(score, target=Target("s", TURN)),)


def test_states_of_the_second_request_replace_each_other():
    running = replace(ANSWER, status="running", duration_ns=None, output=Payload("hel"))
    first = told(replace(BY_ID, answer="hel"), ASKED, part=running)
    assert (first.trace.status, first.trace.output.text) == ("running", "hel")
    second = told(BY_ID, first.trace)
    assert second.trace == told(BY_ID, ASKED).trace
    assert told(BY_ID, second.trace).trace == second.trace


@pytest.mark.parametrize("status", ["error", "disconnected"])
def test_the_end_of_the_answer_is_the_end_of_the_turn(status):
    failure = Failure("E", "no") if status == "error" else None
    turn = told(BY_ID, ASKED, part=replace(ANSWER, status=status, error=failure)).trace
    assert (turn.status, turn.error, turn.errors) == (status, failure, int(status == "error"))
    assert told(BY_ID, turn).trace.status == "ok"


def test_a_later_state_of_the_turn_keeps_what_was_brought():
    stored = told(BY_ID, ASKED).trace
    late = replace(ASKED, spans=(Span("d" * 16, TURN, "background", started_ns=1),), duration_ns=2 * SECOND)
    change = kept(Change(SessionFacts("s"), late), Stored(stored))
    assert [span.name for span in change.trace.spans] == ["background", ANSWER.name, "chat"]
    assert (change.trace.output.text, change.trace.duration_ns) == ("hello", 5 * SECOND)


def test_an_earlier_state_of_the_second_request_by_itself_goes():
    alone = replace(ANSWER, session_id=PART)
    assert told(BY_ID, ASKED, alone).takes == (ASKED, alone)


@pytest.mark.parametrize(
    ("turn", "part"),
    [
        ({"output": Payload("already")}, {}),
        ({"started_ns": 3 * SECOND}, {}),
        ({"started_ns": -70 * SECOND}, {}),
        ({"user_id": "ann"}, {"user_id": "bob"}),
        ({}, {"session_id": "other", "id_source": "query"}),
        ({}, {"request": Request("GET", "/", client="another")}),
        ({"answer_ids": ("m-2",)}, {}),
    ],
)
def test_an_answer_that_nobody_awaits_makes_nothing(turn, part):
    assert told(BY_ID, replace(ASKED, **turn), part=replace(ANSWER, **part)) is None


NAMED = replace(ANSWER, session_id="s", id_source="query", is_turn=True)
OPEN = replace(ASKED, answer_ids=())


def test_the_last_turn_of_a_named_session_gets_the_answer_that_it_lacks():
    change = told(BY_ID, OPEN, part=NAMED)
    assert (change.trace.id, change.trace.output.text) == (TURN, "hello")
    # A later state of that request finds its turn again, also when another one came.
    newer = replace(OPEN, id="9" * 32, started_ns=NAMED.started_ns - 1)
    again = decided(BY_ID, Change(SessionFacts("s"), NAMED, "s"), Shelf(change.trace, newer))
    assert again.trace == change.trace


def test_a_stream_that_was_open_before_the_message_brings_its_answer_and_no_two():
    during = replace(OPEN, started_ns=ANSWER.started_ns + 1)
    turn = told(BY_ID, during, part=NAMED).trace
    assert (turn.output.text, turn.duration_ns) == ("hello", 3 * SECOND - 1)
    assert told(BY_ID, during, replace(during, id="9" * 32, started_ns=during.started_ns + 1), part=NAMED) is None


@pytest.mark.parametrize(
    ("turns", "part"),
    [
        ([replace(OPEN, output=Payload("before"))], NAMED),
        ([replace(OPEN, status="error")], NAMED),
        ([replace(OPEN, input=Payload())], NAMED),
        ([OPEN, replace(ASKED, id="9" * 32, started_ns=1, output=Payload("later"))], NAMED),
        ([replace(ASKED, id="9" * 32, started_ns=-1, output=Payload("hello")), OPEN], NAMED),
        ([OPEN], replace(NAMED, id_source="cookie")),
        ([replace(OPEN, started_ns=-70 * SECOND)], NAMED),
        ([OPEN], replace(NAMED, is_turn=False)),
        ([], NAMED),
    ],
)
def test_no_other_turn_of_the_session_does(turns, part):
    assert told(BY_ID, *turns, part=part) is None


def test_a_request_worth_writing_stays_what_it_is_where_nobody_awaits_it():
    change = told(replace(BY_ID, alone=True))
    assert (change.trace, change.takes) == (ANSWER, ())


def test_a_long_id_ties_also_another_client():
    long = "0d5f3a9c"
    turn = replace(ASKED, answer_ids=(long,))
    clues = replace(BY_ID, wanted=(long,))
    assert told(clues, turn, part=replace(ANSWER, request=Request("GET", "/", client="x"))) is not None


def test_an_answer_that_broke_off_may_be_fetched_again():
    broken = told(BY_ID, ASKED, part=replace(ANSWER, status="disconnected")).trace
    again = replace(ANSWER, id="c" * 32, session_id="c" * 32, started_ns=7 * SECOND, spans=())
    turn = told(replace(BY_ID, span_id="9" * 16), broken, part=again).trace
    assert (turn.status, turn.duration_ns, len(turn.spans)) == ("disconnected", 10 * SECOND, 3)
