"""What is beside the list: values to choose from with their counts, and the quick filters above it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from convotrace.model import Facet, Facets
from convotrace.page import terms
from convotrace.page.backend import Reader
from convotrace.query import Node

SHOWN = 5
MOST = 20
FIRST = 500
"""Sessions that a page counts before it is shown; the rest is counted when it is."""

_GROUPS = {
    "outcome": "Outcome", "fb": "Feedback", "tool": "Tool called", "model": "Model", "release": "Release",
    "env": "Environment", "service": "Service", "tag": "Tag",
}  # fmt: skip
_WORDS = {("fb", "up"): "thumbs up", ("fb", "down"): "thumbs down"}
_CHIPS = (("has", "error", "Errors"), ("fb", "down", "Thumbs down"), ("has", "escalation", "Escalated"))
_MONO = frozenset({"tool", "model"})


@dataclass(frozen=True)
class Choice:
    """One value to choose: its count in words, and the address where it is chosen, or no more."""

    value: str
    words: str
    count: str
    href: str
    is_chosen: bool


@dataclass(frozen=True)
class Group:
    """The values of one field; the commonest first, the chosen ones always among the first."""

    field: str
    title: str
    is_mono: bool
    first: Sequence[Choice]
    more: Sequence[Choice]


@dataclass(frozen=True)
class Beside:
    """Everything that is counted for a list."""

    total: str
    is_capped: bool
    groups: Sequence[Group]
    chips: Sequence[Choice]


def beside(reader: Reader, q: str, order: str, most: int) -> Beside:
    """Return what a list can be narrowed to.

    Args:
        reader: The store.
        q: The filter of the list.
        order: Its order.
        most: Sessions that are counted at most, the newest.
    """
    counting = _Counting(reader, q, order, most)
    found = counting.found
    groups = [group for field in _GROUPS if (group := counting.group(field))]
    return Beside(_words(found.total, found.is_capped), found.is_capped, groups, counting.chips())


class _Counting:
    """Counts for one filter; each field is counted as if nothing of it was chosen, so that one more can be."""

    def __init__(self, reader: Reader, q: str, order: str, most: int) -> None:
        self._reader, self._order, self._most = reader, order, most
        self._parts: Sequence[Node] = terms.parts(q)
        self.found = reader.facets(q or None, most)

    def group(self, field: str) -> Group | None:
        now = terms.chosen(self._parts, field)
        found = self._of(field)
        values = found.fields.get(field, ())
        known = {facet.value for facet in values}
        values = (*(Facet(value, 0) for value in now if value not in known), *values)
        ordered = sorted(values, key=lambda facet: facet.value not in now)[:MOST]
        choices = [self._choice(field, facet, found.is_sampled, facet.value in now) for facet in ordered]
        cut = max(SHOWN, len(now))
        # One alone behind "1 more" would take the same place.
        cut += len(choices) == cut + 1
        return Group(field, _GROUPS[field], field in _MONO, choices[:cut], choices[cut:]) if choices else None

    def chips(self) -> list[Choice]:
        return [self._chip(field, value, words) for field, value, words in _CHIPS]

    def _chip(self, field: str, value: str, words: str) -> Choice:
        found, now = self._of(field), terms.chosen(self._parts, field)
        count = next((facet.count for facet in found.fields.get(field, ()) if facet.value == value), 0)
        choice = self._choice(field, Facet(value, count), found.is_sampled, value in now)
        return Choice(value, words, choice.count, choice.href, choice.is_chosen)

    def _of(self, field: str) -> Facets:
        rest = terms.without(self._parts, field)
        if len(rest) == len(self._parts):
            return self.found
        return self._reader.facets(terms.text(rest) or None, self._most)

    def _choice(self, field: str, facet: Facet, is_capped: bool, is_chosen: bool) -> Choice:
        href = terms.address(terms.toggled(self._parts, field, facet.value), self._order)
        words = _WORDS.get((field, facet.value), facet.value)
        return Choice(facet.value, words, _words(facet.count, is_capped and facet.count > 0), href, is_chosen)


def _words(number: int, is_capped: bool) -> str:
    return f"{number:,}" + "+" * is_capped
