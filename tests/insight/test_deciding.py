"""The one decision about where a request belongs: the strongest tie counts, and what is not worth writing is not."""

from convotrace.insight.deciding import Clues, Joining, decided, decision
from convotrace.insight.history import exchange_hash
from convotrace.model import Change, Conversation, Payload, Session, SessionFacts, Stored, Trace

TRACE = Trace("t", "c", span_id="1" * 16, is_turn=True, started_ns=300, input=Payload("thanks"))
CHANGE = Change(SessionFacts("c"), TRACE)
HISTORY = (("user", "hi"), ("assistant", "hello"), ("user", "price?"), ("assistant", "5"))


class Shelf:
    """A lookup over one conversation, and what stands under a trace id."""

    def __init__(self, *traces, kin=()):
        self.talk = Conversation(Session("s", "s"), traces)
        self.kin = [Stored(one) for one in kin]

    def traces(self, trace_id):
        return self.kin

    def awaiting(self, names, since_ns):
        return []

    def home(self, trace):
        return None

    def session(self, session_id):
        return None

    def holds(self, session_id):
        return False

    def whole(self, session_id):
        return []

    def having_said(self, exchange, since_ns):
        said = {exchange_hash(one.input.text, one.output.text) for one in self.talk.traces}
        return [self.talk] if exchange in said else []


def turn(id, asked, answered, at):
    return Trace(id, "s", is_turn=True, started_ns=at, input=Payload(asked), output=Payload(answered))


TALK = Shelf(turn("a", "hi", "hello", 100), turn("b", "price?", "5", 200))


def test_without_a_clue_there_is_nothing_to_decide():
    assert (
        not Clues() and Clues(shared=True) and Clues(history=HISTORY) and Clues(continues="t") and Clues(wanted=("n",))
    )
    assert decided(Clues(), CHANGE, TALK) == CHANGE


def test_a_history_leads_to_the_session_that_ends_with_it():
    assert decided(Clues(1_000, history=HISTORY), CHANGE, TALK).session.id == "s"
    assert decided(Clues(1_000, history=HISTORY), CHANGE, Shelf()) == CHANGE


def test_what_is_stored_of_its_trace_counts_before_its_history():
    part = Trace("t", "other", span_id="2" * 16, parent_id="1" * 16, started_ns=310, id_source="body")
    found = decided(Clues(1_000, shared=True, history=HISTORY), CHANGE, Shelf(*TALK.talk.traces, kin=[part]))
    assert (found.session.id, found.takes) == ("other", (part,))


def test_a_request_that_is_worth_nothing_by_itself_is_written_only_where_it_answers_an_earlier_one():
    clues = Clues(1_000, wanted=("n",), answer="later", alone=False)
    assert decided(clues, CHANGE, TALK) is None
    assert decided(Clues(1_000, wanted=("n",), answer="later"), CHANGE, TALK) == CHANGE


def test_a_decision_that_depends_on_its_trace_alone_says_so():
    assert type(decision(Clues(shared=True), CHANGE)) is Joining
    assert type(decision(Clues(shared=True, history=HISTORY), CHANGE)) is not Joining
    assert type(decision(Clues(shared=True, alone=False), CHANGE)) is not Joining
    assert decision(Clues(shared=True), CHANGE)(Shelf()) == CHANGE
