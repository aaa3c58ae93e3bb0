"""What each preset looks for: a table of kinds, each a function from a text to the places where it stands.

A finder never takes more than linear time, and looks at no text in which nothing of the kind can be.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from convotrace.redaction import keys, numbers
from convotrace.redaction.escapes import said

Span = tuple[int, int]
Find = Callable[[str], Iterable[Span]]

SECRETS, AUTHORIZATION, COOKIES, EMAIL, PHONE, CARD, IBAN, IP, USER = (
    "secrets", "authorization", "cookies", "email", "phone", "card", "iban", "ip", "user",
)  # fmt: skip
PRESETS = (SECRETS, AUTHORIZATION, COOKIES, CARD, IBAN, EMAIL, IP, PHONE, USER)
"""In the order in which they are looked for: what is more certain comes first."""
ALL = "all"
NEVER_NAMED = frozenset({SECRETS, AUTHORIZATION, COOKIES})
"""Kinds of which not even a pseudonym is kept: nothing is to be joined by a password."""
TYPED = frozenset({CARD, IBAN, EMAIL, IP, PHONE})
"""Kinds of what people write by hand; keys and cookies are copied."""

_DIGIT = re.compile("[0-9]")
_AT = re.compile(r"(?:@|%40)(?=[^\W_])")
_DOMAIN = re.compile(r"(?:[^\W_][\w-]{0,62}\.){1,8}[^\W\d_][\w-]{1,62}(?<![-_])")
_LOCAL_REVERSED = re.compile(r"[\w.+'~!#$*^`{|}-]{1,64}")


@dataclass(frozen=True, slots=True)
class Finder:
    """Finds one kind of what is taken out.

    Attributes:
        kind: What it is called in marks, counts and pseudonyms.
        find: Yields the places, in any order.
        may_find: Tells at little cost whether there may be any.
        digits: Whether it is about numbers.
        across: Whether it finds something in texts joined by line breaks wherever it does in one of them.
    """

    kind: str
    find: Find
    may_find: Callable[[str], bool]
    digits: bool = False
    across: bool = False

    @property
    def typed(self) -> bool:
        """Whether people write it, in whatever script and with whatever space."""
        return self.kind in TYPED

    def may_be_in_any(self, joined: str) -> bool:
        """Tell at little cost whether any of the texts that were joined by line breaks may hold one."""
        if not self.may_find(joined):
            return False
        # A word like "basic" is in many texts, and to look at it here is cheaper than to go through them one by one.
        return not self.across or any(True for _ in self.find(said(joined)))


def finders(kinds: Iterable[str]) -> tuple[Finder, ...]:
    """Return what finds the kinds named, in the order of `PRESETS`."""
    wanted = frozenset(kinds)
    if ALL in wanted:
        wanted = frozenset(PRESETS)
    if SECRETS in wanted:
        wanted |= NEVER_NAMED
    return tuple(_FINDERS[kind] for kind in PRESETS if kind in wanted and kind in _FINDERS)


def _of_shapes(kind: str, shapes: tuple[keys.Shape, ...]) -> Finder:
    def find(text: str) -> Iterator[Span]:
        for shape in shapes:
            if shape.may_be_in(text):
                yield from (_part(found) for found in shape.pattern.finditer(text) if _is_meant(shape, found))

    # No shape takes in a line break at either end, and none looks further back than over one character.
    return Finder(kind, find, keys.Sieve(shapes).lets_through, across=True)


def _part(found: re.Match[str]) -> Span:
    return found.span(found.lastindex or 0)


def _is_meant(shape: keys.Shape, found: re.Match[str]) -> bool:
    return "asic" not in shape.hints or keys.is_basic(found[1])


def _emails(text: str) -> Iterator[Span]:
    done = 0
    for number, found in enumerate(_AT.finditer(text)):
        if number >= numbers.MOST_TRIED:
            raise numbers.Costly
        domain = _DOMAIN.match(text, found.end())
        before = text[max(done, found.start() - 64) : found.start()]
        local = _LOCAL_REVERSED.match(before[::-1])
        if domain is not None and local is not None:
            begin = found.start() - len(local[0].rstrip(".'#*`{|}~!$^"))
            if begin < found.start():
                done = domain.end()
                yield begin, done


def _with_digits(text: str) -> bool:
    return _DIGIT.search(text) is not None


def _with_at(text: str) -> bool:
    return "@" in text or "%40" in text


def _with_dots(text: str) -> bool:
    return "." in text or ":" in text


_FINDERS = {
    SECRETS: _of_shapes(SECRETS, keys.KEYS),
    AUTHORIZATION: _of_shapes(AUTHORIZATION, keys.AUTHORIZATION),
    COOKIES: _of_shapes(COOKIES, keys.COOKIES),
    CARD: Finder(CARD, numbers.cards, _with_digits, digits=True),
    IBAN: Finder(IBAN, numbers.ibans, _with_digits, digits=True),
    EMAIL: Finder(EMAIL, _emails, _with_at),
    IP: Finder(IP, numbers.addresses, _with_dots),
    PHONE: Finder(PHONE, numbers.phones, _with_digits, digits=True),
}
