"""All spans of one trace → its record and what it says about its session: a fold without memory.

Called anew whenever more of a trace comes, so order, batching and repetition of what is sent change nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from convotrace import dialects
from convotrace.dialects import table
from convotrace.dialects.messages import score_type
from convotrace.identity import bounded
from convotrace.insight.totals import totals
from convotrace.intake.spans import KIND, RESOURCE
from convotrace.intake.texts import texts_of
from convotrace.intake.tree import head_of, in_depth
from convotrace.model import TURN_KINDS, Event, Payload, Request, Score, SessionFacts, Span, Target, Trace


@dataclass(frozen=True, slots=True)
class _Told:
    """A span and what it says of its session and trace."""

    span: Span
    said: Mapping[str, Any]


def derive(
    trace_id: str, spans: Sequence[Span], events: Sequence[Event] = (), home: str | None = None
) -> tuple[SessionFacts, Trace]:
    """Return what a trace known only from spans that were sent says about its session, and its record.

    Args:
        trace_id: 32 hex digits.
        spans: Every span known of it, each id once; at least one, or an event.
        events: Moments on the trace itself.
        home: The session where it is known from elsewhere, whatever the spans say.
    """
    ordered = sorted(spans, key=lambda span: (span.started_ns, span.id))
    told = [_Told(span, dialects.said_of_trace(span.attributes, span.events)) for span in ordered]
    named = _session(told)
    session_id = home or (bounded(named.id) if named is not None else trace_id)
    head, source = head_of(ordered), _source(told)
    scores = _Scores(session_id, trace_id, told)
    trace = _trace(trace_id, session_id, head, scores.judged(ordered), told, events)
    trace = replace(trace, events=tuple(events), scores=tuple(scores.of("trace")))
    facts = SessionFacts(
        id=session_id,
        id_source="otlp" if named is not None else "none",
        id_name=named.name if named is not None else None,
        user_id=trace.user_id,
        name=_first(told, "session_name"),
        environment=source.get("environment"),
        release=source.get("release"),
        service=trace.service,
        tags=trace.tags,
        scores=tuple(scores.of("session")),
    )
    return facts, replace(trace, id_source=facts.id_source)


def _trace(
    trace_id: str,
    session_id: str,
    head: Span | None,
    spans: tuple[Span, ...],
    told: list[_Told],
    events: Sequence[Event],
) -> Trace:
    message, reply = texts_of(spans)
    http = _http(head)
    status = head.status if head is not None else "ok"
    failed = sum(span.status == "error" for span in spans)
    error = head.error if head is not None and status == "error" else None
    return Trace(
        id=trace_id,
        session_id=session_id,
        name=_first(told, "trace_name") or (head.name if head is not None else ""),
        is_turn=message is not None or reply is not None or any(span.kind in TURN_KINDS for span in spans),
        route=http.get("route"),
        status=status,
        status_code=http.get("status_code"),
        started_ns=head.started_ns if head is not None else min((event.at_ns for event in events), default=0),
        duration_ns=head.duration_ns if head is not None else None,
        input=Payload(message),
        output=Payload(reply),
        errors=failed or int(error is not None),
        error=error,
        service=head.service if head is not None else None,
        user_id=_first(told, "user_id"),
        tags=tuple(dict.fromkeys(tag for one in told for tag in one.said["tags"])),
        metadata={name: value for one in reversed(told) for name, value in one.said["metadata"].items()},
        protocol="http" if http else "none",
        request=_request(http),
        spans=spans,
        origin="otlp",
        **totals(spans),
    )


def _session(told: Sequence[_Told]) -> dialects.Said | None:
    """Return the session that the trace belongs to: the most certain word, of several the outermost span's."""
    depths = in_depth([one.span for one in told])
    found = []
    for one in told:
        said = one.said["session"] or dialects.session_of({}, one.span.attributes.get(RESOURCE))
        if said is not None:
            found.append((said.rank, depths[one.span.id], one.span.started_ns, one.span.id, said))
    return min(found)[-1] if found else None


def _first(told: Iterable[_Told], name: str) -> Any:
    return next((one.said[name] for one in told if one.said[name]), None)


def _source(told: Sequence[_Told]) -> dict[str, Any]:
    """Return the environment and the release, of each span's own word before its resource's, the earliest span's."""
    found: dict[str, Any] = {}
    for one in told:
        for place in (one.span.attributes, one.span.attributes.get(RESOURCE) or {}):
            found = {**table.SOURCES.read(place), **found}
    return found


def _http(head: Span | None) -> dict[str, Any]:
    if head is None or (head.kind != "http" and head.attributes.get(KIND) != "server"):
        return {}
    return table.HTTP_FACTS.read(head.attributes)


def _request(http: Mapping[str, Any]) -> Request | None:
    path = http.get("path") or http.get("route")
    return Request(str(http["method"]), str(path)) if "method" in http and path else None


class _Scores:
    """The judgements of a trace's spans, each with an id that its repetition has too."""

    def __init__(self, session_id: str, trace_id: str, told: Sequence[_Told]) -> None:
        self._session_id = session_id
        self._trace_id = trace_id
        self._found: dict[str, list[tuple[str, Score]]] = {"span": [], "trace": [], "session": []}
        for one in told:
            for judged in one.said["judgements"]:
                self._found[judged.level].append((judged.span_id or one.span.id, self._score(one.span, judged)))

    def of(self, level: str) -> list[Score]:
        """Return the scores on the trace or on the session."""
        return [score for _, score in self._found[level]]

    def judged(self, spans: Iterable[Span]) -> tuple[Span, ...]:
        """Return spans with their scores: those that others gave them stay."""
        return tuple(self._judged(span) for span in spans)

    def _judged(self, span: Span) -> Span:
        own = [score for id, score in self._found["span"] if id == span.id]
        if not own and not span.scores:
            return span
        ids = {score.id for score in own}
        target = Target(self._session_id, self._trace_id, span.id)
        others = [replace(score, target=target) for score in span.scores if score.id not in ids]
        return replace(span, scores=(*others, *own))

    def _score(self, span: Span, judged: dialects.Judgement) -> Score:
        on_trace = judged.level != "session"
        judged_span = (judged.span_id or span.id) if judged.level == "span" else None
        target = Target(self._session_id, self._trace_id if on_trace else None, judged_span)
        at_ns = judged.at_ns or span.started_ns + (span.duration_ns or 0)
        said = "\0".join(map(str, (self._trace_id, span.id, judged.level, judged.name, judged.value, judged.comment)))
        return Score(
            id=judged.id or hashlib.blake2b(said.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest(),
            name=judged.name,
            type=score_type(judged.value),
            value=judged.value,
            at_ns=at_ns,
            target=target,
            source=judged.source,
            comment=judged.comment,
            author=judged.author,
            evaluator=judged.evaluator,
            reason=judged.label if judged.label != judged.value else None,
        )
