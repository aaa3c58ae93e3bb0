"""Where a change belongs once the store is asked: another user's session, the place others gave it, a session resumed.

Which answers join which turn is decided in `awaited`, which history goes on in which session in `continuity`.
"""

from __future__ import annotations

from dataclasses import replace

from convotrace.insight.join import settled, union
from convotrace.insight.parts import with_parts
from convotrace.model import Change, Event, Link, SessionFacts, Stored

END, RESUME = "session.end", "session.resume"
SAME_ID = "same_id"
_BACK = {SAME_ID: SAME_ID, "continues": "continued_by", "split_from": "split_into"}


def back(session_id: str, link: Link) -> Link:
    """Return what the other side of a link shows, for the session that has it."""
    return Link(session_id, _BACK.get(link.relation, "linked_from"))


def resumption(at_ns: int, outcome: str) -> Event:
    """Return the event that a session went on after its end, with the outcome it had until then."""
    return Event(RESUME, at_ns, attributes={"outcome": outcome})


def of_other_user(change: Change) -> Change:
    """Return a change under the id that is its user's own, linked with the session of the id it came with."""
    facts = change.session
    link = Link(facts.id, SAME_ID)
    return _homed(change, replace(facts, id=facts.other_id or facts.id, other_id=None, links=(*facts.links, link)))


def kept(change: Change, before: Stored) -> Change:
    """Return the change of a later state of a trace that others had put where it stands, or added to."""
    own, old = change.trace, before.trace
    assert own is not None
    facts = change.session
    events = (*facts.events, *(event for event in before.session_events if event not in facts.events))
    home = replace(facts, id=old.session_id, other_id=None, events=events)
    scores = (*own.scores, *(score for score in old.scores if all(one.id != score.id for one in own.scores)))
    whole = replace(own, placed=True, id_source=old.id_source, spans=union(old.spans, own.spans), scores=scores)
    return _homed(replace(change, trace=settled(with_parts(whole))), home)


def _homed(change: Change, facts: SessionFacts) -> Change:
    trace = change.trace
    return replace(change, session=facts, trace=None if trace is None else replace(trace, session_id=facts.id))
