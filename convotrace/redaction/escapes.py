r"""Texts with escapes in them, such as JSON kept as text: what is looked for is looked for in what they say, too.

In `{"a": "line\nann@example.com"}` no word begins at `ann`, and the address of `nann` is another's. What people write
may be in digits of another script, between spaces that do not break, or with letters in it that nobody sees.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from itertools import accumulate

Span = tuple[int, int]

_ESCAPE = re.compile(r"\\+(?:u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|([nrtbf\"'/]))")
_MEANT = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f"}
_DIGITS = "\u0660\u06f0\u0966\u09e6\u0e50\uff10"
"""The zero of each script whose digits people type: Arabic, Persian, Devanagari, Bengali, Thai, and as wide as CJK."""
_TYPED = {
    **{chr(ord(zero) + digit): str(digit) for zero in _DIGITS for digit in range(10)},
    **dict.fromkeys("\u00a0\u2007\u2009\u202f\u3000", " "),
    **dict.fromkeys("\u2010\u2011\uff0d", "-"),
    **dict.fromkeys("\u00ad\u200b\u200c\u200d\u2060\ufeff", ""),
    "\uff20": "@", "\uff0e": ".", "\uff0b": "+", "\uff1a": ":",
}  # fmt: skip
"""Characters that stand for one of ASCII, or for none."""
_ODD = re.compile(f"[{''.join(_TYPED)}]")
_ESCAPE_OR_ODD = re.compile(f"{_ESCAPE.pattern}|{_ODD.pattern}")
BEFORE_A_WORD = r"(?:(?<!\w)|(?<=\\[nrtbf])|(?<=\\u[0-9a-fA-F]{4}))"
"""What stands before a word: no letter, or an escape that ends with one."""


def places(
    find: Callable[[str], Iterable[Span]], text: str, also_as_it_is: bool = False, typed: bool = False
) -> list[Span]:
    """Return where something stands in what a text says, in order, none inside of another.

    Args:
        find: Yields places in any order.
        text: What is searched; escapes may be escaped themselves, as in JSON inside of JSON.
        also_as_it_is: Whether escapes may be part of what is looked for.
        typed: Whether people write it, in whatever script and with whatever space.
    """
    if "\\" not in text and not (typed and is_odd(text)):
        return _joined(find(text))
    said = _Said(text, typed)
    found = [(said.place(start), said.place(end)) for start, end in find(said.text)]
    return _joined([*found, *find(text)] if also_as_it_is else found)


def said(text: str, typed: bool = False) -> str:
    """Return what a text with escapes says; as it would be in ASCII where people typed it."""
    if typed and (is_odd(text) or "\\u" in text):
        return _ESCAPE_OR_ODD.sub(_typed_letter, text)
    return _ESCAPE.sub(_letter, text) if "\\" in text else text


def is_odd(text: str) -> bool:
    """Tell whether a text has characters that stand for others."""
    return not text.isascii() and _ODD.search(text) is not None


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


def _typed_letter(found: re.Match[str]) -> str:
    letter = _letter(found) if found[0][0] == "\\" else found[0]
    return _TYPED.get(letter, letter)


class _Said:
    """What a text says, and where each part of that stands: runs of letters and single escapes in turn."""

    def __init__(self, text: str, typed: bool) -> None:
        pieces = list(_pieces(text, typed))
        self.text = "".join(letters for _, letters in pieces)
        self._raw = [*(at for at, _ in pieces), len(text)]
        self._said = [0, *accumulate(len(letters) for _, letters in pieces)]

    def place(self, at: int) -> int:
        """Return where a letter of what is said begins in the text."""
        number = bisect_right(self._said, at) - 1
        return self._raw[number] + at - self._said[number]


def _pieces(text: str, typed: bool) -> Iterator[tuple[int, str]]:
    """Yield where each run of letters and each escape begins, and what it says."""
    at, letter = 0, _typed_letter if typed else _letter
    for found in (_ESCAPE_OR_ODD if typed else _ESCAPE).finditer(text):
        if found.start() > at:
            yield at, text[at : found.start()]
        yield found.start(), letter(found)
        at = found.end()
    if at < len(text):
        yield at, text[at:]
