"""Who said it, and where: pages of hits, the latest stored first, from the index over what was said."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from typing import Any

import orjson

from convotrace.errors import BadRequest
from convotrace.model import Hit, HitPage, Passage, Session
from convotrace.store.database import COLUMNS, Connection
from convotrace.store.indexing import catch_up, waiting
from convotrace.store.keys import unpack_trace_id
from convotrace.store.opening import Opened
from convotrace.store.rows import SessionRow
from convotrace.store.sql import portions
from convotrace.store.statements import SESSIONS_AT_ONCE
from convotrace.store.to_records import session_record
from convotrace.store.wording import OPEN, marked, terms

MOST = 200
_NEWEST = (1 << 63) - 1
_PLACES = dict(zip(COLUMNS, ("input", "output", "error", "note"), strict=True))
_LATER = "SELECT count(*) FROM trace WHERE sid = ? AND tk > ?"
_TURNS = "SELECT tk FROM trace WHERE sid = ? AND is_turn = 1 ORDER BY tk"


def search(opened: Opened, text: str, limit: int, after: str | None) -> HitPage:
    """Return one page of hits; see `Store.search`."""
    if not 1 <= limit <= MOST:
        raise BadRequest(f"limit came as {limit}; use 1 to {MOST}.")
    wanted, place = terms(text), _NEWEST if after is None else _read_cursor(after)
    catch_up(opened)
    with opened.connections.reading() as connection:
        found = opened.speech.find(connection, wanted, place, limit + 1)
        hits = _Hits(opened, connection).of(found[:limit])
        left = waiting(connection)
    return HitPage(hits, _cursor(found[limit - 1][0]) if len(found) > limit else None, left)


class _Hits:
    """Rows of the index into records, each session read once."""

    def __init__(self, opened: Opened, connection: Connection) -> None:
        self._sql, self._connection = opened.sql, connection
        self._sessions: dict[int, Session] = {}
        self._turns: dict[int, dict[int, int]] = {}

    def of(self, rows: Sequence[tuple[Any, ...]]) -> tuple[Hit, ...]:
        """Return the hits of rows."""
        sids = list(dict.fromkeys([row[1] for row in rows]))
        for some in portions(sids, SESSIONS_AT_ONCE):
            for columns in self._connection.execute(self._sql.sessions_by_sid, some):
                self._sessions[columns[0]] = session_record(SessionRow._make(columns))
        return tuple(map(self._hit, rows))

    def _hit(self, row: tuple[Any, ...]) -> Hit:
        _, sid, tk, trace_id, is_turn, started, *snippets = row
        return Hit(
            session=self._sessions[sid],
            trace_id=unpack_trace_id(trace_id),
            turn=self._number(sid, tk) if is_turn else None,
            at_ns=started,
            found=tuple(_passages(snippets)),
        )

    def _number(self, sid: int, tk: int) -> int | None:
        session = self._sessions[sid]
        if session.turns == session.traces:
            # The index alone knows: none of the traces, which lie far apart, has to be read. Counted from the end,
            # where the newest hits are: a session may have ten thousand turns before them.
            return session.turns - int(self._connection.execute(_LATER, (sid, tk)).fetchone()[0])
        if sid not in self._turns:
            keys = self._connection.execute(_TURNS, (sid,))
            self._turns[sid] = {key: number for number, (key,) in enumerate(keys, 1)}
        return self._turns[sid].get(tk)


def _passages(snippets: Sequence[str | None]) -> list[Passage]:
    found = zip(_PLACES.values(), snippets, strict=True)
    return [Passage(place, *marked(snippet)) for place, snippet in found if snippet and OPEN in snippet]


def _cursor(n: int) -> str:
    return base64.urlsafe_b64encode(orjson.dumps(["search", n])).decode().rstrip("=")


def _read_cursor(cursor: str) -> int:
    try:
        kind, n = orjson.loads(base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True))
    except (ValueError, TypeError, binascii.Error):
        kind, n = None, None
    if kind != "search" or type(n) is not int or not 0 <= n <= _NEWEST:
        raise BadRequest("after is no cursor of this search; take it from `next` of the page before.")
    return n
