"""The rows of changes, made before the write lock is taken wherever it is known where they will stand."""

from __future__ import annotations

from convotrace.model import Change
from convotrace.store.contents import Packer
from convotrace.store.keys import SessionKeys, trace_key
from convotrace.store.packing import pressed
from convotrace.store.to_rows import TraceRows, trace_rows

_SHARED_REMEMBERED = 10_000


class Builder:
    """Makes rows, and remembers what that takes: the keys of sessions, the contents that they hold.

    Args:
        sid_secret: With which ids of sessions become keys.
        content_secret: With which contents are hashed.
        worker: Id of this process.
        presses: Whether long columns of a trace are pressed into one.
    """

    def __init__(self, sid_secret: bytes, content_secret: bytes, worker: int, presses: bool) -> None:
        self._worker = worker
        self._presses = presses
        # Ids that several users share: what comes under one of them is not encoded before its session is known.
        self._shared: set[str] = set()
        self.keys = SessionKeys(sid_secret)
        self.packer = Packer(content_secret)

    def early(self, change: Change) -> TraceRows | None:
        """Return the rows of a change with a trace, None where only the transaction knows its place."""
        trace = change.trace
        late = change.decide is not None or change.written_as is not None or change.session.id in self._shared
        return None if late or trace is None else self.build(change, trace_key(trace.started_ns, trace.id))

    def build(self, change: Change, tk: int) -> TraceRows:
        """Return the rows of a change that has a trace."""
        assert change.trace is not None
        sid = self.keys.of(change.session.id)
        rows = trace_rows(self.packer, sid, tk, change.trace, change.session, self._worker)
        if self._presses:
            rows.trace = pressed(rows.trace)
        return rows

    def note_shared(self, session_id: str) -> None:
        """Note that several users share an id."""
        if len(self._shared) >= _SHARED_REMEMBERED:
            self._shared.clear()
        self._shared.add(session_id)

    def forget(self, session_id: str) -> None:
        """Forget what a session is known to hold."""
        self.packer.forget(self.keys.of(session_id))
