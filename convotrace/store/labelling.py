"""What follows from the rows and scores of the sessions that a transaction changes, put right at its end.

That is their labels, and the verdict of their scores that stands in the row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import compress
from operator import itemgetter, ne
from typing import Any

from convotrace.store.database import Connection
from convotrace.store.judgements import verdict_column
from convotrace.store.labels import SCORE, facets_column, labels_of_columns, labels_of_scores
from convotrace.store.recount import facets_between, newest_turns
from convotrace.store.rows import ScoreRow, SessionRow
from convotrace.store.sessions import Row
from convotrace.store.statements import GOING_ON, Statements

columns_of = itemgetter(*SessionRow._fields)
_going_on = itemgetter(*map(SessionRow._fields.index, (*GOING_ON, "sid")))
_ERRORS = SessionRow._fields.index("errors")
_OTHERS = tuple(name not in GOING_ON for name in SessionRow._fields)


class Labelling:
    """Knows what the labels of each session were, and writes the rows, and of their labels the difference."""

    def __init__(self, sql: Statements, connection: Connection) -> None:
        self._sql = sql
        self._connection = connection
        self._standing: dict[int, Sequence[Any]] = {}
        self.scored: set[int] = set()
        """Sessions whose scores may have changed."""

    def stands(self, sid: int, columns: Sequence[Any]) -> None:
        """Note the columns of a session's row as they were read, before anything in it changes."""
        self._standing.setdefault(sid, columns)

    def finish(self, sessions: Mapping[int, Row]) -> None:
        """Write all sessions that were changed and still stand, with their labels."""
        for sid in self.scored & sessions.keys():
            sessions[sid]["verdict"] = self._judge(sid)
        changed, going_on = [], []
        for sid, row in sessions.items():
            columns = columns_of(row)
            if self._goes_on(self._standing.get(sid), columns):
                going_on.append(_going_on(columns))
            else:
                changed.append(columns)
        self._put(changed, going_on)
        self._label(changed)

    def _goes_on(self, before: Sequence[Any] | None, now: Sequence[Any]) -> bool:
        """Tell whether only that of a session changed which every turn changes: that has no labels."""
        if before is None or not self._sql.is_narrow or bool(before[_ERRORS]) != bool(now[_ERRORS]):
            return False
        return not any(compress(map(ne, before, now), _OTHERS))

    def _put(self, changed: Sequence[Sequence[Any]], going_on: Sequence[Sequence[Any]]) -> None:
        """Write the rows of sessions, and of those that only go on what changed."""
        if going_on:
            self._connection.executemany(self._sql.session_goes_on, going_on)
        if changed and self._sql.is_narrow:
            self._connection.executemany(*self._sql.some_of_session.of(changed))
        elif changed:
            self._connection.executemany(self._sql.put_session, changed)

    def _label(self, changed: Sequence[Sequence[Any]]) -> None:
        """Write the labels of sessions that have others than before."""
        new, gone = [], []
        for columns in changed:
            sid = columns[0]
            labels, before = labels_of_columns(columns), labels_of_columns(self._standing.get(sid))
            new += [(sid, kind, key, None) for kind, key in labels - before]
            gone += [(kind, key, sid) for kind, key in before - labels]
        self._exchange(gone, new)

    def _exchange(self, gone: Sequence[tuple[Any, ...]], new: Sequence[tuple[Any, ...]]) -> None:
        if gone:
            self._connection.executemany(self._sql.labels.delete, gone)
        if new:
            self._connection.executemany(self._sql.labels.put, new)

    def _judge(self, sid: int) -> str | None:
        """Write the labels of a session's scores; return what they come to, for its row."""
        scores = [ScoreRow(*columns) for columns in self._connection.execute(self._sql.scores_of, (sid,))]
        labels = labels_of_scores(scores)
        found = self._connection.execute(self._sql.labels.of_scores, (sid, SCORE))
        before = {(kind, key): number for kind, key, number in found}
        gone = [(kind, key, sid) for kind, key in before.keys() - labels.keys()]
        new = [(sid, *label, number) for label, number in labels.items() if before.get(label) != number]
        self._exchange(gone, new)
        return verdict_column(scores)


def label_again(sql: Statements, connection: Connection, after: int, most: int) -> int | None:
    """Work out anew what follows from the traces and scores of some sessions: for a store of an older schema.

    Args:
        sql: The statements.
        connection: Inside a transaction.
        after: The key behind which they stand.
        most: How many.

    Returns:
        The key of the last one, None where there was none.
    """
    labelling, row = Labelling(sql, connection), None
    for columns in connection.execute(sql.labels.sessions_after, (after, most)).fetchall():
        row = dict(zip(SessionRow._fields, columns, strict=True))
        row["facets"] = facets_column(facets_between(sql, connection, row["sid"]))
        row["marks"] = newest_turns(sql, connection, row["sid"])
        labelling.scored = {row["sid"]}
        labelling.finish({row["sid"]: row})
    return None if row is None else int(row["sid"])
