"""Sessions at rest among the indexes by which lists are sorted, so that turns of those that go on change none of them.

A list is sorted from these indexes and from the few sessions that are not in them yet: exact at any moment.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from convotrace.store.database import Connection
from convotrace.store.native import REST, pause
from convotrace.store.opening import RANKED, Opened, known, meta
from convotrace.store.schema import RANK_INDEXES

AT_REST_NS = 15 * 60 * 10**9
"""A session that was not active for so long seldom goes on."""

MOST_UNRANKED = 2_000
"""Sessions that a list looks at one by one; where more are not ranked yet, it goes through all."""

_AT_ONCE = 100
_RANK = """
UPDATE session SET ranked = 1
WHERE sid IN (SELECT sid FROM session WHERE ranked IS NULL AND last < ? ORDER BY sid LIMIT ?)
"""
_WAITS = "SELECT 1 FROM session WHERE ranked IS NULL AND last < ? ORDER BY sid LIMIT 1"
_UNRANKED = "SELECT count(*) FROM (SELECT sid FROM session WHERE ranked IS NULL LIMIT ?) AS few"


def rank(opened: Opened, now_ns: int, go_on: Callable[[], bool]) -> None:
    """Take the sessions that have come to rest into the indexes, in short transactions."""
    _make_indexes(opened)
    while go_on():
        began = time.perf_counter()
        with opened.connections.writing() as connection:
            if connection.execute(_RANK, (now_ns - AT_REST_NS, _AT_ONCE)).rowcount < _AT_ONCE:
                return
        pause((time.perf_counter() - began) * REST)


def _make_indexes(opened: Opened) -> None:
    """Make the indexes of a store of an older schema, each in a transaction of its own."""
    if known(opened, RANKED) is None:
        for statement in RANK_INDEXES:
            with opened.connections.writing() as connection:
                connection.execute(statement)
        meta(opened, RANKED, "1")


def waits(connection: Connection, now_ns: int) -> bool:
    """Tell whether any session has come to rest and is not ranked."""
    return connection.execute(_WAITS, (now_ns - AT_REST_NS,)).fetchone() is not None


def is_usable(connection: Connection) -> bool:
    """Tell whether all but a few sessions are ranked."""
    return int(connection.execute(_UNRANKED, (MOST_UNRANKED + 1,)).fetchone()[0]) <= MOST_UNRANKED
