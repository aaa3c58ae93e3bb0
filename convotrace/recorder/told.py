"""Spans that other libraries made → the fields of our records, by the table of their names; read once, when ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from convotrace import dialects
from convotrace.dialects.sources import is_content
from convotrace.insight.totals import SCOPE
from convotrace.model import Event, Json
from convotrace.recorder.open import OpenSpan, OpenTrace
from convotrace.recorder.values import plain_mapping
from convotrace.redaction import Redactor

CONTENT_FIELDS = frozenset({"input", "output", "arguments", "result", "query", "documents", "tools"})


def read_told(trace: OpenTrace, redactor: Redactor) -> None:
    """Find out what the ended spans of other libraries say; each then has its kind and its reading."""
    for span in list(trace.spans):
        told = span.told
        if told is not None and told.reading is None:
            told.reading = _reading(span, redactor)
            span.kind = told.reading.kind


def is_hidden(span: OpenSpan) -> bool:
    """Tell whether a span only doubles another, or stands for a single message of a server."""
    return span.told is not None and span.told.reading is not None and span.told.reading.hidden


def told_fields(span: OpenSpan, content: bool) -> dict[str, Any]:
    """Return the fields of a record that a span of another library tells, with its attributes."""
    told = span.told
    if told is None or told.reading is None:
        return {}
    reading = told.reading if content else _without_content(told.reading)
    fields = dict(reading.fields) if content else {n: v for n, v in reading.fields.items() if n not in CONTENT_FIELDS}
    fields["attributes"] = {**reading.attributes} if told.scope is None else {**reading.attributes, SCOPE: told.scope}
    return fields


def told_events(span: OpenSpan, content: bool) -> tuple[Event, ...]:
    """Return the events of a span of another library."""
    if span.told is None or span.told.reading is None:
        return ()
    events: tuple[Event, ...] = (span.told.reading if content else _without_content(span.told.reading)).events
    return events


def _reading(span: OpenSpan, redactor: Redactor) -> dialects.Reading:
    told = span.told
    assert told is not None
    attributes = redactor.attributes(plain_mapping(told.attributes))
    events = [Event(e.name, e.at, None, redactor.attributes(plain_mapping(e.attributes))) for e in told.events]
    reading = dialects.read(span.name, attributes, events, told.scope, span.started)
    # The library's own objects are not kept: they hold everything twice.
    told.attributes, told.events = {}, ()
    return reading


def _without_content(reading: dialects.Reading) -> dialects.Reading:
    events = tuple(replace(event, attributes=_about(event.attributes)) for event in reading.events)
    return replace(reading, attributes=_about(reading.attributes), events=events)


def _about(attributes: Mapping[str, Json]) -> dict[str, Json]:
    return {name: value for name, value in attributes.items() if not is_content(name)}
