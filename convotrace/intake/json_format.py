"""OTLP JSON → what was sent. No dependency: ids are hex in any case, 64-bit numbers texts or numbers, enums both ways,
names in camel case (snake case is understood), unknown ones ignored.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

import orjson

from convotrace.errors import BadRequest
from convotrace.intake.sent import (
    MAX_ATTRIBUTES,
    MAX_DEPTH,
    MAX_EVENTS,
    Batch,
    Rejected,
    SentEvent,
    SentLog,
    SentSpan,
    Source,
    cut,
    level_of,
    moment,
    parent_id_of,
    span_id_of,
    trace_id_of,
)
from convotrace.model import Json

_T = TypeVar("_T")
_KINDS = ("UNSPECIFIED", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER")
_STATES = ("UNSET", "OK", "ERROR")


def parse(body: bytes) -> Json:
    """Return the JSON value of a body.

    Raises:
        BadRequest: It is none.
    """
    try:
        return orjson.loads(body)
    except ValueError:
        pass
    try:
        # A text that was cut inside a character, NaN, a byte order mark: what only the standard library reads.
        return json.loads(body)
    except (ValueError, RecursionError):
        raise BadRequest("The body is not JSON; send an OTLP export request as JSON or protobuf.") from None


def spans(body: bytes) -> Batch:
    """Return the spans of an ExportTraceServiceRequest.

    Raises:
        BadRequest: The body is none.
    """
    batch = Batch()
    for source, span in _entries(body, ("resourceSpans", "scopeSpans", "instrumentationLibrarySpans"), "spans"):
        _add(batch.spans, batch, _span, span, source)
    return batch


def logs(body: bytes) -> Batch:
    """Return the records of an ExportLogsServiceRequest.

    Raises:
        BadRequest: The body is none.
    """
    batch = Batch()
    for source, record in _entries(body, ("resourceLogs", "scopeLogs", "instrumentationLibraryLogs"), "logRecords"):
        _add(batch.logs, batch, _log, record, source)
    return batch


def _add(found: list[_T], batch: Batch, read: Callable[[Json, Source], _T], entry: Json, source: Source) -> None:
    try:
        found.append(read(entry, source))
    except Rejected as reason:
        batch.refused.append(str(reason))


def _entries(body: bytes, groups: tuple[str, str, str], leaf: str) -> Iterator[tuple[Source, Json]]:
    request = parse(body)
    if not isinstance(request, dict):
        raise BadRequest("The body is no OTLP export request; it must be a JSON object.")
    outer, inner, older = groups
    for group in _list(_member(request, outer)):
        if not isinstance(group, dict):
            continue
        resource = _attributes(_member(_dict(group.get("resource")), "attributes"))
        for part in (*_list(_member(group, inner)), *_list(_member(group, older))):
            if isinstance(part, dict):
                scope = _dict(part.get("scope") or _member(part, "instrumentationLibrary"))
                source = Source(resource, _text(scope.get("name")), _text(scope.get("version")))
                yield from ((source, entry) for entry in _list(_member(part, leaf)))


def _span(entry: Json, source: Source) -> SentSpan:
    if not isinstance(entry, dict):
        raise Rejected("A span is not an object.")
    status = _dict(entry.get("status"))
    return SentSpan(
        trace_id=trace_id_of(_member(entry, "traceId")),
        span_id=span_id_of(_member(entry, "spanId")),
        parent_id=parent_id_of(_member(entry, "parentSpanId")),
        name=_text(entry.get("name")) or "",
        kind=_enum(entry.get("kind"), "SPAN_KIND_", _KINDS),
        started_ns=moment(_member(entry, "startTimeUnixNano")),
        ended_ns=moment(_member(entry, "endTimeUnixNano")),
        attributes=_attributes(entry.get("attributes")),
        events=[_event(event) for event in _list(entry.get("events"))[:MAX_EVENTS] if isinstance(event, dict)],
        links=list(_links(entry.get("links"))),
        status=_enum(status.get("code"), "STATUS_CODE_", _STATES),
        message=_text(status.get("message")) or "",
        source=source,
    )


def _event(entry: Mapping[str, Json]) -> SentEvent:
    at_ns = moment(_member(entry, "timeUnixNano"))
    return SentEvent(_text(entry.get("name")) or "", at_ns, _attributes(entry.get("attributes")))


def _links(entries: Json) -> Iterator[str]:
    for entry in _list(entries)[:MAX_EVENTS]:
        if isinstance(entry, dict):
            try:
                yield f"{trace_id_of(_member(entry, 'traceId'))}-{span_id_of(_member(entry, 'spanId'))}"
            except Rejected:
                continue


def _log(entry: Json, source: Source) -> SentLog:
    if not isinstance(entry, dict):
        raise Rejected("A log record is not an object.")
    number = moment(_member(entry, "severityNumber"))
    return SentLog(
        trace_id=trace_id_of(_member(entry, "traceId")),
        span_id=parent_id_of(_member(entry, "spanId")),
        at_ns=moment(_member(entry, "timeUnixNano")) or moment(_member(entry, "observedTimeUnixNano")),
        name=_text(_member(entry, "eventName")),
        level=level_of(_member(entry, "severityText"), number),
        body=any_value(entry.get("body")),
        attributes=_attributes(entry.get("attributes")),
        source=source,
    )


def any_value(value: Json, depth: int = 0) -> Json:
    """Return the JSON value that an OTLP AnyValue stands for; None for what is none."""
    if type(value) is not dict:
        return None
    text = value.get("stringValue")
    if type(text) is str:
        return text if len(text) < 4096 else cut(text)
    for name, read in _VALUES:
        if name in value:
            return read(value[name], depth)
    return None


def _whole(value: Json, _depth: int) -> Json:
    if isinstance(value, str):
        try:
            return int(value) if len(value) < 40 else value[:40]
        except ValueError:
            return value
    return value if isinstance(value, (int, float)) else None


def _double(value: Json, _depth: int) -> Json:
    return value if isinstance(value, (int, float)) else _text(value)


def _array(value: Json, depth: int) -> Json:
    if depth > MAX_DEPTH:
        return "[cut: too deep]"
    return [any_value(item, depth + 1) for item in _list(_dict(value).get("values"))]


def _pairs(value: Json, depth: int) -> Json:
    if depth > MAX_DEPTH:
        return "[cut: too deep]"
    return _attributes(_dict(value).get("values"), depth + 1)


def _bytes(value: Json, _depth: int) -> Json:
    return cut(value) if isinstance(value, str) else None


def _flag(value: Json, _depth: int) -> Json:
    return value if isinstance(value, bool) else _text(value)


_VALUES: tuple[tuple[str, Callable[[Json, int], Json]], ...] = (
    ("intValue", _whole), ("boolValue", _flag), ("doubleValue", _double), ("arrayValue", _array),
    ("kvlistValue", _pairs), ("bytesValue", _bytes), ("string_value", lambda value, _: _text(value)),
    ("int_value", _whole), ("bool_value", _flag), ("double_value", _double), ("array_value", _array),
    ("kvlist_value", _pairs), ("bytes_value", _bytes),
)  # fmt: skip


def _attributes(entries: Json, depth: int = 0) -> dict[str, Json]:
    found: dict[str, Json] = {}
    for entry in _list(entries)[:MAX_ATTRIBUTES]:
        if type(entry) is dict and type(entry.get("key")) is str:
            found[entry["key"]] = any_value(entry.get("value"), depth)
    return found


def _enum(value: Json, prefix: str, names: tuple[str, ...]) -> int:
    if isinstance(value, str):
        name = value.upper().removeprefix(prefix)
        return names.index(name) if name in names else _small(value)
    return value if type(value) is int and 0 <= value < len(names) else 0


def _small(text: str) -> int:
    return int(text) if text in ("0", "1", "2", "3", "4", "5") else 0


def _member(entry: Mapping[str, Json], name: str) -> Any:
    """Return a member under its name, or under the same one in snake case."""
    value = entry.get(name)
    return entry.get(_SNAKE[name]) if value is None and name in _SNAKE else value


_SNAKE = {
    name: "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)
    for name in (
        "resourceSpans", "scopeSpans", "resourceLogs", "scopeLogs", "logRecords", "traceId", "spanId", "parentSpanId",
        "startTimeUnixNano", "endTimeUnixNano", "timeUnixNano", "observedTimeUnixNano", "severityText",
        "severityNumber", "eventName", "instrumentationLibrary", "instrumentationLibrarySpans",
    )
}  # fmt: skip


def _list(value: Json) -> list[Json]:
    return value if isinstance(value, list) else []


def _dict(value: Json) -> dict[str, Json]:
    return value if isinstance(value, dict) else {}


def _text(value: Json) -> str | None:
    return cut(value) if isinstance(value, str) and value else None


__all__ = ["any_value", "logs", "parse", "spans"]
