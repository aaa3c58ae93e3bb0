"""What a request says of where it belongs, and the one decision that all of it together leads to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from convotrace.insight.awaited import answering
from convotrace.insight.continuity import continued
from convotrace.insight.history import Said
from convotrace.insight.join import joined
from convotrace.model import Change, Lookup, Payload, Trace


@dataclass(frozen=True, slots=True)
class Clues:
    """What a request says, beside its record, of the place where it belongs; each empty where it says nothing."""

    idle_ns: int = 0
    """How long a conversation may rest, and an answer is awaited."""
    shared: bool = False
    """Others may know of its trace id."""
    history: tuple[Said, ...] = ()
    """The messages it sent again, where it named no session."""
    continues: str | None = None
    """The trace id of the turn whose answer it brings, as the app says."""
    wanted: tuple[str, ...] = ()
    """What it asks for, where it brought something like an answer."""
    answer: str | None = None
    """What it brought."""
    span_id: str | None = None
    """Its span id, by which it may stand in another trace."""
    alone: bool = True
    """Whether it is worth writing by itself."""

    def __bool__(self) -> bool:
        return self.shared or bool(self.history or self.continues or self.wanted)

    @property
    def is_of_kin(self) -> bool:
        """Whether all that matters is what else is stored of its trace."""
        return self.alone and not (self.history or self.continues or self.wanted)


class Joining(partial[Change | None]):
    """A decision that leaves its change as it is where nothing else is stored of its trace."""


def decision(clues: Clues, change: Change) -> Callable[[Lookup], Change | None]:
    """Return what decides a change by its clues, to be called where what is stored can be looked up."""
    return (Joining if clues.is_of_kin else partial)(decided, clues, change)


def decided(clues: Clues, change: Change, lookup: Lookup) -> Change | None:
    """Return the change as what is stored decides it, None for nothing: the strongest tie counts.

    That is the turn whose answer it brought, then the trace it is part of, then the history it goes on with.
    """
    trace = change.trace
    assert trace is not None
    if clues.shared:
        change = joined(change.session, trace, lookup.traces(trace.id))
    if clues.continues or clues.wanted:
        part = _part(change.trace or trace, clues)
        found = answering(change, part, clues.continues, clues.wanted, clues.idle_ns, lookup)
        if found is not None:
            return found
    if not clues.alone:
        return None
    return continued(change, clues.history, clues.idle_ns, lookup) if clues.history and not change.takes else change


def _part(trace: Trace, clues: Clues) -> Trace:
    said = trace.output.text if clues.answer is None else clues.answer
    return replace(trace, span_id=trace.span_id or clues.span_id, output=Payload(said, trace.output.body))
