"""Whether a request without a session id goes on with a conversation that is stored, by the history it sends again.

A guess, and shown as one: a person may split it, which is decided here too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from convotrace.insight.history import Said, chained, last_exchange, messages, said_in, users
from convotrace.insight.versions import current
from convotrace.model import Change, Conversation, Link, Lookup, SessionFacts, Stored, Trace

USERS = 2
"""A history of fewer messages of the user is no evidence: many conversations begin alike."""

GUESSED, SPLIT = "history", "split"
# Of these a beginning may be found; one that a person split off keeps the beginning it was given.
_UNNAMED = frozenset({"none", GUESSED})


def continued(change: Change, history: Sequence[Said], idle_ns: int, lookup: Lookup) -> Change:
    """Return a change under the session that its history goes on with, unchanged where there is not exactly one.

    Args:
        change: A turn that came without a session id.
        history: The earlier messages that it sends again.
        idle_ns: How long a conversation may have rested.
        lookup: What is stored.
    """
    trace = change.trace
    assert trace is not None
    home = lookup.home(trace)
    if home is not None:
        return guessed(change, home) if home != change.session.id else change
    told = messages(history)
    found = _only(told, trace, trace.started_ns - idle_ns, lookup)
    if found is None or users(told) < USERS:
        return change
    return _with_beginning(change, told, found, idle_ns, lookup)


def guessed(change: Change, session_id: str) -> Change:
    """Return a change under the session that its turn seems to belong to."""
    facts = replace(change.session, id=session_id, id_source=GUESSED, id_name=None, other_id=None)
    return replace(change, session=facts, trace=None if change.trace is None else _placed(change.trace, session_id))


def split_off(session_id: str, trace_id: str, lookup: Lookup) -> Change | None:
    """Return the change that takes a turn and all after it into a session of their own; None where it begins one."""
    whole = lookup.whole(session_id)
    turn = next((one.trace for one in whole if one.trace.id == trace_id), None)
    before = [one for one in whole if turn is not None and one.trace.started_ns < turn.started_ns]
    if turn is None or not before:
        return None
    known = lookup.session(session_id)
    moves = [_moved(one, turn.id, one.trace.id_source, SPLIT) for one in whole if one not in before]
    facts = SessionFacts(turn.id, SPLIT, user_id=turn.user_id, links=(Link(session_id, "split_from"),))
    if known is not None:
        session = known.session
        facts = replace(facts, environment=session.environment, release=session.release)
    return Change(facts, moves=tuple(moves))


def ends_with(conversation: Conversation, told: Sequence[Said]) -> bool:
    """Tell whether a conversation ends with exactly these messages, or they with it and its own beginning."""
    branch = current(conversation.traces)
    said = said_in(branch)
    if len(told) <= len(said):
        return list(told) == said[-len(told) :]
    began = branch[0].resent if branch else None
    return began is not None and chained(began, said) == chained("", told)


def _only(told: Sequence[Said], trace: Trace, since_ns: int, lookup: Lookup) -> Conversation | None:
    """Return the one session that ends with these messages and may be this turn's."""
    hashed = last_exchange(told)
    if hashed is None:
        return None
    found = [
        one
        for one in lookup.having_said(hashed, since_ns)
        if _may_be_of(one, trace) and ends_with(one, told) and one.traces[-1].started_ns <= trace.started_ns
    ]
    return found[0] if len(found) == 1 else None


def _may_be_of(conversation: Conversation, trace: Trace) -> bool:
    """Tell whether neither user nor client differ, as far as they are known."""
    clients = {one.request.client for one in (trace, conversation.traces[-1]) if one.request and one.request.client}
    known = {trace.user_id, conversation.session.user_id} - {None}
    return len(clients) <= 1 and len(known) <= 1


def _with_beginning(change: Change, told: list[Said], found: Conversation, idle_ns: int, lookup: Lookup) -> Change:
    """Return a change under the session found, which is taken into the one that it goes on with itself.

    The second turn of a conversation re-sends one message only, which was no evidence: now there is more.
    """
    rest = told[: max(0, len(told) - len(said_in(current(found.traces))))]
    first = found.traces[0]
    earlier = None
    if users(rest) and found.session.id_source in _UNNAMED:
        earlier = _only(rest, first, first.started_ns - idle_ns, lookup)
    if earlier is None or earlier.session.id == found.session.id:
        return guessed(change, found.session.id)
    home = earlier.session.id
    moves = [_facts_of(found, home), *(_moved(one, home, GUESSED) for one in lookup.whole(found.session.id))]
    return replace(guessed(change, home), moves=tuple(moves))


def _facts_of(conversation: Conversation, home: str) -> Change:
    it = conversation.session
    outcome = it.outcome if it.outcome != "open" else None
    return Change(
        SessionFacts(
            home, GUESSED, user_id=it.user_id, name=it.name, environment=it.environment, release=it.release,
            tags=it.tags, metadata=it.metadata, outcome=outcome, outcome_reason=it.outcome_reason,
            resolved=it.resolved, ended_ns=it.ended_ns, links=it.links,
        )
    )  # fmt: skip


def _moved(stored: Stored, home: str, source: str, session_source: str = GUESSED) -> Change:
    facts = SessionFacts(home, session_source, events=stored.session_events, scores=stored.session_scores)
    trace = replace(stored.trace, session_id=home, id_source=source, placed=True)
    return Change(replace(facts, service=trace.service), trace, takes=(stored.trace,))


def _placed(trace: Trace, session_id: str) -> Trace:
    return replace(trace, session_id=session_id, id_source=GUESSED, placed=True)
