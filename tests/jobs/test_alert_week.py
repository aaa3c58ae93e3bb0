"""Rules over seven days of usual traffic on a real store: hardly a false alarm; then planted faults, found soon."""

import math
import time
from dataclasses import dataclass, field
from random import Random

import pytest

import convotrace as ct
from convotrace.jobs.alerts import Watch
from convotrace.model import Change, Failure, Payload, Score, SessionFacts, Span, Target, Trace, Usage
from convotrace.store import Store, metrics

SECOND = 10**9
MINUTE, HOUR, DAY = 60 * SECOND, 3600 * SECOND, 86400 * SECOND
STEP = 10 * MINUTE

DOCUMENTED = [
    # The five examples of Maxim's documentation.
    ct.alert("slow answers", "latency", above=1000, times=5, window="5m"),
    ct.alert("tokens an hour", "tokens", above=1_000_000, window="1h"),
    ct.alert("spent a day", "cost", above=100, window="24h"),
    ct.alert("biased", "fails.bias-check", reaches=1, window="15m"),
    ct.alert("toxic", "score.toxicity", reaches=0.8, times=1, window="5m"),
]
OURS = [
    ct.alert("odd hour", "turns", anomaly=5, window="1h"),
    ct.alert("errors", "error_rate", above=0.3, window="15m", at_least=10),
    ct.alert("slower than before", "p95", rise=0.5, window="1h", at_least=40),
    ct.alert("unhappy", "feedback_down", reaches=3, window="1h"),
    ct.session_alert("same failure", same_failures=3),
    ct.session_alert("thumb down", feedback_down=True),
    ct.session_alert("tool loop", repeated_calls=4),
]


class InTime(Store):
    """A store that answers as of the moment that a test names: what is kept by the minute counts from there."""

    now_ns = 0

    def metrics(self, since=None, until=None, *, by=None, q=None, width=None, most=20, points=True, sessions=False):
        """Answer as of that moment."""
        return metrics.metrics(self._ready(), since, until, by, q, width, most, points, sessions, self.now_ns)


@dataclass
class Week:
    """A store whose time goes on, and what rules told."""

    store: InTime
    now: int
    random: Random = field(default_factory=lambda: Random(7))
    told: list = field(default_factory=list)
    number: int = 0
    odd: tuple = ()

    def busy(self):
        """Return how many turns come in ten minutes, at this hour of the day."""
        hour = self.now // HOUR % 24
        return 3 + 12 * math.exp(-(((hour - 13) / 5) ** 2))

    def usual(self, slower=1.0, times=1.0, failing=0.02):
        """Let ten minutes of usual traffic pass."""
        for _ in range(round(self.busy() * times * self.random.uniform(0.85, 1.15))):
            failed = self.random.random() < failing
            self.turn(
                self.now - self.random.randrange(STEP),
                ms=self.random.lognormvariate(6, 0.25) * slower, error="down" if failed else None,
                session=f"s{self.number // 4}",
            )  # fmt: skip

    def turn(self, at, ms=400, error=None, session=None, tokens=500, calls=(), cost=10**6, **scores):
        """Write one turn."""
        self.number += 1
        session, id = session or f"t{self.number}", f"{self.number:032x}"
        usage = {"input_tokens": tokens, "output_tokens": 20, "cost_nano": cost}
        chat = Span(
            f"{self.number:016x}", id, "chat", "generation", model="m", started_ns=at, usage=Usage(tokens, 20),
            cost_nano=cost,
        )  # fmt: skip
        failed = {"status": "error", "errors": 1, "error": Failure("E", error)} if error else {}
        trace = Trace(
            id, session, is_turn=True, started_ns=at, duration_ns=int(ms * 1e6),
            input=Payload(f"question {self.number}"), output=Payload(f"answer {self.number}"), spans=(chat, *calls),
            **usage, **failed,
        )  # fmt: skip
        given = [self.score(name, value, at, Target(session, id)) for name, value in scores.items()]
        self.store.write([Change(SessionFacts(session, scores=tuple(given)), trace)])

    def score(self, name, value, at, target):
        """Return a score, of an end user where it is feedback."""
        kind, source = type(value) is bool, "end_user" if name == "feedback" else "evaluator"
        return Score(f"{name}{self.number}", name, "boolean" if kind else "numeric", value, at, target, source)

    def read(self, watch):
        """Read what the rules measure now."""
        self.store.now_ns = self.now
        watch.run(self.store, self.now, lambda: True)


