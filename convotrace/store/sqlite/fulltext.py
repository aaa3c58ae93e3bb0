"""The index over what people said: FTS5 over the traces' own texts, kept right by triggers.

A row is in the index exactly while its `indexed` is 1. SQLite itself sees to that, in the transaction that changes or
deletes the row: whoever rewrites, moves, forgets or prunes need not know of the index. `indexing` fills it.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Sequence
from typing import Any

from convotrace.store.database import COLUMNS, STORED, Connection, Connections, Speech
from convotrace.store.native import REST, pause
from convotrace.store.wording import CLOSE, OPEN, SHORTEST_BEGINNING, SNIPPET, Term, apart

_PAGES_AT_ONCE = 100


def _row(side: str) -> str:
    return ", ".join(f"convotrace_spoken({side}.{name})" for name in STORED)


def _holds_any(side: str) -> str:
    return f"coalesce({', '.join(f'{side}.{name}' for name in STORED)}) IS NOT NULL"


_NAMES, _OF = ", ".join(COLUMNS), ", ".join(("indexed", *STORED))
_LEAVE = f"INSERT INTO speech(speech, rowid, {_NAMES}) VALUES ('delete', old.n, {_row('old')});"
# A score of the session itself is a note of its first trace.
_NOTED = """
UPDATE trace SET indexed = 0 WHERE indexed = 1 AND n IN (
 SELECT n FROM trace WHERE sid = {0}.sid AND trace_id = {0}.trace_id UNION ALL
 SELECT n FROM (SELECT n FROM trace WHERE sid = {0}.sid AND {0}.trace_id IS NULL ORDER BY tk LIMIT 1));
