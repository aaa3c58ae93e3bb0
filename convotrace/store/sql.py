"""From Peewee's queries to SQL as text: what every list of statements is made with."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any, TypeVar

from peewee import EXCLUDED, SQL, Expression

from convotrace.store.schema import Table

_T = TypeVar("_T")


def text(query: Any) -> str:
    """Return the SQL of a query; its values are placeholders."""
    return str(query.sql()[0])


def unindexed(column: Any) -> Any:
    """Return a column as an expression that no index knows."""
    return Expression(SQL("0"), "+", column)


def portions(values: Sequence[_T], size: int) -> Iterator[tuple[_T, ...]]:
    """Yield values as a statement with so many placeholders takes them; the last ones are filled up with a first."""
    for at in range(0, len(values), size):
        some = tuple(values[at : at + size])
        yield some + some[:1] * (size - len(some))


def insertion(table: Table, row: Any) -> Any:
    """Return the insertion of a row."""
    return insertion_of(table, row._fields)


def insertion_of(table: Table, columns: Sequence[str]) -> Any:
    """Return the insertion of some columns of a row; the others become NULL."""
    return table.insert({getattr(table, name): None for name in columns})


def selection(table: Table, row: Any) -> Any:
    """Return the selection of the columns of a row."""
    return table.select(*(getattr(table, name) for name in row._fields))


def of_session(table: Table, row: Any) -> Any:
    """Return the selection of the rows of one session."""
    return selection(table, row).where(table.sid == 0)


def active(session: Table, conditions: Iterable[Any], start_ns: int, width_ns: int, until_ns: int, most: int) -> Any:
    """Return the selection of the sessions that were active in stretches of time, the latest first.

    Each comes as the number of its stretch and whether it has errors.
    """
    place = (session.last - start_ns) / width_ns
    found = session.select(place.alias("place"), SQL("CASE WHEN errors > 0 THEN 1 ELSE 0 END").alias("bad"))
    found = found.where(session.last >= start_ns, session.last < until_ns, *conditions)
    return found.order_by(session.last.desc()).limit(most)


def upsert(table: Table, row: Any, *key: str, keep: Collection[str] = (), columns: Sequence[str] | None = None) -> str:
    """Return the SQL that inserts a row, or replaces the one of its key but for the columns that are kept.

    Where only some columns are given, the others become NULL all the same.
    """
    target = [getattr(table, name) for name in key]
    new = [name for name in row._fields if name not in key and name not in keep]
    update = {getattr(table, name): getattr(EXCLUDED, name) for name in new}
    return text(insertion_of(table, columns or row._fields).on_conflict(conflict_target=target, update=update))
