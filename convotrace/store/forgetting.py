"""One session, or everything of one user, out of the store, and out of the bytes of its file.

What a session brought stands under its key in `Tables.of_session`. What names a user or session elsewhere is here:
a user's traces in a session of somebody else, the author of a score, links that lead to a session which is gone.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter

from convotrace.store import audit
from convotrace.store.codec import decode_column, encode_column, original, storable
from convotrace.store.conversations import row_of_id
from convotrace.store.database import Connection
from convotrace.store.folding import fold, settle_left
from convotrace.store.indexing import always, tidy
from convotrace.store.labelling import Labelling, columns_of
from convotrace.store.leaving import Leaving, take_back
from convotrace.store.opening import Opened
from convotrace.store.recount import count_again, delete_session, sweep
from convotrace.store.removal import ROWS_AT_ONCE, Removed, clear_some, note, remove
from convotrace.store.rows import SessionRow
from convotrace.store.sessions import Row
from convotrace.store.statements import Statements

PERSONAL = frozenset({
    ("session", "user_id"), ("trace", "user_id"), ("score", "author"), ("task", "assignee"), ("review", "author"),
    ("item", "user_id"), ("item", "author"), ("item", "session_id"),
})  # fmt: skip
"""The columns that name a user or a session; `forget_user` covers each, and a test walks the schema for others."""

_EVER = 1 << 62

LOG_PATIENCE = 5.0
"""Seconds to wait for readers that hold the old words in the log."""


@dataclass(frozen=True)
class Forgotten(Removed):
    """How much was deleted, and whether its bytes are gone from the files of the database as well."""

    wiped: bool = True
    leftover: str | None = None
    """What is left where they are not, and what to do."""


def forget_session(opened: Opened, session_id: str, now_ns: int, actor: str) -> Forgotten:
    """Delete a session with all that belongs to it; nothing where there is none of this id."""
    row = row_of_id(opened, session_id)
    eraser = _Eraser(opened, now_ns, actor, "forget session")
    eraser.items(session_id)
    return eraser.finish(eraser.sessions([row.sid] if row is not None else []))


def forget_user(opened: Opened, user_id: str, now_ns: int, actor: str) -> Forgotten:
    """Delete the sessions of a user, the user's traces in other sessions, and the name on scores given elsewhere."""
    eraser = _Eraser(opened, now_ns, actor, "forget user")
    user = storable(user_id)
    eraser.person(user)
    with opened.connections.reading() as connection:
        own = [sid for (sid,) in connection.execute(opened.sql.keeping.sessions_of_user, (user,))]
    removed = eraser.sessions(own)
    with opened.connections.reading() as connection:
        elsewhere = connection.execute(opened.sql.keeping.traces_of_user, (user,)).fetchall()
    for sid, found in groupby(elsewhere, itemgetter(0)):
        removed += eraser.traces(sid, [tk for _, tk in found])
    with opened.connections.reading() as connection:
        judged = [sid for (sid,) in connection.execute(opened.sql.keeping.sessions_of_author, (user,))]
    for sid in judged:
        eraser.author(sid, user)
    return eraser.finish(removed)


