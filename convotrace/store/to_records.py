"""Rows into records: the exact opposite of `to_rows`, and a session from its row."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

from convotrace.insight.definitions import ScoreDefinition, tallied
from convotrace.model import (
    Attachment,
    Cut,
    Document,
    Event,
    Failure,
    Flow,
    Json,
    Left,
    Link,
    Payload,
    Request,
    Score,
    Session,
    Signal,
    Span,
    Target,
    ToolDefinition,
    Trace,
    Usage,
)
from convotrace.store.codec import decode, decode_column, original
from convotrace.store.judgements import verdict_in
from convotrace.store.keys import unpack_trace_id
from convotrace.store.marks import medians, strip_of
from convotrace.store.rows import EventRow, ScoreRow, SessionRow, TraceRow
from convotrace.store.signs import warnings_of
from convotrace.store.unpacking import Contents
from convotrace.store.work import read_work, rest_of


def session_record(row: SessionRow, definitions: Mapping[str, ScoreDefinition] | None = None) -> Session:
    """Return a session as its row tells it.

    Args:
        row: The row.
        definitions: Of scores, by which they pass; None for those that nobody asks for.
    """
    p50_ns, first_byte_ns = medians(row.marks)
    feedback, scores, counts = verdict_in(row.verdict)
    return Session(
        id=original(row.id) or "", key=row.key, id_source=row.id_source, id_name=original(row.id_name),
        user_id=original(row.user_id), name=original(row.name), environment=original(row.environment),
        release=original(row.release), service=tuple(decode_column(row.services) or ()),
        tags=tuple(decode_column(row.tags) or ()), metadata=decode_column(row.metadata) or {},
        started_ns=row.started, last_ns=row.last, ended_ns=row.ended, outcome=row.outcome,
        outcome_reason=original(row.outcome_reason), resolved=None if row.resolved is None else bool(row.resolved),
        turns=row.turns, traces=row.traces, spans=row.spans, errors=row.errors, events=row.events,
        input_tokens=row.input_tokens, output_tokens=row.output_tokens, cached_tokens=row.cached_tokens,
        cache_write_tokens=row.cache_write_tokens, reasoning_tokens=row.reasoning_tokens, cost_nano=row.cost_nano,
        first_input=original(row.first_input), last_output=original(row.last_output),
        links=tuple(Link(*link) for link in decode_column(row.links) or ()),
        p50_ns=p50_ns, first_byte_ns=first_byte_ns, feedback=feedback, scores=scores, strip=strip_of(row.marks),
        passes=tallied(definitions, counts) if definitions else {}, warnings=warnings_of(row),
    )  # fmt: skip


def trace_record(
    contents: Contents,
    session_id: str,
    row: TraceRow,
    turn: int | None,
    spans: Sequence[Span] = (),
    events: Sequence[Event] = (),
    scores: Sequence[Score] = (),
) -> Trace:
    """Return a trace with what belongs to it."""
    return Trace(
        id=unpack_trace_id(row.trace_id), session_id=session_id, name=original(row.name) or "",
        is_turn=bool(row.is_turn), turn=turn, replaces=original(row.replaces), route=original(row.route),
        status=row.status, status_code=row.status_code, started_ns=row.started, duration_ns=row.duration,
        first_byte_ns=row.first_byte,
        input=Payload(original(row.input_text), contents.unpack(row.input_body)),
        output=Payload(original(row.output_text), contents.unpack(row.output_body)),
        input_tokens=row.input_tokens, output_tokens=row.output_tokens, cached_tokens=row.cached_tokens,
        cache_write_tokens=row.cache_write_tokens, reasoning_tokens=row.reasoning_tokens, cost_nano=row.cost_nano,
        errors=row.errors, service=original(row.service), user_id=original(row.user_id),
        id_source=row.id_source, tags=tuple(decode_column(row.tags) or ()),
        metadata=decode_column(row.metadata) or {}, protocol=row.protocol, placed=bool(row.placed),
        spans=tuple(spans), events=tuple(events), scores=tuple(scores),
        **(_NOTHING if row.extra is None else _rare(row.extra, row.client)),
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Happened:
    """What happened in a stored trace, in the order of time; spans still have no scores."""

    spans: tuple[Span, ...]
    events: tuple[Event, ...]
    on_session: tuple[Event, ...]


def happened(contents: Contents, row: TraceRow, without: Collection[str] = ()) -> Happened:
    """Return what happened in a trace.

    Args:
        contents: What its session holds.
        row: The trace.
        without: Fields of model calls that are not wanted: they grow with the conversation.
    """
    work, trace_id, started_ns = read_work(row.work), unpack_trace_id(row.trace_id), row.started
    lines = sorted(work.get("spans", ()), key=begun)
    spans = [
        span_record(contents, trace_id, started_ns, line, without if line[2] == "generation" else ()) for line in lines
    ]
    events, on_session = work.get("events", ()), work.get("on_session", ())
    return Happened(tuple(spans), in_order(events, started_ns), in_order(on_session, started_ns))


def span_record(
    contents: Contents, trace_id: str, started_ns: int, line: list[Any], without: Collection[str] = ()
) -> Span:
    """Return a span as its line in the document of a trace tells it, without some fields."""
    # Most fields say nothing: only those that do are looked at, and a session has hundreds of spans.
    rest, fields = rest_of(line), {}
    for name, value in rest.items():
        if name in SPAN_FIELDS and name not in without:
            field, read = SPAN_FIELDS[name]
            fields[field] = value if read is None else read(contents, value, started_ns)
    for name, digits in rest.get("packed", _NOTHING).items():
        if name not in without:
            value, (field, read) = contents.unpack(bytes.fromhex(digits)), SPAN_FIELDS[name]
            fields[field] = value if read is None else read(contents, value, started_ns)
    return Span(
        line[0], trace_id, line[3], line[2], line[1], status=line[4], started_ns=started_ns + line[5],
        duration_ns=line[6], **fields,
    )  # fmt: skip


def in_order(lines: Sequence[list[Any]], started_ns: int) -> tuple[Event, ...]:
    """Return events as their lines in the document of a trace tell them, in the order of time."""
    if not lines:
        return ()
    return tuple(sorted([_event(line, started_ns) for line in lines], key=lambda event: event.at_ns))


def _event(line: list[Any], started_ns: int) -> Event:
    name, at, level, attributes = (*line, None, None)[:4]
    if isinstance(attributes, str):
        attributes = decode(attributes.encode())
    return Event(name, started_ns + at, level, attributes or {})


def event_record(row: EventRow) -> Event:
    """Return an event of a session that came from no trace."""
    return Event(original(row.name) or "", row.at, original(row.level), decode_column(row.attributes) or {})


def attachments_in(extra: str | None) -> tuple[Attachment, ...]:
    """Return the files of a trace, as its column of rare fields tells of them: without their bytes."""
    if extra is None or '"attachments"' not in extra:
        return ()
    return _attachments(decode_column(extra).get("attachments", ()))


def score_record(session_id: str, row: ScoreRow) -> Score:
    """Return a score."""
    trace_id = None if row.trace_id is None else unpack_trace_id(row.trace_id)
    rare = [*(decode_column(row.extra) or ()), *[None] * 6]
    return Score(
        id=original(row.id) or "", name=original(row.name) or "", type=row.type, value=decode(row.value.encode()),
        at_ns=row.at, target=Target(session_id, trace_id, original(row.span_id)), source=row.source,
        comment=original(row.comment), author=original(row.author), evaluator=rare[0], version=rare[1],
        reason=rare[2], passed=rare[3], duration_ns=rare[4], turns=rare[5],
    )  # fmt: skip


def _rare(extra: str, client: str | None) -> dict[str, Any]:
    """Return the fields of a trace that few have, from their column and who asked; no other one is looked at."""
    found: dict[str, Any] = {}
    for name, value in (decode_column(extra) or _NOTHING).items():
        if name in _RARE:
            read = _RARE[name]
            found[name] = value if read is None else read(value)
    if "request" in found:
        method, path, query, headers = found["request"]
        found["request"] = Request(method, path, query, headers, original(client))
    return found


def _attachments(files: Sequence[list[Any]]) -> tuple[Attachment, ...]:
    return tuple(
        [
            Attachment(own_id, name, media_type, size, url, None, content, left_out)
            for own_id, name, media_type, size, url, content, left_out in files
        ]
    )


def _document(contents: Contents, found: dict[str, Any]) -> Document:
    text = contents.value(bytes.fromhex(found["apart"])) if "apart" in found else found.get("text")
    return Document(
        found.get("id"), text, found.get("score"), found.get("title"), found.get("url"), found.get("metadata") or {}
    )


def _documents(contents: Contents, value: Json, started_ns: int) -> tuple[Document, ...]:
    return tuple([_document(contents, found) for found in _lists(value)])


def _tools(contents: Contents, value: Json, started_ns: int) -> tuple[ToolDefinition, ...]:
    return tuple([ToolDefinition(*tool) for tool in _lists(value)])


def _lists(value: Json) -> list[Any]:
    """Return a value that should be a list; what is missing from the store is none."""
    return value if isinstance(value, list) else []


def _object(contents: Contents, value: Json, started_ns: int) -> Json:
    return value or {}


begun = itemgetter(5)
"""When a span began, by its line: from the start of its trace on."""

_NOTHING: Mapping[str, Any] = {}
_RARE: dict[str, Callable[[Any], Any] | None] = {
    **dict.fromkeys((
        "close_code", "request_bytes", "response_bytes", "chunks", "largest_gap_ns", "retries", "span_id", "parent_id",
        "resent", "regenerates", "exported", "origin", "request",
    )),
    "answer_ids": tuple, "error": lambda value: Failure(*value), "cut": lambda value: Cut(*value),
    "left": lambda value: Left(*value), "flow": lambda value: tuple([Flow(*mark) for mark in value]),
    "signals": lambda value: tuple([Signal(*signal) for signal in value]), "attachments": _attachments,
}  # fmt: skip
"""The fields of a trace that stand in `extra` where they say something; how those are read that are no plain values."""
_Read = Callable[[Contents, Any, int], Any]
_SAME = (
    "service", "model", "provider", "input", "output", "arguments", "result", "query", "call_id", "finish_reason",
    "origin",
)  # fmt: skip
SPAN_FIELDS: dict[str, tuple[str, _Read | None]] = {
    **{name: (name, None) for name in _SAME},
    "error": ("error", lambda contents, value, started_ns: Failure(*value)),
    "usage": ("usage", lambda contents, value, started_ns: Usage(*value)),
    "tags": ("tags", lambda contents, value, started_ns: tuple(value)),
    "cost": ("cost_nano", None), "first_token": ("first_token_ns", None),
    "parameters": ("parameters", _object), "metadata": ("metadata", _object), "attributes": ("attributes", _object),
    "tools": ("tools", _tools), "documents": ("documents", _documents),
    "events": ("events", lambda contents, value, started_ns: in_order(value, started_ns)),
}  # fmt: skip
"""What the fields in a span's line are in its record, and how those are read that do not stand there as they are."""