"""
_SPEAKS = "({0}.comment IS NOT NULL OR {0}.type = 'text')"
_SCHEMA = (
    f"""CREATE VIEW IF NOT EXISTS speech_text AS SELECT n, {
        ", ".join(f"convotrace_spoken({stored}) AS {name}" for name, stored in zip(COLUMNS, STORED, strict=True))
    } FROM trace WHERE indexed = 1""",
    f"""CREATE VIRTUAL TABLE IF NOT EXISTS speech USING fts5({_NAMES},
        content='speech_text', content_rowid='n', tokenize='unicode61 remove_diacritics 2')""",
    f"""CREATE TRIGGER IF NOT EXISTS speech_deleted BEFORE DELETE ON trace
        WHEN old.indexed = 1 AND {_holds_any("old")} BEGIN {_LEAVE} END""",
    f"""CREATE TRIGGER IF NOT EXISTS speech_changed BEFORE UPDATE OF {_OF} ON trace
        WHEN old.indexed = 1 AND {_holds_any("old")} BEGIN {_LEAVE} END""",
    f"""CREATE TRIGGER IF NOT EXISTS speech_added AFTER UPDATE OF {_OF} ON trace
        WHEN new.indexed = 1 AND {_holds_any("new")} BEGIN
        INSERT INTO speech(rowid, {_NAMES}) VALUES (new.n, {_row("new")}); END""",
    # The notes on a session go on to the trace that is its first now.
    """CREATE TRIGGER IF NOT EXISTS speech_first_deleted AFTER DELETE ON trace WHEN old.notes IS NOT NULL BEGIN
        UPDATE trace SET indexed = 0 WHERE indexed = 1
        AND n = (SELECT n FROM trace WHERE sid = old.sid ORDER BY tk LIMIT 1); END""",
    f"""CREATE TRIGGER IF NOT EXISTS noted_added AFTER INSERT ON score
        WHEN {_SPEAKS.format("new")} BEGIN {_NOTED.format("new")} END""",
    f"""CREATE TRIGGER IF NOT EXISTS noted_deleted AFTER DELETE ON score
        WHEN {_SPEAKS.format("old")} BEGIN {_NOTED.format("old")} END""",
    f"""CREATE TRIGGER IF NOT EXISTS noted_changed AFTER UPDATE OF sid, trace_id, type, value, comment ON score
        WHEN {_SPEAKS.format("old")} OR {_SPEAKS.format("new")}
        BEGIN {_NOTED.format("old")} {_NOTED.format("new")} END""",
)


_TRIGGERS = ("speech_deleted", "speech_changed", "speech_added", "speech_first_deleted", "noted_added", "noted_deleted",
             "noted_changed")  # fmt: skip


def is_available(connection: sqlite3.Connection) -> bool:
    """Tell whether this SQLite was built with FTS5."""
    try:
        connection.execute("SELECT fts5_source_id()")
    except sqlite3.OperationalError:
        return False
    return True


def is_made(connection: sqlite3.Connection) -> bool:
    """Tell whether a file has the index, kept by its triggers."""
    return connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'speech_added'").fetchone() is not None


def make(connection: sqlite3.Connection) -> None:
    """Make the index and its triggers where they are missing; one that triggers did not keep is filled anew."""
    if not is_made(connection):
        connection.execute("DROP TABLE IF EXISTS speech")
        connection.execute("UPDATE trace SET indexed = 0 WHERE indexed = 1")
    for statement in _SCHEMA:
        connection.execute(statement)


def let_go(connection: sqlite3.Connection) -> None:
    """Take the triggers away: without FTS5 they would stop every rewrite and deletion."""
    for name in _TRIGGERS:
        connection.execute(f"DROP TRIGGER IF EXISTS {name}")


_SNIPPETS = ", ".join(f"snippet(speech, {i}, '{OPEN}', '{CLOSE}', '…', {SNIPPET})" for i in range(len(COLUMNS)))
# In this order, whatever the planner thinks: the index gives the newest first, and stops at the limit.
_FIND = f"""
SELECT t.n, t.sid, t.tk, t.trace_id, t.is_turn, t.started, {_SNIPPETS} FROM speech
CROSS JOIN trace t ON t.n = speech.rowid CROSS JOIN session s ON s.sid = t.sid
WHERE speech MATCH ? AND speech.rowid < ? ORDER BY speech.rowid DESC LIMIT ?
"""


class SqliteSpeech(Speech):
    """The index as the rest of the store sees it."""

    found = "SELECT speech.rowid FROM speech WHERE speech MATCH ?"
    said = "SELECT turn.sid FROM speech CROSS JOIN trace turn ON turn.n = speech.rowid WHERE speech MATCH ?"

    def expression(self, wanted: Sequence[Term]) -> str:
        """Return terms in the language of FTS5; whatever they hold stands in quotes."""
        here = " AND ".join(_phrase(term) for term in wanted if not term.is_absent)
        absent = " OR ".join(_phrase(term) for term in wanted if term.is_absent)
        return f"({here}) NOT ({absent})" if absent else here

    def phrase(self, text: str, prefix: bool) -> str | None:
        """Return a text as one phrase in the language of FTS5, None where it holds no word."""
        wide_enough = sum(map(str.isalnum, text)) >= SHORTEST_BEGINNING
        return _phrase(Term(text, prefix and wide_enough)) if any(map(str.isalnum, text)) else None

    def find(self, connection: Connection, wanted: Sequence[Term], before: int, limit: int) -> list[tuple[Any, ...]]:
        """Return hits with an `n` under a limit, the greatest first."""
        return connection.execute(_FIND, (self.expression(wanted), before, limit)).fetchall()

    def add(self, connection: Connection, traces: Sequence[int]) -> None:
        """Take traces into the index: the trigger does."""
        # In one statement: after each one the index writes out what it has gathered, which costs twice the CPU.
        marks = ", ".join("?" * len(traces))
        connection.execute(f"UPDATE trace SET indexed = 1 WHERE n IN ({marks})", traces)

    def tidy(self, connections: Connections, go_on: Callable[[], bool]) -> None:
        """Bring the index into one piece, a few pages at a time: only then have the words of deleted rows left it."""
        pages = -_PAGES_AT_ONCE
        while go_on():
            began = time.perf_counter()
            with connections.writing() as connection:
                before = _changes(connection)
                connection.execute("INSERT INTO speech(speech, rank) VALUES ('merge', ?)", (pages,))
                if _changes(connection) - before < 2:  # SQLite's sign that nothing is left to do
                    return
            pages = _PAGES_AT_ONCE
            pause((time.perf_counter() - began) * REST)

    def check(self, connection: Connection) -> None:
        """Raise sqlite3.DatabaseError where the index does not hold exactly what its rows say."""
        connection.execute("INSERT INTO speech(speech, rank) VALUES ('integrity-check', 1)")


def _phrase(term: Term) -> str:
    return f'"{apart(term.text).replace(chr(34), " ")}"{"*" if term.prefix else ""}'


def _changes(connection: Connection) -> int:
    return int(connection.execute("SELECT total_changes()").fetchone()[0])
