"""The job that reads what alert rules measure and tells of what changed; how a rule stands is in the incidents.

So a restart, or another process, goes on where this one was: nobody is told twice.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from convotrace.errors import SettingsError
from convotrace.insight.rules import (
    ALERT,
    FAILS,
    LATENCY,
    OF_SESSIONS,
    OK,
    Notice,
    Reading,
    Rule,
    Standing,
    step,
    value_of,
)
from convotrace.insight.session_rules import SessionRule, trouble
from convotrace.jobs.delivery import Delivery
from convotrace.jobs.evaluation import active, is_found
from convotrace.jobs.rule_files import rules_of
from convotrace.jobs.work import SECOND_NS, GoOn, Job
from convotrace.model import Incident, Metrics, Session
from convotrace.settings import Settings
from convotrace.store import Store
from convotrace.store.incidents import new_id

INTERVAL_NS = SECOND_NS
HOUR_NS, DAY_NS = 3600 * SECOND_NS, 86400 * SECOND_NS
_DAYS = 7
_SESSIONS_NAMED = 20
_REMEMBERED = 20_000
_UNFOLDS_NS = 3600 * SECOND_NS
"""A session that was active longer ago does not unfold any more."""


def alerting(settings: Settings) -> Job | None:
    """Return the job, None where there is no rule."""
    if not settings.alerts:
        return None
    watch = Watch(rules_of(settings.alerts), Delivery(settings.webhooks, settings.page_url, settings.mount).tell)
    return Job("alerts", INTERVAL_NS, watch.run)


class Watch:
    """Reads what the rules measure.

    Args:
        rules: Of both kinds.
        tell: Takes each notice, with its rule.
    """

    def __init__(self, rules: Sequence[Rule | SessionRule], tell: Callable[[Rule | SessionRule, Notice], None]) -> None:
        names = [rule.name for rule in rules]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise SettingsError(f"alerts has two rules named {twice!r}; give each a name of its own.")
        self._over_windows = [rule for rule in rules if isinstance(rule, Rule)]
        self._over_sessions = [rule for rule in rules if isinstance(rule, SessionRule)]
        self._tell = tell
        self._seen: dict[str, object] = {}

    def run(self, store: Store, now_ns: int, go_on: GoOn) -> None:
        """Read once, and tell of what changed."""
        standing = {(one.rule, one.sessions if one.of_session else ()): one for one in store.open_incidents()}
        paused = store.paused_rules()
        for rule in self._over_windows:
            if not go_on():
                return
            if rule.name not in paused:
                self._read(store, rule, standing.get((rule.name, ())), now_ns)
        rules = [rule for rule in self._over_sessions if rule.name not in paused]
        if rules:
            self._unfold(store, rules, standing, now_ns, go_on)

    def _read(self, store: Store, rule: Rule, incident: Incident | None, now_ns: int) -> None:
        before = Standing() if incident is None else Standing(incident.state, incident.opened_ns, incident.told_ns)
        after, notice = step(rule, before, reading(store, rule, now_ns), now_ns)
        if notice is None:
            return
        sessions = concerned(store, rule, now_ns) if after.state != OK else ()
        incident = incident or Incident(new_id(), rule.name, after.state, now_ns)
        closed = now_ns if after.state == OK else None
        incident = replace(
            incident, state=incident.state if closed else after.state, closed_ns=closed, told_ns=after.told_ns,
            value=notice.value, threshold=notice.threshold or incident.threshold, reason=notice.reason,
            sessions=sessions or incident.sessions,
        )  # fmt: skip
        store.put_incident(incident)
        self._tell(rule, replace(notice, incident=incident.id, sessions=incident.sessions))

    def _unfold(
        self, store: Store, rules: Sequence[SessionRule], standing: Mapping[tuple[str, tuple[str, ...]], Incident],
        now_ns: int, go_on: GoOn,
    ) -> None:  # fmt: skip
        for incident in standing.values():
            if incident.of_session and now_ns - incident.opened_ns > _UNFOLDS_NS:
                store.put_incident(replace(incident, closed_ns=now_ns))
        for session in active(store, now_ns - _UNFOLDS_NS):
            names = tuple(rule.name for rule in rules)
            state = (session.last_ns, session.spans, session.errors, session.scores, session.feedback, names)
            if self._seen.get(session.id) != state:
                if not go_on():
                    return
                self._look(store, rules, session, standing, now_ns)
                self._seen[session.id] = state
        while len(self._seen) > _REMEMBERED:
            del self._seen[next(iter(self._seen))]

    def _look(
        self, store: Store, rules: Sequence[SessionRule], session: Session,
        standing: Mapping[tuple[str, tuple[str, ...]], Incident], now_ns: int,
    ) -> None:  # fmt: skip
        conversation = store.session(session.id)
        for rule in rules if conversation is not None else ():
            if (rule.name, (session.id,)) in standing or (rule.q and not is_found(store, rule.q, session)):
                continue
            found = trouble(rule, conversation) if conversation is not None else None
            if found is not None:
                value, limit, reason = found
                told = Incident(
                    new_id(), rule.name, ALERT, now_ns, None, value, limit, reason, (session.id,), now_ns, True
                )
                store.put_incident(told)
                self._tell(rule, Notice(rule.name, ALERT, now_ns, value, limit, reason, told.id, (session.id,)))


def reading(store: Store, rule: Rule, now_ns: int) -> Reading:
    """Return what a rule measures now, and what it is held against."""
    value, occurrences = _value(store, rule, now_ns - rule.window_ns, now_ns)
    before = _value(store, rule, now_ns - 2 * rule.window_ns, now_ns - rule.window_ns)[0] if rule.rise else None
    return Reading(value, occurrences, before, _history(store, rule, now_ns) if rule.anomaly else ())


def concerned(store: Store, rule: Rule, now_ns: int) -> tuple[str, ...]:
    """Return the sessions of a rule's window that show best what it alerts for."""
    since = f"since:{max(1, rule.window_ns // SECOND_NS)}s"
    mark = {"errors": " has:error", "failed": " has:error", "error_rate": " has:error", "feedback_down": " fb:down",
            "escalation_rate": " outcome:escalated"}.get(rule.metric, "")  # fmt: skip
    order = {"cost": "-cost", "tokens": "-tokens", "input_tokens": "-input_tokens"}.get(rule.metric, "-last")
    q = f"({rule.q}) {since}{mark}" if rule.q else f"{since}{mark}"
    return tuple(session.id for session in store.sessions(q, order, _SESSIONS_NAMED))


