"""What PostgreSQL, or the way to it, cannot do, as one sentence with its cure."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from convotrace.errors import StoreError
from convotrace.store.database import Locked

_SENTENCES = {
    "25006": "cannot be written: it is read-only; name the primary server, or make it writable.",
    "42501": "does not let this role do that; see docs/growing.md for the rights it needs.",
    "42P01": "has lost its tables; they are made anew.",
    "53100": "cannot grow: its disk is full; make room.",
    "55P03": "is locked by another process for too long; end it, or wait until it lets go.",
    "57014": "took too long over a statement; see what else it is busy with.",
    "57P01": "is shutting down.",
    "40001": "let another process write first.",
    "40P01": "let another process write first.",
    "XX001": "is damaged; go back to a backup.",
    "XX002": "has a damaged index; REINDEX it.",
}
"""By SQLSTATE, or its class."""

_OF_LOCKS = ("55P03", "40001", "40P01")
"""After these the transaction is undone, whatever was in it."""

_OF_DATA = ("22", "23", "54")
"""Classes that say that a row cannot be stored, not that the store is in trouble."""


@contextmanager
def named_trouble(shown: str) -> Iterator[None]:
    """Turn what the store cannot do into one sentence; an error in the data passes as it is."""
    try:
        yield
    except psycopg.Error as error:
        sentence = _sentence(error)
        if sentence is None:
            raise
        kind = Locked if error.sqlstate in _OF_LOCKS else StoreError
        raise kind(f"The store {shown} {sentence}") from error


def is_lost(error: psycopg.Error) -> bool:
    """Tell whether our tables are not where they were."""
    return error.sqlstate in ("42P01", "3F000")


def _sentence(error: psycopg.Error) -> str | None:
    state = error.sqlstate or ""
    if state in _SENTENCES or state[:2] in _SENTENCES:
        return _SENTENCES.get(state) or _SENTENCES[state[:2]]
    if state[:2] in _OF_DATA or not isinstance(error, (psycopg.OperationalError, psycopg.InternalError)):
        return None
    if not state:
        return _unreached(str(error))
    return f"cannot be used ({_first_line(error)})."


def _unreached(words: str) -> str:
    """Return why there is no connection: what the server said, else what stands in the way to it."""
    _, refused, why = words.rpartition("FATAL:")
    if refused:
        return f"refuses the connection ({why.strip().splitlines()[0]}); see its name, its rights and its limits."
    why = words.strip().splitlines()[0][:200] if words.strip() else "no reason given"
    return f"cannot be reached ({why}); see that it runs, and the host and port in its URL."


def _first_line(error: psycopg.Error) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:200]
