"""Records into rows: one trace with all it brought. Totals of sessions are kept elsewhere."""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass
from operator import attrgetter
from typing import Any

from convotrace.insight.history import exchange_hash
from convotrace.insight.totals import repeats
from convotrace.model import Attachment, Event, Failure, Json, Score, SessionFacts, Trace
from convotrace.store.codec import encode, encode_column, storable
from convotrace.store.contents import Packer
from convotrace.store.keys import pack_trace_id
from convotrace.store.labels import Facets, facets_of
from convotrace.store.packing import press
from convotrace.store.rows import AwaitedRow, EventRow, ScoreRow, TraceRow
from convotrace.store.work import Call, calls_of, work_of

_LONGEST_FAILURE = 2000

_new = tuple.__new__


@dataclass(slots=True)
class TraceRows:
    """Everything that one trace brings to the store."""

    trace: TraceRow
    facets: Facets
    calls: Sequence[Call]
    awaited: Sequence[AwaitedRow] = ()
    scores: Sequence[ScoreRow] = ()


def trace_rows(
    packer: Packer, sid: int, tk: int, trace: Trace, facts: SessionFacts, worker: int, presses: bool = False
) -> TraceRows:
    """Return the rows of a trace and of what it says about its session; they come and go together.

    Args:
        packer: Takes the contents that are stored once, begun for this trace.
        sid: Key of its session.
        tk: Key of the trace inside the session.
        trace: The record.
        facts: What it says about its session.
        worker: Id of this process: who wrote it, and where it runs while it does.
        presses: Whether its long columns are pressed into one.
    """
    told = repeats(trace.spans)
    columns = _columns(packer, sid, tk, trace, facts, worker, told)
    bundle = packer.end()
    if presses:
        press(columns, bundle)
    rows = TraceRows(_new(TraceRow, columns), facets_of(trace, facts.events), calls_of(trace.spans, told))
    if trace.answer_ids:
        rows.awaited = [AwaitedRow(sid, tk, storable(name) or "") for name in trace.answer_ids]
    scores = [*facts.scores, *trace.scores]
    for span in trace.spans:
        scores += span.scores
    if scores:
        rows.scores = [score_row(sid, tk, seq, score) for seq, score in enumerate(scores)]
    return rows


def outside_events(sid: int, events: Iterable[Event]) -> list[EventRow]:
    """Return the rows of a session's events that came from no trace, numbered so that the same one is the same row."""
    rows: list[EventRow] = []
    for event in events:
        number = zlib.crc32(encode([event.name, event.level, event.attributes]))
        attributes = encode_column(event.attributes)
        rows.append(EventRow(sid, event.at_ns, number, storable(event.name) or "", storable(event.level), attributes))
    return rows


_NOTHING_RARE = (None,) * 6


def score_row(sid: int, origin: int | None, seq: int, score: Score) -> ScoreRow:
    """Return the row of a score; `origin` is the key of the trace that brought it."""
    target = score.target
    rare = (score.evaluator, score.version, score.reason, score.passed, score.duration_ns, score.turns)
    return ScoreRow(
        sid=sid, id=storable(score.id) or "", origin=origin,
        trace_id=None if target.trace_id is None else pack_trace_id(target.trace_id), span_id=storable(target.span_id),
        name=storable(score.name) or "", type=score.type, num=_number(score.value), value=encode(score.value).decode(),
        comment=storable(score.comment), source=score.source, author=storable(score.author), at=score.at_ns, seq=seq,
        extra=None if rare == _NOTHING_RARE else encode(rare).decode(),
    )  # fmt: skip


