"""Texts as words: to compare two, and to find where the words of one come back in another.

In scripts that set no spaces between words each character is a word of its own, in all others a run of letters and
digits. How changes are shown is told by `differences.py`.
"""

from __future__ import annotations

import re
from functools import lru_cache
from math import ceil

_APART = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u1100-\u11ff\ua960-\ua97f\uac00-\ud7ff\u2e80-\u2fdf\u3005-\u3007"
    "\u3041-\u3098\u309b-\u318f\u31a0-\u31bf\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff66-\uff9f"
    "\U00020000-\U0003ffff"
)
_WORD = re.compile(f"[{_APART}]|[^\\W{_APART}]+")
_PIECE = re.compile(f"[{_APART}]|[^\\W{_APART}]+|\\s+|.")
_BRACKET = re.compile("[(（\\[【<《].*", re.DOTALL)
_CLOSING = tuple(")）]】>》")
_RUN = 4
"""Words in a row that must come back: three are often chance."""
_LONG, _LONG_NEEDED = 4, 2
"""Letters of a word that tells something, and how many of these a run of spaced words needs."""
_NAME = 24
"""Words up to which a text on one line is taken for a name: it comes back whole, or nearly."""
_ENOUGH = 0.6
_LONGEST = 20_000
"""Characters of each text that are looked at."""

Place = tuple[int, int]
"""From where to where in a text, in characters."""


def pieces(text: str) -> list[str]:
    """Return a text in pieces that are compared: words, runs of white space, single signs."""
    return _PIECE.findall(text.replace("\n", " ")) if "\n" in text else _PIECE.findall(text)


@lru_cache(maxsize=4096)
def returning(source: str, text: str) -> tuple[Place, ...]:
    """Return where words of a source stand in a text: a name whole or nearly, else four words or more in a row.

    Args:
        source: A document, or the name of one.
        text: An answer.
    """
    there, places = _words(text)
    words, _ = _words(source)
    if not words or not there:
        return ()
    found = _of_name(source, words, text) if is_name(source) else _runs(source, text)
    return tuple((places[start][0], _closed(text, places[end - 1][1])) for start, end in found)


@lru_cache(maxsize=4096)
def _words(text: str) -> tuple[tuple[str, ...], tuple[Place, ...]]:
    """Return the words of a text, folded, and where each stands."""
    found = [(match.group().casefold(), match.span()) for match in _WORD.finditer(text[:_LONGEST])]
    return tuple(word for word, _ in found), tuple(place for _, place in found)


@lru_cache(maxsize=1024)
def _in_a_row(source: str) -> frozenset[tuple[str, ...]]:
    """Return every run of words of a source that is just long enough to count."""
    words, _ = _words(source)
    return frozenset(words[i : i + _RUN] for i in range(len(words) - _RUN + 1))


def _closed(text: str, end: int) -> int:
    """Return the end of a run, behind the bracket that closes it."""
    return end + 1 if text[end : end + 1] in _CLOSING else end


def is_name(text: str) -> bool:
    """Tell whether a text is short enough to be the name of something."""
    return "\n" not in text.strip() and len(text) <= 400 and len(_words(text)[0]) <= _NAME


def _of_name(source: str, words: tuple[str, ...], text: str) -> list[Place]:
    """Return where a name stands: all of it, what stands before its brackets, or most of it in a row."""
    (front, _), (there, _) = _words(_BRACKET.sub("", source)), _words(text)
    for wanted in (words, front if len(front) > 2 else ()):
        if wanted and (found := _whole(wanted, there)):
            return found
    enough = max(_RUN, ceil(_ENOUGH * len(words)))
    return [run for run in _runs(source, text) if run[1] - run[0] >= enough]


def _whole(wanted: tuple[str, ...], there: tuple[str, ...]) -> list[Place]:
    size, first = len(wanted), wanted[0]
    starts = (i for i, word in enumerate(there) if word == first and there[i : i + size] == wanted)
    return [(start, start + size) for start in starts]


def _runs(source: str, text: str) -> list[Place]:
    """Return runs of words that stand in a row in both, each as long as can be made of overlapping ones."""
    known, (there, _) = _in_a_row(source), _words(text)
    if known.isdisjoint(_in_a_row(text)):  # most have nothing in common, and each is compared with many
        return []
    found: list[Place] = []
    for i in range(len(there) - _RUN + 1):
        if there[i : i + _RUN] in known:
            if found and found[-1][1] > i:
                found[-1] = (found[-1][0], i + _RUN)
            else:
                found.append((i, i + _RUN))
    return [run for run in found if _tells(there[run[0] : run[1]])]


def _tells(run: tuple[str, ...]) -> bool:
    """Tell whether a run of words says something: of spaced words some must be long, the others count as they are."""
    alone = sum(1 for word in run if len(word) == 1 and not word.isascii())
    return alone >= _RUN - 1 or sum(len(word) >= _LONG for word in run) >= _LONG_NEEDED
