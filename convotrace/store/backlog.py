"""What waits for the writer: a bounded queue that nobody ever waits for, and the count of what it refused."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Generic, NamedTuple, TypeVar

from convotrace.store.native import Signal

T = TypeVar("T")

IMPORTANT_MORE = 1.25
"""Errors and scores may fill the queue by a quarter more: they are dropped last."""

SPARED = 0.5
"""What comes again when it is refused may fill this part of the queue: the rest is for what would be lost."""


class Entry(NamedTuple, Generic[T]):
    """One item with its weight."""

    item: T
    rows: int = 0
    size: int = 0
    kind: str = "trace"


class Drops:
    """How many items were lost, by kind and reason."""

    def __init__(self) -> None:
        self._counts: dict[str, dict[str, int]] = {}

    def add(self, kind: str, reason: str) -> None:
        """Count one item that will never be stored."""
        reasons = self._counts.setdefault(kind, {})
        reasons[reason] = reasons.get(reason, 0) + 1

    def counts(self) -> Mapping[str, Mapping[str, int]]:
        """Return a copy of the counts: kind → reason → number."""
        return {kind: dict(reasons) for kind, reasons in list(self._counts.items())}


class Backlog(Generic[T]):
    """A queue of many threads that put and one that takes.

    The weights are summed without a lock, so that no request can wait for one; a sum that lost a step
    is set right each time the queue is empty.
    """

    def __init__(self, max_rows: int, max_bytes: int) -> None:
        self._max_rows, self._max_bytes = max_rows, max_bytes
        self._entries: deque[Entry[T] | Signal] = deque()
        self.rows = 0
        self.size = 0

    def __len__(self) -> int:
        return len(self._entries)

    def put(self, entry: Entry[T], important: bool) -> bool:
        """Append an entry; return False where there is no room for it."""
        room = IMPORTANT_MORE if important else 1
        if self.rows >= self._max_rows * room or self.size >= self._max_bytes * room:
            return False
        self._entries.append(entry)
        self.rows += entry.rows
        self.size += entry.size
        return True

    def is_filling(self) -> bool:
        """Tell whether only what would be lost otherwise should be put now."""
        return self.rows >= self._max_rows * SPARED or self.size >= self._max_bytes * SPARED

    def mark(self) -> Signal:
        """Append a signal, to be set when everything before it is settled."""
        signal = Signal()
        self._entries.append(signal)
        return signal

    def take(self, rows: int) -> tuple[list[Entry[T]], list[Signal]]:
        """Return entries of about so many rows, and the signals that stand right behind them."""
        entries: list[Entry[T]] = []
        signals: list[Signal] = []
        taken = 0
        while self._entries and (taken < rows or isinstance(self._entries[0], Signal)):
            if signals and not isinstance(self._entries[0], Signal):
                break
            first = self._entries.popleft()
            if isinstance(first, Signal):
                signals.append(first)
            else:
                entries.append(first)
                taken += first.rows
        return entries, signals

    def settle(self, entry: Entry[T]) -> None:
        """Give back the room of an entry that is stored or lost."""
        self.rows = max(self.rows - entry.rows, 0)
        self.size = max(self.size - entry.size, 0)

    def balance(self) -> None:
        """Set the sums right; to be called where nothing that was taken is unsettled."""
        if not self._entries:
            self.rows = self.size = 0
