"""What an annotator is asked for: each score of a queue with its rubric and its choices, and what came back."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from convotrace.errors import BadRequest
from convotrace.insight.definitions import ScoreDefinition, score_definition
from convotrace.insight.queues import CORRECTION, LONGEST_WRITTEN, NOTE, WRITTEN, Queue
from convotrace.model import Score, Target
from convotrace.page.format import score as shown

_FIELD = "score."
_MOST_KEYS = 9


@dataclass(frozen=True)
class Choice:
    """One value to choose."""

    label: str
    value: str
    key: str
    is_chosen: bool


@dataclass(frozen=True)
class Criterion:
    """One score that is asked for."""

    definition: ScoreDefinition
    choices: tuple[Choice, ...]
    value: str

    @property
    def field(self) -> str:
        """Return the name of its field in the form."""
        return _FIELD + self.definition.name


def asked(queue: Queue, definitions: Mapping[str, ScoreDefinition]) -> list[ScoreDefinition]:
    """Return what a queue asks for: the scores it names, else all that are defined for what it holds."""
    if queue.scores:
        return [definitions.get(name) or rating(name, queue.on) for name in queue.scores]
    found = [one for one in definitions.values() if one.on == queue.on]
    return found or [rating("rating", queue.on)]


def rating(name: str, on: str) -> ScoreDefinition:
    """Return what a score is that nobody defined: a number from 1 to 5."""
    return score_definition(name, min=1, max=5, on=on)


def criteria(definitions: Iterable[ScoreDefinition], mine: Mapping[str, Any]) -> list[Criterion]:
    """Return what is asked for, with what somebody gave before."""
    return [Criterion(one, _choices(one, mine.get(one.name)), _written(mine.get(one.name))) for one in definitions]


def given(
    fields: Mapping[str, Any], definitions: Sequence[ScoreDefinition], target: Target, author: str, at_ns: int
) -> list[Score]:
    """Return what came back as scores: those of the form or of `scores` in JSON, a note, a corrected answer.

    Raises:
        BadRequest: A value does not fit its definition, or nothing was given.
    """
    values = _values(fields)
    known = {one.name: one for one in definitions}
    for name in values.keys() - known.keys():
        raise BadRequest(f"{name!r:.80} is not asked for here; send some of {', '.join(known)}.")
    scores = [
        Score(secrets.token_hex(8), name, known[name].type, value, at_ns, target, "annotator", author=author,
              passed=known[name].passed(value))
        for name, value in ((name, known[name].checked(value)) for name, value in values.items())
    ]  # fmt: skip
    for name in (NOTE, CORRECTION):
        if text := fields.get(name):
            scores.append(written(name, text, target, author, at_ns))
    if not scores:
        raise BadRequest("Nothing was given; choose a value, write a note or a corrected answer, or skip.")
    return scores


def written(name: str, text: Any, target: Target, author: str | None, at_ns: int) -> Score:
    """Return a note or a corrected answer as a score.

    Raises:
        BadRequest: It is no text, or too long.
    """
    if not isinstance(text, str) or not text.strip():
        raise BadRequest(f"{name} came as {type(text).__name__}; send a text.")
    if len(text) > LONGEST_WRITTEN:
        raise BadRequest(f"{name} has {len(text):,} characters; send at most {LONGEST_WRITTEN:,}.")
    return Score(secrets.token_hex(8), name, "text", text, at_ns, target, "annotator", author=author)


def newest(scores: Iterable[Score]) -> dict[str, Any]:
    """Return the newest value of each score."""
    return {score.name: score.value for score in sorted(scores, key=lambda one: one.at_ns)}


def is_given(scores: Iterable[Score]) -> bool:
    """Tell whether anything beside what is written was given."""
    return any(score.name not in WRITTEN for score in scores)


def _values(fields: Mapping[str, Any]) -> dict[str, Any]:
    found = fields.get("scores", {})
    if not isinstance(found, dict):
        raise BadRequest("scores came as something else than an object of names and values.")
    sent = {name.removeprefix(_FIELD): value for name, value in fields.items() if name.startswith(_FIELD)}
    return {name: value for name, value in {**found, **sent}.items() if value not in (None, "")}


def _choices(definition: ScoreDefinition, now: Any) -> tuple[Choice, ...]:
    labels = [(_written(value), shown(value) if not isinstance(value, bool) else ("no", "yes")[value])
              for value in definition.choices]  # fmt: skip
    texts = [label for _, label in labels]
    # Where the values are digits, each is its own key.
    are_keys = all(text in "123456789" and len(text) == 1 for text in texts)
    return tuple(
        Choice(label, value, label if are_keys else str(n) if n <= _MOST_KEYS else "", _is(now, value))
        for n, (value, label) in enumerate(labels, 1)
    )


def _is(now: Any, value: str) -> bool:
    return now is not None and _written(now) == value


def _written(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, (int, float)) else str(value)
