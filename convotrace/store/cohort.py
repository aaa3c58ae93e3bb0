"""Sessions that began in some time, read from their rows: all of a filter up to a number, beyond it a share of them.

Keys of sessions are hashes, so those below a bound are a fair sample, and the same one every time.
"""

from __future__ import annotations

from collections import defaultdict
from copy import copy
from functools import lru_cache
from typing import Any

import orjson
from peewee import SQL, fn

from convotrace.insight.cohort import Cohort, Label, Member, ScoreSum, Summary, summary
from convotrace.store.codec import decode_column, original
from convotrace.store.database import Connection
from convotrace.store.filtering import Condition
from convotrace.store.judgements import Counts, verdict_in
from convotrace.store.keys import keys_below
from convotrace.store.labels import KIND, TOOL, facets_in
from convotrace.store.marks import middle
from convotrace.store.opening import Opened
from convotrace.store.sql import unindexed
from convotrace.store.wanted import Wanted

MOST = 8_000
"""Sessions whose rows are read for one answer."""

MOST_JUDGED = 500
"""Sessions whose scores are read for one answer."""

_COUNTED, _PROBED, _LOOKED_THROUGH = 50_000, 64, 8_000
"""So many sessions are counted one by one; of more, what a share of all comes to, of as many keys at most."""

_APART = 40
"""A row takes so much longer to be read than the entry of an index that tells of its time."""

_KINDS = {TOOL: "tool", KIND: "kind"}
_NOT_JUDGED: tuple[dict[str, int], dict[str, float], Counts] = ({"up": 0, "down": 0}, {}, {})
_BOOLEANS = {"true": True, "false": False}
_UNLABELLED: frozenset[Label] = frozenset()
_new = tuple.__new__
_COLUMNS = (
    "id", "started", "last", "turns", "errors", "outcome", "resolved", "user_id", "input_tokens", "output_tokens",
    "cost_nano", "verdict", "marks", "facets", "tags",
)  # fmt: skip


class Reading:
    """What is read of one cohort, within one moment of the store.

    Args:
        opened: The store.
        connection: The moment.
        wanted: Which sessions.
        since_ns: They began then or later.
        until_ns: And before this.
        most: So many rows are read at most.
    """

    def __init__(
        self, opened: Opened, connection: Connection, wanted: Wanted, since_ns: int, until_ns: int, most: int = MOST
    ) -> None:
        self._tables, self._connection, self._listed = opened.tables, connection, opened.connections.listed
        self._since, self._until = since_ns, until_ns
        session = opened.tables.session
        self._began = [session.started >= since_ns, session.started < until_ns]
        self._conditions = wanted.conditions(connection)
        self._judged: list[int] = []
        self._number: int | None = None
        """How many sessions there are, where that is known without reading them."""
        self._total = 0
        """About how many there are of any time, where those of this one are very many."""
        self._estimate = None if wanted.are_few else self._estimated()
        if self._conditions:
            self._number = None
        self._choose(most)

    def fewer(self, most: int) -> Reading:
        """Return what reads at most so many of the same sessions, without counting them again."""
        found = copy(self)
        found._judged = []
        found._choose(most)
        return found

    def _choose(self, most: int) -> None:
        number = self._estimate or 0
        self.share = 1.0 if self._estimate is None else min(1.0, most / max(number, 1))
        # Of most sessions a share is read in the order of keys, past the few of another time; of few by their times.
        by_key = self._total > 0 and not self._conditions and number * number > _APART * most * self._total
        self.chosen = [*self._within(by_key), *self._conditions, self._below(self.share)]

    def _within(self, by_key: bool) -> list[Condition]:
        # Who began in this time was active in it or later: that is what the index is sorted by.
        last = self._tables.session.last
        return [(unindexed(last) if by_key else last) >= self._since, *self._began]

    def cohort(self, is_whole: bool = True) -> Cohort:
        """Return the sessions.

        Args:
            is_whole: Whether their ids, the medians of their turns and what happened in them are wanted as well.
        """
        session = self._tables.session
        columns = [getattr(session, name) if is_whole or name not in _LEFT else SQL("NULL") for name in _COLUMNS]
        rows = self._connection.execute(*session.select(session.sid, *columns).where(*self.chosen).sql()).fetchall()
        # By their keys, which are hashes: the first of them are a fair sample.
        self._judged = sorted(row[0] for row in rows if row[_VERDICT] is not None)
        members = [_member(row[1:]) for row in rows]
        return Cohort(self._since, self._until, members, self._share_of(len(members)))

    def turns(self) -> tuple[dict[int, int], float]:
        """Return how many of the sessions have so many turns, and which part of all they are; none is read alone."""
        session = self._tables.session
        query = session.select(session.turns, fn.count(session.sid)).where(*self.chosen).group_by(session.turns)
        found = dict(self._connection.execute(*query.sql()).fetchall())
        return found, self._share_of(sum(found.values()))

    def scores(self) -> list[ScoreSum]:
        """Return what the scores of the sessions that were read come to, those with the most first."""
        read = self._judged[:MOST_JUDGED]
        if not read:
            return []
        share = self.share * len(read) / len(self._judged)
        newest: dict[tuple[Any, ...], tuple[Any, ...]] = {}
        query = f"SELECT {_SCORED} FROM score WHERE sid IN ({self._listed})"
        for row in self._connection.execute(query, (orjson.dumps(read).decode(),)):
            key = row[:6]
            if key not in newest or row[6:8] >= newest[key][6:8]:
                newest[key] = row
        by_name: dict[str, list[tuple[Any, ...]]] = defaultdict(list)
        for row in newest.values():
            by_name[row[1]].append(row[8:])
        found = [_sum(original(name) or "", told, share) for name, told in by_name.items()]
        return sorted(found, key=lambda one: (-one.count, one.name))

    def _share_of(self, read: int) -> float:
        # How great the share turned out to be is known better than how great it was to be.
        return read / self._number if self.share < 1 and self._number and read else self.share

    def _estimated(self) -> int:
        """Return how many sessions of this time there are, of very many by a share of them."""
        # A text of our own: Peewee takes longer to write it than some databases to answer.
        values = (self._since, self._since, self._until, _COUNTED)
        number = int(self._connection.execute(_NUMBER, values).fetchone()[0])
        if number < _COUNTED:
            self._number = number
            return number
        self._total = max(self._counted(1 / (8 * _PROBED), []) * 8 * _PROBED, number)
        share = min(1 / _PROBED, _LOOKED_THROUGH / self._total)
        return max(round(self._counted(share, self._within(by_key=True)) / share), number)

    def _counted(self, share: float, conditions: list[Condition]) -> int:
        session = self._tables.session
        text, values = session.select(fn.count(session.sid)).where(*conditions, self._below(share)).sql()
        return int(self._connection.execute(text, values).fetchone()[0])

    def _below(self, share: float) -> Condition:
        return SQL("1 = 1") if share >= 1 else self._tables.session.sid < keys_below(share)