def _columns(
    packer: Packer, sid: int, tk: int, trace: Trace, facts: SessionFacts, worker: int, told: Mapping[int, int]
) -> list[Any]:
    request, tags, metadata, client = trace.request, trace.tags, trace.metadata, None
    input_text, output_text = storable(trace.input.text), storable(trace.output.text)
    errors, events = [trace.error] if trace.error else [], len(trace.events) + len(facts.events)
    for span in trace.spans:
        if span.error is not None:
            errors.append(span.error)
        if span.events:
            events += len(span.events)
    if request is not None:
        client = storable(request.client)
    # By position, in the order of TraceRow: names would cost a twentieth of all that storing a trace costs.
    return [
        sid, tk, pack_trace_id(trace.id), storable(trace.name) or "", 1 if trace.is_turn else 0,
        trace.replaces and storable(trace.replaces), trace.route and storable(trace.route), trace.status,
        trace.status_code, worker, trace.started_ns, trace.duration_ns, trace.first_byte_ns, input_text, output_text,
        packer.pack(sid, trace.input.body), packer.pack(sid, trace.output.body),
        trace.input_tokens, trace.output_tokens, trace.cached_tokens, trace.cache_write_tokens, trace.reasoning_tokens,
        trace.cost_nano, trace.errors, len(trace.spans), events,
        storable(trace.error.type) if trace.error else None, trace.service and storable(trace.service),
        trace.user_id and storable(trace.user_id),
        trace.id_source, trace.protocol, client, encode_column(tags) if tags else None,
        encode_column(metadata) if metadata else None, encode_column(_trace_extra(packer, sid, trace)),
        exchange_hash(trace.input.text, trace.output.text) if trace.is_turn else None, 1 if trace.placed else None,
        _failures(errors) if errors else None, None, 0,
        facts.environment and storable(facts.environment), facts.release and storable(facts.release),
        work_of(packer, sid, trace, facts.events, told), None,
    ]  # fmt: skip


def _failures(errors: Sequence[Failure]) -> str | None:
    """Return what went wrong in a trace as one text: each error once, since parents repeat their children's."""
    return storable("\n".join(dict.fromkeys(f"{error.type}: {error.message}"[:_LONGEST_FAILURE] for error in errors)))


_EXTRA = (
    "close_code", "request_bytes", "response_bytes", "chunks", "largest_gap_ns", "retries", "span_id", "parent_id",
    "resent",
)  # fmt: skip
_extra_of = attrgetter(*_EXTRA)


def _trace_extra(packer: Packer, sid: int, trace: Trace) -> dict[str, Json]:
    """Return the rare fields of a trace that say something."""
    extra: dict[str, Json] = {
        name: value for name, value in zip(_EXTRA, _extra_of(trace), strict=True) if value is not None
    }
    if trace.answer_ids:
        extra["answer_ids"] = trace.answer_ids
    if trace.regenerates:
        extra["regenerates"] = trace.regenerates
    if trace.exported:
        extra["exported"] = trace.exported
    if trace.error:
        extra["error"] = astuple(trace.error)
    if (request := trace.request) is not None:
        extra["request"] = [request.method, request.path, dict(request.query), dict(request.headers)]
    if trace.cut.input is not None or trace.cut.output is not None:
        extra["cut"] = astuple(trace.cut)
    _add_rare(extra, packer, sid, trace)
    return extra


def _add_rare(extra: dict[str, Json], packer: Packer, sid: int, trace: Trace) -> None:
    """Add what most traces do not have at all."""
    if trace.left:
        extra["left"] = astuple(trace.left)
    if trace.flow:
        extra["flow"] = [[mark.after_ns, mark.bytes, mark.chunks] for mark in trace.flow]
    if trace.origin != "own":
        extra["origin"] = trace.origin
    if trace.signals:
        extra["signals"] = [astuple(signal) for signal in trace.signals]
    if trace.attachments:
        extra["attachments"] = [_attachment(packer, sid, file) for file in trace.attachments]


def _attachment(packer: Packer, sid: int, file: Attachment) -> list[Json]:
    name = file.hash if file.data is None else packer.pack_file(sid, file.data).hex()
    return [file.id, file.name, file.type, file.size, file.url, name, file.left_out]


def _number(value: Json) -> float | None:
    try:
        number = float(value) if isinstance(value, (bool, int, float)) else None
    except OverflowError:
        return None
    return number if number is None or math.isfinite(number) else None
