"""Texts as words, in the same way as SQLite's `unicode61 remove_diacritics 2`, so that both databases find the same.

Pure: from texts to what PostgreSQL's tsvector and tsquery hold, and back to snippets for people.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from convotrace.store.wording import CLOSE, OPEN, SNIPPET, Term, apart, spoken

LAST_PLACE = 16_383
"""PostgreSQL counts no further: words behind that are found, phrases are not."""

_PLACES_OF_ONE = 255
_LONGEST_WORD = 500
_MOST_BYTES = 900_000
"""A tsvector holds a megabyte; of a turn with more different words the rest is not found."""

_GAP = 30
"""Between two texts of a trace, so that no phrase reaches from one into the other."""

_WORD = re.compile("[^\\W_](?:[^\\W_]|[\u0300-\u036f])*")
_LATIN_END = "\u0250"
_FOLDS_KEPT = 20_000


class Word(NamedTuple):
    """One word of a text, folded, and where in it it stands."""

    text: str
    start: int
    end: int


class Phrase(NamedTuple):
    """Words that must follow each other; the last may go on where `prefix` is set."""

    words: tuple[str, ...]
    prefix: bool


class _Folds(dict[int, str]):
    """What each character becomes."""

    def __missing__(self, code: int) -> str:
        if len(self) > _FOLDS_KEPT:
            self.clear()
        self[code] = folded = _folded(chr(code))
        return folded


def _folded(char: str) -> str:
    low = char.casefold() if len(char.casefold()) == 1 else char.lower()
    parts = unicodedata.normalize("NFD", low)
    if parts[0] >= _LATIN_END:
        return "" if "\u0300" <= low <= "\u036f" else low
    return "".join(part for part in parts if not "\u0300" <= part <= "\u036f")


_FOLDS = _Folds()


def words(text: str) -> Iterator[Word]:
    """Yield the words of a text in the form of the index."""
    for match in _WORD.finditer(text):
        yield Word(match.group().translate(_FOLDS)[:_LONGEST_WORD], match.start(), match.end())


def vector(texts: Iterable[str | None]) -> str:
    """Return the tsvector of the texts of a trace."""
    places: dict[str, list[int]] = {}
    place, size = 0, 0
    for text in texts:
        for word in words(spoken(text) or ""):
            place += 1
            held = places.get(word.text)
            if held is None:
                size += len(word.text.encode()) + 12
                if size > _MOST_BYTES:
                    continue
                held = places[word.text] = []
            if len(held) < _PLACES_OF_ONE and place <= LAST_PLACE:
                held.append(place)
                size += 2
        place += _GAP
    return " ".join(f"'{word}'" + (":" + ",".join(map(str, held)) if held else "") for word, held in places.items())


def phrase_of(term: Term) -> Phrase:
    """Return the words of a term."""
    return Phrase(tuple(word.text for word in words(apart(term.text))), term.prefix)


def query(phrase: Phrase) -> str:
    """Return a phrase as tsquery."""
    lexemes = [f"'{word}'" for word in phrase.words]
    if lexemes and phrase.prefix:
        lexemes[-1] += ":*"
    return " <-> ".join(lexemes)


def expression(wanted: Sequence[Term]) -> str:
    """Return what all must occur, or must not, as tsquery."""
    parts = [("!" if term.is_absent else "") + f"({query(phrase_of(term))})" for term in wanted]
    return " & ".join(parts)


def snippet(text: str | None, phrases: Sequence[Phrase]) -> str | None:
    """Return the part of a text in which most of the phrases stand, marked; None where none does."""
    shown = spoken(text)
    if shown is None:
        return None
    found = list(words(shown))
    hits = list(_hits([word.text for word in found], phrases))
    if not hits:
        return None
    first, last = _window(hits, len(found))
    return _marked(shown, found, [hit for hit in hits if first <= hit[0] and hit[1] <= last], first, last)


def _hits(found: list[str], phrases: Sequence[Phrase]) -> Iterator[tuple[int, int, int]]:
    """Yield where each phrase stands: first word, word behind the last, number of the phrase; by their places."""
    starts: dict[str, list[int]] = {}
    for number, phrase in enumerate(phrases):
        if phrase.words:
            starts.setdefault(phrase.words[0], []).append(number)
    lone = [number for number, phrase in enumerate(phrases) if phrase.prefix and len(phrase.words) == 1]
    for place, word in enumerate(found):
        for number in {*starts.get(word, ()), *(n for n in lone if word.startswith(phrases[n].words[0]))}:
            end = place + len(phrases[number].words)
            if _matches(found[place:end], phrases[number]):
                yield place, end, number


def _matches(here: list[str], phrase: Phrase) -> bool:
    if len(here) != len(phrase.words) or here[:-1] != list(phrase.words[:-1]):
        return False
    return here[-1].startswith(phrase.words[-1]) if phrase.prefix else here[-1] == phrase.words[-1]


def _window(hits: list[tuple[int, int, int]], count: int) -> tuple[int, int]:
    """Return the first word and the one behind the last of what is shown: around the place with most phrases."""
    best, most = hits[0], 0
    for position, (start, _, _) in enumerate(hits):
        inside = [hit for hit in hits[position : position + SNIPPET] if hit[1] <= start + SNIPPET]
        if len({number for _, _, number in inside}) > most:
            best, most = hits[position], len({number for _, _, number in inside})
    last = max((hit[1] for hit in hits if best[0] <= hit[0] and hit[1] <= best[0] + SNIPPET), default=best[1])
    first = max(best[0] - max(SNIPPET - (last - best[0]), 0) // 2, 0)
    return max(min(first, count - SNIPPET), 0), max(min(first + SNIPPET, count), last)


def _marked(text: str, found: list[Word], hits: list[tuple[int, int, int]], first: int, last: int) -> str:
    start = 0 if first == 0 else found[first].start
    stop = len(text) if last >= len(found) else found[last].start
    parts, at = ["…" if start else ""], start
    for begin, end, _ in hits:
        if found[begin].start < at:
            continue
        parts += [text[at : found[begin].start], OPEN, text[found[begin].start : found[end - 1].end], CLOSE]
        at = found[end - 1].end
    parts += [text[at:stop].rstrip() if stop < len(text) else text[at:], "…" if stop < len(text) else ""]
    return "".join(parts)
