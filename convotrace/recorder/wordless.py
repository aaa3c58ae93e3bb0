"""The shape of a conversation without its words: what is stored of a trace whose content may not be kept.

What the app's own code says by tag, metadata, user, names of spans, events and scores stays: it is not what was said.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from convotrace.model import Change, Event, Failure, Json, Score, Span, Trace

_LINE = "log line"


def without_words(change: Change) -> Change:
    """Return a change whose trace and session hold no text that anybody said, wrote or was told."""
    facts, trace = change.session, change.trace
    session = replace(facts, events=_events(facts.events), scores=_scores(facts.scores))
    return replace(change, session=session, trace=None if trace is None else _trace(trace))


def _trace(trace: Trace) -> Trace:
    return replace(
        trace,
        error=_failure(trace.error),
        events=_events(trace.events),
        scores=_scores(trace.scores),
        spans=tuple(map(_span, trace.spans)),
    )


def _span(span: Span) -> Span:
    attributes = span.attributes if span.origin in ("otel", "otlp") else _facts(span.attributes)
    return replace(
        span,
        error=_failure(span.error),
        attributes=attributes,
        events=_events(span.events),
        scores=_scores(span.scores),
    )


def _failure(failure: Failure | None) -> Failure | None:
    """Return what went wrong by its type alone: messages and stacks repeat what was said."""
    return None if failure is None else Failure(failure.type, "")


def _events(events: tuple[Event, ...]) -> tuple[Event, ...]:
    return tuple(
        replace(event, name=event.name if event.level is None else _LINE, attributes=_facts(event.attributes))
        for event in events
    )


def _facts(attributes: Mapping[str, Json]) -> dict[str, Json]:
    """Return the numbers and truth values among attributes."""
    return {name: value for name, value in attributes.items() if isinstance(value, (bool, int, float))}


def _scores(scores: tuple[Score, ...]) -> tuple[Score, ...]:
    return tuple(
        replace(score, comment=None, reason=None, value="" if score.type == "text" else score.value) for score in scores
    )
