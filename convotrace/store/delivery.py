"""Items on their way into the store: prepared, written, tried again, or counted as lost. Knows no thread."""

from __future__ import annotations

import random
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Generic

from convotrace.errors import StoreError
from convotrace.model import Change, Json
from convotrace.options import shown_url
from convotrace.store.backlog import Drops, Entry, T
from convotrace.store.batches import Prepared, Written, write_parts
from convotrace.store.database import Locked
from convotrace.store.store import Store

_SHOWN_EVERY = 5.0
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 5.0


class Delivery(Generic[T]):
    """What was taken from the queue and is not yet settled; used by one thread at a time."""

    def __init__(
        self,
        open_store: Callable[[], Store],
        prepare: Callable[[T], Iterable[Change]],
        done: Callable[[T, str], None],
        counters: Callable[[], Mapping[str, Json]],
        settled: Callable[[Entry[T]], None],
    ) -> None:
        self._open_store, self._prepare, self._done = open_store, prepare, done
        self._counters, self._settled = counters, settled
        self._taken: deque[Entry[T]] = deque()
        self._held: list[Prepared[T]] = []
        self._retrying = self._changed = False
        self._shown = 0.0
        self.drops, self.written = Drops(), Written()
        self.store: Store | None = None
        self.trouble: str | None = None
        self.last_error: str | None = None
        self.pause = _FIRST_PAUSE
        """Seconds to wait before a store in trouble is tried again."""

    @property
    def waiting(self) -> bool:
        """Whether anything that was taken is not yet settled."""
        return bool(self._taken or self._held)

    def take(self, entries: Iterable[Entry[T]]) -> None:
        """Take entries over from the queue."""
        self._taken.extend(entries)

    def carry(self) -> None:
        """Write what was taken; what the store refuses stays, in order, for the next call."""
        if not self.waiting:
            return
        self._changed = True
        try:
            if self.store is None:
                self.store = self._open_store()
            if not self._held:
                self._prepare_taken()
            self._held, trouble = write_parts(self.store, self._held, self._retrying, self._settle, self._refuse)
        except StoreError as error:
            trouble = error
        # What others kept from being begun needs no look at what stands there already, which takes far longer.
        self._retrying = bool(self._held) and (self._retrying or not isinstance(trouble, Locked))
        self._take_note(trouble)

    def give_up(self) -> None:
        """Count everything that was taken as lost."""
        reason = f"store: {self.trouble}" if self.trouble else "closed"
        for entry in [*(prepared.entry for prepared in self._held), *self._taken]:
            self.lose(entry, reason)
        self._held, self._retrying = [], False
        self._taken.clear()

    def lose(self, entry: Entry[T], reason: str) -> None:
        """Count an entry that will never be stored."""
        self.drops.add(entry.kind, reason)
        self._settled(entry)

    def show(self, force: bool = False) -> None:
        """Write this process's row now and then: it lives, and what it counted."""
        if self.store is None or not (force or time.monotonic() - self._shown > _SHOWN_EVERY):
            return
        self._shown, self._changed = time.monotonic(), False
        try:
            self.store.put_worker(self.store.worker, {**self.stats(), **self._counters()})
        except Exception as error:  # the counters of others may raise anything; the next round tries again
            self.note(error)

    def close(self) -> None:
        """Show the last counters and close the store."""
        if self.store is not None:
            self.show(force=True)
            self.store.close()

    def until_shown(self) -> float | None:
        """Return in how many seconds the last counters must be shown, None when they are."""
        return max(self._shown + _SHOWN_EVERY - time.monotonic(), 0) if self._changed else None

    def note(self, error: BaseException) -> None:
        """Keep the words of the last thing that went wrong."""
        self.last_error = f"{type(error).__name__}: {error}"[:500]

    def stats(self) -> dict[str, Json]:
        """Return what was written and lost, and how long writing took."""
        return {
            "written": {"traces": self.written.traces, "spans": self.written.spans},
            "batches": self.written.batches,
            "dropped": self.drops.counts(),
            "last_error": self.last_error,
            "write_ms": {"p50": self.written.latency(0.5), "p95": self.written.latency(0.95)},
            "store": {"url": shown_url(self.store.url), "size": _size(self.store)} if self.store else None,
        }

    def _prepare_taken(self) -> None:
        while self._taken:
            prepared = self._prepared(self._taken[0])
            self._taken.popleft()
            if prepared is not None:
                self._held.append(prepared)

    def _prepared(self, entry: Entry[T]) -> Prepared[T] | None:
        try:
            changes = tuple(self._prepare(entry.item))
        except StoreError:
            raise
        except BaseException as error:  # foreign code may raise anything, and must not end the thread
            self.note(error)
            self.lose(entry, "prepare")
            return None
        if changes:
            return Prepared(entry, changes)
        self._settled(entry)
        return None

    def _settle(self, batch: Sequence[Prepared[T]], seconds: float) -> None:
        self.written.add(batch, seconds)
        for prepared in batch:
            self._settled(prepared.entry)
            home = next((change for change in reversed(prepared.changes) if change.trace), None)
            if home is None:
                continue
            try:
                self._done(prepared.entry.item, home.session.id)
            except BaseException as error:  # foreign code may raise anything, and must not end the thread
                self.note(error)

    def _refuse(self, prepared: Prepared[T], error: Exception) -> None:
        self.note(error)
        self.lose(prepared.entry, f"data: {type(error).__name__}")

    def _take_note(self, trouble: StoreError | None) -> None:
        if trouble is None:
            self.trouble, self.pause = None, _FIRST_PAUSE
        else:
            self.trouble = self.last_error = str(trouble)
            # Unevenly, so that those who stood in each other's way do not come back all at once.
            self.pause = min(self.pause * random.uniform(1.2, 2), _LONGEST_PAUSE)


def _size(store: Store) -> int | None:
    try:
        return store.size()
    except StoreError:
        return None
