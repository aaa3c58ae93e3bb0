"""Turns and sessions that a filter names, read from their rows: all of them, or of a share of the sessions.

Keys of sessions are hashes, so those below a bound are a fair sample, and the same one every time.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from peewee import SQL, fn

from convotrace.insight.ranges import Range
from convotrace.insight.sums import Sums
from convotrace.insight.tally import Ended
from convotrace.store.buckets import (
    TRACE_WORTH,
    add_model_call,
    add_tool_call,
    add_trace,
    is_of_model,
    key_of,
)
from convotrace.store.database import Connection
from convotrace.store.filtering import Condition
from convotrace.store.grouping import Grouping
from convotrace.store.keys import keys_below
from convotrace.store.opening import Opened
from convotrace.store.packing import work_in
from convotrace.store.sql import unindexed
from convotrace.store.work import metered_in, read_work

MOST_SESSIONS = 2_500
"""Sessions whose rows are read for one answer."""

MOST_TURNS = 3_000
"""Turns whose rows are read for one answer."""

MOST_WORKS = 1_000
"""Turns whose documents are read for one answer."""

COUNTED = 50_000
"""Sessions of a time that are counted one by one: of more, the keys of a share are looked through instead."""

_SCATTERED = 0.25
"""Of a smaller share the rows are read in the order of their keys, where few are of another time: they lie together,
and are read in half the time of rows that lie apart."""

_PROBED = 128
_SLACK_NS = 1 << 20


@dataclass
class Found:
    """Sums by group and point, those of all turns, and of which share of the sessions they are."""

    share: float
    cells: dict[tuple[str, int], Sums] = field(default_factory=dict)
    total: Sums = field(default_factory=Sums)


class Sample:
    """What is read for one answer, within one moment of the store.

    Args:
        opened: The store.
        connection: The moment.
        conditions: Which sessions are wanted.
        are_few: Whether these name few of them in a way that is quickly looked up.
        span: The range.
    """

    def __init__(
        self, opened: Opened, connection: Connection, conditions: list[Condition], are_few: bool, span: Range
    ) -> None:
        self._tables, self._connection, self._span = opened.tables, connection, span
        self._by_key, self._number = False, 0
        self.share = 1.0 if are_few else self._share_of_sessions()
        # A filter leaves less to be read: then the index that it is looked up by is the better one.
        self._by_key = self._by_key or (self.share < _SCATTERED and not conditions and self._is_most())
        self._wanted = [*self._within(), *conditions]

    def turns(self, grouping: Grouping, kind: str | None, points: bool) -> Found:
        """Return the sums of the turns, or of their calls.

        Args:
            grouping: By what.
            kind: `model` or `tool` for calls by these, None for turns.
            points: Whether by point, or over the whole range.
        """
        most = MOST_TURNS if kind is None else MOST_WORKS
        number = self._first(fn.sum(self._tables.session.traces), [*self._wanted, self._of_share(self.share)]) or 0
        found = Found(self.share * min(1.0, most / max(number, 1)))
        if not number:
            return found
        groups, width = grouping.of_trace(), self._span.width_ns if points else 0
        since, until = self._span.since_ns, self._span.until_ns
        for value, *trace in self._connection.execute(*self._rows(grouping, found.share, kind is not None)):
            started = trace[_STARTED]
            if not since <= started < until:
                continue
            at = started - started % width if width else 0
            if kind is None:
                for key in groups(value, trace):
                    add_trace(_sums(found, key, at), trace)
                if not grouping.is_disjoint:
                    add_trace(found.total, trace)
            else:
                _add_calls(found, kind, at, work_in(*trace[-4:]))
        if grouping.is_disjoint:
            for sums in found.cells.values():
                found.total.merge(sums)
        return found

    def sessions(self, grouping: Grouping) -> dict[tuple[str, int], list[Ended]]:
        """Return the sessions that began in the range, by group and point; all of them under (ALL, 0) as well."""
        session, width = self._tables.session, self._span.width_ns
        columns = [session.started, session.last, session.turns, session.outcome, session.resolved]
        value = SQL("NULL") if grouping.column is None else getattr(session, grouping.column)
        began = session.started >= self._span.since_ns
        query = session.select(value, *columns).where(*self._wanted, began, self._of_share(self.share))
        found: dict[tuple[str, int], list[Ended]] = defaultdict(list)
        for told, started, last, turns, outcome, resolved in self._connection.execute(*query.sql()):
            ended = (last - started, turns, outcome, resolved)
            found[ALL, 0].append(ended)
            for key in grouping.of_session(told) if grouping.is_of_sessions else ():
                found[key, started - started % width].append(ended)
        return found

    def _is_most(self) -> bool:
        """Tell whether the sessions of this time are half of all or more, by a look at few of these."""
        few = self._tables.session.sid < keys_below(1 / (4 * _PROBED))
        return self._number >= 2 * _PROBED * int(self._first(fn.count(self._tables.session.sid), [few]))

    def _share_of_sessions(self) -> float:
        """Return so great a share of the sessions of this time that not too many have to be looked at."""
        session = self._tables.session
        text, values = session.select(SQL("1")).where(*self._within()).limit(COUNTED + 1).sql()
        number: int = self._connection.execute(f"SELECT count(*) FROM ({text}) AS few", values).fetchone()[0]
        if number > COUNTED:
            self._by_key = True
            probe = [*self._within(), self._of_share(1 / _PROBED)]
            number = max(self._first(fn.count(session.sid), probe) * _PROBED, COUNTED)
        self._number = number
        return min(1.0, MOST_SESSIONS / max(number, 1))

    def _within(self) -> list[Condition]:
        """Return what the sessions of this time fulfil; told in a way that chooses what they are looked up by."""
        session = self._tables.session
        last = unindexed(session.last) if self._by_key else session.last
        return [last >= self._span.since_ns, session.started < self._span.until_ns]

    def _rows(self, grouping: Grouping, share: float, with_work: bool) -> tuple[str, list[Any]]:
        session, trace, span = self._tables.session, self._tables.trace, self._span
        value = SQL("NULL") if grouping.column is None or grouping.is_of_traces else getattr(session, grouping.column)
        document = [trace.work, trace.pressed, trace.input_text, trace.output_text] if with_work else []
        columns = [value, *(getattr(trace, name) for name in TRACE_WORTH), *document]
        # By the keys of their sessions: the index on their starts would lead through the turns of all.
        within = [trace.tk >= max(span.since_ns - _SLACK_NS, 0), trace.tk <= span.until_ns + _SLACK_NS]
        query = session.select(*columns).join(trace, on=(trace.sid == session.sid))
        text, values = query.where(*self._wanted, self._of_share(share), *within).sql()
        return text, list(values)

    def _of_share(self, share: float) -> Condition:
        if share >= 1:
            return SQL("1 = 1")
        sid = self._tables.session.sid
        return (sid if self._by_key else unindexed(sid)) < keys_below(share)

    def _first(self, value: Any, conditions: list[Condition]) -> Any:
        text, values = self._tables.session.select(value).where(*conditions).sql()
        return self._connection.execute(text, values).fetchone()[0]


ALL = "\0"
"""No group has this key."""

_STARTED = TRACE_WORTH.index("started")


def _sums(found: Found, key: str, at: int) -> Sums:
    sums = found.cells.get((key, at))
    if sums is None:
        sums = found.cells[key, at] = Sums()
    return sums


def _add_calls(found: Found, kind: str, at: int, work: str | None) -> None:
    for call in metered_in(read_work(work)):
        if kind == "tool" and call[0] == "tool":
            add_tool_call(_sums(found, key_of(call[1]), at), call)
        elif kind == "model" and is_of_model(call):
            add_model_call(_sums(found, key_of(call[2]), at), call)
