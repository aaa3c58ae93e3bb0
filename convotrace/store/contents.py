"""What is long is stored once per session and referred to: packed values, and the lists that messages stand in.

A packed value is JSON, or one tag byte and what it refers to. A list of messages is known by the hash of its
items' names; it is stored as the list it grew from and what was added, so re-sent histories cost little.
Everything refers by content, so nothing can point in a circle or at a row that was replaced.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256
from typing import Any

from convotrace.model import Json
from convotrace.store.bundles import (
    CHAIN,
    FILE,
    HASH_BYTES,
    JOINT,
    NO_BASE,
    PLAIN,
    ZLIB,
    bundle,
    joint,
    name_of,
    new_mark,
)
from convotrace.store.codec import encode
from convotrace.store.deflate import compress
from convotrace.store.remembered import Held, KnownList, Memory
from convotrace.store.rows import ContentRow

INLINE_BELOW = 1_000
"""Shorter values stand in their row: pressed together they take less room than apart, also where some come again."""
COMPRESS_ABOVE = 200
FULL_LIST_EVERY = 32
"""Longest chain of lists that a reader has to follow."""

WHOLE, LIST, ITEMS, PARTS = b"\x01", b"\x02", b"\x03", b"\x04"
"""Tags: one value · a stored list · a short list of items · an object whose long members are packed apart."""

_SHORT_LIST = 4
_ROOM, _MOST = 8_000, 1_000
"""Bytes of contents, and how many, that stand in the row of their trace, so that two rows fit into a page; what is more
has rows of its own."""
_APART_FROM = 200
"""Where a history is told again: bytes of a text from which it stands apart from its message, as there may be others
with it. A client, a framework and a model's provider each have their own form of one."""
_NAMED_FROM = 250
"""There too: bytes a message from which a list refers to them, for the next one begins with it."""
_TEXT = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"')
_FEW = 2
"""Where more items of a list are new, others may have stored them: that is looked at, once for each trace."""


