"""What is written, and what a decision about it may ask of the store."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from typing import Protocol

from convotrace.model.notes import Event, Score
from convotrace.model.sessions import Conversation, Link
from convotrace.model.traces import Trace
from convotrace.model.values import Json
from convotrace.quick import record


@record(frozen=True, slots=True)
class SessionFacts:
    """What one trace says about its session; None and empty say nothing and change nothing."""

    id: str
    id_source: str = "none"
    id_name: str | None = None
    user_id: str | None = None
    other_id: str | None = None
    """The id to use where the session of `id` is another user's; None where it is shared."""
    name: str | None = None
    environment: str | None = None
    release: str | None = None
    service: str | None = None
    tags: tuple[str, ...] = ()
    metadata: Mapping[str, Json] = field(default_factory=dict)
    outcome: str | None = None
    outcome_reason: str | None = None
    resolved: bool | None = None
    ended_ns: int | None = None
    events: tuple[Event, ...] = ()
    scores: tuple[Score, ...] = ()
    links: tuple[Link, ...] = ()


@record(frozen=True, slots=True)
class Stored:
    """A trace as it stands in the store, with the events and scores that it brought to its session."""

    trace: Trace
    session_events: tuple[Event, ...] = ()
    session_scores: tuple[Score, ...] = ()


class Lookup(Protocol):
    """What a decision may ask of the store, inside the transaction that writes it."""

    def traces(self, trace_id: str) -> Sequence[Stored]:
        """Return every trace of this id, in any session."""
        ...

    def awaiting(self, names: Sequence[str], since_ns: int) -> Sequence[Stored]:
        """Return the turns begun since that promised an answer under one of these names, the latest first."""
        ...

    def home(self, trace: Trace) -> str | None:
        """Return the id of the session in which an earlier state of a trace stands, None where none was written."""
        ...

    def session(self, session_id: str) -> Conversation | None:
        """Return a session with its last turns in order, each without its spans and bodies."""
        ...

    def holds(self, session_id: str) -> bool:
        """Tell whether a session is stored."""
        ...

    def whole(self, session_id: str) -> Sequence[Stored]:
        """Return every trace of a session, with all that it brought, the earliest first."""
        ...

    def having_said(self, exchange: int, since_ns: int) -> Sequence[Conversation]:
        """Return the sessions, as `session` does, with a turn of this `exchange_hash` that were active since."""
        ...


@record(frozen=True, slots=True)
class Change:
    """One thing to write: a trace as it stands now (it replaces what was written of it before) and its session's facts.

    `trace` is None where only the session changes (a score or an event from outside a request).
    `written_as` is the session id under which an earlier state of the trace was written, None on its first write.
    """

    session: SessionFacts
    trace: Trace | None = None
    written_as: str | None = None
    decide: Callable[[Lookup], Change | None] | None = None
    """What is to be written depends on what is stored: called in the transaction, maybe again; it returns a change
    without `decide`, or None for nothing. What stands here until then is a guess, for counting."""
    unites: Callable[[Sequence[Change]], Change] | None = None
    """How this one and earlier ones of its trace that have this too become one, where none of them is decided yet."""
    takes: tuple[Trace, ...] = ()
    """Stored traces whose place this one takes: they are deleted, wherever they stand."""
    moves: tuple[Change, ...] = ()
    """Further changes that a decision brings along; they are written first."""
