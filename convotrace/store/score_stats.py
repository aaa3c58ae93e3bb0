"""What the scores of one name come to in some time: what alert rules over feedback and quality read."""

from __future__ import annotations

from convotrace.store.codec import decode, storable
from convotrace.store.judgements import thumb_of
from convotrace.store.opening import Opened

_MOST = 100_000


def score_stats(opened: Opened, name: str, since_ns: int, until_ns: int) -> tuple[int, float | None, int]:
    """Return of the scores of a name in some time: thumbs down, the mean of those that are numbers, how many."""
    score = opened.tables.score
    chosen = (score.name == storable(name)) & (score.at >= since_ns) & (score.at < until_ns)
    statement, values = score.select(score.value, score.num, score.source).where(chosen).limit(_MOST).sql()
    with opened.connections.reading() as connection:
        rows = connection.execute(statement, values).fetchall()
    numbers = [num for _, num, _ in rows if num is not None]
    down = sum(source == "end_user" and thumb_of(decode(value.encode())) == "down" for value, _, source in rows)
    return down, sum(numbers) / len(numbers) if numbers else None, len(rows)
