r"""Texts with escapes in them, such as JSON kept as text: what is looked for is looked for in what they say, too.

In `{"a": "line\nann@example.com"}` no word begins at `ann`, and the address of `nann` is another's.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from itertools import accumulate

Span = tuple[int, int]

_ESCAPE = re.compile(r"\\+(?:u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|([nrtbf\"'/]))")
_MEANT = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f"}
BEFORE_A_WORD = r"(?:(?<!\w)|(?<=\\[nrtbf])|(?<=\\u[0-9a-fA-F]{4}))"
"""What stands before a word: no letter, or an escape that ends with one."""


def places(find: Callable[[str], Iterable[Span]], text: str, also_as_it_is: bool = False) -> list[Span]:
    """Return where something stands in what a text says, in order, none inside of another.

    Args:
        find: Yields places in any order.
        text: What is searched; escapes may be escaped themselves, as in JSON inside of JSON.
        also_as_it_is: Whether escapes may be part of what is looked for.
    """
    if "\\" not in text:
        return _joined(find(text))
    said = _Said(text)
    found = [(said.place(start), said.place(end)) for start, end in find(said.text)]
    return _joined([*found, *find(text)] if also_as_it_is else found)


def said(text: str) -> str:
    """Return what a text with escapes says."""
    return _ESCAPE.sub(_letter, text) if "\\" in text else text


def _joined(found: Iterable[Span]) -> list[Span]:
    joined: list[Span] = []
    for start, end in sorted(found):
        if joined and start < joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined


def _letter(escape: re.Match[str]) -> str:
    number = escape[1] or escape[2]
    return chr(int(number, 16)) if number else _MEANT.get(escape[3], escape[3])


class _Said:
    """What a text says, and where each part of that stands: runs of letters and single escapes in turn."""

    def __init__(self, text: str) -> None:
        pieces = list(_pieces(text))
        self.text = "".join(letters for _, letters in pieces)
        self._raw = [*(at for at, _ in pieces), len(text)]
        self._said = [0, *accumulate(len(letters) for _, letters in pieces)]

    def place(self, at: int) -> int:
        """Return where a letter of what is said begins in the text."""
        number = bisect_right(self._said, at) - 1
        return self._raw[number] + at - self._said[number]


def _pieces(text: str) -> Iterator[tuple[int, str]]:
    """Yield where each run of letters and each escape begins, and what it says."""
    at = 0
    for found in _ESCAPE.finditer(text):
        if found.start() > at:
            yield at, text[at : found.start()]
        yield found.start(), _letter(found)
        at = found.end()
    if at < len(text):
        yield at, text[at:]
