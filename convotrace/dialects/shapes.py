"""How a span is to be read, by the names of its attributes alone: found out once for all spans that have the same ones.

Most spans of an app hold its own names: nothing has to be looked for in them.
"""

from __future__ import annotations

from convotrace.dialects import contents, kinds, scores, sessions, table

_HTTP = table.HTTP_FACTS.names
_OF_TRACE = frozenset(
    (*table.SESSION_IDS, *table.USER_IDS, *table.SESSION_NAMES, *table.TRACE_NAMES, *table.TRACE_TAGS,
     *table.INVENTED_IDS, *table.TRACE_METADATA_OBJECTS, *(name for name, _keys in table.SESSION_OBJECTS))
)  # fmt: skip
_HIDING = frozenset(("logfire.span_type", "asgi.event.type"))


class Shape:
    """What names tell of how to read the values.

    Args:
        names: The names of a span's attributes.
    """

    __slots__ = ("has_fields", "has_metadata", "hides", "holds_contents", "is_http", "says_of_trace", "tells_kind",
                 "vectors")  # fmt: skip

    def __init__(self, names: tuple[str, ...], _about: None = None) -> None:
        self.tells_kind = kinds.tell_kind(names)
        self.holds_contents = contents.hold_contents(names)
        self.has_fields = not table.SPANS.names.isdisjoint(names)
        self.has_metadata = sessions.hold_metadata(names)
        self.is_http = not _HTTP.isdisjoint(names)
        self.hides = not _HIDING.isdisjoint(names)
        self.says_of_trace = says_of_trace(names)
        self.vectors = contents.vectors(names)


def says_of_trace(names: tuple[str, ...], _about: None = None) -> bool:
    """Tell whether attributes of these names may say something of the session and the trace."""
    return (
        not _OF_TRACE.isdisjoint(names)
        or scores.are_judged(names)
        or any(name.startswith(table.TRACE_METADATA_PREFIXES) for name in names)
    )
