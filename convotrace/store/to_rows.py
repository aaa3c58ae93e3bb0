"""Records into rows: one trace with all it brought. Totals of sessions are kept elsewhere."""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterable
from dataclasses import astuple, dataclass, field

from convotrace.insight.history import exchange_hash
from convotrace.model import Attachment, Document, Event, Json, Score, SessionFacts, Span, Trace, Usage
from convotrace.store.codec import encode, encode_column, storable
from convotrace.store.contents import Packer
from convotrace.store.keys import OUTSIDE, pack_trace_id, span_id, span_key
from convotrace.store.labels import Facets, facets_of
from convotrace.store.rows import AwaitedRow, EventRow, ScoreRow, SpanRow, TraceRow

_TEXT_APART = 128
_LONGEST_FAILURE = 2000


@dataclass(slots=True)
class TraceRows:
    """Everything that one trace brings to the store."""

    trace: TraceRow
    awaited: list[AwaitedRow] = field(default_factory=list)
    spans: list[SpanRow] = field(default_factory=list)
    events: list[EventRow] = field(default_factory=list)
    scores: list[ScoreRow] = field(default_factory=list)
    facets: Facets = frozenset()


def trace_rows(packer: Packer, sid: int, tk: int, trace: Trace, facts: SessionFacts, worker: int) -> TraceRows:
    """Return the rows of a trace and of what it says about its session; they come and go together.

    Args:
        packer: Takes the contents that are stored once.
        sid: Key of its session.
        tk: Key of the trace inside the session.
        trace: The record.
        facts: What it says about its session.
        worker: Id of this process, kept while the trace is running.
    """
    events = len(trace.events) + len(facts.events) + sum([len(span.events) for span in trace.spans])
    rows = TraceRows(_trace_row(packer, sid, tk, trace, worker, events))
    if trace.answer_ids:
        rows.awaited += [AwaitedRow(sid, tk, storable(name) or "") for name in trace.answer_ids]
    _add_events(rows.events, sid, tk, 0, trace.events)
    _add_events(rows.events, sid, tk, 0, facts.events, on_session=1)
    scores = [*facts.scores, *trace.scores]
    taken: set[int] = set()
    for seq, span in enumerate(trace.spans):
        key = _free_key(span_key(span.id), taken)
        rows.spans.append(_span_row(packer, sid, tk, key, seq, span))
        if span.events:
            _add_events(rows.events, sid, tk, key, span.events)
        scores += span.scores
    rows.scores += (score_row(sid, tk, seq, score) for seq, score in enumerate(scores))
    rows.facets = facets_of(rows.trace, rows.spans, rows.events)
    return rows


def outside_events(sid: int, events: Iterable[Event]) -> list[EventRow]:
    """Return the rows of a session's events that came from no trace, numbered so that the same one is the same row."""
    rows: list[EventRow] = []
    for event in events:
        number = zlib.crc32(encode([event.name, event.level, event.attributes]))
        rows.append(_event_row(sid, OUTSIDE, 0, number, 1, event))
    return rows


def score_row(sid: int, origin: int | None, seq: int, score: Score) -> ScoreRow:
    """Return the row of a score; `origin` is the key of the trace that brought it."""
    target = score.target
    rare = (score.evaluator, score.version, score.reason, score.passed)
    return ScoreRow(
        sid=sid, id=storable(score.id) or "", origin=origin,
        trace_id=None if target.trace_id is None else pack_trace_id(target.trace_id), span_id=storable(target.span_id),
        name=storable(score.name) or "", type=score.type, num=_number(score.value), value=encode(score.value).decode(),
        comment=storable(score.comment), source=score.source, author=storable(score.author), at=score.at_ns, seq=seq,
        extra=None if rare == (None, None, None, None) else encode(rare).decode(),
    )  # fmt: skip


def _trace_row(packer: Packer, sid: int, tk: int, trace: Trace, worker: int, events: int) -> TraceRow:
    return TraceRow(
        sid=sid, tk=tk, trace_id=pack_trace_id(trace.id), name=storable(trace.name) or "", is_turn=int(trace.is_turn),
        replaces=storable(trace.replaces), route=storable(trace.route), status=trace.status,
        status_code=trace.status_code, worker=worker if trace.status == "running" else None,
        started=trace.started_ns, duration=trace.duration_ns, first_byte=trace.first_byte_ns,
        input_text=storable(trace.input.text), output_text=storable(trace.output.text),
        input_body=packer.pack(sid, trace.input.body), output_body=packer.pack(sid, trace.output.body),
        input_tokens=trace.input_tokens, output_tokens=trace.output_tokens, cached_tokens=trace.cached_tokens,
        cache_write_tokens=trace.cache_write_tokens, reasoning_tokens=trace.reasoning_tokens,
        cost_nano=trace.cost_nano, errors=trace.errors, spans=len(trace.spans), events=events,
        error_type=storable(trace.error.type) if trace.error else None, service=storable(trace.service),
        user_id=storable(trace.user_id), id_source=trace.id_source, protocol=trace.protocol,
        client=storable(trace.request.client) if trace.request else None, tags=encode_column(trace.tags),
        metadata=encode_column(trace.metadata), extra=encode_column(_trace_extra(packer, sid, trace)),
        said=exchange_hash(trace.input.text, trace.output.text) if trace.is_turn else None,
        placed=1 if trace.placed else None, failures=_failures(trace), notes=None, indexed=0,
    )  # fmt: skip


