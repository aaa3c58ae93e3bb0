"""The rows of changes, made before the write lock is taken wherever it is known where they will stand."""

from __future__ import annotations

from collections.abc import Callable

from convotrace.model import Change
from convotrace.store.bundles import place_of
from convotrace.store.contents import Packer
from convotrace.store.keys import SessionKeys, trace_key
from convotrace.store.remembered import Held
from convotrace.store.to_rows import TraceRows, trace_rows

_SHARED_REMEMBERED = 10_000


class Builder:
    """Makes rows, and remembers what that takes: the keys of sessions, the contents that they hold.

    Args:
        sid_secret: With which ids of sessions become keys.
        content_secret: With which contents are hashed.
        worker: Id of this process.
        presses: Whether long columns of a trace are pressed into one.
        held: Returns what others wrote into a session; see `Packer`.
    """

    def __init__(
        self,
        sid_secret: bytes,
        content_secret: bytes,
        worker: int,
        presses: bool,
        held: Callable[[int, bytes], Held | None],
    ) -> None:
        self._worker = worker
        self._presses = presses
        # Ids that several users share: what comes under one of them is not encoded before its session is known.
        self._shared: set[str] = set()
        self.keys = SessionKeys(sid_secret)
        self.packer = Packer(content_secret, held)

    def early(self, change: Change) -> TraceRows | None:
        """Return the rows of a change with a trace, None where only the transaction knows its place."""
        trace = change.trace
        late = change.decide is not None or change.written_as is not None or change.session.id in self._shared
        if late or trace is None:
            return None
        return self.build(change, trace_key(trace.started_ns, trace.id), is_early=True)

    def build(self, change: Change, tk: int, is_early: bool = False) -> TraceRows:
        """Return the rows of a change that has a trace."""
        assert change.trace is not None
        sid = self.keys.of(change.session.id)
        # A trace that runs is written again soon, and would leave its contents to rows of their own.
        bundles = self._presses and change.trace.status != "running"
        self.packer.begin(place_of(tk) if bundles else b"", may_look=bundles and is_early)
        return trace_rows(self.packer, sid, tk, change.trace, change.session, self._worker, self._presses)

    def note_shared(self, session_id: str) -> None:
        """Note that several users share an id."""
        if len(self._shared) >= _SHARED_REMEMBERED:
            self._shared.clear()
        self._shared.add(session_id)

    def forget(self, session_id: str) -> None:
        """Forget what a session is known to hold."""
        self.packer.memory.forget(self.keys.of(session_id))
