"""Long texts in which nothing was found: a conversation sends its own again with each turn, and is looked at once.

What a text said is not kept, but a keyed hash of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import sha256

FROM = 200
"""Characters from which on a text is remembered: to look through a shorter one takes no longer than to hash it."""
_REMEMBERED = 20_000
_BYTES = 16


class Seen:
    """Remembers texts, the last of some ten thousand.

    Args:
        key: Without it nobody can make a text that is taken for another.
    """

    def __init__(self, key: bytes) -> None:
        self._keyed = sha256(b"seen" + key)
        self._new: set[bytes] = set()
        self._old: set[bytes] = set()

    def apart(self, texts: Sequence[str]) -> tuple[list[str], list[bytes]]:
        """Return those of some texts that are not known, and the names under which to `add` the long ones of them."""
        unknown: list[str] = []
        names: list[bytes] = []
        for text in texts:
            if len(text) >= FROM:
                name = self._name(text)
                if name in self._new or name in self._old:
                    continue
                names.append(name)
            unknown.append(text)
        return unknown, names

    def add(self, names: Iterable[bytes]) -> None:
        """Remember texts by their names."""
        self._new.update(names)
        if len(self._new) > _REMEMBERED:
            self._old, self._new = self._new, set()

    def _name(self, text: str) -> bytes:
        keyed = self._keyed.copy()
        keyed.update(text.encode("utf-8", "surrogatepass"))
        return keyed.digest()[:_BYTES]
