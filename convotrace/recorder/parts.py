"""What a trace is made of beside its spans: events, scores, what libraries told, what was said of the session."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import getrandbits
from typing import Any

from convotrace.model import Json


class OpenEvent:
    """A moment noted on a span or trace."""

    __slots__ = ("at", "attributes", "level", "name")

    def __init__(self, name: str, at: int, level: str | None, attributes: Mapping[str, Json]) -> None:
        self.name = name
        self.at = at
        self.level = level
        self.attributes = attributes


class OpenScore:
    """A judgement noted on a span, a trace or its session."""

    __slots__ = ("at", "fields", "id", "name", "value")

    def __init__(self, name: str, value: Any, at: int, fields: Mapping[str, Any]) -> None:
        self.id = getrandbits(128)
        self.name = name
        self.value = value
        self.at = at
        self.fields = fields


class Told:
    """What a library said of a span of its own, in its own names; it is read when the trace is written."""

    __slots__ = ("attributes", "events", "reading", "scope")

    def __init__(self, attributes: Mapping[str, Any], events: Sequence[OpenEvent], scope: str | None) -> None:
        self.attributes = attributes
        self.events = events
        self.scope = scope
        # What the writer found in it, the first time.
        self.reading: Any = None


class SessionNotes:
    """What a request said about its session."""

    __slots__ = ("ended", "events", "links", "metadata", "name", "outcome", "resolved", "scores", "tags")

    def __init__(self) -> None:
        self.tags: list[str] = []
        self.metadata: dict[str, Json] = {}
        self.events: list[OpenEvent] = []
        self.scores: list[OpenScore] = []
        # Ids of other sessions, each with its relation.
        self.links: list[tuple[str, str]] = []
        self.name: str | None = None
        self.outcome: str | None = None
        self.resolved: bool | None = None
        self.ended: int | None = None

    @property
    def said(self) -> bool:
        """Whether anything was said."""
        told = (self.tags, self.metadata, self.events, self.scores, self.links, self.name, self.outcome)
        return any(told) or self.resolved is not None or self.ended is not None
