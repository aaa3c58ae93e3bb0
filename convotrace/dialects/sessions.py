"""Who a span says it belongs to: the session's id and which name held it, the user, and what is said of all of a trace.

The reading order is that of the semantic conventions' users: an application's own word before a library's invention.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from convotrace.dialects import table
from convotrace.dialects.names import under
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
    said = table.TOLD.ranked(attributes).get("session")
    return Said(said[0], said[2], said[1]) if said is not None else _less_certain(attributes, resource or {})


def _less_certain(attributes: Mapping[str, Json], resource: Mapping[str, Json]) -> Said | None:
    """Return the session named inside a mapping, or by a library that may have invented it, or by the resource."""
    rank = len(table.SESSION_IDS)
    for name, keys in table.SESSION_OBJECTS:
        held = as_object(attributes[name]) if name in attributes else {}
        for key in keys:
            if key in held and (known := as_known(held[key])):
                return Said(rank, known, f"{name}.{key}")
        rank += 1
    for place in (attributes, resource):
        for name in table.INVENTED_IDS if place is attributes else ("session.id",):
            if name in place and (known := as_known(place[name])):
                return Said(rank, known, name)
            rank += 1
    return None


def said_in_words(attributes: Mapping[str, Json]) -> dict[str, Any]:
    """Return the session, the user, the session's and the trace's name, None each where a span says none."""
    found = table.TOLD.ranked(attributes)
    said = found.get("session")
    words = {name: found[name][2] if name in found else None for name in ("user_id", "session_name", "trace_name")}
    return {**words, "session": Said(said[0], said[2], said[1]) if said else _less_certain(attributes, {})}


def hold_metadata(names: tuple[str, ...]) -> bool:
    """Tell whether attributes of these names hold metadata of their span's own."""
    return any(n.startswith(table.SPAN_METADATA_PREFIXES) or n in table.SPAN_METADATA_OBJECTS for n in names)


def trace_tags(attributes: Mapping[str, Json]) -> tuple[str, ...]:
    """Return the tags that a span gives to all of its trace."""
    found = [tag for name in table.TRACE_TAGS if name in attributes for tag in as_list(attributes[name])]
    return tuple(dict.fromkeys(found)) if found else ()


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
    rest = {name: attributes[name] for name in under(attributes, *prefixes) if name not in _OWN_FIELDS}
    if rest:
        for prefix in prefixes:
            found.update({name: loaded(unquoted(value)) for name, value in below(rest, prefix).items()})
    return found
