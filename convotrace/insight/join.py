"""Traces of one W3C id become one: what several services, processes and batches know of it, as one tree.

A request that came with the id of a caller is part of the caller's trace: it stands there as an `http` span with its
own spans below. Each part may be told again, in any order, any number of times.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from convotrace.insight.echo import without_echoes
from convotrace.insight.parts import request_span, with_parts
from convotrace.insight.totals import totals
from convotrace.model import Attachment, Change, Event, Payload, Score, SessionFacts, Span, Stored, Trace

_WEAK_SOURCES = frozenset({"none", "otlp", "history", "cookie", "own_cookie"})
"""Rules that name a session by chance: what another part says outright counts more."""


def joined(facts: SessionFacts, trace: Trace, stored: Sequence[Stored]) -> Change:
    """Return the change that writes a request together with what is stored of the trace it belongs to.

    Args:
        facts: What the request says about its session.
        trace: The request as it stands now, with its `span_id` and, where a caller named itself, its `parent_id`.
        stored: All that is stored under its trace id; what is not related to it stays.
    """
    kin = [part for part in stored if _are_kin(trace, part.trace)]
    if not kin:
        return Change(facts, trace)
    outer = min((part.trace for part in kin if _is_within(trace, part.trace)), key=_began, default=None)
    if outer is None or outer.span_id == trace.span_id:
        whole = _around(trace, [part.trace for part in kin])
    else:
        whole = _around(outer, [trace, *(part.trace for part in kin if part.trace is not outer)])
    home = _home(facts, whole, kin)
    return Change(
        home, settled(with_parts(replace(whole, session_id=home.id))), takes=tuple(part.trace for part in kin)
    )


def with_spans(stored: Stored, spans: Iterable[Span]) -> Change:
    """Return the change that adds spans which were sent to a stored trace of a request that was seen here."""
    trace = stored.trace
    more = [span for span in spans if span.id != trace.span_id]
    whole = replace(trace, spans=_rooted(trace, union(trace.spans, more)))
    facts = SessionFacts(trace.session_id, events=stored.session_events, scores=stored.session_scores)
    return Change(facts, settled(whole), takes=(trace,))


def settled(trace: Trace) -> Trace:
    """Return a trace with the totals of the spans it has now."""
    spans = without_echoes(trace.spans)
    failed = sum(span.status == "error" for span in spans)
    return replace(trace, spans=spans, errors=failed or int(trace.error is not None), **totals(spans))


def union(old: Iterable[Span], new: Iterable[Span]) -> tuple[Span, ...]:
    """Return spans of two tellings: each id once, the later one's fields, the events and scores of both.

    A span that was still running when it was told last does not replace one that had ended.
    """
    found: dict[str, Span] = {span.id: span for span in old}
    for span in new:
        known = found.get(span.id)
        found[span.id] = span if known is None else _merged(known, span)
    return tuple(sorted(found.values(), key=lambda span: span.started_ns))


def _are_kin(one: Trace, other: Trace) -> bool:
    return other.origin == "otlp" or _is_within(one, other) or _is_within(other, one) or _is_earlier(other, one)


def _is_earlier(earlier: Trace, later: Trace) -> bool:
    """Tell whether a stored trace is a state of the request from before anybody else could know of it."""
    return earlier.span_id is None and earlier.origin == later.origin and earlier.started_ns == later.started_ns


def _is_within(inner: Trace, outer: Trace) -> bool:
    """Tell whether a request is the other one, or was made by it."""
    if outer.origin == "otlp":
        return False
    ids = {span.id for span in outer.spans} | {outer.span_id}
    return inner.span_id in ids or (inner.parent_id is not None and inner.parent_id in ids)


def _began(trace: Trace) -> int:
    return trace.started_ns


def _around(outer: Trace, parts: Sequence[Trace]) -> Trace:
    """Return a trace with others in it: their spans, and for what its own exchange did not say, their texts.

    An earlier state of the trace itself may be among them: what others added to that one is kept.
    """
    spans: tuple[Span, ...] = ()
    for part in sorted(parts, key=_began):
        spans = union(spans, _spans_of(outer, part))
        placed = outer.placed or part.placed
        outer = replace(outer, is_turn=outer.is_turn or part.is_turn, placed=placed, **_unsaid(outer, part))
    return replace(outer, spans=_rooted(outer, union(spans, outer.spans)))


def _spans_of(outer: Trace, part: Trace) -> tuple[Span, ...]:
    if part.origin == "otlp" or part.span_id in (None, outer.span_id):
        return part.spans
    own = tuple(span if span.parent_id else replace(span, parent_id=part.span_id) for span in part.spans)
    return (request_span(part), *own)


def _rooted(trace: Trace, spans: tuple[Span, ...]) -> tuple[Span, ...]:
    """Return spans without the one that is the request itself; what stands below that one stands at the top."""
    return tuple(
        replace(span, parent_id=None) if span.parent_id is not None and span.parent_id == trace.span_id else span
        for span in spans
        if span.id != trace.span_id
    )


def _unsaid(outer: Trace, part: Trace) -> dict[str, Any]:
    """Return what a part knows and its outer trace did not say."""
    found: dict[str, Any] = {
        "scores": (*outer.scores, *_new(outer.scores, part.scores)),
        "attachments": _united(outer.attachments, part.attachments),
    }
    if outer.input.text is None and part.input.text is not None:
        found["input"] = Payload(part.input.text, outer.input.body)
    if outer.output.text is None and part.output.text is not None:
        found["output"] = Payload(part.output.text, outer.output.body)
    if outer.user_id is None and part.user_id is not None:
        found["user_id"] = part.user_id
    return found


def _home(facts: SessionFacts, whole: Trace, kin: Sequence[Stored]) -> SessionFacts:
    """Return the facts under the session that the whole belongs to, with what the parts told it before."""
    id, source = _named([(whole.session_id, whole.id_source), (facts.id, facts.id_source)], kin)
    events: tuple[Event, ...] = facts.events
    scores: tuple[Score, ...] = facts.scores
    for part in kin:
        events += tuple(event for event in part.session_events if event not in events)
        scores += _new(scores, part.session_scores)
    user = facts.user_id or whole.user_id
    name = facts.id_name if id == facts.id else None
    return replace(facts, id=id, id_source=source, id_name=name, user_id=user, events=events, scores=scores)


def _named(own: Sequence[tuple[str, str]], kin: Sequence[Stored]) -> tuple[str, str]:
    """Return the session of the outermost part, unless only another part says outright which one it is."""
    candidates = [*own, *((part.trace.session_id, part.trace.id_source) for part in kin)]
    put = next(((part.trace.session_id, part.trace.id_source) for part in kin if part.trace.placed), None)
    return put or next((named for named in candidates if named[1] not in _WEAK_SOURCES), candidates[0])


def _merged(known: Span, later: Span) -> Span:
    first, second = (later, known) if _is_open(later) and not _is_open(known) else (known, later)
    events = (*second.events, *(event for event in first.events if event not in second.events))
    scores = (*second.scores, *_new(second.scores, first.scores))
    return replace(second, events=tuple(sorted(events, key=lambda event: event.at_ns)), scores=scores)


def _new(known: Iterable[Score], more: Iterable[Score]) -> tuple[Score, ...]:
    """Return those of more whose id is not known."""
    ids = {one.id for one in known}
    return tuple(one for one in more if one.id not in ids)


def _united(known: Iterable[Attachment], more: Iterable[Attachment]) -> tuple[Attachment, ...]:
    """Return the files of two tellings, each id once: the one that has the bytes, unless they are not to be kept."""
    found: dict[str, Attachment] = {one.id: one for one in known}
    for one in more:
        before = found.get(one.id)
        hidden = before is not None and before.left_out == "content"
        if before is None or one.left_out == "content" or (one.stored and not before.stored and not hidden):
            found[one.id] = one
    return tuple(found.values())


def _is_open(span: Span) -> bool:
    return span.status == "running"
