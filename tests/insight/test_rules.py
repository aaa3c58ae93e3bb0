"""Alert rules: what they conclude from a reading, whom they tell and how often; and sessions that unfold badly."""

from dataclasses import replace
from random import Random

import pytest

from convotrace.errors import SettingsError
from convotrace.insight.friction import with_signals
from convotrace.insight.rules import MINUTE_NS, Reading, Standing, alert, step, value_of
from convotrace.insight.session_rules import session_alert, trouble
from convotrace.model import (
    Conversation,
    Failure,
    Metrics,
    MetricSeries,
    Payload,
    Score,
    Session,
    SessionTally,
    Signal,
    Span,
    Tally,
    Target,
    Trace,
)

RULE = alert("errors", "error_rate", above=0.1, warn=0.05, at_least=5, renotify="10m")


def told(rule, *readings, every=MINUTE_NS):
    """Return what a rule tells of readings that come one after the other."""
    standing, kinds = Standing(), []
    for number, reading in enumerate(readings):
        standing, notice = step(rule, standing, reading, (number + 1) * every)
        kinds.append(notice.kind if notice else None)
    return kinds


def values(*found, occurrences=100):
    return [Reading(value, occurrences) for value in found]


def test_it_warns_alerts_and_recovers_each_once():
    kinds = told(RULE, *values(0.01, 0.06, 0.06, 0.2, 0.3, 0.06, 0.0, 0.0))
    assert kinds == [None, "warn", None, "alert", None, "warn", "recovered", None]


def test_an_alert_that_stands_is_told_again_after_its_time_and_not_before():
    kinds = told(RULE, *values(*[0.2] * 22))
    assert [number for number, kind in enumerate(kinds) if kind] == [0, 10, 20]
    assert told(alert("x", "cost", above=1), *values(*[2] * 500)).count("again") == 0


def test_too_few_occurrences_conclude_nothing_and_change_nothing():
    assert told(RULE, Reading(0.9, 4), Reading(0.9, 5), Reading(0.0, 4)) == [None, "alert", None]


@pytest.mark.parametrize(("mode", "kinds"), [("keep", [None, "alert", None]), ("ok", [None, "alert", "recovered"]),
                                             ("alert", ["no_data", "alert", "no_data"])])  # fmt: skip
def test_nothing_in_the_window_keeps_ends_or_is_told(mode, kinds):
    rule = alert("x", "p95", above=1000, no_data=mode)
    assert told(rule, Reading(None, 0), Reading(2000, 9), Reading(None, 0)) == kinds


def test_below_a_value_and_up_on_the_window_before():
    low = alert("quality", "score.helpful", below=0.5, warn=0.7)
    assert told(low, *values(0.9, 0.6, 0.4, 0.9)) == [None, "warn", "alert", "recovered"]
    rise = alert("slower", "p95", rise=0.5)
    assert told(rise, Reading(140, 9, 100), Reading(151, 9, 100), Reading(151, 9, None)) == [None, "alert", None]


def test_a_planted_anomaly_at_an_hour_is_found_and_seven_usual_days_alarm_at_most_once():
    rule, random = alert("odd", "turns", anomaly=5), Random(7)

    def at(hour, factor=1.0):
        return factor * (100 + 80 * (8 < hour % 24 < 20)) * random.uniform(0.9, 1.1)

    days = [at(hour) for hour in range(8 * 24)]
    readings = [Reading(at(hour), 99, None, tuple(days[hour % 24 :: 24][:7])) for hour in range(7 * 24)]
    assert told(rule, *readings).count("alert") <= 1
    planted = Reading(at(12, 3), 99, None, tuple(days[12::24][:7]))
    assert told(rule, planted) == ["alert"]
    assert told(rule, replace(planted, history=planted.history[:3])) == [None]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"metric": "speed", "above": 1}, "measures 'speed'"),
        ({"metric": "p95"}, "needs one of above"),
        ({"metric": "p95", "above": 1, "below": 2}, "2 came"),
        ({"metric": "p95", "above": 1, "window": "10s"}, "use 60s to 24h"),
        ({"metric": "p95", "above": 1, "window": "soon"}, "write it as"),
        ({"metric": "p95", "above": 1, "no_data": "panic"}, "use keep, ok or alert"),
    ],
)
def test_a_rule_that_cannot_be_is_refused_with_one_sentence(arguments, words):
    with pytest.raises(SettingsError, match="alert 'r'") as raised:
        alert("r", **arguments)
    assert words in str(raised.value)
    with pytest.raises(SettingsError, match="says nothing to alert for"):
        session_alert("empty")


