"""Scores that the app gives by verbs, held against their definitions where the writer's thread takes them.

A verb never raises: what does not fit stays as it was given, passes nothing, and is said once on stderr.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from convotrace.errors import BadRequest
from convotrace.insight.definitions import ScoreDefinition
from convotrace.model import Change, Score, Span, Trace


class Scales:
    """Knows what is defined in code, and of which scores it has complained.

    Args:
        definitions: What is defined.
        speak: Takes one sentence for the log.
    """

    def __init__(self, definitions: Sequence[ScoreDefinition], speak: Callable[[str], None]) -> None:
        self._known = {one.name: one for one in definitions}
        self._speak = speak
        self._told: set[str] = set()

    def settled(self, change: Change) -> Change:
        """Return a change whose defined scores have their type, and say whether they pass."""
        if change.session.scores:
            change = replace(change, session=replace(change.session, scores=self._all(change.session.scores)))
        if change.trace is not None:
            change = replace(change, trace=self._of_trace(change.trace))
        return change

    def _of_trace(self, trace: Trace) -> Trace:
        if any(span.scores for span in trace.spans):
            trace = replace(trace, spans=tuple(self._of_span(span) for span in trace.spans))
        return replace(trace, scores=self._all(trace.scores)) if trace.scores else trace

    def _of_span(self, span: Span) -> Span:
        return replace(span, scores=self._all(span.scores)) if span.scores else span

    def _all(self, scores: Sequence[Score]) -> tuple[Score, ...]:
        return tuple(self._one(score) for score in scores)

    def _one(self, score: Score) -> Score:
        known = self._known.get(score.name)
        if known is None:
            return score
        try:
            value = known.checked(score.value)
        except BadRequest as refused:
            if score.name not in self._told:
                self._told.add(score.name)
                self._speak(f"convotrace: a score is kept as it was given: {refused}")
            return score
        passed = known.passed(value) if score.passed is None else score.passed
        return replace(score, value=value, type=known.type, passed=passed)
