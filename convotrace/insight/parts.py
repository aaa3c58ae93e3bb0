"""A request that brought the answer of an earlier one: how it stands in that turn, and what the turn gets from it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from convotrace.model import Failure, Json, Payload, Span, Trace

JOINED = "joined_by"
"""Attribute of the span by which such a request stands in the turn: what tied it to that."""

_SPAN_STATUS = {"disconnected": "cancelled", "interrupted": "cancelled"}


def request_span(trace: Trace) -> Span:
    """Return the span by which a request, or a job that a worker did, stands in another one's trace."""
    facts: dict[str, Json] = {"route": trace.route, "status_code": trace.status_code, "protocol": trace.protocol}
    return Span(
        id=trace.span_id or "",
        trace_id=trace.id,
        name=trace.name,
        kind="internal" if trace.protocol == "none" else "http",
        parent_id=trace.parent_id,
        service=trace.service,
        status=_SPAN_STATUS.get(trace.status, trace.status),
        error=trace.error,
        started_ns=trace.started_ns,
        duration_ns=trace.duration_ns,
        input=trace.input.text,
        output=trace.output.text,
        attributes={name: value for name, value in facts.items() if value is not None},
        tags=trace.tags,
        metadata=trace.metadata,
        events=trace.events,
    )


def joining_spans(turn: Trace, part: Trace, tie: str) -> tuple[Span, ...]:
    """Return the spans of a request as they stand in the turn whose answer it brought.

    Args:
        turn: The turn.
        part: The request, with its span id.
        tie: What tied it to the turn.
    """
    facts = {JOINED: tie, "trace_id": part.id, "status": part.status}
    own = request_span(part)
    top = replace(own, parent_id=None, attributes={**own.attributes, **facts}, first_token_ns=part.first_byte_ns)
    below = (replace(span, parent_id=span.parent_id or top.id) for span in part.spans)
    return tuple(replace(span, trace_id=turn.id) for span in (top, *below))


def joined_spans(turn: Trace) -> list[Span]:
    """Return the spans of requests that brought a turn's answer, the earliest first."""
    return sorted((span for span in turn.spans if JOINED in span.attributes), key=lambda span: span.started_ns)


def with_parts(turn: Trace) -> Trace:
    """Return a turn with the answer, the time and the end that the requests in it brought; again changes nothing."""
    parts = joined_spans(turn)
    if not parts:
        return turn
    ends = [part.started_ns + part.duration_ns for part in parts if part.duration_ns is not None]
    ends += [] if turn.duration_ns is None else [turn.started_ns + turn.duration_ns]
    told: dict[str, Any] = {"is_turn": True, "placed": True, **_ending(turn, parts[-1])}
    if ends and parts[-1].duration_ns is not None:
        told["duration_ns"] = max(ends) - turn.started_ns
    said = [part for part in parts if isinstance(part.output, str)]
    if said:
        told["output"] = Payload(said[-1].output, turn.output.body)
        first = said[-1].started_ns + (said[-1].first_token_ns or 0) - turn.started_ns
        if said[-1].first_token_ns is not None and first >= 0:
            told["first_byte_ns"] = first
    return replace(turn, **told)


def _ending(turn: Trace, last: Span) -> dict[str, Any]:
    """Return how a turn ended whose own request ended well."""
    status = last.attributes.get("status")
    if turn.status != "ok" or not isinstance(status, str) or status == "ok":
        return {}
    error: Failure | None = turn.error or last.error
    return {"status": status, "error": error}
