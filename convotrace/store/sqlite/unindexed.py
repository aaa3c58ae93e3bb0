"""What stands for the text index where SQLite has no FTS5: lists look in what they show, search says why not.

A file may have been written by another SQLite; its triggers would stop every rewrite here, so `making` takes them away.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from convotrace.errors import BadRequest
from convotrace.store.database import Connection, Connections, Speech
from convotrace.store.wording import Term


class NoSpeech(Speech):
    """An index that holds nothing."""

    is_there = False
    found = said = "SELECT NULL WHERE ? IS NULL AND 1 = 0"

    def phrase(self, text: str, prefix: bool) -> str | None:
        """Return None: no text is a phrase here."""
        return None

    def find(self, connection: Connection, wanted: Sequence[Term], before: int, limit: int) -> list[tuple[Any, ...]]:
        """Raise BadRequest: nothing can be looked for."""
        raise BadRequest(
            "Search needs FTS5, which this Python's SQLite was built without; use a Python that has it, such as the "
            "one of python.org. Lists find texts in what they show of a session."
        )

    def add(self, connection: Connection, traces: Sequence[int]) -> None:
        """Do nothing."""

    def tidy(self, connections: Connections, go_on: Callable[[], bool]) -> None:
        """Do nothing."""

    def check(self, connection: Connection) -> None:
        """Do nothing: what is not there is not wrong."""