@pytest.fixture(scope="module")
def week(tmp_path_factory):
    """Seven usual days, with every rule read every ten minutes."""
    # In the future, so that minutes are kept for all of it.
    start = (time.time_ns() // DAY + 2) * DAY
    made = Week(InTime(f"sqlite:///{tmp_path_factory.mktemp('week')}/s.db"), start)
    watch = Watch([*DOCUMENTED, *OURS], lambda rule, notice: made.told.append(notice))
    score = 0
    while made.now < start + 8 * DAY:
        made.now += STEP
        made.usual()
        score += 1
        made.turn(made.now - MINUTE, **{"bias-check": True, "toxicity": made.random.uniform(0, 0.4)})
        if score % 40 == 0:
            made.turn(made.now - MINUTE, feedback=True)
        if made.now >= start + DAY:  # a day to learn from comes before
            made.read(watch)
    # Now, while the days before are usual ones.
    made.odd = found_after(made, next(rule for rule in OURS if rule.name == "odd hour"))
    yield made
    made.store.close()


@pytest.mark.slow
def test_seven_usual_days_alarm_at_most_once_a_rule(week):
    alarms = {rule.name: 0 for rule in (*DOCUMENTED, *OURS)}
    for notice in week.told:
        alarms[notice.rule] += notice.kind == "alert"
    print(f"\n{week.number:,} turns; false alarms: {alarms}")
    assert max(alarms.values()) <= 1


def plant(week, rule):
    """Plant the fault that a rule is for; called once a minute."""
    at, name = week.now - 5 * SECOND, rule.name
    if name == "slow answers":
        week.turn(at, ms=1500)
        week.turn(at, ms=1200)
    elif name == "tokens an hour":
        week.turn(at, tokens=120_000)
    elif name == "spent a day":
        week.turn(at, cost=20 * 10**9)
    elif name == "biased":
        week.turn(at, **{"bias-check": False})
    elif name == "toxic":
        week.turn(at, toxicity=0.8)
    elif name == "errors":
        for _ in range(5):
            week.turn(at, error="down")
    elif name == "slower than before":
        for _ in range(4):
            week.turn(at, ms=week.random.lognormvariate(6, 0.25) * 2.2)
    elif name == "odd hour":
        for _ in range(12):
            week.turn(at)
    elif name in ("unhappy", "thumb down"):
        week.turn(at, feedback=False, session=f"unhappy{week.number}")
    else:
        error = {"status": "error", "error": Failure("E", "no luck")} if name == "same failure" else {}
        call = Span(f"{week.number:016x}", "", "pay", "tool", arguments={"n": 1}, started_ns=at, **error)
        week.turn(at, session=f"stuck {name}", calls=(call,))


def found_after(week, rule):
    """Plant a fault on another day; return what is told first, and after how many minutes."""
    told, window = [], getattr(rule, "window_ns", 5 * MINUTE)
    watch = Watch([rule], lambda _rule, notice: told.append(notice))
    week.now += 26 * HOUR  # away from what was planted before
    week.now += (13 * HOUR - week.now % DAY) % DAY
    for _ in range(12):
        week.now += STEP
        week.usual()
    week.read(watch)
    told.clear()
    began = week.now
    while not told and week.now < began + 2 * window:
        week.now += MINUTE
        if week.now % STEP == 0:
            week.usual()
        plant(week, rule)
        week.read(watch)
    return told, (week.now - began) / MINUTE


@pytest.mark.slow
@pytest.mark.parametrize("rule", [*OURS, *DOCUMENTED], ids=lambda rule: rule.name)
def test_a_planted_fault_is_found_within_two_windows(week, rule):
    told, minutes = week.odd if rule.name == "odd hour" else found_after(week, rule)
    assert [notice.kind for notice in told] == ["alert"], rule.words()
    print(f"\n{rule.name}: found after {minutes:g} min: {told[0].reason}")
