"""Who a span says it belongs to: the session's id and which name held it, the user, and what is said of all of a trace.

The reading order is that of the semantic conventions' users: an application's own word before a library's invention.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from convotrace.dialects import table
from convotrace.dialects.values import as_known, as_list, as_object, below, loaded, unquoted
from convotrace.model import Json


class Said(NamedTuple):
    """A session's id as a span named it; a lower rank is a more certain word."""

    rank: int
    id: str
    name: str


def session_of(attributes: Mapping[str, Json], resource: Mapping[str, Json] | None = None) -> Said | None:
    """Return the session that a span names, None where it names none.

    Args:
        attributes: The span's own.
        resource: Its resource's; what that says counts last.
    """
    rank = 0
    for name in table.SESSION_IDS:
        rank += 1
        if name in attributes and (known := as_known(attributes[name])):
            return Said(rank, known, name)
    for name, keys in table.SESSION_OBJECTS:
        rank += 1
        held = as_object(attributes.get(name)) if name in attributes else {}
        for key in keys:
            if key in held and (known := as_known(held[key])):
                return Said(rank, known, f"{name}.{key}")
    for name in table.INVENTED_IDS:
        rank += 1
        if name in attributes and (known := as_known(attributes[name])):
            return Said(rank, known, name)
    known = as_known((resource or {}).get("session.id"))
    return Said(rank + 1, known, "session.id") if known else None


def user_of(attributes: Mapping[str, Json]) -> str | None:
    """Return the user's id that a span names."""
    found: str | None = table.first_of(table.USER_IDS, attributes, as_known)
    return found


def trace_tags(attributes: Mapping[str, Json]) -> tuple[str, ...]:
    """Return the tags that a span gives to all of its trace."""
    found = [tag for name in table.TRACE_TAGS if name in attributes for tag in as_list(attributes[name])]
    return tuple(dict.fromkeys(found))


def trace_metadata(attributes: Mapping[str, Json]) -> dict[str, Json]:
    """Return the metadata that a span gives to all of its trace, without what is a field of its own."""
    return _metadata(attributes, table.TRACE_METADATA_PREFIXES, table.TRACE_METADATA_OBJECTS)


def span_metadata(attributes: Mapping[str, Json]) -> dict[str, Json]:
    """Return the metadata that a span has for itself."""
    return _metadata(attributes, table.SPAN_METADATA_PREFIXES, table.SPAN_METADATA_OBJECTS)


_OWN_FIELDS = frozenset((*table.SESSION_IDS, *table.USER_IDS, *table.TRACE_TAGS))


def _metadata(attributes: Mapping[str, Json], prefixes: tuple[str, ...], objects: tuple[str, ...]) -> dict[str, Json]:
    found: dict[str, Json] = {}
    for name in objects:
        if name in attributes:
            found.update(as_object(attributes[name]))
    if any(name.startswith(prefixes) for name in attributes):
        rest = {name: value for name, value in attributes.items() if name not in _OWN_FIELDS}
        for prefix in prefixes:
            found.update({name: loaded(unquoted(value)) for name, value in below(rest, prefix).items()})
    return found