class _Eraser:
    """Deletes in short transactions, and adds up under one line of the audit."""

    def __init__(self, opened: Opened, now_ns: int, actor: str, action: str) -> None:
        self._opened, self._sql = opened, opened.sql
        # What others have still to count would have to be kept for them, by names.
        settle_left(opened, _EVER)
        self._line = (secrets.token_bytes(16), now_ns, actor, action)
        self._ids: set[str] = set()
        self._named: set[str] = set()

    def sessions(self, sids: Iterable[int]) -> Removed:
        """Delete whole sessions; each is invisible at once, and all of it is gone in the end."""
        removed, left = Removed(), list(sids)
        while left:
            # Reading a long session takes longer than others should have to wait.
            leaving = self._leaving(left[-1])
            with self._opened.connections.writing() as connection:
                removed += self._some_sessions(connection, left, leaving)
        while self._clear():
            continue
        return removed

    def _leaving(self, sid: int) -> tuple[Leaving, SessionRow] | None:
        with self._opened.connections.reading() as connection:
            found = connection.execute(self._sql.session_by_sid, (sid,)).fetchone()
            if found is None:
                return None
            return Leaving(self._sql.buckets, connection, self._sql.buckets.of_session, (sid,)), SessionRow(*found)

    def _take_back(self, connection: Connection, row: SessionRow, known: tuple[Leaving, SessionRow] | None) -> None:
        """Take a session out of the buckets; what was read of it before holds if nothing has changed since."""
        if known is not None and known[1] == row and known[0].holds(connection):
            known[0].take_back(connection)
        else:
            sql = self._sql.buckets
            Leaving(sql, connection, sql.of_session, (row.sid,)).take_back(connection)

    def _some_sessions(
        self, connection: Connection, left: list[int], leaving: tuple[Leaving, SessionRow] | None
    ) -> Removed:
        removed, deleted = Removed(), 0
        while left and deleted < ROWS_AT_ONCE:
            found = connection.execute(self._sql.session_by_sid, (left.pop(),)).fetchone()
            if found is not None:
                row = SessionRow(*found)
                self._take_back(connection, row, leaving)
                self._forget_items(connection, row.id, row.sid)
                self._ids.add(original(row.id) or "")
                deleted += remove(self._sql, connection, row.sid, row.traces + row.spans + row.events)
                removed += Removed(1, row.traces, row.spans)
        note(self._sql, connection, *self._line, removed)
        return removed

    def _clear(self) -> bool:
        with self._opened.connections.writing() as connection:
            return clear_some(self._sql, connection)

    def traces(self, sid: int, keys: list[int]) -> Removed:
        """Delete traces of a session that stays, and count it again; with its last trace it goes as well."""
        with self._opened.connections.writing() as connection:
            found = connection.execute(self._sql.session_by_sid, (sid,)).fetchone()
            if found is None:
                return Removed()
            row = dict(zip(SessionRow._fields, found, strict=True))
            labelling = _labelling(self._sql, connection, row)
            # Every item of the session may repeat what was said in these.
            self._forget_items(connection, row["id"], sid)
            spans, turns = row["spans"], row["traces"]
            for tk in keys:
                self._one_trace(connection, sid, tk)
            if count_again(self._sql, connection, row):
                sweep(self._sql, connection, sid)
                # What writers know of its contents is void.
                row["born"], row["version"] = secrets.randbits(62), row["version"] + 1
                labelling.finish({sid: row})
                removed = Removed(0, turns - row["traces"], spans - row["spans"])
            else:
                self._ids.add(original(row["id"]) or "")
                delete_session(self._sql, connection, sid)
                removed = Removed(1, turns, spans)
            note(self._sql, connection, *self._line, removed)
        return removed

    def items(self, session_id: str) -> None:
        """Delete the items of datasets that come from a session, also from one that was pruned before."""
        self._named.add(session_id)
        with self._opened.connections.writing() as connection:
            connection.execute(self._sql.keeping.forget_items, (storable(session_id),))

    def person(self, user: str | None) -> None:
        """Delete the items of datasets with a user's words, and take the name away where it judged or was asked to."""
        self._named.add(original(user) or "")
        with self._opened.connections.writing() as connection:
            connection.execute(self._sql.keeping.forget_items_of_user, (user,))
            for statement in self._sql.keeping.unname:
                connection.execute(statement, (None, user))

    def _forget_items(self, connection: Connection, id: str, sid: int) -> None:
        connection.execute(self._sql.keeping.forget_items, (id,))
        connection.execute(self._sql.keeping.forget_items_within, (sid,))

    def author(self, sid: int, user: str | None) -> None:
        """Take the name of a user from the scores of a session, which may be another one's then, and sum them up."""
        with self._opened.connections.writing() as connection:
            connection.execute(self._sql.keeping.unname_author, (None, sid, user))
            found = connection.execute(self._sql.session_by_sid, (sid,)).fetchone()
            if found is not None:
                row = dict(zip(SessionRow._fields, found, strict=True))
                _labelling(self._sql, connection, row).finish({sid: row})

    def _one_trace(self, connection: Connection, sid: int, tk: int) -> None:
        for (trace_id,) in connection.execute(self._sql.trace_at, (sid, tk)).fetchall():
            for (score_id,) in connection.execute(self._sql.scores_on_trace, (sid, trace_id)).fetchall():
                connection.execute(self._sql.delete_score, (sid, score_id))
            connection.execute(self._sql.keeping.delete_reviews_of_turn, (sid, sid, trace_id))
            connection.execute(self._sql.keeping.delete_tasks_of_turn, (sid, trace_id))
        take_back(self._sql.buckets, connection, sid, tk)
        for statement in self._sql.delete_trace:
            connection.execute(statement, (sid, tk))

    def finish(self, removed: Removed) -> Forgotten:
        """Take away the links to what was deleted, and wipe its bytes from index, file and log."""
        if self._ids:
            unlink(self._opened, self._ids)
        self._forget_searches()
        # A group that was only theirs has no bucket any more.
        fold(self._opened, self._line[1])
        # Also where nothing was removed: it completes what was cut off by the end of its process.
        tidy(self._opened, always)
        wiped = self._opened.upkeep.wipe(LOG_PATIENCE)
        return Forgotten(**vars(removed), wiped=wiped, leftover=None if wiped else self._opened.upkeep.leftover)

    def _forget_searches(self) -> None:
        """Take the ids out of what people searched for; that they searched stays in the audit."""
        with self._opened.connections.writing() as connection:
            for id in filter(None, self._ids | self._named):
                audit.forget_words(self._opened, connection, id)


def _labelling(sql: Statements, connection: Connection, row: Row) -> Labelling:
    """Return what puts a session's row and labels right, given the row before it changes."""
    labelling = Labelling(sql, connection)
    labelling.stands(row["sid"], columns_of(row))
    if row["judged"]:
        labelling.scored.add(row["sid"])
    return labelling


def unlink(opened: Opened, ids: set[str]) -> None:
    """Take the links to some sessions away from all others."""
    sql = opened.sql
    with opened.connections.reading() as connection:
        found = [sid for sid, links in connection.execute(sql.keeping.linked) if _without(links, ids) is not None]
    for sid in found:
        with opened.connections.writing() as connection:
            _unlink_one(sql, connection, sid, ids)


def _unlink_one(sql: Statements, connection: Connection, sid: int, ids: set[str]) -> None:
    row = connection.execute(sql.keeping.links_of, (sid,)).fetchone()
    kept = None if row is None else _without(row[0], ids)
    if kept is not None:
        connection.execute(sql.keeping.put_links, (encode_column(kept), sid))


def _without(links: str, ids: set[str]) -> list[list[str]] | None:
    """Return the links that do not lead to one of these, None where all do not."""
    held = decode_column(links) or []
    kept = [link for link in held if link[0] not in ids]
    return None if len(kept) == len(held) else kept
