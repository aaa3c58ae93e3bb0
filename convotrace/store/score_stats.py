"""What the scores of one name come to in some time, and how far those agree who gave them."""

from __future__ import annotations

import time
from typing import Any

from peewee import SQL

from convotrace.insight.agreement import Agreement, agreement
from convotrace.insight.definitions import ScoreDefinition, ScoreStats
from convotrace.store.codec import decode, original, storable
from convotrace.store.database import Connection
from convotrace.store.definitions import definitions
from convotrace.store.judgements import thumb_of
from convotrace.store.opening import Opened
from convotrace.store.wanted import Wanted

_MOST = 100_000


def score_stats(opened: Opened, name: str, since_ns: int, until_ns: int, q: str | None = None) -> ScoreStats:
    """Return what the scores of a name in some time come to; see `Store.score_stats`."""
    score, known, wanted = opened.tables.score, definitions(opened).get(name), _wanted(opened, q)
    chosen = (score.name == storable(name)) & (score.at >= since_ns) & (score.at < until_ns)
    columns = (score.value, score.num, score.source, score.author, score.sid, score.trace_id, score.span_id)
    query = score.select(*columns).where(chosen).order_by(score.at, score.seq).limit(_MOST)
    with opened.connections.reading() as connection:
        rows = connection.execute(*_of_sessions(opened, query, wanted, connection).sql()).fetchall()
    numbers = [number for row in rows if (number := _number(row[0], row[1], known)) is not None]
    down = sum(row[2] == "end_user" and thumb_of(decode(row[0].encode())) == "down" for row in rows)
    newest = {row[2:]: decode(row[0].encode()) for row in rows} if known else {}
    verdicts = [known.passed(value) for value in newest.values()] if known else []
    passed, judged = verdicts.count(True), len(verdicts) - verdicts.count(None)
    return ScoreStats(down, sum(numbers) / len(numbers) if numbers else None, len(rows), passed, judged)


def _wanted(opened: Opened, q: str | None) -> Wanted | None:
    return Wanted(opened, q, time.time_ns()) if q else None


def _of_sessions(opened: Opened, query: Any, wanted: Wanted | None, connection: Connection) -> Any:
    """Return a query of scores, of the sessions of a filter alone where there is one."""
    if wanted is None:
        return query
    session = opened.tables.session
    found = session.select(session.sid).where(*wanted.conditions(connection), SQL("1 = 1"))
    return query.where(opened.tables.score.sid.in_(found))


def _number(value: str, num: float | None, known: ScoreDefinition | None) -> float | None:
    """Return a score as a number; what came as the text of one is one, where the score is defined as such."""
    if num is not None or known is None or known.type != "numeric":
        return num
    found = _named(decode(value.encode()))
    return found if isinstance(found, float) else None


def agreement_of(opened: Opened, name: str, queue: str | None, q: str | None = None) -> Agreement:
    """Return how far people agree; see `Store.agreement`."""
    score, task, wanted = opened.tables.score, opened.tables.task, _wanted(opened, q)
    columns = (score.value, score.author, score.sid, score.trace_id, score.span_id)
    chosen = score.select(*columns).where(score.name == storable(name), score.author.is_null(False))
    if queue is not None:
        on_session = task.trace_id.is_null() & score.trace_id.is_null()
        same = (task.sid == score.sid) & (on_session | (task.trace_id == score.trace_id))
        chosen = chosen.join(task, on=same).where(task.queue == queue)
    query = chosen.order_by(score.at, score.seq).limit(_MOST)
    with opened.connections.reading() as connection:
        rows = connection.execute(*_of_sessions(opened, query, wanted, connection).sql()).fetchall()
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
