"""Insertions that name only the columns of which some row says something.

The driver of SQLite looks for an adapter each time it binds None: that takes ten times as long as a number, and of the
columns of a trace half are empty in nearly every row.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any

_MOST = 50
"""Forms of one statement that are kept: the driver keeps no more either."""


class Narrow:
    """The forms of one statement by the columns that it takes.

    Args:
        columns: All of them, in their order.
        make: Returns the statement that takes some of them; the others become NULL.
    """

    def __init__(self, columns: Sequence[str], make: Callable[[Sequence[str]], str]) -> None:
        self._columns = columns
        self._make = make
        self._made: dict[tuple[int, ...], tuple[str, Callable[[Any], tuple[Any, ...]]]] = {}

    def of(self, rows: Sequence[Sequence[Any]]) -> tuple[str, list[tuple[Any, ...]]]:
        """Return the statement for some rows, and what it takes of each."""
        columns = enumerate(zip(*rows, strict=True))
        said = tuple([place for place, one in columns if one[0] is not None or one.count(None) < len(one)])
        statement, pick = self._made.get(said) or self._form(said)
        return statement, list(map(pick, rows))

    def _form(self, said: tuple[int, ...]) -> tuple[str, Callable[[Any], tuple[Any, ...]]]:
        if len(self._made) >= _MOST:
            said = tuple(range(len(self._columns)))
        made = self._made.get(said)
        if made is None:
            statement = self._make([self._columns[place] for place in said])
            made = self._made[said] = (statement, itemgetter(*said))
        return made
