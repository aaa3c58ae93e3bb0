"""Small documents under a name, one kind beside the other: definitions of scores, queues, what is known of datasets.

They are facts of the store, few and read whole. What stands in them, those know who keep them.
"""

from __future__ import annotations

from typing import Any

from convotrace.errors import BadRequest
from convotrace.store.codec import decode, encode, original, storable
from convotrace.store.database import Connection
from convotrace.store.opening import Opened

MOST = 200


class Named:
    """The documents of one kind.

    Args:
        kind: A word that no other facts of the store begin with.
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._begin, self._end = f"{kind}:", f"{kind};"

    def all(self, opened: Opened) -> dict[str, Any]:
        """Return every document by its name, in the order of names."""
        with opened.connections.reading() as connection:
            return self.within(opened, connection)

    def within(self, opened: Opened, connection: Connection) -> dict[str, Any]:
        """Return the same inside a transaction."""
        found = connection.execute(opened.sql.meta_between, (self._begin, self._end))
        return {original(key.removeprefix(self._begin)) or "": decode(value.encode()) for key, value in found}

    def put(self, opened: Opened, name: str, document: Any) -> None:
        """Keep a document; one of the same name is replaced.

        Raises:
            BadRequest: There are too many.
        """
        with opened.connections.writing() as connection:
            self.put_within(opened, connection, name, document)

    def put_within(self, opened: Opened, connection: Connection, name: str, document: Any) -> None:
        """Keep a document inside a transaction."""
        kept = self.within(opened, connection)
        if len(kept) >= MOST and name not in kept:
            raise BadRequest(f"There are {MOST} of {self.kind} already; delete one first.")
        connection.execute(opened.sql.put_meta, (self._key(name), encode(document).decode()))

    def drop(self, opened: Opened, name: str) -> None:
        """Forget a document; one that is not there is no fault."""
        with opened.connections.writing() as connection:
            self.drop_within(opened, connection, name)

    def drop_within(self, opened: Opened, connection: Connection, name: str) -> None:
        """Forget a document inside a transaction; one that is not there is no fault."""
        meta = opened.tables.meta
        statement, values = meta.delete().where(meta.key == self._key(name)).sql()
        connection.execute(statement, values)

    def _key(self, name: str) -> str:
        return self._begin + (storable(name) or "")
