"""Packed values back into what they were, from the contents of one session."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable

import orjson

from convotrace.model import Json
from convotrace.store.bundles import CHAIN, HASH_BYTES, JOINT, NO_BASE, ZLIB, list_of, parts_of
from convotrace.store.codec import decode
from convotrace.store.contents import ITEMS, LIST, PARTS, WHOLE
from convotrace.store.rows import ContentRow

MISSING = "[missing from the store]"


class Contents:
    """The contents of one session; each is decoded once, when it is first asked for."""

    def __init__(self, rows: Iterable[ContentRow], fetch: Callable[[bytes], ContentRow | None] | None = None) -> None:
        """Take the rows that are there, and how to find another one by its hash."""
        self._rows = {row.hash: row for row in rows}
        self._fetch = fetch
        self._values: dict[bytes, Json] = {}
        self._lists: dict[bytes, list[bytes]] = {}
        self._bodies: dict[bytes, bytes] = {}

    def unpack(self, packed: bytes | None) -> Json:
        """Return the value of a packed column; a content that is gone shows as a text that says so."""
        if packed is None:
            return None
        tag = packed[:1]
        if tag == WHOLE:
            return self.value(packed[1:])
        if tag == LIST:
            return [self.value(name) for name in self._items(packed[1:])]
        if tag == ITEMS:
            return [self.value(name) for name in _hashes(packed[1:])]
        if tag == PARTS:
            return self._joined(packed[1:])
        return decode(packed)

    def fragment(self, packed: bytes) -> Json:
        """Return the value of a packed column as JSON that is made already, where it stands so; else as `unpack`."""
        tag = packed[:1]
        if tag == WHOLE:
            return self._made([packed[1:]], b"%s") or self.unpack(packed)
        if tag in (LIST, ITEMS):
            names = self._items(packed[1:]) if tag == LIST else _hashes(packed[1:])
            return self._made(names, b"[%s]") or self.unpack(packed)
        return self.unpack(packed)

    def _made(self, names: list[bytes], frame: bytes) -> orjson.Fragment | None:
        """Return stored values as they stand, None where one is gone or only slowly read."""
        bodies = [self._bodies[name] if name in self._bodies else self._text(name) for name in names]
        if not all(bodies):
            return None
        return orjson.Fragment(frame % b",".join(bodies))

    def _text(self, name: bytes) -> bytes:
        """Return the JSON of a stored value, empty where it is gone or only slowly read."""
        body = self.stored(name) or b""
        self._bodies[name] = body = b"" if body[:1] == b" " else body
        return body

    def value(self, name: bytes) -> Json:
        """Return the stored value of a hash."""
        if name not in self._values:
            body = self.stored(name)
            self._values[name] = MISSING if body is None else decode(body)
        return self._values[name]

    def stored(self, name: bytes) -> bytes | None:
        """Return the JSON of a stored value, None where it is gone, or a part of it."""
        row = self._row(name)
        if row is None or row.codec != JOINT:
            return None if row is None else _body(row)
        parts = parts_of(row.body)
        rows = [self._row(part) for part in parts[1::2]]
        if any(row is None or row.codec == JOINT for row in rows):
            return None
        parts[1::2] = [_body(row) for row in rows if row is not None]
        return b"".join(parts)

    def names_in(self, packed: bytes | None) -> set[bytes]:
        """Return every hash that a packed column needs, lists and their bases included."""
        tag, rest = (packed or b"")[:1], (packed or b"")[1:]
        if tag == WHOLE:
            return {rest}
        if tag == LIST:
            return {*self._chain(rest), *self._with_texts(self._items(rest))}
        if tag == ITEMS:
            return self._with_texts(_hashes(rest))
        if tag == PARTS:
            return set().union(*(self.names_in(bytes.fromhex(part)) for part in decode(rest)[1].values()))
        return set()

    def _with_texts(self, names: list[bytes]) -> set[bytes]:
        """Return names of messages with those of the texts that stand apart from them."""
        rows = [self._row(name) for name in names]
        return {*names, *(name for row in rows if row and row.codec == JOINT for name in parts_of(row.body)[1::2])}

    def _joined(self, data: bytes) -> Json:
        shell, parts = decode(data)
        return {name: self.unpack(bytes.fromhex(parts[name])) if name in parts else v for name, v in shell.items()}

    def _items(self, name: bytes) -> list[bytes]:
        if name not in self._lists:
            items: list[bytes] = []
            for link in reversed(self._chain(name)):
                row = self._row(link)
                if row is None:
                    continue
                _, kept, added = list_of(row.body)
                items = items[:kept] + added
            self._lists[name] = items
        return self._lists[name]

    def _chain(self, name: bytes) -> list[bytes]:
        """Return a list and those it grew from, down to a full one."""
        links = [name]
        while (row := self._row(links[-1])) is not None and row.codec == CHAIN:
            base = row.body[:HASH_BYTES]
            if base == NO_BASE or base in links:
                break
            links.append(base)
        return links

    def _row(self, name: bytes) -> ContentRow | None:
        if self._fetch is not None and name not in self._rows and (found := self._fetch(name)) is not None:
            self._rows[name] = found
        return self._rows.get(name)


def _hashes(data: bytes) -> list[bytes]:
    return [data[i : i + HASH_BYTES] for i in range(0, len(data), HASH_BYTES)]


def _body(row: ContentRow) -> bytes:
    try:
        return zlib.decompress(row.body) if row.codec == ZLIB else row.body
    except zlib.error:
        return b""
