"""Single turns and scores of a short time, for rules that count those beyond a value; all others read sums."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from convotrace.insight.rules import ScoreValue
from convotrace.store.codec import decode, decode_column, storable
from convotrace.store.definitions import definitions
from convotrace.store.opening import Opened
from convotrace.store.wanted import Wanted

_MOST = 10_000


def slow_turns(
    opened: Opened, since_ns: int, until_ns: int, is_beyond: Callable[[float], bool], q: str | None, now_ns: int
) -> tuple[int, int]:
    """Return how many turns took so long as a rule asks, and how many there were; see `Store.slow_turns`."""
    session, trace = opened.tables.session, opened.tables.trace
    wanted = Wanted(opened, q, now_ns)
    with opened.connections.reading() as connection:
        conditions = wanted.conditions(connection) if q else []
        within = (trace.started >= since_ns, trace.started < until_ns, trace.is_turn == 1)
        query = trace.select(trace.duration).where(*within, trace.duration.is_null(False))
        if conditions:
            query = query.where(trace.sid.in_(session.select(session.sid).where(*conditions)))
        statement, values = query.limit(_MOST).sql()
        found = [duration / 1e6 for (duration,) in connection.execute(statement, values)]
    return sum(map(is_beyond, found)), len(found)


def score_values(opened: Opened, name: str, since_ns: int, until_ns: int) -> tuple[ScoreValue, ...]:
    """Return the scores of a name in some time, the latest first; see `Store.score_values`."""
    score, known = opened.tables.score, definitions(opened).get(name)
    chosen = (score.name == storable(name)) & (score.at >= since_ns) & (score.at < until_ns)
    columns = (score.num, score.value, score.extra)
    statement, values = score.select(*columns).where(chosen).order_by(score.at.desc()).limit(_MOST).sql()
    with opened.connections.reading() as connection:
        rows = connection.execute(statement, values).fetchall()
    return tuple(ScoreValue(number, _passed(decode(value.encode()), extra, known)) for number, value, extra in rows)


def _passed(value: Any, extra: str | None, known: Any) -> bool | None:
    """Tell whether a score passed: by its definition, else as its evaluator said, else by what a yes or no says."""
    found = None if known is None else known.passed(value)
    if found is not None:
        return bool(found)
    said = [*(decode_column(extra) or ()), *[None] * 4][3]
    if isinstance(said, bool):
        return said
    return value if isinstance(value, bool) else None
