"""The sessions that a filter names at one moment, as conditions on rows of `session`."""

from __future__ import annotations

import operator
from functools import partial, reduce
from typing import Any

from convotrace.query import EVERYTHING, And, Match, parse
from convotrace.store.codec import storable
from convotrace.store.database import Connection
from convotrace.store.filtering import Condition, Filter, holds_text
from convotrace.store.indexing import catch_up, is_common
from convotrace.store.opening import Opened
from convotrace.store.workers import living_workers

_FEW = 2000
"""Sessions of a label up to which they are looked at one by one; more are met soon enough on the way down the list."""


class Wanted:
    """What a filter asks for; everything that must be read for it is read here, before a connection is borrowed.

    A store in memory has only one connection.

    Args:
        opened: The open store.
        q: The text of the filter.
        now_ns: The moment that terms such as `since:24h` count from.

    Raises:
        FilterError: The filter cannot be read.
    """

    def __init__(self, opened: Opened, q: str | None, now_ns: int) -> None:
        self.are_few = False
        """Whether `conditions` names the few sessions among which all that are wanted stand."""
        self._node = parse(q or "")
        living = partial(living_workers, opened, now_ns)
        self._filter = Filter(opened.tables, opened.speech, now_ns, living, partial(is_common, opened))
        self._conditions = [] if self._node == EVERYTHING else [self._filter.condition(self._node)]
        if holds_text(self._node):
            catch_up(opened)

    def conditions(self, connection: Connection) -> list[Condition]:
        """Return the conditions that a row fulfils, with one that names few rows where it is known."""
        rare = self._rare(connection)
        self.are_few = bool(rare)
        return [*self._conditions, *rare]

    def _rare(self, connection: Connection) -> list[Condition]:
        """Return a condition that names the few sessions among which all that are wanted stand, if it is known."""
        session, label, wanted = self._filter.tables.session, self._filter.tables.label, self._node
        best, fewest = [], _FEW
        for part in wanted.parts if isinstance(wanted, And) else (wanted,):
            if isinstance(part, Match) and part.field == "user" and not part.prefix:
                sids = session.alias("owned")
                chosen = sids.select(sids.sid).where(sids.user_id == storable(part.value))
            elif (conditions := self._filter.narrow(part)) is not None:
                chosen = label.select(label.sid).where(reduce(operator.or_, conditions))
            else:
                continue
            number = _count(connection, chosen, fewest)
            if number < fewest:
                best, fewest = [session.sid.in_(chosen)], number
        return best


def _count(connection: Connection, chosen: Any, most: int) -> int:
    text, values = chosen.limit(most).sql()
    return int(connection.execute(f"SELECT count(*) FROM ({text}) AS few", values).fetchone()[0])
