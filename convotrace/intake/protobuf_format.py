"""OTLP protobuf → what was sent, by the package of the extra `otlp`, which is imported when the first body comes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

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
    as_base64,
    cut,
    level_of,
    moment,
    parent_id_of,
    span_id_of,
    trace_id_of,
)
from convotrace.model import Json

_T = TypeVar("_T")


class NotInstalled(BadRequest):
    """The package that reads protobuf is missing; JSON is read without it."""

    def __init__(self) -> None:
        super().__init__("Protobuf is read with convotrace[otlp]: pip install 'convotrace[otlp]', or send JSON.")


def spans(body: bytes) -> Batch:
    """Return the spans of an ExportTraceServiceRequest.

    Raises:
        BadRequest: The body is none.
        NotInstalled: The extra is missing.
    """
    batch = Batch()
    for group in _parsed("trace", body).resource_spans:
        resource = _attributes(group.resource.attributes)
        for part in group.scope_spans:
            source = _source(resource, part.scope)
            _add(batch.spans, batch, _span, part.spans, source)
    return batch


def logs(body: bytes) -> Batch:
    """Return the records of an ExportLogsServiceRequest.

    Raises:
        BadRequest: The body is none.
        NotInstalled: The extra is missing.
    """
    batch = Batch()
    for group in _parsed("logs", body).resource_logs:
        resource = _attributes(group.resource.attributes)
        for part in group.scope_logs:
            _add(batch.logs, batch, _log, part.log_records, _source(resource, part.scope))
    return batch


def message(signal: str, kind: str) -> Any:
    """Return an empty message of a signal's service: `Request` or `Response`.

    Raises:
        NotInstalled: The extra is missing.
    """
    try:
        if signal == "trace":
            from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as traces

            return getattr(traces, f"ExportTraceService{kind}")()
        from opentelemetry.proto.collector.logs.v1 import logs_service_pb2 as records

        return getattr(records, f"ExportLogsService{kind}")()
    except ImportError:
        raise NotInstalled() from None


def _parsed(signal: str, body: bytes) -> Any:
    request = message(signal, "Request")
    try:
        request.ParseFromString(body)
    except Exception:  # DecodeError; its module differs between releases of protobuf
        raise BadRequest("The body is no OTLP export request in protobuf.") from None
    return request


def _add(found: list[_T], batch: Batch, read: Callable[[Any, Source], _T], entries: Any, source: Source) -> None:
    for entry in entries:
        try:
            found.append(read(entry, source))
        except Rejected as reason:
            batch.refused.append(str(reason))


def _source(resource: dict[str, Json], scope: Any) -> Source:
    return Source(resource, scope.name or None, scope.version or None)


def _span(span: Any, source: Source) -> SentSpan:
    return SentSpan(
        trace_id=trace_id_of(span.trace_id.hex()),
        span_id=span_id_of(span.span_id.hex()),
        parent_id=parent_id_of(span.parent_span_id.hex()),
        name=cut(span.name),
        kind=int(span.kind),
        started_ns=moment(span.start_time_unix_nano),
        ended_ns=moment(span.end_time_unix_nano),
        attributes=_attributes(span.attributes),
        events=[
            SentEvent(cut(event.name), moment(event.time_unix_nano), _attributes(event.attributes))
            for event in span.events[:MAX_EVENTS]
        ],
        links=[f"{link.trace_id.hex()}-{link.span_id.hex()}" for link in span.links[:MAX_EVENTS]],
        status=int(span.status.code),
        message=cut(span.status.message),
        source=source,
    )


def _log(record: Any, source: Source) -> SentLog:
    return SentLog(
        trace_id=trace_id_of(record.trace_id.hex()),
        span_id=parent_id_of(record.span_id.hex()),
        at_ns=moment(record.time_unix_nano) or moment(record.observed_time_unix_nano),
        name=getattr(record, "event_name", "") or None,
        level=level_of(record.severity_text, int(record.severity_number)),
        body=any_value(record.body),
        attributes=_attributes(record.attributes),
        source=source,
    )


def any_value(value: Any, depth: int = 0) -> Json:
    """Return the JSON value that an AnyValue stands for; bytes become base64."""
    which = value.WhichOneof("value")
    if which == "string_value":
        return cut(value.string_value)
    if which == "array_value":
        if depth > MAX_DEPTH:
            return "[cut: too deep]"
        return [any_value(item, depth + 1) for item in value.array_value.values]
    if which == "kvlist_value":
        return "[cut: too deep]" if depth > MAX_DEPTH else _attributes(value.kvlist_value.values, depth + 1)
    if which == "bytes_value":
        return as_base64(value.bytes_value)
    return None if which is None else getattr(value, which)


def _attributes(entries: Iterable[Any], depth: int = 0) -> dict[str, Json]:
    found: dict[str, Json] = {}
    for entry in entries:
        found[entry.key] = any_value(entry.value, depth)
        if len(found) >= MAX_ATTRIBUTES:
            break
    return found
