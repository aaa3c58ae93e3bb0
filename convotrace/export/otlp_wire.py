"""Spans → the bytes of an ExportTraceServiceRequest: JSON always, protobuf by the package of the extra `otlp`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from convotrace.errors import SettingsError
from convotrace.export.otlp import Outgoing
from convotrace.export.records import dump
from convotrace.model import Json

JSON, PROTOBUF = "application/json", "application/x-protobuf"
_INT_MIN, _INT_MAX = -(1 << 63), (1 << 63) - 1
_DEEPEST = 60


def encoded(spans: Sequence[Outgoing], protobuf: bool = False) -> bytes:
    """Return a request that carries these spans.

    Args:
        spans: At least one.
        protobuf: As protobuf; else as JSON.

    Raises:
        SettingsError: Protobuf was asked for, and its package is missing.
    """
    return _protobuf(spans) if protobuf else dump({"resourceSpans": [*_resources(spans)]})


def check_protobuf() -> None:
    """Raise one sentence where the package that writes protobuf is missing.

    Raises:
        SettingsError: It is.
    """
    try:
        import opentelemetry.proto.collector.trace.v1.trace_service_pb2  # noqa: F401
    except ImportError:
        raise SettingsError("Protobuf is written with convotrace[otlp]: pip install 'convotrace[otlp]'.") from None


def _grouped(spans: Iterable[Outgoing]) -> dict[tuple[Any, Any], list[Outgoing]]:
    groups: dict[tuple[Any, Any], list[Outgoing]] = {}
    for span in spans:
        groups.setdefault((span.resource, span.scope), []).append(span)
    return groups


def _resources(spans: Iterable[Outgoing]) -> Iterable[Json]:
    for (resource, (scope, version)), group in _grouped(spans).items():
        named = {"name": scope, "version": version} if version else {"name": scope}
        yield {
            "resource": {"attributes": _pairs(dict(resource))},
            "scopeSpans": [{"scope": named, "spans": [_span(span) for span in group]}],
        }


def _span(it: Outgoing) -> Json:
    found = {
        "traceId": it.trace_id, "spanId": it.span_id, "name": _clean(it.name), "kind": it.kind,
        "startTimeUnixNano": str(it.started_ns), "endTimeUnixNano": str(it.ended_ns),
        "attributes": _pairs(it.attributes),
        "events": [
            {"name": _clean(one.name), "timeUnixNano": str(one.at_ns), "attributes": _pairs(one.attributes)}
            for one in it.events
        ],
        "status": {"code": it.status, "message": _clean(it.message)} if it.message else {"code": it.status},
    }  # fmt: skip
    return found if it.parent_id is None else {**found, "parentSpanId": it.parent_id}


def _pairs(attributes: Mapping[str, Json], depth: int = 0) -> list[Json]:
    return [
        {"key": _clean(name), "value": _any(value, depth)} for name, value in attributes.items() if value is not None
    ]


def _any(value: Json, depth: int = 0) -> Json:
    if isinstance(value, str):
        return {"stringValue": _clean(value)}
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)} if _INT_MIN <= value <= _INT_MAX else {"stringValue": str(value)}
    if isinstance(value, float):
        return {"doubleValue": value} if value - value == 0 else {"stringValue": str(value)}
    if depth > _DEEPEST or value is None:
        return {"stringValue": "" if value is None else "[cut: too deep]"}
    if isinstance(value, Mapping):
        return {"kvlistValue": {"values": _pairs({str(name): item for name, item in value.items()}, depth + 1)}}
    if isinstance(value, (list, tuple)):
        return {"arrayValue": {"values": [_any(item, depth + 1) for item in value]}}
    return {"stringValue": _clean(str(value))}


def _clean(text: str) -> str:
    """Return a text that has bytes: a lone surrogate has none."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def _protobuf(spans: Iterable[Outgoing]) -> bytes:
    check_protobuf()
    from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as service

    request = service.ExportTraceServiceRequest()
    for (resource, (scope, version)), group in _grouped(spans).items():
        made = request.resource_spans.add()
        _fill(made.resource.attributes, dict(resource))
        part = made.scope_spans.add()
        part.scope.name, part.scope.version = scope, version
        for span in group:
            _fill_span(part.spans.add(), span)
    return bytes(request.SerializeToString())


def _fill_span(made: Any, it: Outgoing) -> None:
    made.trace_id, made.span_id = bytes.fromhex(it.trace_id), bytes.fromhex(it.span_id)
    if it.parent_id is not None:
        made.parent_span_id = bytes.fromhex(it.parent_id)
    made.name, made.kind = _clean(it.name), it.kind
    made.start_time_unix_nano, made.end_time_unix_nano = it.started_ns, it.ended_ns
    _fill(made.attributes, it.attributes)
    for one in it.events:
        event = made.events.add()
        event.name, event.time_unix_nano = _clean(one.name), one.at_ns
        _fill(event.attributes, one.attributes)
    made.status.code, made.status.message = it.status, _clean(it.message)


def _fill(made: Any, attributes: Mapping[str, Json]) -> None:
    for name, value in attributes.items():
        if value is not None:
            pair = made.add()
            pair.key = _clean(name)
            _fill_value(pair.value, _any(value))


def _fill_value(made: Any, value: Any) -> None:
    ((kind, held),) = value.items()
    if kind == "stringValue":
        made.string_value = held
    elif kind == "boolValue":
        made.bool_value = held
    elif kind == "intValue":
        made.int_value = int(held)
    elif kind == "doubleValue":
        made.double_value = held
    elif kind == "arrayValue":
        made.array_value.SetInParent()
        for item in held["values"]:
            _fill_value(made.array_value.values.add(), item)
    else:
        made.kvlist_value.SetInParent()
        for item in held["values"]:
            pair = made.kvlist_value.values.add()
            pair.key = item["key"]
            _fill_value(pair.value, item["value"])