def _value(store: Store, rule: Rule, since_ns: int, until_ns: int, is_past: bool = False) -> tuple[float | None, int]:
    if rule.metric == LATENCY:
        slow, number = store.slow_turns(since_ns, until_ns, rule.is_beyond, rule.q)
        return float(slow), number
    if rule.score is not None and (rule.times is not None or rule.metric.startswith(FAILS)):
        values = store.score_values(rule.score, since_ns, until_ns)
        if rule.metric.startswith(FAILS):
            return float(sum(one.passed is False for one in values)), sum(one.passed is not None for one in values)
        numbers = [one.number for one in values if one.number is not None]
        return float(sum(map(rule.is_beyond, numbers))), len(numbers)
    if rule.metric == "feedback_down":
        thumbs = store.score_stats("feedback", since_ns, until_ns)
        return float(thumbs.down), thumbs.count
    if rule.score is not None:
        scores = store.score_stats(rule.score, since_ns, until_ns)
        return scores.mean, scores.count
    found = store.metrics(since_ns, until_ns, q=rule.q, points=False, sessions=rule.metric in OF_SESSIONS)
    return value_of(rule, found, until_ns - since_ns if is_past else None), _occurrences(rule, found)


def _occurrences(rule: Rule, found: Metrics) -> int:
    if rule.metric in OF_SESSIONS:
        return found.sessions.count if found.sessions else 0
    return found.total.count


def _history(store: Store, rule: Rule, now_ns: int) -> tuple[float, ...]:
    """Return the values of the same window on earlier days, those that there are."""
    ends = (now_ns - day * DAY_NS for day in range(1, _DAYS + 1))
    found = (_value(store, rule, end - rule.window_ns, end, is_past=True) for end in ends)
    return tuple(value for value, number in found if value is not None and number)
