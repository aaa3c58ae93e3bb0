"""Fields of our spans → the names of OpenTelemetry's conventions, as span attributes.

Sources: the GenAI conventions (https://github.com/open-telemetry/semantic-conventions-genai), the HTTP ones (1.44.0).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import orjson
from opentelemetry.trace import Span, Status, StatusCode

from convotrace.dialects.conventions import CALLED, OPERATIONS, USAGE
from convotrace.dialects.messages import as_messages, as_usage
from convotrace.model import Json
from convotrace.recorder import OpenSpan, OpenTrace
from convotrace.recorder.seen import CANCELLED, ERROR
from convotrace.redaction import Redactor

CALLS = frozenset({"generation", "embedding", "retrieval", "reranker"})
"""Kinds that call something outside the process."""
_PLAIN = {"provider": "gen_ai.provider.name", "model": "gen_ai.request.model", "call_id": "gen_ai.tool.call.id",
          "cost": "gen_ai.usage.cost"}  # fmt: skip
_CONTENT = {
    "arguments": "gen_ai.tool.call.arguments", "result": "gen_ai.tool.call.result",
    "query": "gen_ai.retrieval.query.text", "documents": "gen_ai.retrieval.documents",
    "tools": "gen_ai.tool.definitions",
}  # fmt: skip
_SCALARS = (str, bool, int, float)


def end_span(made: Span, span: OpenSpan, content: bool) -> None:
    """Say what a span of ours held, and end it.

    Args:
        made: The span of OpenTelemetry's.
        span: Ours, ended.
        content: Whether texts, arguments, results and documents may be told.
    """
    if made.is_recording():
        made.set_attributes(dict(told(span, content)))
        for event in span.events or ():
            made.add_event(event.name, {name: _scalar(value) for name, value in event.attributes.items()}, event.at)
        _fail(made, span)
    made.end(span.ended)


def told(span: OpenSpan, content: bool) -> Iterator[tuple[str, Any]]:
    """Yield the attributes of a span of ours by their names in the conventions."""
    fields = span.fields
    if span.kind in OPERATIONS:
        yield "gen_ai.operation.name", OPERATIONS[span.kind]
    if span.kind in CALLED:
        yield CALLED[span.kind], span.name
    for field, name in _PLAIN.items():
        if isinstance(fields.get(field), _SCALARS):
            yield name, fields[field]
    for name, value in _mapping(fields.get("parameters")).items():
        yield f"gen_ai.request.{name}", _scalar(value)
    for name, value in _mapping(fields.get("attributes")).items():
        yield name, _scalar(value)
    yield from _answered(fields)
    if content:
        yield from _contents(span.kind, fields)


def _answered(fields: Mapping[str, Json]) -> Iterator[tuple[str, Any]]:
    usage = as_usage(fields.get("usage"))
    for field, name in USAGE.items():
        count = None if usage is None else getattr(usage, field)
        if count is not None:
            yield name, count
    if isinstance(fields.get("finish_reason"), str):
        yield "gen_ai.response.finish_reasons", [fields["finish_reason"]]
    if isinstance(fields.get("first_token_ns"), (int, float)):
        yield "gen_ai.response.time_to_first_chunk", fields["first_token_ns"] / 1e9


def _contents(kind: str, fields: Mapping[str, Json]) -> Iterator[tuple[str, str]]:
    clean = Redactor().clean
    for field, name in _CONTENT.items():
        if fields.get(field) is not None:
            yield name, _text(clean(fields[field]))
    for field, role in (("input", "user"), ("output", "assistant")):
        if fields.get(field) is None:
            continue
        value = clean(fields[field])
        if kind in ("generation", "agent"):
            yield f"gen_ai.{field}.messages", _text(as_messages(value, role))
        else:
            yield f"{field}.value", _text(value)


def _fail(made: Span, span: OpenSpan) -> None:
    if span.status == CANCELLED:
        made.set_attribute("error.type", CANCELLED)
    if span.status != ERROR:
        return
    failure = span.failure
    if failure is not None:
        raised = {"exception.type": failure.type, "exception.message": failure.message}
        if failure.stack:
            raised["exception.stacktrace"] = failure.stack
        made.add_event("exception", raised, span.ended)
        made.set_attribute("error.type", failure.type)
    made.set_status(Status(StatusCode.ERROR, failure.message if failure is not None else None))


def end_request(made: Span, trace: OpenTrace) -> None:
    """Say how a request ended on the server span that we made for it, and end that."""
    if made.is_recording() and trace.incoming is not None:
        if trace.route:
            made.update_name(f"{trace.incoming.method} {trace.route}")
            made.set_attribute("http.route", trace.route)
        if trace.status_code is not None:
            made.set_attribute("http.response.status_code", trace.status_code)
    if made.is_recording() and trace.status == ERROR:
        kind = trace.failure.type if trace.failure is not None else str(trace.status_code or ERROR)
        made.set_attribute("error.type", kind)
        made.set_status(Status(StatusCode.ERROR))
    made.end(trace.ended)


def _mapping(value: Json) -> Mapping[str, Json]:
    return value if isinstance(value, Mapping) else {}


def _scalar(value: Json) -> Any:
    return value if isinstance(value, _SCALARS) else _text(value)


def _text(value: Json) -> str:
    if isinstance(value, str):
        return value
    return orjson.dumps(value, default=str, option=orjson.OPT_NON_STR_KEYS).decode()