def conversation(*turns, **facts):
    return Conversation(Session("s", "s", **facts), with_signals(turns, 10**18))


def turn(number, *spans, **fields):
    return Trace(f"t{number}", "s", is_turn=True, turn=number, input=Payload(f"q {number}"), spans=spans, **fields)


def call(number, failed=None, arguments=1):
    error = {"status": "error", "error": Failure("E", failed)} if failed else {}
    return Span(f"c{number}", "t", "pay", "tool", arguments=arguments, **error)


@pytest.mark.parametrize(
    ("rule", "quiet", "loud"),
    [
        ({"failures": 3}, conversation(errors=2), conversation(errors=3)),
        ({"same_failures": 3}, conversation(turn(1, *[call(n, "no", n) for n in range(2)])),
         conversation(turn(1, *[call(n, "no", n) for n in range(3)]))),
        ({"repeated_calls": 3}, conversation(turn(1, call(1), call(2)), turn(2, call(3, arguments=2))),
         conversation(turn(1, call(1), call(2)), turn(2, call(3)))),
        ({"cost": 0.5}, conversation(cost_nano=5 * 10**8), conversation(cost_nano=5 * 10**8 + 1)),
        ({"tokens": 100}, conversation(input_tokens=100), conversation(input_tokens=100, output_tokens=1)),
        ({"latency": 10}, conversation(turn(1, duration_ns=10**7)), conversation(turn(1, duration_ns=10**7 + 1))),
        ({"feedback_down": True}, conversation(feedback={"up": 1, "down": 0}),
         conversation(feedback={"up": 1, "down": 1})),
        ({"score": ("q", 0.5)}, conversation(turn(1, scores=(Score("1", "q", "numeric", 0.5, 1, Target("s", "t1")),))),
         conversation(turn(1, scores=(Score("1", "q", "numeric", 0.4, 1, Target("s", "t1")),)))),
    ],
)  # fmt: skip
def test_a_session_alerts_from_its_limit_on(rule, quiet, loud):
    made = session_alert("r", **rule)
    assert trouble(made, quiet) is None and made.words().startswith("in one session: ")
    value, limit, reason = trouble(made, loud)
    assert reason and isinstance(value, (int, float)) and isinstance(limit, (int, float))


# The five examples of Maxim's documentation, and what single turns and scores add


def test_so_many_single_turns_over_a_value_alert_and_recover():
    slow = alert("slow", "latency", above=1000, times=5)
    assert told(slow, Reading(4, 90), Reading(5, 90), Reading(7, 90), Reading(0, 90)) == [
        None, "alert", None, "recovered",
    ]  # fmt: skip
    assert slow.words() == "latency above 1000, 5 times over 5 min"
    assert (slow.is_beyond(1000), slow.is_beyond(1000.1)) == (False, True)
    assert told(alert("x", "latency", above=1, times=5, at_least=9), Reading(6, 8), Reading(6, 9)) == [None, "alert"]


