"""By what the turns of some sessions are grouped: where that stands, and which groups one turn belongs to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from convotrace.store.buckets import TRACE_WORTH, key_of
from convotrace.store.codec import decode_column, encode, storable

OF_SESSIONS = ("user", "tag", "outcome", "resolved", "experiment")
"""What only sessions have; `experiment` is `meta.experiment`."""

_OF_TRACES = ("environment", "release", "service", "route")
_COLUMNS = {
    "user": "user_id", "tag": "tags", "outcome": "outcome", "resolved": "resolved", "environment": "environment",
    "release": "release",
}  # fmt: skip
_RESOLVED = {None: "unknown", 0: "false", 1: "true"}


class Grouping:
    """One way to group.

    Args:
        by: A name that `metrics.BY` allows, or None for one group.
    """

    def __init__(self, by: str | None) -> None:
        meta = by.partition(".")[2] if by is not None and by.startswith("meta.") else None
        self._meta = "experiment" if by == "experiment" else meta
        self._by = by
        self.column = "metadata" if self._meta is not None else _COLUMNS.get(by or "")
        """The column of a session that tells its groups, None where it does not."""
        self.is_of_traces = by in _OF_TRACES
        self.is_of_sessions = by is None or self.column is not None
        """Whether sessions have groups, and not only their turns or calls."""
        self.is_disjoint = by != "tag"
        """Whether a turn is in one group only."""
        self._known: dict[Any, tuple[str, ...]] = {}

    def of_trace(self) -> Callable[[Any, Sequence[Any]], tuple[str, ...]]:
        """Return what tells the groups of a turn from its session's column and its own columns of TRACE_WORTH."""
        if self.is_of_traces:
            place = TRACE_WORTH.index(self._by or "")
            return lambda _value, trace: (key_of(trace[place]),)
        return lambda value, _trace: self.of_session(value)

    def of_session(self, value: Any) -> tuple[str, ...]:
        """Return the groups of a session from its column."""
        found = self._known.get(value)
        if found is None:
            if len(self._known) > 10_000:
                self._known.clear()
            found = self._known[value] = self._groups(value)
        return found

    def _groups(self, value: Any) -> tuple[str, ...]:
        if self.column is None:
            return ("",)
        if self._by == "tag":
            tags = dict.fromkeys(decode_column(value) or ())
            return tuple(key_of(storable(tag)) for tag in tags) or ("",)
        if self._meta is not None:
            told = (decode_column(value) or {}).get(self._meta)
            if told is None:
                return ("",)
            return (key_of(storable(told if isinstance(told, str) else encode(told).decode().strip())),)
        if self._by == "resolved":
            return (_RESOLVED[value],)
        return (key_of(value),)
