"""Values as they travel in attributes: JSON and numbers written as text, flattened lists. Reading never raises."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import orjson

from convotrace.dialects.names import told, under
from convotrace.model import Json

MAX_ITEMS = 2_000
"""Entries of a flattened list beyond this number are left out."""
_SCRUBBED = re.compile(
    r"\[(?:scrubbed|redacted|filtered|masked|removed|hidden)\b.{0,80}\]$|\*{3,}$|<(?:redacted|masked)>$|redacted$", re.I
)
_COUNTABLE = 1 << 53


def loaded(value: Json) -> Json:
    """Return the structure that a text holds as JSON, also that of each text of a list; any other value as it is."""
    if isinstance(value, str):
        return _loaded_text(value)
    if isinstance(value, (list, tuple)) and value and isinstance(value[0], str) and all(map(_is_text, value)):
        return [_loaded_text(item) for item in value]
    return list(value) if isinstance(value, tuple) else value


def _is_text(value: Json) -> bool:
    return isinstance(value, str)


def _loaded_text(text: str) -> Json:
    start = text.lstrip()[:1]
    if start not in ("{", "["):
        return text
    try:
        return orjson.loads(text)
    except ValueError:
        pass
    try:
        # Cut surrogates and NaN, which only the standard library reads.
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def unquoted(value: Json) -> Json:
    """Return a text without the quotes that JSON put around it."""
    if isinstance(value, str) and len(value) > 1 and value[0] == value[-1] == '"':
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


def as_word(value: Json) -> str | None:
    """Return a name, model or id; None where it is empty or no scalar."""
    value = unquoted(value)
    if type(value) is str:
        return value.strip() or None
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        return None
    return str(value).strip() or None


def as_known(value: Json) -> str | None:
    """Return an id, or None where a scrubber put something in its place."""
    word = as_word(value)
    return None if word is None or _SCRUBBED.match(word) else word


def first_word(value: Json) -> str | None:
    """Return a word, the first of several."""
    value = loaded(value)
    if isinstance(value, list):
        return next((word for item in value if (word := as_word(item))), None)
    return as_word(value)


def as_number(value: Json) -> float | None:
    """Return a finite number, also one written as text."""
    if isinstance(value, str):
        try:
            value = float(unquoted(value))
        except (ValueError, TypeError, OverflowError):
            return None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return value if abs(value) < _COUNTABLE and math.isfinite(value) else None


def as_count(value: Json) -> int | None:
    """Return a count of tokens or the like, also one written as text; None for none."""
    if type(value) is int and 0 <= value < _COUNTABLE:
        return value
    number = as_number(value)
    return int(number) if number is not None and number >= 0 else None


def as_list(value: Json) -> tuple[str, ...]:
    """Return tags: a list, JSON of one, or words with commas between them."""
    value = loaded(value)
    items: Iterable[Any] = value.split(",") if isinstance(value, str) else value if isinstance(value, list) else ()
    return tuple(dict.fromkeys(word for item in items if (word := as_word(item))))


def as_object(value: Json) -> dict[str, Json]:
    """Return a mapping, also one written as JSON; what is none is empty."""
    value = loaded(value)
    return value if isinstance(value, dict) else {}


def as_moment(value: Json) -> int | None:
    """Return an ISO-8601 moment as nanoseconds since 1970."""
    value = unquoted(value)
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value)
        since = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - datetime(1970, 1, 1, tzinfo=UTC)
    except (ValueError, OverflowError):
        return None
    return (since.days * 86_400 + since.seconds) * 10**9 + since.microseconds * 1000


def below(attributes: Mapping[str, Json], prefix: str) -> dict[str, Json]:
    """Return what stands under a prefix, by the rest of its name."""
    length = len(prefix)
    return {name[length:]: attributes[name] for name in under(attributes, prefix)}


def grown(attributes: Mapping[str, Json], prefix: str) -> list[Json]:
    """Return the list that was flattened under a prefix: `prefix.N.a.b` is field a.b of its entry N.

    Gaps close up; entries beyond `MAX_ITEMS` are left out; a name that is both a leaf and a branch keeps its branch.
    """
    plan = told(attributes, _planned, prefix + ".")
    return [_filled(entry, attributes) for entry in plan] if type(plan) is tuple else []


# What grows of names: a name where its value belongs, a tuple where a list, a mapping where one.
_Plan = str | tuple["_Plan", ...] | Mapping[str, "_Plan"]


def _planned(names: tuple[str, ...], prefix: str) -> _Plan:
    tree: dict[str, Any] = {}
    for name in names:
        steps = name[len(prefix) :].split(".") if name.startswith(prefix) else []
        if 1 <= len(steps) <= 12 and steps[0].isdigit():
            _grow(tree, steps, name)
    return _in_order(tree)


def _grow(branch: dict[str, Any], steps: list[str], name: str) -> None:
    for step in steps[:-1]:
        inner = branch.get(step)
        if not isinstance(inner, dict):
            inner = branch[step] = {}
        branch = inner
    if not isinstance(branch.get(steps[-1]), dict):
        branch[steps[-1]] = name


def _in_order(tree: str | Mapping[str, Any]) -> _Plan:
    if isinstance(tree, str):
        return tree
    if tree and all(step.isdecimal() and step.isascii() for step in tree):
        ordered = sorted(tree, key=lambda step: (len(step.lstrip("0")), step))[:MAX_ITEMS]
        return tuple(_in_order(tree[step]) for step in ordered)
    return {step: _in_order(item) for step, item in tree.items()}


def _filled(plan: _Plan, attributes: Mapping[str, Json]) -> Json:
    if type(plan) is str:
        return attributes[plan]
    if type(plan) is tuple:
        return [_filled(item, attributes) for item in plan]
    return {step: _filled(item, attributes) for step, item in plan.items()}  # type: ignore[union-attr]
