"""All that is known of one dimension in a range: from buckets, and what no bucket holds yet."""

from __future__ import annotations

from collections.abc import Iterator

from convotrace.insight.sums import Sums
from convotrace.store.bucket_sql import BucketStatements
from convotrace.store.buckets import FRESH, OF_CALLS, Group, sums_of
from convotrace.store.counting import uncounted, worths_of
from convotrace.store.database import Connection


def from_buckets(
    sql: BucketStatements, connection: Connection, res: int, kind: int, since: int, until: int, width: int
) -> dict[tuple[str, int], Sums]:
    """Return the sums of one dimension.

    Args:
        sql: The statements.
        connection: Inside one transaction: what a writer moves from one place to another is counted once.
        res: The resolution to read.
        kind: The dimension.
        since: From when, in ns; a multiple of `width`.
        until: Until when, without that moment.
        width: Of the spans of time, in ns; as wide as the resolution, or a multiple of that. 0: all is one, at 0.
    """
    cells: dict[tuple[str, int], Sums] = {}
    for resolution in (res, FRESH):
        for at, key, *columns in connection.execute(sql.between, (resolution, kind, since, until)):
            place = (key, at - at % width if width else 0)
            cells[place] = sums_of(columns, cells.get(place))
    for group, sums in _not_in_buckets(sql, connection, kind in OF_CALLS):
        if group[0] == kind and since <= group[1] < until:
            place = (group[2], group[1] - group[1] % width if width else 0)
            cells.setdefault(place, Sums()).merge(sums)
    return cells


def _not_in_buckets(sql: BucketStatements, connection: Connection, with_calls: bool) -> Iterator[tuple[Group, Sums]]:
    for writer, since in connection.execute(sql.all_since).fetchall():
        yield from uncounted(sql, connection, writer, since, with_calls).groups().items()
    running = sql.running if with_calls else sql.running_brief
    yield from worths_of(connection, running, (), with_calls).groups().items()
