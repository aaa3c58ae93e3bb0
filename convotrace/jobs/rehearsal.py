"""What a rule would have told of what is stored: a rule is tried on the past before anybody is woken by it."""

from __future__ import annotations

from collections.abc import Callable

from convotrace.insight.rehearsal import Rehearsal
from convotrace.insight.rules import MINUTE_NS, Notice, Rule, Standing, step
from convotrace.insight.session_rules import SessionRule, trouble
from convotrace.jobs.alerts import reading
from convotrace.jobs.evaluation import is_found, walk
from convotrace.store import Store

MOST_READINGS = 600
MOST_SESSIONS = 500


def rehearse(
    store: Store, rule: Rule | SessionRule, since_ns: int, until_ns: int, go_on: Callable[[], bool] = lambda: True,
    most: int = MOST_READINGS,
) -> Rehearsal:  # fmt: skip
    """Return what a rule would have told in some time.

    Args:
        store: What is stored.
        rule: The rule.
        since_ns: From when.
        until_ns: Until when.
        go_on: Asked before each reading; False ends it there.
        most: So many moments, or sessions, are looked at.
    """
    if isinstance(rule, SessionRule):
        return _of_sessions(store, rule, since_ns, until_ns, go_on, min(most, MOST_SESSIONS))
    every = max(MINUTE_NS, -(-(until_ns - since_ns) // most))
    notices, standing, looked = [], Standing(), 0
    for at in range(since_ns + every, until_ns + 1, every):
        if not go_on():
            break
        looked += 1
        standing, notice = step(rule, standing, reading(store, rule, at), at)
        if notice is not None:
            notices.append(notice)
    return Rehearsal(rule.name, rule.words(), tuple(notices), looked, every)


def _of_sessions(
    store: Store, rule: SessionRule, since_ns: int, until_ns: int, go_on: Callable[[], bool], most: int
) -> Rehearsal:
    notices: list[Notice] = []
    looked = 0
    for session in walk(store, None, "-last"):
        if session.last_ns < since_ns or looked >= most or not go_on():
            return _sorted(rule, notices, looked, looked >= most)
        if session.last_ns > until_ns or (rule.q and not is_found(store, rule.q, session)):
            continue
        looked += 1
        conversation = store.session(session.id)
        found = None if conversation is None else trouble(rule, conversation)
        if found is not None:
            value, limit, reason = found
            notices.append(Notice(rule.name, "alert", session.last_ns, value, limit, reason, "", (session.id,)))
    return _sorted(rule, notices, looked, False)


def _sorted(rule: SessionRule, notices: list[Notice], looked: int, is_cut: bool) -> Rehearsal:
    told = tuple(sorted(notices, key=lambda notice: notice.at_ns))
    return Rehearsal(rule.name, rule.words(), told, looked, is_cut=is_cut)
