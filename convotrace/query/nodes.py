"""The tree of a filter: frozen, comparable, and written back as a text that means the same.

A value that nobody knows fulfils no comparison; `Not` of that comparison is fulfilled. `!=` is `Not` of `=`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from convotrace.query.fields import FIELDS
from convotrace.query.values import write_cost, write_duration, write_moment

_BARE_TEXT = re.compile(r"[^\s()\"\\:=<>!*\-][^\s()\"\\:=<>!*]*")
_BARE_VALUE = re.compile(r"[^\s()\"*][^\s()\"*]*")
_BARE_NAME = re.compile(r"[\w./-]+")
_RESERVED = frozenset({"AND", "OR", "NOT"})


def quoted(text: str) -> str:
    """Return a text in quotes, with the two characters that would end them escaped."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


@dataclass(frozen=True, slots=True)
class Text:
    """A text that was said; with `prefix`, a word may go on behind it."""

    text: str
    prefix: bool = False

    def __str__(self) -> str:
        bare = _BARE_TEXT.fullmatch(self.text) and self.text not in _RESERVED
        return (self.text if bare else quoted(self.text)) + "*" * self.prefix


@dataclass(frozen=True, slots=True)
class Match:
    """A field that is, or with `prefix` begins with, a text; `name` is the user's own behind `meta.`."""

    field: str
    value: str
    prefix: bool = False
    name: str = ""

    def __str__(self) -> str:
        value = self.value if _BARE_VALUE.fullmatch(self.value) or (self.prefix and not self.value) else None
        return f"{_full(self.field, self.name)}:{quoted(self.value) if value is None else value}{'*' * self.prefix}"


@dataclass(frozen=True, slots=True)
class Compare:
    """A number against a limit: counts, nano-dollars, nanoseconds, or the mean of the score called `name`."""

    field: str
    operator: str
    value: int | float
    name: str = ""

    def __str__(self) -> str:
        measure = FIELDS[self.field].measure
        write = {"cost": write_cost, "duration": write_duration}.get(measure, repr)
        return f"{_full(self.field, self.name)}{self.operator}{write(self.value)}"


@dataclass(frozen=True, slots=True)
class Has:
    """Something that is there at all: an error, an escalation, feedback."""

    what: str

    def __str__(self) -> str:
        return f"has:{self.what}"


@dataclass(frozen=True, slots=True)
class Ago:
    """A moment so many nanoseconds before now."""

    ns: int

    def at(self, now_ns: int) -> int:
        """Return the moment in nanoseconds since 1970."""
        return now_ns - self.ns

    def __str__(self) -> str:
        return write_duration(self.ns)


@dataclass(frozen=True, slots=True)
class Moment:
    """A moment in nanoseconds since 1970."""

    ns: int

    def at(self, now_ns: int) -> int:
        """Return the moment, whatever the time is now."""
        return self.ns

    def __str__(self) -> str:
        return write_moment(self.ns)


@dataclass(frozen=True, slots=True)
class When:
    """A bound of the last activity; `field` is `since` or `until`."""

    field: str
    moment: Ago | Moment

    def __str__(self) -> str:
        return f"{self.field}:{self.moment}"


@dataclass(frozen=True, slots=True)
class Within:
    """A stretch of time, from one moment to another without that one, in which something began; None is no bound."""

    field: str
    since: Ago | Moment | None
    until: Ago | Moment | None

    def __str__(self) -> str:
        return f"{self.field}:{_bound(self.since)}..{_bound(self.until)}"


@dataclass(frozen=True, slots=True)
class And:
    """All of several conditions; of none: everything."""

    parts: tuple[Node, ...] = ()

    def __str__(self) -> str:
        return " ".join(f"({part})" if isinstance(part, Or) else str(part) for part in self.parts)


@dataclass(frozen=True, slots=True)
class Or:
    """At least one of several conditions."""

    parts: tuple[Node, ...]

    def __str__(self) -> str:
        return " OR ".join(map(str, self.parts))


@dataclass(frozen=True, slots=True)
class Not:
    """The opposite of a condition."""

    part: Node

    def __str__(self) -> str:
        if isinstance(self.part, Match):
            return str(self.part).replace(":", "!=", 1) if not self.part.name else f"-{self.part}"
        return f"-({self.part})" if isinstance(self.part, (And, Or, Not)) else f"-{self.part}"


Node = Text | Match | Compare | Has | When | Within | And | Or | Not

EVERYTHING = And()
"""The filter of an empty text."""


def joined(kind: type[And] | type[Or], parts: Iterable[Node]) -> Node:
    """Return parts under And or Or: those of the same kind stand in one row, and one alone stands for itself."""
    flat = [inner for part in parts for inner in (part.parts if isinstance(part, kind) else (part,))]
    return flat[0] if len(flat) == 1 else kind(tuple(flat))


def _bound(moment: Ago | Moment | None) -> str:
    return "" if moment is None else str(moment)


def _full(field: str, name: str) -> str:
    return field if not name else field + (name if _BARE_NAME.fullmatch(name) else quoted(name))