class Packer:
    """Packs values for one transaction at a time, the contents of a trace between `begin` and `end`.

    Args:
        secret: What the hashes begin with.
        held: Returns what traces of a session hold that began after another one, None where there is no session.
    """

    def __init__(self, secret: bytes, held: Callable[[int, bytes], Held | None] | None = None) -> None:
        # Keyed, so that equal hashes of two stores say nothing; SHA-256, because processors have it built in.
        self._of_value, self._of_list, self._of_file = (sha256(secret + kind) for kind in (b"value", b"list", b"file"))
        self.memory = Memory(self._value_hash, self._list_hash, held)
        self._place, self._mark, self._room, self._may_look = b"", b"", 0, False
        self._bundle: list[tuple[int, bytes]] = []
        self.rows: list[ContentRow] = []

    def begin(self, place: bytes, may_look: bool) -> None:
        """Let new contents stand in the row of a trace until `end`.

        Args:
            place: What their names begin with; nothing, where they are to have rows of their own.
            may_look: Whether what other processes wrote may be looked at now.
        """
        self._place, self._room, self._may_look, self._bundle = place, _ROOM if place else 0, may_look, []

    def end(self) -> bytes | None:
        """Return the contents that are to stand in the row, None for none."""
        made = bundle(self._mark, self._bundle)
        self.begin(b"", may_look=False)
        return made

    def pack(self, sid: int, value: Json) -> bytes | None:
        """Return the packed form of a value, staging the contents it needs; None for None."""
        if value is None:
            return None
        if isinstance(value, (list, tuple)) and value and _are_objects(value):
            return self._pack_list(sid, value)
        data = encode(value)
        if len(data) < INLINE_BELOW:
            return data
        # What only the slow codec can hold stays in one piece, so that its mark stands in front.
        if isinstance(value, dict) and data[:1] != b" ":
            return self._pack_parts(sid, value) or WHOLE + self._store(sid, data)
        return WHOLE + self._store(sid, data)

    def pack_text(self, sid: int, text: str) -> bytes:
        """Return the hash under which a text of the session is stored."""
        return self._store(sid, encode(text))

    def pack_file(self, sid: int, data: bytes) -> bytes:
        """Return the hash under which the bytes of a file of the session are stored."""
        digest = _hash(self._of_file, data)
        return self.memory.find(sid, digest) or self._add_row(ContentRow(sid, digest, FILE, len(data), data))

    def take_rows(self) -> list[ContentRow]:
        """Return the contents staged since the last call, to be inserted now."""
        rows, self.rows = self.rows, []
        return rows

    def commit(self, born: dict[int, int]) -> None:
        """Remember what was staged: its transaction is durable.

        Args:
            born: The birth of each session that was written.
        """
        self.memory.commit(born)
        self.rows.clear()

    def rollback(self) -> None:
        """Drop what was staged: its transaction never happened."""
        self.memory.rollback()
        self.rows.clear()

    def _pack_list(self, sid: int, values: Sequence[Json]) -> bytes:
        encoded = [encode(value) for value in values]
        retold = bool(self._place) and (len(encoded) > _SHORT_LIST or self.memory.has_lists(sid))
        limit = min(INLINE_BELOW, _NAMED_FROM * len(encoded)) if retold else INLINE_BELOW
        if sum(map(len, encoded)) < limit and b" " not in [data[:1] for data in encoded]:
            return b"[" + b",".join(encoded) + b"]"
        items = self._items(sid, encoded, self._put_message if retold else self._put)
        if len(items) <= _SHORT_LIST:
            return ITEMS + b"".join(items)
        return LIST + self._store_list(sid, items)

    def _pack_parts(self, sid: int, value: dict[str, Json]) -> bytes | None:
        """Return an object whose long members are packed apart, so that each is stored once; None if it has none."""
        packed = {name: part for name, item in value.items() if (part := self._pack_part(sid, item))}
        shell = {name: None if name in packed else item for name, item in value.items()}
        return PARTS + encode([shell, {name: part.hex() for name, part in packed.items()}]) if packed else None

    def _pack_part(self, sid: int, item: Json) -> bytes | None:
        if isinstance(item, list) and len(item) > 1 and _are_objects(item):
            return self._pack_list(sid, item)
        if isinstance(item, (str, list, dict)) and item and len(data := encode(item)) >= INLINE_BELOW:
            return WHOLE + self._store(sid, data)
        return None

    def _items(self, sid: int, encoded: list[bytes], put: Callable[[int, bytes, bytes], bytes]) -> list[bytes]:
        """Return the names under which the items of a list are stored."""
        if len(encoded) == 1:
            return [put(sid, self._value_hash(encoded[0]), encoded[0])]
        digests = list(map(self._value_hash, encoded))
        names = self.memory.find_all(sid, digests)
        if self._may_look and names.count(None) > _FEW:
            self._may_look = False
            self.memory.look(sid)
            names = self.memory.find_all(sid, digests)
        each = zip(names, digests, encoded, strict=True)
        return [name or put(sid, digest, data) for name, digest, data in each]

    def _store(self, sid: int, data: bytes) -> bytes:
        return self._put(sid, self._value_hash(data), data)

    def _put_message(self, sid: int, digest: bytes, data: bytes) -> bytes:
        """Store a message of a session that tells its history again, its long texts apart."""
        if len(data) > _APART_FROM and self.memory.find(sid, digest) is None:
            parts = self._parts(sid, data)
            found = self._add(sid, digest, JOINT, joint(parts)) if len(parts) > 1 else None
            if found is not None:
                return found
        return self._put(sid, digest, data)

    def _parts(self, sid: int, data: bytes) -> list[bytes]:
        """Return what stands in JSON around its long texts, and between each two the name of one."""
        spans = [span for found in _TEXT.finditer(data) if (span := found.span())[1] - span[0] >= _APART_FROM]
        if len(data) - sum([end - start for start, end in spans]) > INLINE_BELOW:
            return [data]
        parts, at = [], 0
        for start, end in spans:
            parts += [data[at:start], self._store(sid, data[start:end])]
            at = end
        return [*parts, data[at:]]

    def _put(self, sid: int, digest: bytes, data: bytes) -> bytes:
        name = self.memory.find(sid, digest) or self._add(sid, digest, PLAIN, data)
        return name or self._add_row(content_row(sid, digest, data))

    def _store_list(self, sid: int, items: list[bytes]) -> bytes:
        digest = self._list_hash(items)
        if (found := self.memory.find(sid, digest)) is not None:
            return found
        base, shared = self._best_base(sid, items)
        body = (base.name if base else NO_BASE) + shared.to_bytes(4, "big") + b"".join(items[shared:])
        name = self._add(sid, digest, CHAIN, body)
        name = name or self._add_row(ContentRow(sid, digest, CHAIN, len(items), body))
        self.memory.add_list(sid, KnownList(name, items, base.depth + 1 if base else 0))
        return name

    def _add(self, sid: int, digest: bytes, codec: int, data: bytes) -> bytes | None:
        """Put a content into the row of the trace; return its name, None where there is no room.

        What is no value is short, and only refers to others: for that there is always room.
        """
        is_full = len(self._bundle) >= _MOST or len(data) > (self._room if codec == PLAIN else _ROOM)
        if is_full or not self._place:
            return None
        if not self._bundle:
            self._mark = new_mark()
        name = name_of(self._place, self._mark, len(self._bundle))
        self._room -= len(data)
        self._bundle.append((codec, data))
        self.memory.add(sid, digest, name, self._place)
        return name

    def _add_row(self, row: ContentRow) -> bytes:
        self.rows.append(row)
        self.memory.add(row.sid, row.hash, row.hash)
        return row.hash

    def _value_hash(self, data: bytes) -> bytes:
        return _hash(self._of_value, data)

    def _list_hash(self, items: list[bytes]) -> bytes:
        return _hash(self._of_list, b"".join(items))

    def _best_base(self, sid: int, items: list[bytes]) -> tuple[KnownList | None, int]:
        best, length = None, 1
        for candidate in self.memory.lists(sid):
            shared = _shared(candidate.items, items)
            if shared > length and candidate.depth < FULL_LIST_EVERY - 1:
                best, length = candidate, shared
        return (best, length) if best else (None, 0)


def _hash(keyed: Any, data: bytes) -> bytes:
    """Return the hash of a content, which begins with the store's secret."""
    found = keyed.copy()
    found.update(data)
    name: bytes = found.digest()[:HASH_BYTES]
    return name


def _are_objects(values: Sequence[Any]) -> bool:
    # Most lists have one or two: a generator would take longer than the look itself.
    return sum([isinstance(value, dict) for value in values]) == len(values)


def _shared(one: Iterable[bytes], other: Iterable[bytes]) -> int:
    count = 0
    for a, b in zip(one, other, strict=False):
        if a != b:
            break
        count += 1
    return count


def content_row(sid: int, name: bytes, data: bytes) -> ContentRow:
    """Return the row of a value, compressed if it is long."""
    if len(data) > COMPRESS_ABOVE and len(small := compress(data)) < len(data):
        return ContentRow(sid, name, ZLIB, len(data), small)
    return ContentRow(sid, name, PLAIN, len(data), data)
