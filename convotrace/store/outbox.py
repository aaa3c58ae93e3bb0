"""What of the store was forwarded to a target, and what waits: kept in the store, so that a restart goes on there.

Beside each trace that went stand its spans and scores by eight bytes each. What is made of traces is made elsewhere.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import Any

from convotrace.model import Conversation, Json
from convotrace.store import conversations, excerpts
from convotrace.store.codec import original
from convotrace.store.database import Connection
from convotrace.store.keys import unpack_trace_id
from convotrace.store.opening import Opened, known
from convotrace.store.rows import SentRow

MARK = 8
"""Bytes by which a span or score is remembered."""

_WAITING = """
SELECT t.sid, t.tk, t.trace_id, t.started, t.duration, t.status, t.spans, s.told, c.key
FROM trace t JOIN session c ON c.sid = t.sid
LEFT JOIN sent s ON s.sid = t.sid AND s.tk = t.tk AND s.target = ?
WHERE t.started >= ? AND t.started < ? AND (s.spans IS NULL OR s.spans < t.spans) AND (t.status <> 'running'{gone})
ORDER BY t.started LIMIT ?
"""
_IN_ONE_THAT_IS_GONE = " OR t.worker NOT IN ({living})"
_OF_SESSION = """
SELECT t.sid, t.tk, t.trace_id, t.started, t.duration, t.status, t.spans, s.told, c.key
FROM trace t JOIN session c ON c.sid = t.sid
LEFT JOIN sent s ON s.sid = t.sid AND s.tk = t.tk AND s.target = ? WHERE c.key = ? ORDER BY t.started
"""
# A walk from name to name: there is an index of names with times, and none of times alone.
_NAMES = """
WITH RECURSIVE names(name) AS (SELECT min(name) FROM score UNION ALL
 SELECT (SELECT min(o.name) FROM score o WHERE o.name > n.name) FROM names n WHERE n.name IS NOT NULL)
SELECT name FROM names WHERE name IS NOT NULL
"""
_JUDGED = """
SELECT DISTINCT c.key FROM score o JOIN session c ON c.sid = o.sid JOIN sent s ON s.sid = o.sid AND s.target = ?
WHERE o.name = ? AND o.at >= ?
"""
_MANY = 20
"""From so many traces of one session on, it is read whole and not turn by turn."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """One trace as it stands; `told` are the marks of what went before, None where nothing did."""

    sid: int
    tk: int
    trace_id: str
    started_ns: int
    duration_ns: int | None
    status: str
    spans: int
    told: frozenset[bytes] | None
    key: str
    """Of its session, as in addresses."""

    def afresh(self) -> Waiting:
        """Return it as if nothing of it had been sent."""
        return replace(self, told=None)


def mark(id: str) -> bytes:
    """Return by what the id of a span or score is remembered."""
    try:
        known = bytes.fromhex(id)
    except ValueError:
        known = b""
    return known if len(known) == MARK else blake2b(id.encode("utf-8", "surrogatepass"), digest_size=MARK).digest()


class Outbox:
    """What one target was sent.

    Args:
        ready: Returns the open database.
        target: The name of the target in the store.
    """

    def __init__(self, ready: Callable[[], Opened], target: str) -> None:
        self._ready, self._target = ready, target

    def waiting(self, since_ns: int, until_ns: int, limit: int, living: Collection[int] | None = None) -> list[Waiting]:
        """Return traces begun in some time that were not sent, or have more spans since, the earliest first.

        Args:
            since_ns: Begun then or later.
            until_ns: Begun before.
            limit: The most to return.
            living: The processes in which traces still run, so that what ran in others is over; None: all may run.
        """
        gone = "" if living is None else _IN_ONE_THAT_IS_GONE.format(living=", ".join("?" * len(living)) or "0")
        values = (self._target, since_ns, until_ns, *(living or ()), limit)
        return self._found(_WAITING.format(gone=gone), values)

    def of_session(self, key: str) -> list[Waiting]:
        """Return every trace of a session, whether sent or not."""
        return self._found(_OF_SESSION, (self._target, key))

    def judged(self, since_ns: int) -> list[str]:
        """Return the keys of sessions of which something was sent, and which were given a score since a moment."""
        with self._ready().connections.reading() as connection:
            names = [name for (name,) in connection.execute(_NAMES).fetchall()]
            found = [row[0] for n in names for row in connection.execute(_JUDGED, (self._target, n, since_ns))]
        return list(dict.fromkeys(found))

    def conversations(self, waiting: Iterable[Waiting], now_ns: int) -> Iterable[tuple[Conversation, list[Waiting]]]:
        """Yield the sessions of traces with these in them whole; one of few traces is not read from end to end."""
        groups: dict[str, list[Waiting]] = {}
        for one in waiting:
            groups.setdefault(one.key, []).append(one)
        opened = self._ready()
        for key, group in groups.items():
            if len(group) >= _MANY:
                whole = conversations.by_key(opened, key, now_ns)
                if whole is not None:
                    yield whole, group
                continue
            for one in group:
                wanted = excerpts.Wanted(1, one.trace_id, one.started_ns, 1, False)
                excerpt = excerpts.by_key(opened, key, now_ns, wanted)
                if excerpt is not None:
                    yield excerpt.conversation, [one]

    def note(self, sent: Collection[tuple[Waiting, frozenset[bytes]]], state: Mapping[str, Json]) -> None:
        """Note what of some traces is sent by now, and how the target stands, in one transaction."""
        opened = self._ready()
        rows = [SentRow(w.sid, w.tk, self._target, w.spans, b"".join(sorted(told))) for w, told in sent]
        with opened.connections.writing({row.sid for row in rows}) as connection:
            self._put(opened, connection, rows)
            connection.execute(opened.sql.put_meta, (self._name, json.dumps(dict(state))))

    def state(self) -> dict[str, Any]:
        """Return how the target stands; nothing where it is new."""
        found = known(self._ready(), self._name)
        return {} if found is None else dict(json.loads(found))

    @property
    def _name(self) -> str:
        return f"forward:{self._target}"

    def _put(self, opened: Opened, connection: Connection, rows: Sequence[SentRow]) -> None:
        # A session that was deleted meanwhile is to leave nothing.
        there = {sid for sid in {row.sid for row in rows} if _is_there(opened, connection, sid)}
        kept = [tuple(row) for row in rows if row.sid in there]
        if kept:
            connection.executemany(opened.sql.put_sent, kept)

    def _found(self, statement: str, values: Sequence[object]) -> list[Waiting]:
        with self._ready().connections.reading() as connection:
            return [_waiting(row) for row in connection.execute(statement, values).fetchall()]


def _is_there(opened: Opened, connection: Connection, sid: int) -> bool:
    return connection.execute(opened.sql.session_by_sid, (sid,)).fetchone() is not None


def _waiting(row: Sequence[Any]) -> Waiting:
    sid, tk, trace_id, started, duration, status, spans, told, key = row
    marks = None if told is None else frozenset(bytes(told)[n : n + MARK] for n in range(0, len(told), MARK))
    return Waiting(
        sid, tk, unpack_trace_id(bytes(trace_id)), started, duration, status, spans, marks, original(key) or ""
    )
