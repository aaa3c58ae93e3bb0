"""Prepared items into the store: all at once, or what can be saved of them where one is bad."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic

from convotrace.errors import StoreError
from convotrace.model import Change
from convotrace.store.backlog import Entry, T
from convotrace.store.store import Store

_LATENCIES_KEPT = 200


@dataclass(frozen=True, slots=True)
class Prepared(Generic[T]):
    """An item and the changes it became."""

    entry: Entry[T]
    changes: tuple[Change, ...]


class Written:
    """What was written, and how long it took."""

    def __init__(self) -> None:
        self.traces = self.spans = self.batches = 0
        self._latencies: deque[float] = deque(maxlen=_LATENCIES_KEPT)

    def add(self, batch: Sequence[Prepared[T]], seconds: float) -> None:
        """Count one committed batch."""
        traces = [change.trace for prepared in batch for change in prepared.changes if change.trace]
        self.traces += len(traces)
        self.spans += sum(len(trace.spans) for trace in traces)
        self.batches += 1
        self._latencies.append(seconds * 1000)

    def latency(self, share: float) -> float | None:
        """Return the time in ms that a share of the last batches stayed under, None before the first."""
        known = sorted(self._latencies)
        return round(known[min(int(len(known) * share), len(known) - 1)], 3) if known else None


def write_parts(
    store: Store,
    batch: Sequence[Prepared[T]],
    retry: bool,
    settle: Callable[[Sequence[Prepared[T]], float], None],
    refuse: Callable[[Prepared[T], Exception], None],
) -> tuple[list[Prepared[T]], StoreError | None]:
    """Write a batch, halving what fails until the bad item stands alone.

    Args:
        store: Where to.
        batch: What to write.
        retry: It may have been written already.
        settle: Called with what was committed and the seconds it took.
        refuse: Called with an item that no store would take, and why.

    Returns:
        What is left because the store itself failed, and its trouble.
    """
    parts = [list(batch)]
    while parts:
        part = parts.pop(0)
        began = time.perf_counter()
        try:
            written = iter(store.write([change for prepared in part for change in prepared.changes], retry))
        except StoreError as trouble:
            return [prepared for rest in (part, *parts) for prepared in rest], trouble
        except Exception as error:  # whatever a record may hold, the others of its batch must not be lost for it
            if len(part) == 1:
                refuse(part[0], error)
            else:
                middle = len(part) // 2
                parts[:0] = [part[:middle], part[middle:]]
        else:
            settle([_decided(prepared, written) for prepared in part], time.perf_counter() - began)
    return [], None


def _decided(prepared: Prepared[T], written: Iterator[Change | None]) -> Prepared[T]:
    changes = [next(written) for _ in prepared.changes]
    return Prepared(prepared.entry, tuple(change for change in changes if change is not None))
