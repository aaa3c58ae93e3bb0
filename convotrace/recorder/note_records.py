"""Events and scores that were noted on a part of a trace → their records."""

from __future__ import annotations

from collections.abc import Sequence

from convotrace.dialects.messages import score_type
from convotrace.model import Event, Score, Target
from convotrace.recorder.parts import OpenEvent, OpenScore
from convotrace.redaction import Redactor


def event_records(events: Sequence[OpenEvent] | None, redactor: Redactor) -> tuple[Event, ...]:
    """Return the records of events, without what must not be stored."""
    if not events:
        return ()
    return tuple(Event(e.name, e.at, e.level, redactor.clean(dict(e.attributes))) for e in list(events))


def score_records(scores: Sequence[OpenScore] | None, *judged: str) -> tuple[Score, ...]:
    """Return the records of scores; `judged` are the ids of session, trace and span as far as they are meant."""
    if not scores:
        return ()
    target = Target(*judged)
    return tuple(
        Score(f"{s.id:032x}", s.name, score_type(s.value), s.value, s.at, target, **s.fields) for s in list(scores)
    )