def test_a_value_that_is_reached_alerts():
    toxic = alert("toxic", "score.toxicity", reaches=0.8)
    assert told(toxic, *values(0.79, 0.8, 0.9)) == [None, "alert", None]
    assert toxic.is_beyond(0.8) and not toxic.is_beyond(0.79)
    assert told(alert("toxic", "score.toxicity", reaches=0.8, times=1), Reading(0, 5), Reading(1, 5)) == [None, "alert"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"metric": "p95", "above": 1, "times": 3}, "only latency and score"),
        ({"metric": "latency", "rise": 1}, "use above, below or reaches"),
        ({"metric": "latency", "above": 1, "window": "2h"}, "use 60s to 1h"),
        ({"metric": "latency", "above": 1, "times": 0}, "use 1 or more"),
        ({"metric": "cost", "above": "much"}, "use a number"),
        ({"metric": "cost", "above": 1, "at_least": 1.5}, "use a whole number"),
    ],
)
def test_what_cannot_be_asked_of_single_turns_is_refused(arguments, words):
    with pytest.raises(SettingsError, match="alert 'r'") as raised:
        alert("r", **arguments)
    assert words in str(raised.value)


@pytest.mark.parametrize(
    ("options", "words", "score"),
    [
        ({"metric": "p95", "rise": 0.5, "window": "10m"}, "p95 over 10 min up 50% on the window before", None),
        ({"metric": "turns", "anomaly": 5}, "turns over 5 min unlike the same hour of earlier days", None),
        ({"metric": "score.q", "below": 0.5, "times": 2}, "score.q below 0.5, 2 times over 5 min", "q"),
        ({"metric": "fails.q", "reaches": 3}, "fails.q over 5 min 3 or more", "q"),
        ({"metric": "cost", "above": 0.25}, "cost over 5 min above 0.25", None),
    ],
)
def test_a_rule_says_in_words_when_it_alerts_and_which_score_it_measures(options, words, score):
    rule = alert("r", **options)
    assert (rule.words(), rule.score) == (words, score)


def test_a_single_value_is_beyond_its_limit_on_the_side_that_the_rule_names():
    low = alert("r", "score.q", below=0.5, times=1)
    assert (low.is_beyond(0.49), low.is_beyond(0.5)) == (True, False)
    assert not alert("r", "p95", rise=0.5).is_beyond(10**9)


def test_one_sign_names_itself_and_another_says_nothing():
    rule = session_alert("r", signals=["repeated_call"])
    it = conversation(signals=(Signal("left", "gone"), Signal("repeated_call", "pay was called twice")))
    assert trouble(rule, it) == (1, 1, "pay was called twice")
    assert trouble(rule, conversation(signals=(Signal("left", "gone"),))) is None


def test_words_and_other_scores_are_no_low_score():
    rule = session_alert("r", score=("q", 0.5))

    def scored(name, value):
        return conversation(turn(1, scores=(Score("1", name, "text", value, 1, Target("s", "t1")),)))

    assert trouble(rule, scored("q", "low")) is None and trouble(rule, scored("p", 0.1)) is None
    assert trouble(rule, scored("q", False)) == (0.0, 0.5, "q is 0")


def asked(hours, **total):
    series = (MetricSeries(None, Tally(**total)),)
    return Metrics(0, hours * 60 * MINUTE_NS, MINUTE_NS, None, series, Tally(**total), SessionTally(4, completed=1))


def test_a_sum_of_more_time_than_was_asked_for_is_scaled_down_and_a_rate_is_not():
    hour = 60 * MINUTE_NS
    cost, rate = alert("c", "cost", above=1), alert("r", "error_rate", above=1)
    found = asked(2, count=10, failed=5, cost_nano=4 * 10**9)
    assert (value_of(cost, found), value_of(cost, found, hour), value_of(cost, found, 3 * hour)) == (4.0, 2.0, 4.0)
    assert (value_of(rate, found), value_of(rate, found, hour)) == (0.5, 0.5)
    assert value_of(cost, asked(2), hour) is None
    assert value_of(alert("s", "completion_rate", below=1), found) == 0.25
    assert value_of(alert("s", "completion_rate", below=1), replace(found, sessions=None)) is None


def test_a_rule_that_falls_from_alert_to_a_warning_warns_and_from_no_data_recovers():
    assert told(RULE, *values(0.2, 0.06)) == ["alert", "warn"]
    gone = alert("x", "p95", above=1, no_data="alert")
    assert told(gone, Reading(None, 0), Reading(0.5, 3)) == ["no_data", "recovered"]
