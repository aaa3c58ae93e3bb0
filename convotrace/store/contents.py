"""What is long is stored once per session and referred to: packed values, and the lists that messages stand in.

A packed value is JSON, or one tag byte and what it refers to. A list of messages is known by the hash of its
items' hashes; it is stored as the list it grew from and what was added, so re-sent histories cost little.
Everything refers by content, so nothing can point in a circle or at a row that was replaced.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from convotrace.model import Json
from convotrace.store.codec import encode
from convotrace.store.deflate import compress
from convotrace.store.rows import ContentRow

INLINE_BELOW = 1_000
"""Shorter values stand in their row: pressed together they take less room than apart, also where some come again."""
COMPRESS_ABOVE = 200
FULL_LIST_EVERY = 32
"""Longest chain of lists that a reader has to follow."""

WHOLE, LIST, ITEMS, PARTS = b"\x01", b"\x02", b"\x03", b"\x04"
"""Tags: one value · a stored list · a short list of items · an object whose long members are packed apart."""
PLAIN, ZLIB, CHAIN, FILE = 0, 1, 2, 3
"""How a content is held; from FILE on it is no JSON, and is read only where it is asked for."""
HASH_BYTES = 16
NO_BASE = bytes(HASH_BYTES)

_SHORT_LIST = 4
_LISTS_REMEMBERED = 4
_SESSIONS_REMEMBERED = 512
_HASHES_REMEMBERED, _HASHES_IN_ALL = 20_000, 200_000
"""Names of contents that are remembered of one session, and of all: of a tenth of a KB each."""


@dataclass(slots=True)
class _List:
    """A list that is stored, as its items' hashes, and how many links a reader follows to its end."""

    name: bytes
    items: list[bytes]
    depth: int


@dataclass(slots=True)
class _Known:
    """What a session is known to hold; `born` tells its present life from an earlier one."""

    born: int
    hashes: set[bytes] = field(default_factory=set)
    lists: list[_List] = field(default_factory=list)


