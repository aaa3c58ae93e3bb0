"""What an analyst asks of a store: what many sessions come to."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from convotrace.later import later
from convotrace.store.opening import Opened

if TYPE_CHECKING:
    from convotrace.insight.cohort import Summary
    from convotrace.store import cohort
else:
    cohort = later("convotrace.store.cohort")


class Analyst(ABC):
    """The part of a store that tells what many sessions come to."""

    @abstractmethod
    def _ready(self) -> Opened:
        """Return the open database."""

    def summary(
        self, since_ns: int, until_ns: int, q: str | None = None, width_ns: int | None = None, most: int = 8_000
    ) -> Summary:
        """Return what the sessions that began in a range come to: ends, users, cost, feedback, scores, survival.

        Args:
            since_ns: They began then or later.
            until_ns: And before this.
            q: A filter as in `sessions`.
            width_ns: Of the points of `ends`; the whole range when None.
            most: Sessions that are read; of more a share is, always the same one, and numbers are scaled up.

        Raises:
            FilterError: The filter cannot be read; it says where it is wrong, and has a hint.
            StoreError: The store cannot be read.
        """
        width_ns = width_ns or max(until_ns - since_ns, 1)
        return cohort.summarized(self._ready(), q, since_ns, until_ns, width_ns, time.time_ns(), most)
