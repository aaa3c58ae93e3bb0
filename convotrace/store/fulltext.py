"""The index over what people said: FTS5 over the traces' own texts, kept right by triggers.

A row is in the index exactly while its `indexed` is 1. SQLite itself sees to that, in the transaction that changes or
deletes the row: whoever rewrites, moves, forgets or prunes need not know of the index. `indexing` fills it.
"""

from __future__ import annotations

import sqlite3

COLUMNS = ("input", "output", "failures", "notes")
"""Of the index, in its order; each holds a text of a trace."""

_STORED = ("input_text", "output_text", "failures", "notes")


def _row(side: str) -> str:
    return ", ".join(f"convotrace_spoken({side}.{name})" for name in _STORED)


def _holds_any(side: str) -> str:
    return f"coalesce({', '.join(f'{side}.{name}' for name in _STORED)}) IS NOT NULL"


_NAMES, _OF = ", ".join(COLUMNS), ", ".join(("indexed", *_STORED))
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
        ", ".join(f"convotrace_spoken({stored}) AS {name}" for name, stored in zip(COLUMNS, _STORED, strict=True))
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


def make(connection: sqlite3.Connection) -> None:
    """Make the index and its triggers, where they are missing."""
    for statement in _SCHEMA:
        connection.execute(statement)
