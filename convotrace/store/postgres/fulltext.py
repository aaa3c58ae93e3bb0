"""The index over what people said: a tsvector beside the texts of each trace, kept right by triggers.

The words are made here and not by PostgreSQL, whose parser cuts texts otherwise than SQLite's; see `words`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from convotrace.store.database import STORED, Connection, Connections, Speech
from convotrace.store.postgres import words
from convotrace.store.postgres.driver import Link
from convotrace.store.wording import SHORTEST_BEGINNING, Term

_TEXTS = ", ".join(f"t.{name}" for name in STORED)
_FIND = f"""
SELECT t.n, t.sid, t.tk, t.trace_id, t.is_turn, t.started, {_TEXTS} FROM trace t JOIN session s ON s.sid = t.sid
WHERE t.indexed = 1 AND t.speech @@ ?::tsquery AND t.n < ? ORDER BY t.n DESC LIMIT ?
"""
# A score of the session itself is a note of its first trace.
_NOTED = """
UPDATE trace SET indexed = 0, speech = NULL WHERE indexed = 1 AND n IN (
 SELECT n FROM trace WHERE sid = {0}.sid AND trace_id = {0}.trace_id UNION ALL
 SELECT n FROM (SELECT n FROM trace WHERE sid = {0}.sid AND {0}.trace_id IS NULL ORDER BY tk LIMIT 1) AS first);
"""
_SPEAKS = "({0}.comment IS NOT NULL OR {0}.type = 'text')"
_FUNCTION = "CREATE OR REPLACE FUNCTION {}() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$ {} $$"
_SCHEMA = (
    "ALTER TABLE trace ADD COLUMN IF NOT EXISTS speech tsvector",
    "CREATE INDEX IF NOT EXISTS trace_speech ON trace USING gin (speech)",
    _FUNCTION.format("noted_new", f"BEGIN {_NOTED.format('NEW')} RETURN NULL; END"),
    _FUNCTION.format("noted_old", f"BEGIN {_NOTED.format('OLD')} RETURN NULL; END"),
    # The notes on a session go on to the trace that is its first now.
    _FUNCTION.format("first_deleted", """BEGIN UPDATE trace SET indexed = 0, speech = NULL WHERE indexed = 1
        AND n = (SELECT n FROM trace WHERE sid = OLD.sid ORDER BY tk LIMIT 1); RETURN NULL; END"""),
    # Whoever changes a text takes it out of the index.
    _FUNCTION.format("text_changed", "BEGIN NEW.indexed = 0; NEW.speech = NULL; RETURN NEW; END"),
)  # fmt: skip
_CHANGED = " OR ".join(f"OLD.{name} IS DISTINCT FROM NEW.{name}" for name in STORED)
_TRIGGERS = {
    ("noted_added", "score"): f"AFTER INSERT {{on}} WHEN {_SPEAKS.format('NEW')} EXECUTE FUNCTION noted_new()",
    ("noted_deleted", "score"): f"AFTER DELETE {{on}} WHEN {_SPEAKS.format('OLD')} EXECUTE FUNCTION noted_old()",
    ("noted_from", "score"): "AFTER UPDATE OF sid, trace_id, type, value, comment {on}"
    f" WHEN {_SPEAKS.format('OLD')} EXECUTE FUNCTION noted_old()",
    ("noted_to", "score"): "AFTER UPDATE OF sid, trace_id, type, value, comment {on}"
    f" WHEN {_SPEAKS.format('NEW')} EXECUTE FUNCTION noted_new()",
    ("speech_first_deleted", "trace"): "AFTER DELETE {on} WHEN (OLD.notes IS NOT NULL)"
    " EXECUTE FUNCTION first_deleted()",
    ("speech_changed", "trace"): f"BEFORE UPDATE {{on}} WHEN (OLD.indexed = 1 AND ({_CHANGED}))"
    " EXECUTE FUNCTION text_changed()",
}


def make(link: Link) -> None:
    """Make the index and its triggers."""
    for statement in _SCHEMA:
        link.execute(statement)
    for (name, table), text in _TRIGGERS.items():
        link.execute(f"DROP TRIGGER IF EXISTS {name} ON {table}")
        link.execute(f"CREATE TRIGGER {name} " + text.format(on=f"ON {table} FOR EACH ROW"))


class PostgresSpeech(Speech):
    """The index as the rest of the store sees it."""

    found = "SELECT turn.n FROM trace turn WHERE turn.indexed = 1 AND turn.speech @@ ?::tsquery"
    said = "SELECT turn.sid FROM trace turn WHERE turn.indexed = 1 AND turn.speech @@ ?::tsquery"

    def phrase(self, text: str, prefix: bool) -> str | None:
        """Return a text as one phrase, None where it holds no word."""
        wide_enough = sum(map(str.isalnum, text)) >= SHORTEST_BEGINNING
        return words.query(words.phrase_of(Term(text, prefix and wide_enough))) or None

    def find(self, connection: Connection, wanted: Sequence[Term], before: int, limit: int) -> list[tuple[Any, ...]]:
        """Return hits with an `n` under a limit, the greatest first."""
        rows = connection.execute(_FIND, (words.expression(wanted), before, limit)).fetchall()
        phrases = [words.phrase_of(term) for term in wanted if not term.is_absent]
        return [(*row[:6], *(words.snippet(text, phrases) for text in row[6:])) for row in rows]

    def add(self, connection: Connection, traces: Sequence[int]) -> None:
        """Take traces into the index."""
        marks = ", ".join("?" * len(traces))
        rows = connection.execute(f"SELECT t.n, {_TEXTS} FROM trace t WHERE t.n IN ({marks})", traces).fetchall()
        vectors = [(words.vector(row[1:]), row[0]) for row in rows]
        connection.executemany("UPDATE trace SET indexed = 1, speech = ?::tsvector WHERE n = ?", vectors)

    def tidy(self, connections: Connections, go_on: Callable[[], bool]) -> None:
        """Do nothing: what is deleted leaves the index with its row, and autovacuum its bytes."""

    def check(self, connection: Connection) -> None:
        """Raise AssertionError where the index does not hold exactly what its rows say."""
        for n, held, *texts in connection.execute(
            f"SELECT t.n, t.speech::text, t.indexed = 1, {_TEXTS} FROM trace t"
        ).fetchall():
            is_in, *said = texts
            expected = connection.execute("SELECT ?::tsvector::text", (words.vector(said),)).fetchone()[0]
            assert (held is not None) == is_in, n
            assert held is None or held == expected, n
