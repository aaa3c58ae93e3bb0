"""What follows from the rows and scores of the sessions that a transaction changes, put right at its end.

That is their labels, and the verdict of their scores that stands in the row.
"""

from __future__ import annotations

from collections.abc import Mapping
from operator import itemgetter

from convotrace.store.database import Connection
from convotrace.store.judgements import verdict_column
from convotrace.store.labels import SCORE, Facets, facets_column, labels_of_row, labels_of_scores
from convotrace.store.recount import facets_between, newest_turns
from convotrace.store.rows import ScoreRow, SessionRow
from convotrace.store.sessions import Row
from convotrace.store.statements import Statements

_columns = itemgetter(*SessionRow._fields)


class Labelling:
    """Knows what the labels of each session were, and writes the rows, and of their labels the difference."""

    def __init__(self, sql: Statements, connection: Connection) -> None:
        self._sql = sql
        self._connection = connection
        self._standing: dict[int, Facets] = {}
        self.scored: set[int] = set()
        """Sessions whose scores may have changed."""

    def stands(self, row: Row) -> None:
        """Note a session's row as it was read, before anything in it changes."""
        self._standing.setdefault(row["sid"], labels_of_row(row))

    def finish(self, sessions: Mapping[int, Row]) -> None:
        """Write all sessions that were changed and still stand, with their labels."""
        for sid in self.scored & sessions.keys():
            sessions[sid]["verdict"] = self._judge(sid)
        self._connection.executemany(self._sql.put_session, list(map(_columns, sessions.values())))
        new, gone = [], []
        for sid, row in sessions.items():
            labels = labels_of_row(row)
            before = self._standing.get(sid, frozenset())
            if labels is not before:
                new += [(sid, kind, key, None) for kind, key in labels - before]
                gone += [(kind, key, sid) for kind, key in before - labels]
        self._connection.executemany(self._sql.labels.delete, gone)
        self._connection.executemany(self._sql.labels.put, new)

    def _judge(self, sid: int) -> str | None:
        """Write the labels of a session's scores; return what they come to, for its row."""
        scores = [ScoreRow(*columns) for columns in self._connection.execute(self._sql.scores_of, (sid,))]
        labels = labels_of_scores(scores)
        found = self._connection.execute(self._sql.labels.of_scores, (sid, SCORE))
        before = {(kind, key): number for kind, key, number in found}
        gone = [(kind, key, sid) for kind, key in before.keys() - labels.keys()]
        new = [(sid, *label, number) for label, number in labels.items() if before.get(label) != number]
        self._connection.executemany(self._sql.labels.delete, gone)
        self._connection.executemany(self._sql.labels.put, new)
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
