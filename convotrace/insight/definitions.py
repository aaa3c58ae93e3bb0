"""What a score of some name has to be: its rubric, its type and scale, what it judges, and when it passes.

Where definitions are kept is known to the store; how they are asked for, to the page.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from convotrace.errors import BadRequest, SettingsError
from convotrace.model import Json

TYPES = ("numeric", "boolean", "categorical", "text")
TARGETS = ("turn", "session", "span")
_LONGEST_NAME, _LONGEST_RUBRIC, _LONGEST_LABEL, _MOST_LABELS = 100, 4000, 64, 50


@dataclass(frozen=True)
class ScoreDefinition:
    """What scores of one name mean; make one with `score_definition`."""

    name: str
    type: str = "numeric"
    on: str = "turn"
    rubric: str = ""
    min: float | None = None
    max: float | None = None
    labels: tuple[str, ...] = ()
    pass_min: float | None = None
    """Numbers of at least this pass."""
    pass_max: float | None = None
    """Numbers of at most this pass."""
    pass_labels: tuple[str, ...] = ()
    """The labels that pass; none where no label is better than another."""
    pass_value: bool | None = True
    """Which answer to a yes-or-no question passes; None where neither does."""

    def checked(self, value: Any) -> bool | float | str:
        """Return a value as a score of this name holds it.

        Args:
            value: A bool, a number or a text; a text of digits, or yes and no, is taken for what it says.

        Raises:
            BadRequest: It is none; the sentence says what came and what is accepted.
        """
        found: bool | float | str | None = _READERS[self.type](value)
        if found is None or not self._fits(found):
            raise BadRequest(f"{self.name} came as {_shown(value)}; it takes {self.accepted}.")
        return found

    def passed(self, value: Any) -> bool | None:
        """Tell whether a value passes, None where the definition has no such criterion or the value is no such."""
        found = _READERS[self.type](value) if self.has_criterion else None
        if found is None or not self._fits(found):
            return None
        if self.type == "numeric":
            is_low = self.pass_min is not None and found < self.pass_min
            return not is_low and not (self.pass_max is not None and found > self.pass_max)
        return found is self.pass_value if self.type == "boolean" else found in self.pass_labels

    @property
    def has_criterion(self) -> bool:
        """Tell whether anything can pass or fail."""
        if self.type == "numeric":
            return self.pass_min is not None or self.pass_max is not None
        return self.pass_value is not None if self.type == "boolean" else bool(self.pass_labels)

    @property
    def accepted(self) -> str:
        """Return in words what values it takes."""
        if self.type == "numeric":
            low, high = self.min, self.max
            if low is not None and high is not None:
                return f"a number from {low:g} to {high:g}"
            return f"a number of at least {low:g}" if low is not None else _up_to(high)
        if self.type == "boolean":
            return "yes or no"
        return f"one of {', '.join(self.labels)}" if self.labels else "a text"

    @property
    def choices(self) -> tuple[bool | float | str, ...]:
        """Return the values a person chooses from, where they are few: labels, yes and no, a short scale."""
        if self.type == "boolean":
            return (True, False)
        if self.type == "categorical":
            return self.labels
        if self.type == "text" or self.min is None or self.max is None:
            return ()
        steps = self.max - self.min
        whole = self.min == int(self.min) and self.max == int(self.max)
        return tuple(int(self.min) + n for n in range(int(steps) + 1)) if whole and 1 < steps <= 10 else ()

    def facts(self) -> dict[str, Json]:
        """Return it as JSON, and what it accepts in words."""
        return {**as_facts(self), "accepts": self.accepted}

    def _fits(self, value: bool | float | str) -> bool:
        if self.type == "categorical":
            return value in self.labels
        if self.type != "numeric" or isinstance(value, str):
            return True
        return (self.min is None or value >= self.min) and (self.max is None or value <= self.max)


@dataclass(frozen=True)
class ScoreStats:
    """What many scores of one name come to."""

    down: int
    """Thumbs down of end users."""
    mean: float | None
    """Of those that are numbers, yes as 1."""
    count: int
    passed: int
    """Of those that count (the newest by one author on one thing), how many pass by the definition of the score."""
    judged: int
    """How many could pass; 0 where the score is not defined, or without a criterion."""

    @property
    def pass_rate(self) -> float | None:
        """The share that passed, None where none could."""
        return self.passed / self.judged if self.judged else None


def score_definition(
    name: str, *, type: str | None = None, on: str = "turn", rubric: str = "", min: float | None = None,
    max: float | None = None, labels: Sequence[str] = (), pass_min: float | None = None,
    pass_max: float | None = None, pass_labels: Sequence[str] = (), pass_value: bool | None = True,
) -> ScoreDefinition:  # fmt: skip
    """Say what scores of a name have to be; give it to `ConvoTrace(score_definitions=[…])`.

    Args:
        name: Name of the scores.
        type: `numeric`, `boolean`, `categorical` or `text`; told by the other arguments when None.
        on: What it judges: `turn`, `session` or `span`.
        rubric: What an annotator reads beside it: when to give which value.
        min: Least number.
        max: Greatest number.
        labels: The words of a categorical score, in the order of their keys 1 to 9.
        pass_min: Numbers of at least this pass.
        pass_max: Numbers of at most this pass.
        pass_labels: The labels that pass.
        pass_value: Whether yes (True) or no (False) passes; None for neither.

    Raises:
        SettingsError: One of these cannot be used.
    """
    kind = type or ("categorical" if labels else "numeric" if _has_number(min, max, pass_min, pass_max) else "boolean")
    made = ScoreDefinition(
        name, kind, on, rubric, min, max, tuple(labels), pass_min, pass_max, tuple(pass_labels), pass_value
    )
    _check(made)
    return made


def from_facts(facts: Mapping[str, Any]) -> ScoreDefinition:
    """Return the definition that JSON tells of; names it does not know are left out.

    Raises:
        SettingsError: It cannot be used.
    """
    known = {field.name for field in fields(ScoreDefinition)}
    given = {name: value for name, value in facts.items() if name in known and value is not None}
    for name in ("labels", "pass_labels"):
        if not isinstance(given.get(name, []), (list, tuple)):
            raise SettingsError(f"{name} came as {_shown(given[name])}; use a list of words.")
    if "pass_value" in facts:
        given["pass_value"] = facts["pass_value"]
    return score_definition(str(given.pop("name", "")), **given)


def as_facts(it: ScoreDefinition) -> dict[str, Json]:
    """Return a definition as the JSON that `from_facts` reads."""
    told: dict[str, Json] = {field.name: getattr(it, field.name) for field in fields(it)}
    return told | {"labels": list(it.labels), "pass_labels": list(it.pass_labels)}


def tallied(
    definitions: Mapping[str, ScoreDefinition], counts: Mapping[str, Sequence[tuple[Any, int]]]
) -> dict[str, Mapping[str, int]]:
    """Return of each defined score how many values passed and how many could.

    Args:
        definitions: By name.
        counts: Of each score the values, with how often each was given.
    """
    found: dict[str, Mapping[str, int]] = {}
    for name, values in counts.items():
        if (known := definitions.get(name)) is None or not known.has_criterion:
            continue
        judged = [(known.passed(value), number) for value, number in values]
        of = sum(number for passed, number in judged if passed is not None)
        if of:
            found[name] = {"passed": sum(number for passed, number in judged if passed), "of": of}
    return found


def _check(it: ScoreDefinition) -> None:
    if not isinstance(it.name, str) or not 0 < len(it.name.strip()) <= _LONGEST_NAME:
        raise SettingsError(f"name came as {_shown(it.name)}; use a text of 1 to {_LONGEST_NAME} characters.")
    for word, value, accepted in (("type", it.type, TYPES), ("on", it.on, TARGETS)):
        if value not in accepted:
            raise SettingsError(f"{word} of {it.name} came as {_shown(value)}; use one of {', '.join(accepted)}.")
    if not isinstance(it.rubric, str) or len(it.rubric) > _LONGEST_RUBRIC:
        raise SettingsError(f"rubric of {it.name} is no text of at most {_LONGEST_RUBRIC:,} characters.")
    _check_numbers(it)
    _check_labels(it)


def _check_numbers(it: ScoreDefinition) -> None:
    for word in ("min", "max", "pass_min", "pass_max"):
        value = getattr(it, word)
        if value is not None and _number(value) is None:
            raise SettingsError(f"{word} of {it.name} came as {_shown(value)}; use a number.")
        if value is not None and it.type != "numeric":
            raise SettingsError(f"{word} of {it.name} is for numbers, and its type is {it.type}; leave it out.")
    if it.min is not None and it.max is not None and it.min >= it.max:
        raise SettingsError(f"min of {it.name} is {it.min:g} and max {it.max:g}; min has to be the lower one.")


def _check_labels(it: ScoreDefinition) -> None:
    if not all(isinstance(one, str) and 0 < len(one) <= _LONGEST_LABEL for one in (*it.labels, *it.pass_labels)):
        raise SettingsError(f"labels of {it.name} have to be words of 1 to {_LONGEST_LABEL} characters.")
    if (it.type == "categorical") != bool(it.labels) or len(it.labels) > _MOST_LABELS:
        raise SettingsError(
            f"{it.name} is {it.type} with {len(it.labels)} labels; only categorical takes some, 1 to 50."
        )
    for one in it.pass_labels:
        if one not in it.labels:
            raise SettingsError(f"pass_labels of {it.name} has {_shown(one)}; use some of {', '.join(it.labels)}.")


def _has_number(*values: float | None) -> bool:
    return any(value is not None for value in values)


def _up_to(high: float | None) -> str:
    return "a number" if high is None else f"a number of at most {high:g}"


def _number(value: Any) -> float | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        try:
            value = float(value) if any(mark in value for mark in ".eE") else int(value)
        except ValueError:
            return None
    return value if isinstance(value, (int, float)) and math.isfinite(value) else None


def _boolean(value: Any) -> bool | None:
    if isinstance(value, str):
        return {"true": True, "yes": True, "false": False, "no": False}.get(value.strip().lower())
    return bool(value) if value in (0, 1) else None


def _word(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


_READERS: dict[str, Any] = {"numeric": _number, "boolean": _boolean, "categorical": _word, "text": _word}


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:59]}…"
