"""What sessions have come to, in memory: of this process exact, of other processes within a second.

Nothing here is called by a request but `totals`; the store is read in threads of ours.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from time import monotonic
from typing import TYPE_CHECKING

from convotrace.identity import session_key
from convotrace.insight.spending import Spent, Sum, Totals, spent_of
from convotrace.model import Conversation, Session

if TYPE_CHECKING:
    from convotrace.store import Store

MOST = 10_000
"""Sessions that are remembered; those that were asked for least lately leave first."""
_FRESH = 600.0
"""Seconds after which a session is read again though nobody seems to have changed it: it may have been forgotten."""
_IN_FULL = 50
"""Turns of a session whose tool calls are known; of those before, the sums are."""
_EARLIER = "earlier"
_LATELY = 3
"""Seconds over which it is asked again and again who was active."""


class Entry:
    """One session."""

    __slots__ = ("expected", "own", "read_at", "sum")

    def __init__(self) -> None:
        self.sum = Sum()
        self.own: dict[str, int | None] = {}
        """Traces of this process, which knows them better; with when in ns those began that have gone to the store."""
        self.read_at: float | None = None
        self.expected = 0
        """How many traces the store will have of it, as far as this process knows."""


class Known:
    """Remembers sessions.

    Args:
        open_store: Returns the store.
    """

    def __init__(self, open_store: Callable[[], Store]) -> None:
        self._open_store = open_store
        self._lock = threading.Lock()
        self._entries: OrderedDict[str, Entry] = OrderedDict()

    def is_read(self, session_id: str) -> bool:
        """Tell whether what is stored of a session has been read."""
        entry = self._entries.get(session_id)
        return entry is not None and entry.read_at is not None and monotonic() - entry.read_at < _FRESH

    def totals(self, session_id: str | None, running: Spent, without: str = "") -> Totals:
        """Return what a session has come to, with the turn that runs.

        Args:
            session_id: None for a session that nobody knows yet.
            running: What the running turn has spent.
            without: The id of its trace: what may be known of it already is not counted twice.
        """
        with self._lock:
            entry = None if session_id is None else self._entries.get(session_id)
            if entry is None:
                return Sum().with_running(running, session_id is None)
            self._entries.move_to_end(session_id or "")
            if without in entry.sum:
                entry.sum.drop(without)
            return entry.sum.with_running(running, entry.read_at is not None)

    def put(self, session_id: str, trace_id: str, spent: Spent, stored_ns: int | None = None) -> None:
        """Note what a trace of this process spent.

        Args:
            session_id: Its session; one that is stored makes no entry, for nobody asked for it.
            trace_id: The trace.
            spent: What it spent.
            stored_ns: When it began, where it has gone to the store.
        """
        with self._lock:
            if stored_ns is None and session_id not in self._entries:
                self._entry(session_id)
            entry = self._entries.get(session_id)
            if entry is not None:
                entry.expected += stored_ns is not None and entry.own.get(trace_id) is None
                entry.own[trace_id] = entry.own.get(trace_id) if stored_ns is None else stored_ns
                entry.sum.put(trace_id, spent)

    def read(self, session_id: str) -> None:
        """Read what is stored of a session.

        Raises:
            StoreError: It cannot be read.
        """
        found = self._stored(session_id)
        with self._lock:
            entry = self._entry(session_id)
            entry.read_at = monotonic()
            if found is not None:
                _take(entry, *found)

    def refresh(self) -> None:
        """Read again those sessions that were active lately and about which the store knows more than we do.

        Raises:
            StoreError: The store cannot be read.
        """
        if not self._entries:
            return
        after = None
        while True:
            page = self._open_store().sessions(f"since:{_LATELY}s", "-last", 100, after)
            for session in page:
                if self._differs(session):
                    self.read(session.id)
            after = page.next
            if after is None:
                return

    def _differs(self, session: Session) -> bool:
        with self._lock:
            entry = self._entries.get(session.id)
            if entry is None or entry.read_at is None:
                return False
            traces, turns, errors = entry.sum.counts()
            if _EARLIER in entry.sum:
                return session.traces > entry.expected
        return (session.traces, session.turns, session.errors) != (traces, turns, errors)

    def _entry(self, session_id: str) -> Entry:
        entry = self._entries.get(session_id)
        if entry is None:
            entry = self._entries[session_id] = Entry()
            while len(self._entries) > MOST:
                self._entries.popitem(last=False)
        return entry

    def _stored(self, session_id: str) -> tuple[Conversation, int, int] | None:
        """Return the last turns of a session, with the numbers of the first and the last of them."""
        store, key = self._open_store(), session_key(session_id)
        found = store.excerpt_by_key(key, count=_IN_FULL, is_light=True)
        if found is not None and found.total > _IN_FULL:
            found = store.excerpt_by_key(key, turn=found.total - _IN_FULL + 1, count=_IN_FULL, is_light=True)
        return None if found is None else (found.conversation, found.first, found.last)


def _take(entry: Entry, it: Conversation, first: int, last: int) -> None:
    """Put what is stored in the place of what was known, but for the traces of this process."""
    handed_over = it.session.outcome == "escalated"
    inside = [trace for trace in it.traces if trace.turn is None or first <= trace.turn <= last]
    told = {trace.id: spent_of(trace) for trace in inside}
    for trace_id, spent in told.items():
        if trace_id not in entry.own:
            entry.sum.put(trace_id, spent)
    rest = _rest(it.session, list(told.values()))
    oldest = min((trace.started_ns for trace in inside), default=0)
    gone = {id: began for id, began in entry.own.items() if began is not None and id not in told}
    # What began later than what was read is on its way to the store.
    entry.expected = it.session.traces + sum(began >= oldest for began in gone.values())
    if rest.turns > 0 or handed_over:
        # Those before are sums; of them, what this process knows by itself is not to be counted twice.
        for trace_id in [id for id, began in gone.items() if began < oldest]:
            entry.sum.drop(trace_id)
            del entry.own[trace_id]
        entry.sum.put(_EARLIER, Spent(*_positive(rest), handed_over=handed_over))
    elif _EARLIER in entry.sum:
        entry.sum.drop(_EARLIER)


def _positive(rest: Spent) -> tuple[int, int, int, int, int]:
    """Return the numbers of what was spent, none below zero."""
    told = (rest.turns, rest.errors, rest.input_tokens, rest.output_tokens, rest.cost_nano)
    turns, errors, tokens_in, tokens_out, nano = (max(0, value) for value in told)
    return turns, errors, tokens_in, tokens_out, nano


def _rest(session: Session, inside: list[Spent]) -> Spent:
    """Return what a session spent beside some of its traces."""
    return Spent(
        session.turns - sum(one.turns for one in inside),
        session.errors - sum(one.errors for one in inside),
        (session.input_tokens or 0) - sum(one.input_tokens for one in inside),
        (session.output_tokens or 0) - sum(one.output_tokens for one in inside),
        (session.cost_nano or 0) - sum(one.cost_nano for one in inside),
    )
