"""The labels of the sessions that a transaction changes, brought in line with their rows and scores at its end."""

from __future__ import annotations

from collections.abc import Collection
from operator import itemgetter

from convotrace.store.database import Connection
from convotrace.store.labels import SCORE, Facets, facets_column, labels_of_row, labels_of_scores
from convotrace.store.recount import facets_between
from convotrace.store.rows import ScoreRow, SessionRow
from convotrace.store.sessions import Row
from convotrace.store.statements import Statements

_columns = itemgetter(*SessionRow._fields)


class Labelling:
    """Knows what the labels of each session were, and writes the difference."""

    def __init__(self, sql: Statements, connection: Connection) -> None:
        self._sql = sql
        self._connection = connection
        self._standing: dict[int, Facets] = {}
        self.scored: set[int] = set()
        """Sessions whose scores may have changed."""

    def stands(self, row: Row) -> None:
        """Note a session's row as it was read, before anything in it changes."""
        self._standing.setdefault(row["sid"], labels_of_row(row))

    def finish(self, rows: Collection[Row]) -> None:
        """Write the labels of all sessions that were changed; those that were deleted have none any more."""
        new, gone = [], []
        for row in rows:
            sid, labels = row["sid"], labels_of_row(row)
            before = self._standing.get(sid, frozenset())
            if labels is not before:
                new += [(sid, kind, key, None) for kind, key in labels - before]
                gone += [(kind, key, sid) for kind, key in before - labels]
        for sid in self.scored:
            self._judge(sid)
        self._connection.executemany(self._sql.labels.delete, gone)
        self._connection.executemany(self._sql.labels.put, new)

    def _judge(self, sid: int) -> None:
        scores = [ScoreRow(*columns) for columns in self._connection.execute(self._sql.scores_of, (sid,))]
        labels = labels_of_scores(scores)
        found = self._connection.execute(self._sql.labels.of_scores, (sid, SCORE))
        before = {(kind, key): number for kind, key, number in found}
        gone = [(kind, key, sid) for kind, key in before.keys() - labels.keys()]
        new = [(sid, *label, number) for label, number in labels.items() if before.get(label) != number]
        self._connection.executemany(self._sql.labels.delete, gone)
        self._connection.executemany(self._sql.labels.put, new)


def label_all(sql: Statements, connection: Connection) -> None:
    """Label every session of a store that was written before there were labels."""
    labelling = Labelling(sql, connection)
    for columns in connection.execute(sql.labels.all_sessions).fetchall():
        row = dict(zip(SessionRow._fields, columns, strict=True))
        row["facets"] = facets_column(facets_between(sql, connection, row["sid"]))
        connection.execute(sql.put_session, _columns(row))
        labelling.scored.add(row["sid"])
        labelling.finish([row])
        labelling.scored.clear()
