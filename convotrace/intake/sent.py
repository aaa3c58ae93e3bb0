"""What was sent, out of its wire format and not yet read: spans and log records with their resource and scope."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from convotrace.model import Json

MAX_DEPTH = 60
MAX_ATTRIBUTES = 5_000
MAX_EVENTS = 2_000
MAX_TEXT = 1 << 20
"""Longer texts are cut, visibly."""
LATEST_NS = 1 << 62
_NO_TRACE, _NO_SPAN = "0" * 32, "0" * 16
_HEX = frozenset("0123456789abcdef")


class Rejected(Exception):
    """One span or record that cannot be used; its text says why."""


@dataclass(slots=True)
class Source:
    """The resource and scope that spans or records came from."""

    resource: Mapping[str, Json] = field(default_factory=dict)
    scope: str | None = None
    scope_version: str | None = None


@dataclass(slots=True)
class SentEvent:
    """A moment on a span."""

    name: str
    at_ns: int
    attributes: dict[str, Json]


@dataclass(slots=True)
class SentSpan:
    """A span as it was sent; ids are lower-case hex, `kind` and `status` are the protocol's numbers."""

    trace_id: str
    span_id: str
    parent_id: str | None
    name: str
    kind: int
    started_ns: int
    ended_ns: int
    attributes: dict[str, Json]
    events: list[SentEvent]
    links: list[str]
    status: int
    message: str
    source: Source


@dataclass(slots=True)
class SentLog:
    """A log record as it was sent."""

    trace_id: str
    span_id: str | None
    at_ns: int
    name: str | None
    level: str | None
    body: Json
    attributes: dict[str, Json]
    source: Source


@dataclass(slots=True)
class Batch:
    """Everything of one request, and a sentence for each thing in it that cannot be used."""

    spans: list[SentSpan] = field(default_factory=list)
    logs: list[SentLog] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)


def trace_id_of(text: Json) -> str:
    """Return a trace id as 32 lower-case hex digits."""
    return _checked(text, 32, _NO_TRACE, "trace id")


def span_id_of(text: Json) -> str:
    """Return a span id as 16 lower-case hex digits."""
    return _checked(text, 16, _NO_SPAN, "span id")


def parent_id_of(text: Json) -> str | None:
    """Return a parent's id; none, zeros and what is no id are None."""
    try:
        return span_id_of(text) if text else None
    except Rejected:
        return None


def _checked(text: Json, length: int, empty: str, what: str) -> str:
    if isinstance(text, str):
        lower = (_from_base64(text, length // 2) or text).lower()
        if len(lower) == length and lower != empty and _HEX.issuperset(lower):
            return lower
    raise Rejected(f"A {what} is not {length} hex digits.")


def _from_base64(text: str, size: int) -> str | None:
    """Return an id as hex that protobuf's general JSON writer wrote, its bytes in base64: never as long as hex."""
    if len(text) != (size + 2) // 3 * 4:
        return None
    try:
        content = base64.b64decode(text, validate=True)
    except ValueError:
        return None
    return content.hex() if len(content) == size else None


def moment(value: Json) -> int:
    """Return a time in nanoseconds, written as a number or text; 0 for none and for what is out of range."""
    if isinstance(value, str):
        try:
            value = int(value) if len(value) < 40 else 0
        except ValueError:
            return 0
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < LATEST_NS:
        return 0
    return int(value)


def cut(text: str) -> str:
    """Return a text no longer than is kept."""
    return text if len(text) <= MAX_TEXT else f"{text[:MAX_TEXT]}[cut: {len(text)} characters]"


def as_base64(content: bytes) -> str:
    """Return bytes as the text that stands for them."""
    return cut(base64.b64encode(content[:MAX_TEXT]).decode())


_LEVELS = ((21, "critical"), (17, "error"), (13, "warning"), (9, "info"), (1, "debug"))


def level_of(text: Json, number: int) -> str | None:
    """Return a record's level: its text, else what its severity number stands for."""
    if isinstance(text, str) and text:
        return {"warn": "warning", "fatal": "critical"}.get(text.lower(), text.lower())
    return next((level for least, level in _LEVELS if number >= least), None)


def first_sentences(refused: Iterable[str]) -> str:
    """Return the different reasons for which things were refused, as one text."""
    return " ".join(list(dict.fromkeys(refused))[:3])
