"""The sessions that a filter names at one moment, as conditions on rows of `session`."""

from __future__ import annotations

from functools import cache, partial

import orjson
from peewee import SQL

from convotrace.query import EVERYTHING, And, Compare, Node, Or, When, Within, parse
from convotrace.store.database import Connection
from convotrace.store.filtering import Condition, Filter, holds_text
from convotrace.store.indexing import catch_up, is_common
from convotrace.store.opening import Opened
from convotrace.store.ranking import is_usable
from convotrace.store.workers import living_workers

_FEW = 2000
"""Sessions of a term up to which they are looked at one by one; more are met soon enough on the way down the list."""


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
        self._node, self._listed = parse(q or ""), opened.connections.listed
        living = partial(living_workers, opened, now_ns)
        # Asked once a text, here: `conditions` has a connection already.
        common = cache(partial(is_common, opened))
        self._filter = Filter(opened.tables, opened.speech, now_ns, living, common)
        self._conditions = [] if self._node == EVERYTHING else [self._filter.condition(self._node)]
        self.is_walked = not holds_text(self._node) and not _holds_time(self._node)
        """Whether it may stand anywhere: not in a stretch of time or among texts, which indexes of their own find."""
        if holds_text(self._node):
            catch_up(opened)

    def conditions(self, connection: Connection) -> list[Condition]:
        """Return the conditions that a row fulfils, with one that names few rows where it is known."""
        few = self._few(self._node, connection)
        self.are_few = few is not None
        if few is None:
            return self._conditions
        listed = SQL(f"({self._listed})", (orjson.dumps(sorted(few)).decode(),))
        return [*self._conditions, self._filter.tables.session.sid.in_(listed)]

    def _few(self, node: Node, connection: Connection) -> set[int] | None:
        """Return the keys of the few sessions among which all that are wanted stand, None where they are many."""
        match node:
            case And(parts):
                return self._fewest(parts, connection)
            case Or(parts):
                found: set[int] = set()
                for part in parts:
                    more = self._few(part, connection)
                    if more is None or len(found := found | more) >= _FEW:
                        return None
                return found
        return self._named(node, connection)

    def _fewest(self, parts: tuple[Node, ...], connection: Connection) -> set[int] | None:
        best: set[int] | None = None
        for part in sorted(parts, key=holds_text):
            if best is not None and holds_text(part):
                # To look for a text takes longer than to look at those that are left.
                break
            found = self._few(part, connection)
            if found is not None and (best is None or len(found) < len(best)):
                best = found
        return best

    def _named(self, node: Node, connection: Connection) -> set[int] | None:
        if isinstance(node, Compare) and node.field != "score." and not is_usable(connection):
            return None
        statements = self._filter.candidates(node)
        if statements is None:
            return None
        found: set[int] = set()
        for text, values in statements:
            limited = f"SELECT * FROM ({text}) AS named LIMIT ?"
            found.update(sid for (sid,) in connection.execute(limited, (*values, _FEW)))
            if len(found) >= _FEW:
                return None
        return found


def _holds_time(node: Node) -> bool:
    """Tell whether all that is wanted stands in a stretch of time."""
    match node:
        case And(parts):
            return any(map(_holds_time, parts))
        case Or(parts):
            return all(map(_holds_time, parts))
    return isinstance(node, (When, Within))
