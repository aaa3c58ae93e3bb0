"""Insertions that name only the columns of which some row says something.

The driver of SQLite looks for an adapter each time it binds None: that takes ten times as long as a number, and of the
columns of a trace half are empty in nearly every row.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
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
        self._made: dict[tuple[int, ...], str] = {}

    def of(self, rows: Sequence[Sequence[Any]]) -> tuple[str, list[tuple[Any, ...]]]:
        """Return the statement for some rows, and what it takes of each."""
        columns = list(zip(*rows, strict=True))
        said = [place for place, one in enumerate(columns) if one[0] is not None or one.count(None) < len(one)]
        if len(self._made) >= _MOST and tuple(said) not in self._made:
            said = list(range(len(columns)))
        return self._statement(tuple(said)), list(zip(*[columns[place] for place in said], strict=True))

    def _statement(self, said: tuple[int, ...]) -> str:
        if said not in self._made:
            self._made[said] = self._make([self._columns[place] for place in said])
        return self._made[said]