def _failures(trace: Trace) -> str | None:
    """Return what went wrong in a trace as one text: each error once, since parents repeat their children's."""
    errors = [error for error in (trace.error, *(span.error for span in trace.spans)) if error is not None]
    if not errors:
        return None
    return storable("\n".join(dict.fromkeys(f"{error.type}: {error.message}"[:_LONGEST_FAILURE] for error in errors)))


def _trace_extra(packer: Packer, sid: int, trace: Trace) -> dict[str, Json]:
    """Return the rare fields of a trace that say something."""
    extra: dict[str, Json] = {
        "close_code": trace.close_code, "request_bytes": trace.request_bytes, "response_bytes": trace.response_bytes,
        "chunks": trace.chunks, "largest_gap_ns": trace.largest_gap_ns, "retries": trace.retries,
        "span_id": trace.span_id, "parent_id": trace.parent_id, "resent": trace.resent,
        "answer_ids": trace.answer_ids or None, "regenerates": trace.regenerates or None,
    }  # fmt: skip
    extra = {name: value for name, value in extra.items() if value is not None}
    if trace.error:
        extra["error"] = astuple(trace.error)
    if (request := trace.request) is not None:
        extra["request"] = [request.method, request.path, dict(request.query), dict(request.headers)]
    if trace.cut.input is not None or trace.cut.output is not None:
        extra["cut"] = astuple(trace.cut)
    if trace.left:
        extra["left"] = astuple(trace.left)
    if trace.origin != "own":
        extra["origin"] = trace.origin
    if trace.signals:
        extra["signals"] = [astuple(signal) for signal in trace.signals]
    if trace.attachments:
        extra["attachments"] = [_attachment(packer, sid, file) for file in trace.attachments]
    return extra


def _attachment(packer: Packer, sid: int, file: Attachment) -> list[Json]:
    name = file.hash if file.data is None else packer.pack_file(sid, file.data).hex()
    return [file.id, file.name, file.type, file.size, file.url, name, file.left_out]


def _span_row(packer: Packer, sid: int, tk: int, key: int, seq: int, span: Span) -> SpanRow:
    usage = span.usage or _NO_USAGE
    parent = None if span.parent_id is None else span_key(span.parent_id)
    # By position, in the order of SpanRow: names would cost a fifteenth of all that storing a trace costs.
    return SpanRow._make((
        sid, tk, key, seq, parent,
        span.kind, storable(span.name) or "", storable(span.service), span.status,
        span.started_ns, span.duration_ns, span.first_token_ns,
        storable(span.model), storable(span.provider),
        usage.input, usage.output, usage.cached_read,
        usage.cached_write, usage.reasoning, span.cost_nano,
        storable(span.finish_reason), storable(span.call_id),
        packer.pack(sid, span.input), packer.pack(sid, span.output),
        packer.pack(sid, span.arguments), packer.pack(sid, span.result),
        packer.pack(sid, span.query),
        encode([_document(packer, sid, d) for d in span.documents]).decode() if span.documents else None,
        packer.pack(sid, [[t.name, t.description, t.schema] for t in span.tools]) if span.tools else None,
        packer.pack(sid, dict(span.parameters)) if span.parameters else None,
        encode_column(span.attributes), encode_column(_span_extra(span, key, parent)),
    ))  # fmt: skip


_NO_USAGE = Usage()


def _span_extra(span: Span, key: int, parent: int | None) -> dict[str, Json]:
    """Return the rare fields of a span that say something, and the ids that their keys do not hold."""
    extra: dict[str, Json] = {}
    if span_id(key) != span.id:
        extra["id"] = span.id
    if parent is not None and span_id(parent) != span.parent_id:
        extra["parent_id"] = span.parent_id
    if span.error:
        extra["error"] = astuple(span.error)
    if span.usage is not None and (span.usage.audio is not None or span.usage == _NO_USAGE):
        extra["usage"] = [span.usage.audio]
    if span.tags:
        extra["tags"] = span.tags
    if span.metadata:
        extra["metadata"] = span.metadata
    if span.origin != "own":
        extra["origin"] = span.origin
    return extra


def _document(packer: Packer, sid: int, document: Document) -> list[Json]:
    text = document.text
    apart = packer.pack_text(sid, text).hex() if text is not None and len(text) >= _TEXT_APART else None
    return [
        document.id,
        None if apart else text,
        apart,
        document.score,
        document.title,
        document.url,
        document.metadata,
    ]


def _add_events(
    rows: list[EventRow], sid: int, tk: int, span: int, events: Iterable[Event], on_session: int = 0
) -> None:
    """Append the rows of events, numbered in the order in which they came."""
    for event in events:
        rows.append(_event_row(sid, tk, span, len(rows), on_session, event))


def _event_row(sid: int, tk: int, span: int, seq: int, on_session: int, event: Event) -> EventRow:
    return EventRow(
        sid, tk, span, event.at_ns, seq, on_session,
        storable(event.name) or "", storable(event.level), encode_column(event.attributes),
    )  # fmt: skip


def _free_key(key: int, taken: set[int]) -> int:
    # Two spans of one id are somebody's mistake, and still two spans: the second stands under the next key.
    while key in taken:
        key = key + 1 if key < (1 << 63) - 1 else -(1 << 63)
    taken.add(key)
    return key


def _number(value: Json) -> float | None:
    try:
        number = float(value) if isinstance(value, (bool, int, float)) else None
    except OverflowError:
        return None
    return number if number is None or math.isfinite(number) else None