class Packer:
    """Packs values for one transaction at a time and remembers, after its commit, what each session holds."""

    def __init__(self, secret: bytes) -> None:
        # Keyed, so that equal hashes of two stores say nothing; SHA-256, because processors have it built in.
        self._of_value, self._of_list, self._of_file = (sha256(secret + kind) for kind in (b"value", b"list", b"file"))
        self._known: OrderedDict[int, _Known] = OrderedDict()
        self._staged: dict[int, _Known] = {}
        self._held = 0
        self.rows: list[ContentRow] = []

    def pack(self, sid: int, value: Json) -> bytes | None:
        """Return the packed form of a value, staging the contents it needs; None for None."""
        if value is None:
            return None
        if isinstance(value, (list, tuple)) and value and all(isinstance(item, dict) for item in value):
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
        name = _named(self._of_file, data)
        if self._is_new(sid, name):
            self.rows.append(ContentRow(sid, name, FILE, len(data), data))
        return name

    def take_rows(self) -> list[ContentRow]:
        """Return the contents staged since the last call, to be inserted now."""
        rows, self.rows = self.rows, []
        return rows

    def is_of(self, sid: int, born: int) -> bool:
        """Tell whether what is remembered of a session, if anything, is of its present life."""
        known = self._known.get(sid)
        return known is None or known.born == born

    def commit(self, born: dict[int, int]) -> None:
        """Remember what was staged: its transaction is durable.

        Args:
            born: The birth of each session that was written.
        """
        for sid, staged in self._staged.items():
            known = self._known.pop(sid, None)
            self._held -= len(known.hashes) if known else 0
            if known is None or len(known.hashes) > _HASHES_REMEMBERED:
                known = _Known(born[sid])
            known.hashes |= staged.hashes
            known.lists = [*staged.lists, *known.lists][:_LISTS_REMEMBERED]
            self._known[sid] = known
            self._held += len(known.hashes)
        while len(self._known) > _SESSIONS_REMEMBERED or self._held > _HASHES_IN_ALL:
            self._held -= len(self._known.popitem(last=False)[1].hashes)
        self.rollback()

    def rollback(self) -> None:
        """Drop what was staged: its transaction never happened."""
        self._staged.clear()
        self.rows.clear()

    def forget(self, sid: int) -> None:
        """Drop what is remembered about a session."""
        if (known := self._known.pop(sid, None)) is not None:
            self._held -= len(known.hashes)
        self._staged.pop(sid, None)

    def _pack_list(self, sid: int, values: Sequence[Json]) -> bytes:
        encoded = [encode(value) for value in values]
        if sum(map(len, encoded)) < INLINE_BELOW and not any(data[:1] == b" " for data in encoded):
            return b"[" + b",".join(encoded) + b"]"
        items = [self._store(sid, data) for data in encoded]
        if len(items) <= _SHORT_LIST:
            return ITEMS + b"".join(items)
        return LIST + self._store_list(sid, items)

    def _pack_parts(self, sid: int, value: dict[str, Json]) -> bytes | None:
        """Return an object whose long members are packed apart, so that each is stored once; None if it has none."""
        packed = {name: part for name, item in value.items() if (part := self._pack_part(sid, item))}
        shell = {name: None if name in packed else item for name, item in value.items()}
        return PARTS + encode([shell, {name: part.hex() for name, part in packed.items()}]) if packed else None

    def _pack_part(self, sid: int, item: Json) -> bytes | None:
        if isinstance(item, list) and len(item) > 1 and all(isinstance(i, dict) for i in item):
            return self._pack_list(sid, item)
        if isinstance(item, (str, list, dict)) and item and len(data := encode(item)) >= INLINE_BELOW:
            return WHOLE + self._store(sid, data)
        return None

    def _store(self, sid: int, data: bytes) -> bytes:
        name = _named(self._of_value, data)
        if self._is_new(sid, name):
            self.rows.append(_content_row(sid, name, data))
        return name

    def _store_list(self, sid: int, items: list[bytes]) -> bytes:
        name = _named(self._of_list, b"".join(items))
        if not self._is_new(sid, name):
            return name
        base, shared = self._best_base(sid, items)
        depth = base.depth + 1 if base else 0
        body = (base.name if base else NO_BASE) + shared.to_bytes(4, "big") + b"".join(items[shared:])
        self.rows.append(ContentRow(sid, name, CHAIN, len(items), body))
        staged = self._staged[sid]
        staged.lists = [_List(name, items, depth), *staged.lists][:_LISTS_REMEMBERED]
        return name

    def _is_new(self, sid: int, name: bytes) -> bool:
        known = self._known.get(sid)
        staged = self._staged.get(sid)
        if staged is None:
            staged = self._staged[sid] = _Known(known.born if known else 0)
        if name in staged.hashes or (known and name in known.hashes):
            return False
        staged.hashes.add(name)
        return True

    def _best_base(self, sid: int, items: list[bytes]) -> tuple[_List | None, int]:
        known = self._known.get(sid)
        lists = [*self._staged[sid].lists, *(known.lists if known else ())]
        best, length = None, 1
        for candidate in lists:
            shared = _shared(candidate.items, items)
            if shared > length and candidate.depth < FULL_LIST_EVERY - 1:
                best, length = candidate, shared
        return (best, length) if best else (None, 0)


def _named(keyed: Any, data: bytes) -> bytes:
    """Return the name of a content: a hash that begins with the store's secret."""
    found = keyed.copy()
    found.update(data)
    name: bytes = found.digest()[:HASH_BYTES]
    return name


def _shared(one: Iterable[bytes], other: Iterable[bytes]) -> int:
    count = 0
    for a, b in zip(one, other, strict=False):
        if a != b:
            break
        count += 1
    return count


def _content_row(sid: int, name: bytes, data: bytes) -> ContentRow:
    if len(data) > COMPRESS_ABOVE and len(small := compress(data)) < len(data):
        return ContentRow(sid, name, ZLIB, len(data), small)
    return ContentRow(sid, name, PLAIN, len(data), data)
