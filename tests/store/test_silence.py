"""How sessions ended that fell silent without a word, for lists, filters, counts and metrics alike."""

from dataclasses import replace

import pytest

from convotrace.insight.places import RESUME
from convotrace.model import Payload, Span
from tests.store.conftest import SECOND, START

IDLE = 1800 * SECOND
LATER = START + 100_000 * SECOND


def asked(make, id, at=0, **fields):
    return make.change(id, trace=make.trace(id, at=at, **{"output": Payload(), **fields}))


def conclude(store, now_ns=LATER, rule=None, **options):
    # A second look, since the first may not trust the newest rows of a database with several writers.
    return sum(store.conclude(IDLE, rule, now_ns, **options) for _ in range(2))


def outcome(store, id="s"):
    found = store.session(id).session
    return found.outcome, found.outcome_reason


def test_silence_after_an_unanswered_turn_is_an_abandoned_session_everywhere(store, make):
    store.write([asked(make, "unanswered"), make.change("answered"), asked(make, "failed", status="error")])
    assert conclude(store) == 2
    assert outcome(store, "unanswered") == ("abandoned", "the last turn was not answered, and silence followed")
    assert outcome(store, "failed") == ("failed", "the last turn failed, and silence followed")
    assert outcome(store, "answered") == ("open", None)
    for how, id in {"abandoned": "unanswered", "failed": "failed", "open": "answered"}.items():
        assert [one.id for one in store.sessions(f"outcome:{how}")] == [id] and store.count(f"outcome:{how}") == 1
    facets = {facet.value: facet.count for facet in store.facets().fields["outcome"]}
    assert facets == {"abandoned": 1, "failed": 1, "open": 1}
    tally = store.metrics(START - SECOND, LATER, width="1d", sessions=True).sessions
    assert (tally.abandoned, tally.failed, tally.open) == (1, 1, 1)
    assert store.session("unanswered").session.ended_ns == store.session("unanswered").session.last_ns


def test_nothing_is_concluded_before_the_silence_is_long_enough_and_all_is_after_it(store, make):
    store.write([asked(make, "early", at=0), asked(make, "late", at=1000)])
    assert conclude(store, START + 1790 * SECOND) == 0
    assert conclude(store, START + 1810 * SECOND) == 1 and outcome(store, "late")[0] == "open"
    assert conclude(store, START + 2810 * SECOND) == 1 and outcome(store, "late")[0] == "abandoned"
    assert conclude(store) == 0 and not store.waits_for_conclusions()


def test_what_was_written_long_after_it_happened_is_not_overlooked(store, make):
    store.write([asked(make, "now", at=50_000)])
    conclude(store)
    store.write([asked(make, "imported", at=0)])
    assert store.waits_for_conclusions()
    assert conclude(store) == 1 and outcome(store, "imported")[0] == "abandoned"


def test_a_later_turn_resumes_the_session(store, make):
    store.write([asked(make, "s", at=0)])
    conclude(store)
    store.write([make.change("s", trace=make.trace(at=5000))])
    assert outcome(store) == ("open", None) and store.count("outcome:abandoned") == 0
    (event,) = store.session("s").events
    assert (event.name, event.attributes) == (RESUME, {"outcome": "abandoned"})
    assert conclude(store) == 0


def test_a_turn_whose_answer_comes_after_all_is_judged_again(store, make):
    running = make.trace("s", at=0, status="running", duration_ns=None, output=Payload())
    store.write([make.change("s", trace=running)])
    conclude(store)
    assert outcome(store)[0] == "failed"
    ended = replace(running, status="ok", duration_ns=3000 * SECOND, output=Payload("At last."))
    store.write([make.change("s", trace=ended, written_as="s")])
    assert outcome(store) == ("open", None)
    conclude(store)
    assert outcome(store) == ("open", None)


@pytest.mark.parametrize("app_first", [True, False])
def test_the_word_of_the_app_wins(store, make, app_first):
    told = asked(make, "s")
    said = make.outside("s", outcome="completed", ended_ns=told.trace.started_ns + SECOND)
    store.write([told])
    for step in (lambda: store.write([said]), lambda: conclude(store))[:: 1 if app_first else -1]:
        step()
    assert outcome(store) == ("completed", None)


def test_what_facts_said_stays_unless_the_rule_of_the_app_is_asked(store, make):
    over = asked(make, "s", spans=(Span("b" * 16, "", "call", "tool"),))
    store.write([replace(over, session=replace(over.session, outcome="escalated", outcome_reason="a tool was called"))])
    conclude(store)
    assert outcome(store) == ("escalated", "a tool was called")


def test_the_rule_of_the_app_comes_before_the_facts(store, make):
    def rule(conversation):
        if conversation.session.id == "raises":
            raise RuntimeError("mine")
        return {"won": "completed", "told": ("escalated", "a ticket is open")}.get(conversation.session.id)

    failed = []
    store.write([asked(make, id) for id in ("won", "told", "silent", "raises")] + [make.change("answered")])
    conclude(store, rule=rule, failed=failed.append)
    assert outcome(store, "won") == ("completed", "the app's rule says so, and silence followed")
    assert outcome(store, "told") == ("escalated", "a ticket is open, and silence followed")
    assert outcome(store, "silent")[0] == outcome(store, "raises")[0] == "abandoned"
    assert [str(error) for error in failed] == ["mine"] and outcome(store, "answered")[0] == "open"


def test_only_the_last_turn_counts_and_it_takes_many_batches_to_look_at_all(store, make):
    store.write([asked(make, "s", at=n) for n in range(700)])
    store.write([asked(make, f"s{n}", at=n) for n in range(600)])
    store.write([make.change("s", trace=make.trace(at=800))])
    assert conclude(store) == 600 and outcome(store)[0] == "open"
