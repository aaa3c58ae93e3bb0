"""The same span told more than once, whole or in parts, by spans and by log records: one span.

Messages that came as events are put back into these, united with the others, and read again in order of time.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import fields, replace
from typing import Any

from convotrace.dialects import events as told_events
from convotrace.model import Event, Span

_NEVER_FILLED = frozenset({"id", "trace_id", "status", "events", "scores", "error", "origin"})
_FIELDS = tuple(field.name for field in fields(Span) if field.name not in _NEVER_FILLED)


def united(old: Iterable[Span], new: Iterable[Span]) -> tuple[Span, ...]:
    """Return spans of two tellings, each id once, in the order of their start.

    What one telling leaves out the other fills in: a later one that says less takes nothing away.
    """
    before = {span.id: _opened(span) for span in old}
    after: dict[str, Span] = {}
    for span in map(_opened, new):
        after[span.id] = _both(after[span.id], span) if span.id in after else span
    whole = [_both(before[id], span) if id in before else span for id, span in after.items()]
    rest = [span for id, span in before.items() if id not in after]
    return tuple(sorted(map(_settled, [*rest, *whole]), key=lambda span: (span.started_ns, span.id)))


def _both(known: Span, later: Span) -> Span:
    first, second = sorted((known, later), key=_certainty)
    scores = tuple({score.id: score for score in (*first.scores, *second.scores)}.values())
    return _filled(replace(second, events=events_of_both(known.events, later.events), scores=scores), first)


def _certainty(span: Span) -> tuple[bool, bool, int, int]:
    """Order the tellings of one span: an ended one after one that runs, then what ended later and says more."""
    ended = span.started_ns + (span.duration_ns or 0)
    return span.status != "running", bool(span.name), ended, len(span.attributes)


def _filled(span: Span, other: Span) -> Span:
    missing: dict[str, Any] = {}
    for name in _FIELDS:
        own, more = getattr(span, name), getattr(other, name)
        if name == "attributes":
            if more.keys() - own.keys():
                missing[name] = {**more, **own}
        elif name == "kind":
            if own == "internal" and more != own:
                missing[name] = more
        elif own in (None, "", (), {}, 0) and more not in (None, "", (), {}, 0):
            missing[name] = more
    return replace(span, **missing) if missing else span


def events_of_both(known: Sequence[Event], later: Sequence[Event]) -> tuple[Event, ...]:
    """Return the events of two tellings, each once, in the order of their times."""
    if known == later:
        return tuple(known)
    found = {_whole(event): event for event in (*known, *later)}
    return tuple(sorted(found.values(), key=lambda event: event.at_ns))


def _whole(event: Event) -> tuple[str, int, str | None, str]:
    return event.name, event.at_ns, event.level, json.dumps(event.attributes, sort_keys=True, default=str)


def _opened(span: Span) -> Span:
    """Return a span whose messages, where they came as events, stand in these and nowhere else."""
    if not any(told_events.is_message(event) for event in span.events):
        return span
    events = told_events.refilled(span.events, span.input, span.output)
    told = told_events.told(events, None, None)
    by_events = {"input": told.input, "output": told.output}
    alone: dict[str, Any] = {
        name: None for name, value in by_events.items() if value is not None and getattr(span, name) == value
    }
    return replace(span, events=events, **alone)


def _settled(span: Span) -> Span:
    """Return a span with what its events tell: their messages stand in its fields, their places in the events."""
    if not any(told_events.is_message(event) for event in span.events):
        return span
    told = told_events.told(span.events, span.input, span.output)
    found: dict[str, Any] = {"events": told.events}
    if span.input is None and told.input is not None:
        found["input"] = told.input
    if span.output is None and told.output is not None:
        found["output"] = told.output
    if span.kind == "internal":
        found["kind"] = "generation"
    return replace(span, **found)
