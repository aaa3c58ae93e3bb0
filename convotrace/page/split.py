"""Splitting a session that was guessed: a turn and all after it become a session of their own."""

from __future__ import annotations

from functools import partial

from convotrace.errors import BadRequest
from convotrace.identity import session_key
from convotrace.insight.continuity import split_off
from convotrace.model import Change, Conversation, SessionFacts
from convotrace.page.http import PageResponse, as_data, redirect, wrong
from convotrace.page.visit import Unknown, Visit


def split(visit: Visit) -> PageResponse:
    """Split a session at a turn; lead to the new one, or name it as JSON."""
    conversation, trace_id = visit.conversation(), visit.parts["trace"]
    _check(conversation, trace_id)
    session_id = conversation.session.id
    facts = SessionFacts(session_id)
    queued = visit.backend.put(Change(facts, decide=partial(split_off, session_id, trace_id)))
    if not queued:
        return wrong("The queue is full, so nothing was split; try again.", 503, as_json=not visit.request.is_form)
    key = session_key(trace_id)
    if visit.reader().session_by_key(key) is None:
        raise Unknown
    if visit.request.is_form:
        return redirect(f"../../../{key}", 303)
    return as_data({"session_id": trace_id, "key": key}, 201)


def _check(conversation: Conversation, trace_id: str) -> None:
    places = [trace.id for trace in conversation.traces]
    if trace_id not in places:
        raise Unknown
    if trace_id == places[0]:
        raise BadRequest("This request begins its session; split at a later one.")
