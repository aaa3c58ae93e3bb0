"""Definitions of scores, kept for everybody who writes into the store or opens its page."""

from __future__ import annotations

from collections.abc import Iterable

from convotrace.insight.definitions import ScoreDefinition, as_facts, from_facts
from convotrace.store.named import Named
from convotrace.store.opening import Opened

_KEPT = Named("definition")


def definitions(opened: Opened) -> dict[str, ScoreDefinition]:
    """Return every definition by its name."""
    return {name: from_facts(document) for name, document in _KEPT.all(opened).items()}


def put(opened: Opened, given: Iterable[ScoreDefinition]) -> None:
    """Keep definitions; those of the same names are replaced, and what stands there already is not written again."""
    known = _KEPT.all(opened)
    for one in given:
        if known.get(one.name) != (document := as_facts(one)):
            _KEPT.put(opened, one.name, document)


def drop(opened: Opened, name: str) -> None:
    """Forget a definition; its scores stay."""
    with opened.connections.writing() as connection:
        _KEPT.drop_within(opened, connection, name)
