"""What the app itself counted, without convotrace: the other side of the comparison that `demo --once` makes."""

from __future__ import annotations

import threading
from collections import Counter


class Tally:
    """Steps by kind and errors, counted by several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()

    def add(self, kind: str, times: int = 1) -> None:
        """Count a step, by its span kind, or an `error`."""
        with self._lock:
            self._counts[kind] += times

    def counts(self) -> Counter[str]:
        """Return a copy of all counts."""
        with self._lock:
            return self._counts.copy()
