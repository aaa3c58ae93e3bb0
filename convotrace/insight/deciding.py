"""What a request says of where it belongs, and the one decision that all of it together leads to."""

from __future__ import annotations

from dataclasses import dataclass

from convotrace.insight.continuity import continued
from convotrace.insight.history import Said
from convotrace.insight.join import joined
from convotrace.model import Change, Lookup


@dataclass(frozen=True, slots=True)
class Clues:
    """What a request says, beside its record, of the place where it belongs; each empty where it says nothing."""

    shared: bool = False
    """Others may know of its trace id."""
    history: tuple[Said, ...] = ()
    """The messages it sent again, where it named no session."""
    idle_ns: int = 0

    def __bool__(self) -> bool:
        return self.shared or bool(self.history)


def decided(clues: Clues, change: Change, lookup: Lookup) -> Change | None:
    """Return the change as what is stored decides it, None for nothing: the strongest tie counts.

    That is the trace it is part of by its id, then the history it goes on with.
    """
    trace = change.trace
    assert trace is not None
    if clues.shared:
        whole = joined(change.session, trace, lookup.traces(trace.id))
        if whole.takes:
            return whole
    return continued(change, clues.history, clues.idle_ns, lookup) if clues.history else change
