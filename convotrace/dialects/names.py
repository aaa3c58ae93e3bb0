"""What the names of a span's attributes tell, whatever their values: asked once for all spans that have the same ones.

A program makes its spans at a few places, each with the same attributes again and again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, TypeVar

from convotrace.model import Json

_About = TypeVar("_About")
_Found = TypeVar("_Found")
_Row = TypeVar("_Row")
_SHAPES = 512
_MANY = 64
"""Attributes of a span whose names are remembered: long lists flattened into names seldom come twice."""


class Names:
    """The names of some attributes, and what was found out of them."""

    __slots__ = ("found", "names")

    def __init__(self, names: tuple[str, ...]) -> None:
        self.names = names
        self.found: dict[tuple[object, object], Any] = {}

    def told(self, find_out: Callable[[tuple[str, ...], _About], _Found], about: _About) -> _Found:
        """Return what a function finds out of the names; it is called once for each thing that it is asked about."""
        found: _Found = find_out(self.names, about)
        self.found[find_out, about] = found
        return found


class Rows(tuple[_Row, ...]):
    """Rows of a table to ask names about: one of few, known by itself and not by what it holds."""

    __slots__ = ()
    __hash__ = object.__hash__
    __eq__ = object.__eq__


class Attributes(dict[str, Json]):
    """Attributes that remember what their names tell; they are not to be changed."""

    __slots__ = ("names",)

    def __init__(self, given: Mapping[str, Json]) -> None:
        super().__init__(given)
        names = tuple(self)
        self.names = _names_of(names) if len(names) <= _MANY else Names(names)


_names_of = lru_cache(maxsize=_SHAPES)(Names)
_UNKNOWN: Any = object()


def told(
    attributes: Mapping[str, Json], find_out: Callable[[tuple[str, ...], _About], _Found], about: _About
) -> _Found:
    """Return what a function finds out of the names of attributes.

    Args:
        attributes: The attributes.
        find_out: Takes the names and `about`; always the same function, for its answers are remembered.
        about: What it is asked about; one of few things, for the same reason.
    """
    if type(attributes) is not Attributes:
        return find_out(tuple(attributes), about)
    names = attributes.names
    found: _Found = names.found.get((find_out, about), _UNKNOWN)
    return names.told(find_out, about) if found is _UNKNOWN else found


def under(attributes: Mapping[str, Json], *prefixes: str) -> tuple[str, ...]:
    """Return the names that begin with one of some prefixes."""
    return told(attributes, _under, prefixes)


def _under(names: tuple[str, ...], prefixes: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name for name in names if name.startswith(prefixes))
