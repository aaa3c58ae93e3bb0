"""Scores of a session summed up: what its users think, and the mean of each score by name; the same as a column."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from convotrace.model import Json
from convotrace.store.codec import decode, decode_column, encode_column, original
from convotrace.store.rows import ScoreRow

MOST_VALUES = 200
"""Of a score with more different values in a session, it is not counted in the row how often each was given."""

Counts = dict[str, list[tuple[Json, int]]]
_UP: tuple[Json, ...] = (True, 1, "up")
_DOWN: tuple[Json, ...] = (False, 0, -1, "down")


def feedback_and_means(rows: Iterable[ScoreRow]) -> tuple[dict[str, int], dict[str, float]]:
    """Return the thumbs of end users, and the mean of every numeric and boolean score.

    Args:
        rows: The scores in the order of their time; of several by one author on one thing only the newest counts.
    """
    feedback = {"up": 0, "down": 0}
    values: dict[str, list[float]] = defaultdict(list)
    for row in newest_of(rows):
        if row.num is not None:
            values[row.name].append(row.num)
        thumb = thumb_of(decode(row.value.encode())) if row.source == "end_user" else None
        if thumb:
            feedback[thumb] += 1
    return feedback, {name: sum(known) / len(known) for name, known in values.items()}


def newest_of(rows: Iterable[ScoreRow]) -> Iterable[ScoreRow]:
    """Return the scores that count: of several by one author on one thing the newest."""
    return {(row.name, row.source, row.author, row.trace_id, row.span_id): row for row in rows}.values()


def counts_of(rows: Iterable[ScoreRow]) -> Counts:
    """Return of each score the values that count, with how often each was given; not of texts."""
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for row in newest_of(rows):
        if row.type != "text":
            found[original(row.name) or ""][row.value] += 1
    few = {name: values for name, values in found.items() if len(values) <= MOST_VALUES}
    return {name: [(decode(value.encode()), n) for value, n in sorted(values.items())] for name, values in few.items()}


def verdict_column(rows: Sequence[ScoreRow]) -> str | None:
    """Return what the scores of a session come to, as the column of its row; None for none.

    Args:
        rows: All its scores, in the order of their time.
    """
    if not rows:
        return None
    feedback, means = feedback_and_means(rows)
    named = {original(name) or "": mean for name, mean in means.items()}
    return encode_column([feedback, named, counts_of(rows)])


def verdict_in(column: str | None) -> tuple[dict[str, int], dict[str, float], Counts]:
    """Return thumbs of end users, means and counts of values of each score, from the column of a session's row."""
    told: Any = decode_column(column) or ({"up": 0, "down": 0}, {}, {})
    # Before schema 10 there were no counts, and not all rows are brought up at once.
    feedback, means, counts = (*told, {})[:3]
    return feedback, means, counts


def thumb_of(value: Json) -> str | None:
    """Return `up` or `down` for a thumb, None for any other value."""
    if value in _UP:
        return "up"
    return "down" if value in _DOWN else None
