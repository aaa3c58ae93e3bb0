"""Rows as a data frame of pandas, which is loaded when the first one is asked for (extra `dataframe`)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from convotrace.errors import BadRequest
from convotrace.export import TABLES
from convotrace.model import Conversation

_MOMENTS = ("started_at", "last_at", "ended_at", "at")
_WHOLE = frozenset({
    "turns", "traces", "spans", "errors", "events", "turn", "input_tokens", "output_tokens", "cached_tokens",
    "cache_write_tokens", "reasoning_tokens", "cached_read_tokens", "cached_write_tokens", "status_code", "feedback_up",
    "feedback_down", "started_ns", "last_ns", "ended_ns", "at_ns",
})  # fmt: skip


def frame(found: Iterator[Conversation], what: str) -> Any:
    """Return a table of conversations as a data frame, one row each of what the table is of.

    Raises:
        BadRequest: pandas is missing.
    """
    try:
        import pandas
    except ImportError:
        raise BadRequest("Data frames are made by pandas: pip install 'convotrace[dataframe]'.") from None
    table = TABLES[what]
    rows = [[row[name] for name in table.columns] for talk in found for row in table.rows(talk)]
    made = pandas.DataFrame(rows, columns=list(table.columns))
    for name in made.columns:
        if name in _MOMENTS:
            made[name] = pandas.to_datetime(made[name], utc=True, format="ISO8601")
        elif name in _WHOLE:
            # A whole number that may be unknown: unknown is not 0, nor a number with a point.
            made[name] = made[name].astype("Int64")
    return made
