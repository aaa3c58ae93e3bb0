"""The job that concludes from silence: begun with what is recorded, by the threshold and the rule of the settings."""

import convotrace as ct
from convotrace.jobs.silence import concluding
from convotrace.jobs.work import SECOND_NS, Work
from convotrace.settings import Settings

HOUR = 3600 * SECOND_NS


def silent(**options):
    """Return an observer with one session whose only turn was not answered."""
    observer = ct.ConvoTrace(store="memory:", enabled=True, idle_timeout=600, **options)
    with observer.session("s"):
        ct.set_input("Is anybody there?")
    observer.flush()
    return observer


def look(observer, ahead, failed=lambda name, error: None):
    now = observer.store.session("s").session.last_ns
    work = Work(lambda: observer.store, [concluding(observer.settings)], failed, now)
    work.look(now + ahead)


def test_a_silence_of_the_idle_timeout_ends_the_session():
    observer = silent()
    look(observer, 500 * SECOND_NS)
    assert observer.store.session("s").session.outcome == "open"
    look(observer, HOUR)
    assert observer.store.session("s").session.outcome == "abandoned"
    observer.close()


def test_the_outcome_option_is_asked_with_the_conversation_and_what_it_raises_is_a_warning(caplog):
    asked = []

    def rule(conversation):
        asked.append(conversation.traces[-1].input.text)
        raise KeyError("plan")

    observer = silent(outcome=rule)
    look(observer, HOUR)
    assert asked == ["Is anybody there?"] and observer.store.session("s").session.outcome == "abandoned"
    assert "outcome= failed, so the facts decide: KeyError" in caplog.text and "plan" not in caplog.text
    observer.close()


def test_it_looks_more_often_where_silence_is_short():
    assert concluding(Settings.of({"idle_timeout": 1800})).interval_ns == 20 * SECOND_NS
    assert concluding(Settings.of({"idle_timeout": 8})).interval_ns == 2 * SECOND_NS
