"""One OTLP request → changes to write, one for each trace in it, decided by what is stored when they are written."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence, Set
from dataclasses import dataclass, replace
from functools import partial

from convotrace.errors import BadRequest
from convotrace.insight.join import with_spans
from convotrace.insight.outcome import with_outcome
from convotrace.intake import json_format, protobuf_format
from convotrace.intake.answers import JSON, is_protobuf
from convotrace.intake.derive import derive
from convotrace.intake.sent import Batch, Rejected, SentLog, first_sentences
from convotrace.intake.spans import SpanReader
from convotrace.intake.union import events_of_both, united
from convotrace.model import Change, Event, Lookup, Score, SessionFacts, Span, Stored, Trace
from convotrace.pricing import PRICED, Prices
from convotrace.settings import Settings

_PARSERS: dict[tuple[str, bool], Callable[[bytes], Batch]] = {
    ("traces", False): json_format.spans,
    ("traces", True): protobuf_format.spans,
    ("logs", False): json_format.logs,
    ("logs", True): protobuf_format.logs,
}


@dataclass(frozen=True, slots=True)
class Received:
    """What came of a request.

    Attributes:
        changes: One for each trace, to be written in any order.
        accepted: Spans or log records that were taken.
        rejected: Those that were not.
        message: Why not, empty where all were taken.
    """

    changes: tuple[Change, ...] = ()
    accepted: int = 0
    rejected: int = 0
    message: str = ""


@dataclass(slots=True)
class _Part:
    """What a request tells of one trace."""

    spans: list[Span]
    events: list[Event]


def receive(body: bytes, content_type: str, signal: str, settings: Settings, prices: Prices | None = None) -> Received:
    """Return the changes that a request brings; nothing is written here.

    Args:
        body: The request's, no longer compressed; its size is limited by who reads it.
        content_type: JSON or protobuf, with or without parameters.
        signal: `traces` or `logs`.
        settings: The options in force.
        prices: For calls whose cost was not sent; None leaves it unknown.

    Raises:
        BadRequest: The body cannot be read, or the content type is neither; the sentence is for the client.
    """
    batch = _parsed(body, content_type, signal)
    reader = SpanReader(settings.content is True, None if prices is None else partial(_priced, prices))
    parts: dict[str, _Part] = {}
    refused = list(batch.refused)
    for sent in batch.spans:
        try:
            span = reader.span(sent)
        except Rejected as reason:
            refused.append(str(reason))
            continue
        if span is not None:
            _part(parts, span.trace_id).spans.append(span)
    for record in batch.logs:
        if record.at_ns:
            _add_record(parts, reader, record)
        else:
            refused.append("A log record has no time.")
    handoff_tools = frozenset(settings.handoff_tools)
    changes = tuple(_change(trace_id, part, handoff_tools) for trace_id, part in parts.items())
    sent_in_all = len(batch.spans) + len(batch.logs) + len(batch.refused)
    return Received(changes, sent_in_all - len(refused), len(refused), first_sentences(refused))


def _parsed(body: bytes, content_type: str, signal: str) -> Batch:
    plain = content_type.partition(";")[0].strip().lower()
    if not is_protobuf(content_type) and plain not in JSON:
        raise BadRequest("The content type is neither application/json nor application/x-protobuf.")
    if not body and is_protobuf(content_type):
        return Batch()
    return _PARSERS["logs" if signal == "logs" else "traces", is_protobuf(content_type)](body)


def _part(parts: dict[str, _Part], trace_id: str) -> _Part:
    return parts.setdefault(trace_id, _Part([], []))


def _add_record(parts: dict[str, _Part], reader: SpanReader, record: SentLog) -> None:
    event = reader.event(record)
    part = _part(parts, record.trace_id)
    if record.span_id is None:
        part.events += reader.without_content([event])
    else:
        part.spans.append(reader.waiting(record, event))


def _priced(prices: Prices, span: Span) -> Span:
    if span.cost_nano is not None or span.kind not in PRICED:
        return span
    cost = prices.cost(span.provider, span.model, span.usage, span.started_ns)
    return span if cost is None else replace(span, cost_nano=cost)


def _change(trace_id: str, part: _Part, handoff_tools: Set[str]) -> Change:
    """Return a change to be decided; what stands in it until then only names the trace and counts what it holds."""
    spans, events = united((), part.spans), tuple(part.events)
    failed = sum(span.status == "error" for span in spans)
    started = spans[0].started_ns if spans else 0
    # A store first notes that this process lives, where a trace may stand as running in it.
    status = "running" if any(span.status == "running" for span in spans) else "ok"
    guess = Trace(
        trace_id, trace_id, status=status, started_ns=started, errors=failed, spans=spans, events=events, origin="otlp"
    )
    unites = partial(_united, trace_id, part, handoff_tools)
    decision = partial(_ended, handoff_tools, partial(decide, trace_id, spans, events))
    return Change(SessionFacts(trace_id), guess, decide=decision, unites=unites)


def _ended(handoff_tools: Set[str], decision: Callable[[Lookup], Change], lookup: Lookup) -> Change:
    """Return what is decided, with the outcome that the spans tell of."""
    return with_outcome(decision(lookup), handoff_tools)


def _united(trace_id: str, part: _Part, handoff_tools: Set[str], earlier: Sequence[Change]) -> Change:
    """Return one change for several parts of a trace."""
    before = [change.trace for change in earlier if change.trace is not None]
    spans = [span for trace in before for span in trace.spans]
    events: tuple[Event, ...] = ()
    for trace in before:
        events = events_of_both(events, trace.events)
    return _change(trace_id, _Part([*spans, *part.spans], [*events_of_both(events, part.events)]), handoff_tools)


def decide(trace_id: str, spans: Sequence[Span], events: Sequence[Event], lookup: Lookup) -> Change:
    """Return the change that adds spans to what is stored of their trace.

    Where a request that was seen here has this id, they join it: its texts, status and session stay. Else the trace
    is derived again from all spans that were ever sent of it, and takes the place of what stood there.
    """
    stored = lookup.traces(trace_id)
    sent = [one for one in stored if one.trace.origin == "otlp"]
    for one in sent:
        spans = united(one.trace.spans, spans)
        events = events_of_both(one.trace.events, events)
    own = _own(stored, spans)
    if own is not None:
        return _joined(own, sent, spans, events)
    facts, trace = derive(trace_id, spans, events)
    kept = [score for one in sent for score in one.trace.scores]
    ids = {score.id for score in trace.scores}
    others = [replace(s, target=replace(s.target, session_id=facts.id)) for s in kept if s.id not in ids]
    return Change(facts, replace(trace, scores=(*trace.scores, *_once(others))), takes=tuple(o.trace for o in sent))


def _joined(own: Stored, sent: Sequence[Stored], spans: Sequence[Span], events: Sequence[Event]) -> Change:
    facts, derived = derive(own.trace.id, spans, events, own.trace.session_id)
    bare = replace(own, trace=replace(own.trace, spans=()))
    change = with_spans(bare, united(own.trace.spans, derived.spans))
    assert change.trace is not None
    trace = replace(
        change.trace,
        events=events_of_both(change.trace.events, events),
        scores=_once([*change.trace.scores, *derived.scores]),
        user_id=change.trace.user_id or derived.user_id,
        service=change.trace.service or derived.service,
    )
    scores = _once([*change.session.scores, *facts.scores])
    session = replace(change.session, user_id=facts.user_id, tags=facts.tags, scores=scores)
    return Change(session, trace, takes=(*change.takes, *(one.trace for one in sent)))


def _own(stored: Sequence[Stored], spans: Sequence[Span]) -> Stored | None:
    """Return the request that spans belong to: the one that they name, else the first of their trace."""
    named = {span.id for span in spans} | {span.parent_id for span in spans}
    own = sorted((one for one in stored if one.trace.origin != "otlp"), key=lambda one: _order(one.trace))
    return next((one for one in own if one.trace.span_id in named), own[0] if own else None)


def _order(trace: Trace) -> tuple[int, str]:
    return trace.started_ns, trace.session_id


def _once(scores: Iterable[Score]) -> tuple[Score, ...]:
    return tuple({score.id: score for score in scores}.values())
