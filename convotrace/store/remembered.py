"""What sessions are known to hold: their contents by hash, and the lists that they sent last.

What this process wrote it remembers from the commit on; what others wrote is looked at where it may matter. To have
forgotten does no harm: a content is stored again.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from convotrace.store.bundles import CHAIN, NO_BASE, PLACE_BYTES, PLAIN, list_of, parts_of
from convotrace.store.rows import ContentRow

_LISTS_REMEMBERED = 4
_SESSIONS_REMEMBERED = 4096
_HASHES_REMEMBERED, _NAMES_IN_ALL = 20_000, 150_000
"""Hashes that are remembered of one session, and names of contents of all: of a sixth of a KB each, at most."""


class Held(NamedTuple):
    """What traces of a session hold, the latest last, and the birth of that session."""

    born: int
    rows: list[ContentRow]


@dataclass(slots=True)
class KnownList:
    """A list that is stored, as its items' names, and how many links a reader follows to its end."""

    name: bytes
    items: list[bytes]
    depth: int


@dataclass(slots=True)
class _Known:
    """What a session is known to hold; `born` tells its present life from an earlier one."""

    born: int
    names: dict[bytes, bytes] = field(default_factory=dict)
    """Of contents, by their hashes."""
    lists: list[KnownList] = field(default_factory=list)
    last: bytes = b""
    """The last trace of which it is known what it brought."""

    @property
    def weight(self) -> int:
        """How many names are remembered."""
        return len(self.names) + sum([len(one.items) for one in self.lists])


class Memory:
    """Remembers what each session holds; what a transaction adds to it counts once that is durable.

    Args:
        value_hash: Returns the hash of a value.
        list_hash: Returns that of a list by the names of its items.
        held: Returns what traces of a session hold that began after another one, None where there is no session.
    """

    def __init__(
        self,
        value_hash: Callable[[bytes], bytes],
        list_hash: Callable[[list[bytes]], bytes],
        held: Callable[[int, bytes], Held | None] | None = None,
    ) -> None:
        self._value_hash = value_hash
        self._list_hash = list_hash
        self._held = held
        self._known: OrderedDict[int, _Known] = OrderedDict()
        self._staged: dict[int, _Known] = {}
        self._weight = 0

    def find(self, sid: int, digest: bytes) -> bytes | None:
        """Return the name of a content that the session holds, by its hash."""
        known, staged = self._known.get(sid), self._staged.get(sid)
        name = None if known is None else known.names.get(digest)
        return staged.names.get(digest) if name is None and staged is not None else name

    def find_all(self, sid: int, digests: Sequence[bytes]) -> list[bytes | None]:
        """Return the names of contents, None for those that the session is not known to hold."""
        known, staged = self._known.get(sid), self._staged.get(sid)
        names = known.names if known is not None else {}
        if staged is None:
            return [names.get(digest) for digest in digests]
        added = staged.names
        return [names.get(digest) or added.get(digest) for digest in digests]

    def add(self, sid: int, digest: bytes, name: bytes, place: bytes = b"") -> None:
        """Note the name of a content, and the trace in whose row it stands."""
        staged = self._staged.get(sid) or self._stage(sid)
        staged.names[digest] = name
        if place > staged.last:
            staged.last = place

    def add_list(self, sid: int, one: KnownList) -> None:
        """Note a list whose content was added."""
        staged = self._stage(sid)
        staged.lists = [one, *staged.lists][:_LISTS_REMEMBERED]

    def has_lists(self, sid: int) -> bool:
        """Tell whether a session is known to hold any."""
        staged, known = self._staged.get(sid), self._known.get(sid)
        return bool((known is not None and known.lists) or (staged is not None and staged.lists))

    def lists(self, sid: int) -> list[KnownList]:
        """Return the lists that a session is known to hold, the latest first."""
        staged, known = self._staged.get(sid), self._known.get(sid)
        return [*(staged.lists if staged else ()), *(known.lists if known else ())]

    def look(self, sid: int) -> None:
        """Remember what others wrote into a session since."""
        known = self._known.get(sid)
        held = self._held(sid, known.last if known else b"") if self._held else None
        if held is None or not held.rows or (known is not None and known.born != held.born):
            return
        if known is None:
            known = self._known[sid] = _Known(held.born)
        self._weight -= known.weight
        self._take(known, held.rows)
        self._weight += known.weight

    def is_of(self, sid: int, born: int) -> bool:
        """Tell whether what is remembered of a session, if anything, is of its present life."""
        known = self._known.get(sid)
        return known is None or known.born == born

    def commit(self, born: dict[int, int]) -> None:
        """Remember what was added: its transaction is durable.

        Args:
            born: The birth of each session that was written.
        """
        for sid, staged in self._staged.items():
            known = self._known.pop(sid, None)
            self._weight -= known.weight if known else 0
            if known is None or len(known.names) > _HASHES_REMEMBERED:
                known = _Known(born[sid])
            known.names |= staged.names
            known.lists = [*staged.lists, *known.lists][:_LISTS_REMEMBERED]
            known.last = max(known.last, staged.last)
            self._known[sid] = known
            self._weight += known.weight
        while len(self._known) > _SESSIONS_REMEMBERED or self._weight > _NAMES_IN_ALL:
            self._weight -= self._known.popitem(last=False)[1].weight
        self._staged.clear()

    def rollback(self) -> None:
        """Drop what was added: its transaction never happened."""
        self._staged.clear()

    def forget(self, sid: int) -> None:
        """Drop what is remembered about a session."""
        if (known := self._known.pop(sid, None)) is not None:
            self._weight -= known.weight
        self._staged.pop(sid, None)

    def _stage(self, sid: int) -> _Known:
        staged = self._staged.get(sid)
        if staged is None:
            staged = self._staged[sid] = _Known(0)
        return staged

    def _take(self, known: _Known, rows: Sequence[ContentRow]) -> None:
        """Add what rows hold to what is known of a session."""
        known.last = max(known.last, rows[-1].hash[:PLACE_BYTES])
        lists = {one.name: one for one in reversed(known.lists)}
        texts: dict[bytes, bytes] = {}
        for row in rows:
            if row.codec != CHAIN:
                if (value := _value_of(row, texts)) is not None:
                    known.names.setdefault(self._value_hash(value), row.hash)
            elif (found := _read(row, lists)) is not None:
                lists[row.hash] = found
                known.names.setdefault(self._list_hash(found.items), row.hash)
        known.lists = [*reversed(lists.values())][:_LISTS_REMEMBERED]


def _value_of(row: ContentRow, texts: dict[bytes, bytes]) -> bytes | None:
    """Return a value, noted among texts; None where a text of it is not among them."""
    if row.codec == PLAIN:
        texts[row.hash] = row.body
        return row.body
    parts = parts_of(row.body)
    if not all(name in texts for name in parts[1::2]):
        return None
    parts[1::2] = [texts[name] for name in parts[1::2]]
    return b"".join(parts)


def _read(row: ContentRow, lists: Mapping[bytes, KnownList]) -> KnownList | None:
    """Return a stored list; None where what it grew from is not among those given."""
    name, kept, added = list_of(row.body)
    if name == NO_BASE:
        return KnownList(row.hash, added, 0)
    base = lists.get(name)
    return None if base is None else KnownList(row.hash, [*base.items[:kept], *added], base.depth + 1)
