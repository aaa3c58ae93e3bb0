"""What the scores of one name come to in some time, and how far those agree who gave them."""

from __future__ import annotations

from dataclasses import dataclass

from convotrace.insight.agreement import Agreement, agreement
from convotrace.store.codec import decode, original, storable
from convotrace.store.definitions import definitions
from convotrace.store.judgements import thumb_of
from convotrace.store.opening import Opened

_MOST = 100_000


@dataclass(frozen=True)
class ScoreStats:
    """What many scores of one name come to."""

    down: int
    """Thumbs down of end users."""
    mean: float | None
    """Of those that are numbers, yes as 1."""
    count: int
    passed: int
    """Of those that count (the newest by one author on one thing), how many pass by the definition of the score."""
    judged: int
    """How many could pass; 0 where the score is not defined, or without a criterion."""

    @property
    def pass_rate(self) -> float | None:
        """The share that passed, None where none could."""
        return self.passed / self.judged if self.judged else None


def score_stats(opened: Opened, name: str, since_ns: int, until_ns: int) -> ScoreStats:
    """Return what the scores of a name in some time come to; see `Store.score_stats`."""
    score, known = opened.tables.score, definitions(opened).get(name)
    chosen = (score.name == storable(name)) & (score.at >= since_ns) & (score.at < until_ns)
    columns = (score.value, score.num, score.source, score.author, score.sid, score.trace_id, score.span_id)
    statement, values = score.select(*columns).where(chosen).order_by(score.at, score.seq).limit(_MOST).sql()
    with opened.connections.reading() as connection:
        rows = connection.execute(statement, values).fetchall()
    numbers = [row[1] for row in rows if row[1] is not None]
    down = sum(row[2] == "end_user" and thumb_of(decode(row[0].encode())) == "down" for row in rows)
    newest = {row[2:]: decode(row[0].encode()) for row in rows} if known else {}
    verdicts = [known.passed(value) for value in newest.values()] if known else []
    passed, judged = verdicts.count(True), len(verdicts) - verdicts.count(None)
    return ScoreStats(down, sum(numbers) / len(numbers) if numbers else None, len(rows), passed, judged)


def agreement_of(opened: Opened, name: str, queue: str | None) -> Agreement:
    """Return how far people agree; see `Store.agreement`."""
    score, task = opened.tables.score, opened.tables.task
    columns = (score.value, score.author, score.sid, score.trace_id, score.span_id)
    chosen = score.select(*columns).where(score.name == storable(name), score.author.is_null(False))
    if queue is not None:
        on_session = task.trace_id.is_null() & score.trace_id.is_null()
        same = (task.sid == score.sid) & (on_session | (task.trace_id == score.trace_id))
        chosen = chosen.join(task, on=same).where(task.queue == queue)
    statement, values = chosen.order_by(score.at, score.seq).limit(_MOST).sql()
    with opened.connections.reading() as connection:
        rows = connection.execute(statement, values).fetchall()
    return agreement(
        ((sid, trace_id, span_id), original(author) or "", _named(decode(value.encode())))
        for value, author, sid, trace_id, span_id in rows
    )


def _named(value: object) -> object:
    """Return a value as kappa compares it: 4 and "4" and 4.0 are one."""
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            return value
    return float(value) if isinstance(value, (int, float)) else str(value)
