"""Fresh buckets into those of minutes, hours and days, in short transactions; and the end of the finer ones.

Each of the three is whole without the others, so that a month is read by its days. One that comes to nothing goes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from convotrace.insight.ranges import DAY_NS, HOUR_NS, HOURS_KEPT_NS, MINUTE_NS, MINUTES_KEPT_NS
from convotrace.insight.sums import Sums
from convotrace.insight.tally import OTHER
from convotrace.store.bucket_sql import BucketStatements
from convotrace.store.buckets import (
    DAY,
    DIMENSIONS,
    HOUR,
    MINUTE,
    WIDTHS,
    row_of,
    sums_of,
)
from convotrace.store.counting import settle
from convotrace.store.database import Connection
from convotrace.store.indexing import always
from convotrace.store.native import pause
from convotrace.store.opening import Opened
from convotrace.store.ranking import rank, waits
from convotrace.store.relabelling import relabel, waits_for_labels
from convotrace.store.rows import BucketRow

KEPT_NS = {MINUTE: MINUTES_KEPT_NS, HOUR: HOURS_KEPT_NS}
"""How long the finer ones are kept; those of days stay."""

SPARED_NS = HOUR_NS
"""So much longer they are there, for who reads just then."""

KEYS_OF_DAY = 500
"""Keys of one dimension that are told apart in a day; more are one."""

LEFT_AFTER_NS = 10 * 10**9
"""What a writer has not counted for so long, others count."""

FRESH_NS = 2 * MINUTE_NS
"""A minute that is past for so long gets little more."""

_AT_ONCE = 200
_DELETED_AT_ONCE_NS = 6 * HOUR_NS
_REST = 1.0

_Place = tuple[int, int, int, str]


def fold(opened: Opened, now_ns: int, before_ns: int | None = None, go_on: Callable[[], bool] = always) -> None:
    """Bring fresh buckets into the others.

    Args:
        opened: The store.
        now_ns: The time: what is too old for a finer bucket gets none.
        before_ns: Only those of minutes before this moment; all when None.
        go_on: Asked before each transaction; False ends it there.
    """
    before = 1 << 62 if before_ns is None else before_ns
    while go_on():
        began = time.perf_counter()
        with opened.connections.writing() as connection:
            folded = _Fold(opened.sql.buckets, connection, now_ns).some(before)
        if folded < _AT_ONCE:
            return
        pause((time.perf_counter() - began) * _REST)


def settle_left(opened: Opened, before_ns: int, go_on: Callable[[], bool] = always) -> None:
    """Count what writers have left uncounted since before a moment."""
    while go_on():
        with opened.connections.writing() as connection:
            if not settle(opened.sql.buckets, connection, before_ns):
                return


def delete_old(opened: Opened, now_ns: int, go_on: Callable[[], bool] = always) -> None:
    """Delete minutes and hours that are kept no longer."""
    sql = opened.sql.buckets
    for res, kept in KEPT_NS.items():
        for kind in DIMENSIONS.values():
            _delete_before(opened, sql, res, kind, now_ns - kept - SPARED_NS, go_on)


def roll_up(opened: Opened, now_ns: int, go_on: Callable[[], bool] = always) -> None:
    """Do all there is to do now and then."""
    settle_left(opened, now_ns - LEFT_AFTER_NS, go_on)
    fold(opened, now_ns, now_ns - FRESH_NS, go_on)
    delete_old(opened, now_ns, go_on)
    relabel(opened, go_on)
    rank(opened, now_ns, go_on)


def is_waiting(opened: Opened, now_ns: int) -> bool:
    """Tell whether there is anything to settle, to fold, to label or to rank."""
    sql = opened.sql.buckets
    with opened.connections.reading() as connection:
        left = connection.execute(sql.any_stale, (now_ns - LEFT_AFTER_NS, 1)).fetchone()
        if left or connection.execute(sql.any_fresh, (now_ns - FRESH_NS, 1)).fetchone():
            return True
        return waits_for_labels(opened.sql, connection) or waits(connection, now_ns)


def _delete_before(
    opened: Opened, sql: BucketStatements, res: int, kind: int, before: int, go_on: Callable[[], bool]
) -> None:
    while go_on():
        with opened.connections.reading() as connection:
            oldest = connection.execute(sql.oldest, (res, kind)).fetchone()[0]
        if oldest is None or oldest >= before:
            return
        with opened.connections.writing() as connection:
            until = min(before, oldest + _DELETED_AT_ONCE_NS * (1 if res == MINUTE else 24))
            connection.execute(sql.delete_old, (res, kind, until))


class _Fold:
    """One transaction."""

    def __init__(self, sql: BucketStatements, connection: Connection, now_ns: int) -> None:
        self._sql, self._connection, self._now = sql, connection, now_ns
        self._keys: dict[tuple[int, int], set[str]] = {}

    def some(self, before: int) -> int:
        """Fold a few fresh buckets; return how many."""
        rows = [BucketRow(*columns) for columns in self._connection.execute(self._sql.fresh, (before, _AT_ONCE))]
        found: dict[_Place, Sums] = {}
        for row in rows:
            key = self._admitted(row.kind, row.at - row.at % DAY_NS, row.key)
            for res in self._resolutions(row.at):
                place = (res, row.kind, row.at - row.at % WIDTHS[res], key)
                found[place] = sums_of(row[5:], found.get(place))
        self._put(found)
        self._connection.executemany(self._sql.delete, [row[:5] for row in rows])
        return len(rows)

    def _resolutions(self, at: int) -> Sequence[int]:
        return [res for res in (MINUTE, HOUR) if at >= self._now - KEPT_NS[res] - SPARED_NS] + [DAY]

    def _put(self, found: dict[_Place, Sums]) -> None:
        rows: list[Any] = []
        for (res, *group), sums in found.items():
            held = self._connection.execute(self._sql.one, (res, *group, 0)).fetchone()
            if held is not None:
                sums_of(held, sums)
            if not sums.is_empty:
                rows.append(row_of(res, tuple(group), 0, sums, pack=res == MINUTE))  # type: ignore[arg-type]
            elif held is not None:
                self._connection.execute(self._sql.delete, (res, *group, 0))
        self._connection.executemany(self._sql.put, rows)

    def _admitted(self, kind: int, day: int, key: str) -> str:
        """Return a key, or that of all others where a day has too many."""
        held = self._keys.get((kind, day))
        if held is None:
            held = {name for (name,) in self._connection.execute(self._sql.keys, (DAY, kind, day))}
            self._keys[kind, day] = held
        if key not in held and len(held) >= KEYS_OF_DAY:
            return OTHER
        held.add(key)
        return key
