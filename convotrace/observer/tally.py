"""Counters that many threads add to without a lock."""

from __future__ import annotations

from collections import defaultdict, deque
from itertools import count


class Tally:
    """A number that only grows; `next` on a C counter is atomic, `+=` is not."""

    __slots__ = ("_count",)

    def __init__(self) -> None:
        self._count = count()

    def add(self) -> None:
        """Add one."""
        next(self._count)

    @property
    def value(self) -> int:
        """Return the number so far."""
        return int(repr(self._count)[len("count(") : -1])  # reading without counting: copies of it went with 3.14


class Tallies:
    """Numbers by name."""

    def __init__(self, *names: str) -> None:
        self._by_name: dict[str, Tally] = defaultdict(Tally, {name: Tally() for name in names})

    def add(self, name: str, times: int = 1) -> None:
        """Add to a number."""
        tally = self._by_name[name]
        for _ in range(times):
            tally.add()

    def values(self) -> dict[str, int]:
        """Return every number by its name."""
        return {name: tally.value for name, tally in list(self._by_name.items())}


_FEW = 4


class Cost:
    """What our part of requests takes: one in 32 is timed, and the latest 512 of these are kept."""

    EVERY = 31
    """A request is timed where its number has none of these bits."""

    def __init__(self) -> None:
        # The first ones load what all others find loaded.
        self.number, self.ended = count(1), count(1)
        self._begin: deque[int] = deque(maxlen=512)
        self._end: deque[int] = deque(maxlen=512)

    def add(self, begin: bool, spent: int) -> None:
        """Note how many ns the beginning or the end of a request took."""
        (self._begin if begin else self._end).append(spent)

    def values(self) -> dict[str, float] | None:
        """Return the median and the 99th percentile in µs, None where too few were timed to tell."""
        parts = [sorted(part) for part in (tuple(self._begin), tuple(self._end))]
        if min(map(len, parts)) < _FEW:
            return None
        return {
            name: sum(part[int(len(part) * share)] for part in parts) / 1e3
            for name, share in (("p50", 0.5), ("p99", 0.99))
        }
