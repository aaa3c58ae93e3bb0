"""Records to JSON: the public names, units and shapes of sessions, traces, spans, events and scores.

Unknown stays null, times are ISO-8601 UTC, durations milliseconds, cost US dollars. Nothing is read from a store here.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import orjson

from convotrace import model
from convotrace.model import Json

_DEEPEST = 300


def as_json(record: Any) -> dict[str, Json]:
    """Return a record as the JSON object that people and programs see.

    Args:
        record: A session, trace, span, event, score, conversation or page of sessions.

    Raises:
        TypeError: The object is none of these.
    """
    shape = _SHAPES.get(type(record))
    if shape is None:
        raise TypeError(
            f"{type(record).__name__} came, which is no record; use a session, trace, span, event or score."
        )
    return shape(record)


def dump(value: Json, indented: bool = False) -> bytes:
    """Return JSON as UTF-8 bytes, whatever the texts and numbers in it.

    Integers over 64 bits, lone surrogates and very deep values take a slower way, in which nothing raises.

    Args:
        value: Anything made of JSON's own types, mappings and sequences, and JSON that is made already.
        indented: Whether people will read it.
    """
    try:
        return orjson.dumps(value, option=orjson.OPT_INDENT_2 if indented else None)
    except (TypeError, ValueError, RecursionError):
        separators = (",", ": ") if indented else (",", ":")
        plain = _plain(value, 0)
        return json.dumps(plain, indent=2 if indented else None, separators=separators, allow_nan=False).encode("ascii")


def iso_seconds(ns: int) -> str:
    """Return nanoseconds since 1970 as ISO-8601 UTC, cut to whole seconds."""
    return datetime.fromtimestamp(ns // 10**9, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def iso(ns: int | None) -> str | None:
    """Return nanoseconds since 1970 as ISO-8601 UTC with microseconds."""
    if ns is None:
        return None
    # A list holds hundreds of times: a calendar is asked once an hour of theirs, and numbers stand ready as texts.
    micros = ns // 1000
    hour = micros // 3_600_000_000
    rest = micros - hour * 3_600_000_000
    millis = rest // 1000
    seconds = millis // 1000
    clock = f"{_MINUTES[seconds // 60]}{_SECONDS[seconds % 60]}"
    return f"{_hour(hour)}{clock}{_THREE[millis % 1000]}{_THREE[rest % 1000]}Z"


_MINUTES, _SECONDS = [f"{number:02d}:" for number in range(60)], [f"{number:02d}." for number in range(60)]
_THREE = [f"{number:03d}" for number in range(1000)]


@lru_cache(maxsize=1024)
def _hour(since_1970: int) -> str:
    moment = model.as_datetime(since_1970 * 3_600_000_000_000)
    assert moment is not None
    return moment.isoformat()[:14]


def _plain(value: Any, depth: int) -> Json:
    if depth > _DEEPEST:
        return "… deeper values are left out"
    if isinstance(value, Mapping):
        return {str(key): _plain(item, depth + 1) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_plain(item, depth + 1) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, orjson.Fragment):
        return orjson.loads(orjson.dumps(value))
    return value if isinstance(value, (str, int, float, bool, type(None))) else str(value)


def _session(it: model.Session) -> dict[str, Json]:
    return {
        "id": it.id, "key": it.key, "id_source": it.id_source, "id_name": it.id_name, "user_id": it.user_id,
        "name": it.name, "environment": it.environment, "release": it.release, "service": list(it.service),
        "tags": list(it.tags), "metadata": dict(it.metadata), "started_at": iso(it.started_ns),
        "last_at": iso(it.last_ns), "ended_at": iso(it.ended_ns), "outcome": it.outcome,
        "outcome_reason": it.outcome_reason, "resolved": it.resolved, "turns": it.turns, "traces": it.traces,
        "spans": it.spans, "errors": it.errors, "events": it.events, **_tokens(it), "cost": it.cost,
        "duration_ms": it.duration_ms, "p50_ms": it.p50_ms, "first_byte_ms": it.first_byte_ms,
        "first_input": it.first_input, "last_output": it.last_output, "feedback": dict(it.feedback),
        "scores": dict(it.scores), "passes": {name: dict(passes) for name, passes in it.passes.items()},
        "links": [_link(link) for link in it.links],
        "attachments": [_attachment(one) for one in it.attachments], "signals": [_signal(one) for one in it.signals],
        "warnings": [{"code": one.code, "message": one.message} for one in it.warnings],
        "strip": _strip(it.strip, it.started_ns),
    }  # fmt: skip


def _trace(it: model.Trace) -> dict[str, Json]:
    return trace_json(it, [_span(span) for span in it.spans])


def trace_json(it: model.Trace, spans: Json) -> dict[str, Json]:
    """Return a trace as JSON, with spans that are JSON already in the place of its own."""
    # As with a span, nothing is called for what is not there.
    return {
        "id": it.id, "session_id": it.session_id, "turn": it.turn, "replaces": it.replaces, "name": it.name,
        "route": it.route, "status": it.status, "status_code": it.status_code, "started_at": iso(it.started_ns),
        "duration_ms": it.duration_ms, "first_byte_ms": it.first_byte_ms, "input": _payload(it.input),
        "output": _payload(it.output), **_tokens(it), "cost": it.cost, "errors": it.errors,
        "error": _failure(it.error) if it.error else None, "service": it.service, "user_id": it.user_id,
        "id_source": it.id_source, "tags": list(it.tags), "metadata": dict(it.metadata), "protocol": it.protocol,
        "close_code": it.close_code, "request": _request(it.request) if it.request else None,
        "request_bytes": it.request_bytes, "response_bytes": it.response_bytes, "chunks": it.chunks,
        "largest_gap_ms": it.largest_gap_ms, "retries": it.retries, "span_id": it.span_id,
        "parent_id": it.parent_id, "answer_ids": list(it.answer_ids),
        "left": _left(it.left) if it.left else None, "flow": [_mark(mark) for mark in it.flow] if it.flow else [],
        "origin": it.origin, "cut": {"input": it.cut.input, "output": it.cut.output},
        "signals": [_signal(one) for one in it.signals] if it.signals else [],
        "attachments": [_attachment(one) for one in it.attachments] if it.attachments else [], "spans": spans,
        "events": [_event(event) for event in it.events] if it.events else [],
        "scores": [_score(score) for score in it.scores] if it.scores else [],
    }  # fmt: skip


def _metrics(it: model.Metrics) -> dict[str, Json]:
    return {
        "since": iso(it.since_ns), "until": iso(it.until_ns), "width_ms": model.as_ms(it.width_ns), "by": it.by,
        "tier": it.tier, "rolled_up": it.rolled_up, "sampled": it.sampled, "share": it.share,
        "series": [_series(one) for one in it.series], "total": _tally(it.total), "sessions": _ended(it.sessions),
    }  # fmt: skip


def _series(it: model.MetricSeries) -> dict[str, Json]:
    points = [{"at": iso(one.at_ns), **_tally(one.tally), "sessions": _ended(one.sessions)} for one in it.points]
    return {"key": it.key, **_tally(it.tally), "sessions": _ended(it.sessions), "points": points}


def _tally(it: model.Tally) -> dict[str, Json]:
    return {
        "turns": it.count, "requests": it.traces, "failed": it.failed, "error_rate": it.error_rate,
        "errors": it.errors, **_tokens(it), "cost": it.cost, "duration": _times(it.duration),
        "first_byte": _times(it.first_byte),
    }  # fmt: skip


def _ended(it: model.SessionTally | None) -> Json:
    if it is None:
        return None
    ends = {name: getattr(it, name) for name in model.OUTCOMES}
    return {
        "sessions": it.count, "turns": it.turns, **ends, "resolved": it.resolved, "unresolved": it.unresolved,
        "duration": _times(it.duration),
    }  # fmt: skip


def _times(it: model.Times) -> dict[str, Json]:
    return {
        "count": it.count, "mean_ms": it.mean_ms, "p50_ms": it.p50_ms, "p95_ms": it.p95_ms, "p99_ms": it.p99_ms
    }  # fmt: skip


def _incident(it: model.Incident) -> dict[str, Json]:
    return {
        "id": it.id, "rule": it.rule, "state": it.state, "opened_at": iso(it.opened_ns),
        "closed_at": iso(it.closed_ns), "value": it.value, "threshold": it.threshold, "reason": it.reason,
        "sessions": list(it.sessions), "of_session": it.of_session,
    }  # fmt: skip


def _left(it: model.Left | None) -> Json:
    if it is None:
        return None
    return {"bytes": it.bytes, "after_ms": model.as_ms(it.after_ns), "chunks": it.chunks, "share": it.share}


def _mark(it: model.Flow) -> Json:
    return {"after_ms": model.as_ms(it.after_ns), "bytes": it.bytes, "chunks": it.chunks}


def _span(it: model.Span) -> dict[str, Json]:
    # A session has hundreds of spans, each with little of this: nothing is called for what is not there.
    return {
        "id": it.id, "trace_id": it.trace_id, "parent_id": it.parent_id, "kind": it.kind, "name": it.name,
        "service": it.service, "status": it.status, "error": _failure(it.error) if it.error else None,
        "started_at": iso(it.started_ns), "duration_ms": it.duration_ms, "model": it.model, "provider": it.provider,
        "parameters": dict(it.parameters), "tools": [_tool(tool) for tool in it.tools] if it.tools else [],
        "input": it.input, "output": it.output, "arguments": it.arguments, "result": it.result, "query": it.query,
        "documents": [_document(document) for document in it.documents] if it.documents else [],
        "usage": _usage(it.usage) if it.usage else None, "call_id": it.call_id, "tags": list(it.tags),
        "metadata": dict(it.metadata), "cost": it.cost, "finish_reason": it.finish_reason,
        "first_token_ms": it.first_token_ms, "attributes": dict(it.attributes),
        "events": [_event(event) for event in it.events] if it.events else [],
        "scores": [_score(score) for score in it.scores] if it.scores else [], "origin": it.origin,
    }  # fmt: skip


def _tool(it: model.ToolDefinition) -> dict[str, Json]:
    return {"name": it.name, "description": it.description, "schema": it.schema}


def _event(it: model.Event) -> dict[str, Json]:
    return {"name": it.name, "at": iso(it.at_ns), "level": it.level, "attributes": dict(it.attributes)}


def _score(it: model.Score) -> dict[str, Json]:
    target = {"session_id": it.target.session_id, "trace_id": it.target.trace_id, "span_id": it.target.span_id}
    return {
        "id": it.id, "name": it.name, "type": it.type, "value": it.value, "comment": it.comment, "source": it.source,
        "author": it.author, "at": iso(it.at_ns), "target": target, "evaluator": it.evaluator, "version": it.version,
        "reason": it.reason, "passed": it.passed, "duration_ms": it.duration_ms, "turns": it.turns,
    }  # fmt: skip


def _conversation(it: model.Conversation) -> dict[str, Json]:
    return {
        "session": _session(it.session),
        "traces": [_trace(trace) for trace in it.traces],
        "events": [_event(event) for event in it.events],
        "scores": [_score(score) for score in it.scores],
    }


def _hits(it: model.HitPage) -> dict[str, Json]:
    return {"hits": [_hit(hit) for hit in it.hits], "next": it.next, "waiting": it.waiting}


def _hit(it: model.Hit) -> dict[str, Json]:
    found = [{"where": p.where, "text": p.text, "marks": [list(mark) for mark in p.marks]} for p in it.found]
    return {
        "session_id": it.session.id, "session_key": it.session.key, "first_input": it.session.first_input,
        "user_id": it.session.user_id, "trace_id": it.trace_id, "turn": it.turn, "at": iso(it.at_ns), "found": found,
    }  # fmt: skip


def _page(it: model.SessionPage) -> dict[str, Json]:
    return {"sessions": [_session(session) for session in it.sessions], "next": it.next}


def _tokens(it: model.Session | model.Trace | model.Tally) -> dict[str, Json]:
    return {
        "input_tokens": it.input_tokens, "output_tokens": it.output_tokens, "cached_tokens": it.cached_tokens,
        "cache_write_tokens": it.cache_write_tokens, "reasoning_tokens": it.reasoning_tokens,
    }  # fmt: skip


def _payload(it: model.Payload) -> dict[str, Json]:
    return {"text": it.text, "body": it.body}


def _failure(it: model.Failure | None) -> dict[str, Json] | None:
    return None if it is None else {"type": it.type, "message": it.message, "stack": it.stack}


def _request(it: model.Request | None) -> dict[str, Json] | None:
    if it is None:
        return None
    query, headers = dict(it.query), dict(it.headers)
    return {"method": it.method, "path": it.path, "query": query, "headers": headers, "client": it.client}


def _usage(it: model.Usage | None) -> dict[str, Json] | None:
    if it is None:
        return None
    return {
        "input": it.input, "output": it.output, "cached_read": it.cached_read, "cached_write": it.cached_write,
        "reasoning": it.reasoning, "audio": it.audio,
    }  # fmt: skip


def _document(it: model.Document) -> dict[str, Json]:
    plain = {"id": it.id, "text": it.text, "score": it.score, "title": it.title, "url": it.url}
    return {**plain, "metadata": dict(it.metadata)}


def _link(it: model.Link) -> dict[str, Json]:
    return {"session_id": it.session_id, "relation": it.relation}


def _signal(it: model.Signal) -> dict[str, Json]:
    return {"name": it.name, "why": it.why, "span_id": it.span_id}


def _attachment(it: model.Attachment) -> dict[str, Json]:
    plain = {"id": it.id, "name": it.name, "type": it.type, "size": it.size, "url": it.url}
    return {**plain, "stored": it.stored, "left_out": it.left_out}


def _strip(marks: Sequence[model.TurnMark], began_ns: int) -> list[Json]:
    # Counted from the session's start: a list of sessions has hundreds of these, and a time as a text takes longest.
    return [
        {"after_ms": (at - began_ns) / 1e6, "duration_ms": None if took is None else took / 1e6, "errors": errors}
        for took, errors, at in marks
    ]


SPAN_SHOWN: dict[str, tuple[str, Callable[[Any], Json]]] = {
    "error": ("error", _failure), "usage": ("usage", _usage), "tags": ("tags", list),
    "cost_nano": ("cost", model.as_usd), "first_token_ns": ("first_token_ms", model.as_ms),
    "parameters": ("parameters", dict), "metadata": ("metadata", dict), "attributes": ("attributes", dict),
    "tools": ("tools", lambda tools: [_tool(tool) for tool in tools]),
    "documents": ("documents", lambda documents: [_document(document) for document in documents]),
    "events": ("events", lambda events: [_event(event) for event in events]),
}  # fmt: skip
"""Fields of a span that are not shown as they are: under which name, and how; for who has no record of it."""

_SHAPES: dict[type, Callable[[Any], dict[str, Json]]] = {
    model.Session: _session, model.Incident: _incident, model.Trace: _trace, model.Span: _span,
    model.Event: _event, model.Score: _score,
    model.Conversation: _conversation, model.SessionPage: _page, model.HitPage: _hits,
    model.Metrics: _metrics,
}  # fmt: skip
