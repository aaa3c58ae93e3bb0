"""The terms of the filter language: one row a field, with what may stand behind it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from convotrace.model import OUTCOMES, SPAN_KINDS

Measure = Literal["word", "choice", "count", "cost", "duration", "score", "time", "range", "also"]

STATUSES = ("ok", "error", "cancelled", "disconnected", "interrupted", "running")
EQUAL = (":", "=", "!=")
NUMERIC = (":", "=", "!=", ">", ">=", "<", "<=")


@dataclass(frozen=True, slots=True)
class Field:
    """One term.

    Args:
        name: As it is written; one that ends in a dot takes a name of the user's own behind it.
        measure: What its value is.
        about: What it finds, in a few words.
        example: A use of it that can be copied.
        choices: The only values, where they are few.
    """

    name: str
    measure: Measure
    about: str
    example: str
    choices: tuple[str, ...] = ()

    @property
    def operators(self) -> tuple[str, ...]:
        """Return what may stand between the field and its value."""
        if self.measure in ("count", "cost", "duration", "score"):
            return NUMERIC
        return EQUAL if self.measure in ("word", "choice") else EQUAL[:2]


_ALL = (
    Field("user", "word", "user id", "user:ann"),
    Field("tag", "word", "a tag of the session", "tag:vip"),
    Field("meta.", "word", "a value of the session's metadata", "meta.plan:pro"),
    Field("env", "word", "environment", "env:production"),
    Field("release", "word", "release", "release:2.*"),
    Field("service", "word", "a service that took part", "service:billing"),
    Field("model", "word", "a model that was called", "model:gpt-4o*"),
    Field("tool", "word", "a tool that was called", "tool:search"),
    Field("kind", "choice", "a span of this kind", "kind:retrieval", SPAN_KINDS),
    Field("status", "choice", "a request that ended so", "status:disconnected", STATUSES),
    Field("outcome", "choice", "how the session ended", "outcome:escalated", OUTCOMES),
    Field("resolved", "choice", "whether the user got what they came for", "resolved:false",
          ("true", "false", "unknown")),
    Field("turns", "count", "number of turns", "turns>5"),
    Field("errors", "count", "number of errors", "errors>=2"),
    Field("cost", "cost", "US dollars", "cost>0.05"),
    Field("tokens", "count", "input and output tokens together", "tokens>10k"),
    Field("duration", "duration", "from the first activity to the last", "duration>5m"),
    Field("idle", "duration", "since the last activity", "idle>1h30m"),
    Field("score.", "score", "the session's mean of a score", "score.helpfulness<0.5"),
    Field("fb", "choice", "thumbs of end users", "fb:down", ("up", "down")),
    Field("has", "also", "at least one of these", "has:error", ("error", "escalation", "feedback")),
    Field("since", "time", "active at this moment or later", "since:24h"),
    Field("until", "time", "last active at this moment or earlier", "until:2026-11-26T12:00Z"),
    Field("began", "range", "began in this time", "began:2026-11-26..2026-11-27"),
    Field("active", "range", "a turn began in this time", "active:2h..1h"),
    Field("failing", "range", "a turn that began in this time failed", "failing:24h.."),
)  # fmt: skip

FIELDS: dict[str, Field] = {field.name: field for field in _ALL}
"""Every term by its name."""


def find(name: str) -> Field | None:
    """Return the field of a written name; `meta.` and `score.` take any name behind the dot."""
    known, dot, own = name.partition(".")
    if dot:
        return FIELDS.get(f"{known.lower()}.") if own else None
    return FIELDS.get(known.lower())
