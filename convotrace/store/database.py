"""What the rest of the store asks of a database, whichever it is: connections, an index over texts, upkeep.

Each database has a folder of its own that answers; `databases` knows which one a URL names.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import peewee

from convotrace.errors import StoreError
from convotrace.store.schema import Tables
from convotrace.store.wording import Term

COLUMNS = ("input", "output", "failures", "notes")
"""Of the index, in its order; each holds a text of a trace."""

STORED = ("input_text", "output_text", "failures", "notes")
"""The columns of a trace with those texts."""


class Again(Exception):
    """Something supposed without looking proved wrong: undo, look everything up, and write again."""


class Locked(StoreError):
    """Others held for too long what was needed: nothing was written, for certain."""


class Damaged(StoreError):
    """The file is no whole database."""


class Cursor(Protocol):
    """What a statement found, or how many rows it changed."""

    @property
    def rowcount(self) -> int: ...

    def fetchone(self) -> Any: ...

    def fetchall(self) -> list[Any]: ...

    def __iter__(self) -> Iterator[Any]: ...


class Connection(Protocol):
    """A connection inside a transaction; values stand for `?` in a statement, or for what Peewee writes."""

    def execute(self, statement: str, values: Sequence[Any] = ..., /) -> Cursor: ...

    def executemany(self, statement: str, rows: Iterable[Sequence[Any]], /) -> Cursor: ...


class Connections(ABC):
    """Lends connections, each to one thread at a time."""

    by_session = False
    """Whether writers can keep out of each other by the sessions that they name."""

    listed: str
    """SQL for the whole numbers of a list in JSON (?)."""

    @abstractmethod
    def reading(self) -> AbstractContextManager[Connection]:
        """Lend a connection inside one short read transaction that sees one moment of the store.

        Raises:
            StoreError: The store cannot be read.
        """

    @abstractmethod
    def writing(self, sessions: Collection[int] | None = None) -> AbstractContextManager[Connection]:
        """Lend a connection inside one transaction, committed at the end and undone by any exception.

        Args:
            sessions: Keys of the sessions that are read and written, where no other can be; a database may then let
                others write into other sessions meanwhile. None is the whole store.

        Raises:
            StoreError: The store cannot be written now.
        """

    @abstractmethod
    def is_gone(self) -> bool:
        """Tell whether the store was removed or replaced, so that it must be opened anew."""

    @abstractmethod
    def close(self) -> None:
        """Close every connection that is not in use."""

    @abstractmethod
    def quiesce(self) -> None:
        """Wait until a fork does no harm, and let nobody begin."""

    @abstractmethod
    def resume(self) -> None:
        """Let go on what `quiesce` stopped."""


class Speech(ABC):
    """The index over what people said. A trace is in it exactly while its `indexed` is 1."""

    is_there = True
    """Whether there is an index at all: one kind of database may lack what it takes."""

    found: str
    """SQL for the `n` of every trace that holds a phrase (?)."""

    said: str
    """SQL for the `sid` of every trace that holds a phrase (?)."""

    @abstractmethod
    def phrase(self, text: str, prefix: bool) -> str | None:
        """Return a text as one phrase in the language of the index, None where it holds no word."""

    @abstractmethod
    def find(self, connection: Connection, wanted: Sequence[Term], before: int, limit: int) -> list[tuple[Any, ...]]:
        """Return hits with an `n` under a limit, the greatest first.

        Args:
            connection: Inside a read transaction.
            wanted: What all must occur, or must not; whatever it holds raises nothing.
            before: The `n` that all are under.
            limit: The most to return.

        Returns:
            Of each n, sid, tk, trace id, is_turn, started, and a snippet or None for each of `COLUMNS`; what was
            found in it stands between OPEN and CLOSE of `wording`.
        """

    @abstractmethod
    def add(self, connection: Connection, traces: Sequence[int]) -> None:
        """Take the traces of these `n` into the index."""

    @abstractmethod
    def tidy(self, connections: Connections, go_on: Callable[[], bool]) -> None:
        """Bring the index into one piece, in short transactions: then the words of deleted rows have left it."""

    @abstractmethod
    def check(self, connection: Connection) -> None:
        """Raise the driver's error where the index does not hold exactly what its rows say."""


@dataclass(frozen=True)
class Pages:
    """The room that a database takes."""

    size: int
    count: int
    free: int

    @property
    def used_bytes(self) -> int:
        """Bytes of the pages that hold something."""
        return (self.count - self.free) * self.size

    @property
    def bytes(self) -> int:
        """Bytes of all pages."""
        return self.count * self.size


@dataclass(frozen=True)
class State:
    """The state of a database; sizes in bytes, None where there is no such thing."""

    place: str
    """How people call it."""
    path: str | None
    schema: int
    integrity: str
    pages: Pages
    log_bytes: int
    journal: str
    free_on_disk: int | None = None
    file_mode: int | None = None
    folder_mode: int | None = None


class Upkeep(ABC):
    """How much room a database takes, room given back, deleted words wiped, copies."""

    leftover: str
    """What is left of deleted words where they could not be wiped, and what to do; one sentence."""

    @abstractmethod
    def size(self) -> int:
        """Return the bytes of the store, with what is written ahead of it."""

    @abstractmethod
    def gauge(self, connection: Connection, count: Callable[[], int]) -> Callable[[Connection, int], int]:
        """Return what tells the bytes in use while rows are deleted.

        Args:
            connection: A connection now.
            count: Returns how many traces, spans and events there are now.

        Returns:
            A function of a connection then and of how many of those rows were deleted since.
        """

    @abstractmethod
    def shrink(self, limit: int | None, go_on: Callable[[], bool]) -> Iterator[None]:
        """Give room back to the disk, a little at each step, where there is much, or the store is over its limit."""

    @abstractmethod
    def wipe(self, patience: float) -> bool:
        """Overwrite what deleted rows held; return whether that was done within so many seconds."""

    @abstractmethod
    def backup(self, path: Path) -> int:
        """Write a copy of the store that is whole or not there; return its bytes.

        Raises:
            StoreError: Something is at that path already, or the copy cannot be made.
        """

    @abstractmethod
    def integrity(self) -> str:
        """Return "ok", or what a quick look finds wrong."""

    @abstractmethod
    def state(self) -> State:
        """Return the state of the database, after a look at all of it."""


@dataclass(frozen=True)
class Database:
    """One database, connected to."""

    models: peewee.Database
    """What the tables are bound to: it derives the SQL."""
    connections: Connections
    speech: Speech
    upkeep: Upkeep
    make: Callable[[Tables, Callable[[Connection, int], None]], None]
    """Refuses what is no store of ours, makes the tables that are missing, and calls back where they were older."""
    presses: bool = False
    """Whether long columns of a trace are to be pressed into one: not where the database does so by itself."""