_NUMBER = """SELECT count(*) FROM
(SELECT 1 FROM "session" WHERE "last" >= ? AND started >= ? AND started < ? LIMIT ?) AS few"""
_SCORED = "sid, name, source, author, trace_id, span_id, at, seq, num, value, extra"
_LEFT = frozenset({"id", "marks", "facets", "tags"})
_VERDICT = _COLUMNS.index("verdict") + 1


def cohort(
    opened: Opened, q: str | None, since_ns: int, until_ns: int, now_ns: int, most: int = MOST, is_whole: bool = True
) -> Cohort:
    """Return the sessions of a filter that began in a range."""
    wanted = Wanted(opened, q, now_ns)
    with opened.connections.reading() as connection:
        return Reading(opened, connection, wanted, since_ns, until_ns, most).cohort(is_whole)


def summarized(
    opened: Opened, q: str | None, since_ns: int, until_ns: int, width_ns: int, now_ns: int, most: int
) -> Summary:
    """Return what the sessions of a filter that began in a range come to."""
    wanted = Wanted(opened, q, now_ns)
    with opened.connections.reading() as connection:
        reading = Reading(opened, connection, wanted, since_ns, until_ns, most)
        found = reading.cohort(is_whole=False)
        return summary(found, width_ns, reading.scores())


def _member(row: tuple[Any, ...]) -> Member:
    id, started, last, turns, errors, outcome, resolved, user, given, written, cost, verdict, marks, facets, tags = row
    thumbs, means, _ = _NOT_JUDGED if verdict is None else verdict_in(verdict)
    tokens = None if given is None and written is None else (given or 0) + (written or 0)
    labels = _UNLABELLED if facets is None and tags is None else _labels(facets, tags)
    p50 = None if marks is None else middle(marks)
    # Made as the class itself does it, without its call: there are thousands.
    told = (original(id) or "", started, last, turns, errors, outcome, resolved, user, tokens, cost)
    return _new(Member, (*told, thumbs["up"], thumbs["down"], means, p50, labels))


@lru_cache(maxsize=4096)
def _labels(facets: str | None, tags: str | None) -> frozenset[Label]:
    found = {(_KINDS[kind], key) for kind, key in facets_in(facets) if kind in _KINDS}
    return frozenset(found | {("tag", tag) for tag in decode_column(tags) or ()})


def _sum(name: str, told: list[tuple[Any, ...]], share: float) -> ScoreSum:
    numbers = [num for num, _, _ in told if num is not None]
    verdicts = [verdict for _, value, extra in told if (verdict := _passed(value, extra)) is not None]
    return ScoreSum(
        name, round(len(told) / share), sum(numbers) / len(numbers) if numbers else None,
        sum(verdicts) / len(verdicts) if verdicts else None,
    )  # fmt: skip


def _passed(value: str, extra: str | None) -> bool | None:
    rare = None if extra is None else decode_column(extra)
    said = rare[3] if isinstance(rare, list) and len(rare) > 3 else None
    return said if isinstance(said, bool) else _BOOLEANS.get(value)
