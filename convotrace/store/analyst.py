"""What an analyst asks of a store: what many sessions come to."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from convotrace.later import later
from convotrace.store.opening import Opened

if TYPE_CHECKING:
    from convotrace.insight.arms import Arms
    from convotrace.insight.cohort import Summary
    from convotrace.insight.flow import Flow
    from convotrace.insight.ranges import When
    from convotrace.store import cohort, sides
else:
    sides = later("convotrace.store.sides")
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

    def arms(
        self, by: str, a: str, b: str, since: When = None, until: When = None, q: str | None = None, most: int = 8_000
    ) -> Arms:
        """Return two groups of the sessions that began in a range, side by side, with intervals.

        Args:
            by: What they differ in: `release environment service tag user model tool` or `meta.<name>`.
            a: The value of the first.
            b: The value of the second.
            since: From when, as in `metrics`; a day before `until` when None.
            until: Until when; now when None.
            q: A filter as in `sessions`, for both.
            most: Sessions of each that are read; of more a share is.

        Returns:
            Rates of sessions with Wilson's interval and, for the difference, Newcombe's; means with Welch's. What is
            flagged is more than chance explains, all numbers looked at.

        Raises:
            FilterError: The filter cannot be read.
            BadRequest: Something else cannot be used; it says what, and what can be.
            StoreError: The store cannot be read.
        """
        return sides.arms(self._ready(), by, a, b, since, until, q, most, time.time_ns())

    def flow(
        self, since: When = None, until: When = None, q: str | None = None, steps: str = "", at: str = "",
        most: int = 8_000, most_read: int = 1_000,
    ) -> Flow:  # fmt: skip
        """Return where the sessions that began in a range lose people.

        Args:
            since: From when, as in `metrics`; a day before `until` when None.
            until: Until when; now when None.
            q: A filter as in `sessions`.
            steps: Of a funnel, in order, separated by commas: `turn:1, tool:search, event:paid`.
            at: Name the sessions of one bar as well: `last:tool:search`, or `step:2` and `lost:2` of the funnel.
            most: Sessions that are read for the survival curve; of more a share is.
            most_read: Sessions whose traces are read for the rest.

        Raises:
            FilterError: The filter cannot be read.
            BadRequest: Something else cannot be used; it says what, and what can be.
            StoreError: The store cannot be read.
        """
        return sides.flow(self._ready(), since, until, q, steps, at, most, most_read, time.time_ns())
