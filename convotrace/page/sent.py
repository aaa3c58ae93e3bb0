"""What a form of the page, or a program as JSON, sent: one mapping of fields, read and refused in the same words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from convotrace.errors import BadRequest
from convotrace.page.http import MAX_BODY, first_of_each
from convotrace.page.visit import Visit


def sent(visit: Visit) -> Mapping[str, Any]:
    """Return the fields of a body: texts from a form, values of any type from JSON.

    Raises:
        BadRequest: It is too large, or neither.
    """
    request = visit.request
    if request.exceeds(MAX_BODY):
        raise BadRequest(f"The body is over {MAX_BODY // 1024} kB; send less.")
    if request.is_form:
        return first_of_each(request.body.decode("utf-8", "replace"))
    try:
        fields = orjson.loads(request.body)
    except ValueError:
        fields = None
    if not isinstance(fields, dict):
        raise BadRequest("The body is no JSON object; send one, as application/json.")
    return fields


def text_of(fields: Mapping[str, Any], name: str, most: int = 200) -> str:
    """Return a text, stripped; nothing where it is missing.

    Raises:
        BadRequest: It is no text, or a long one.
    """
    value = fields.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise BadRequest(f"{name} came as {type(value).__name__}; send a text.")
    if len(value) > most:
        raise BadRequest(f"{name} has {len(value):,} characters; send at most {most:,}.")
    return value.strip()


def number_of(fields: Mapping[str, Any], name: str, default: float) -> float:
    """Return a number, also one that a form wrote as a text.

    Raises:
        BadRequest: It is none.
    """
    value = fields.get(name)
    if value is None or value == "":
        return default
    try:
        return float(value) if not isinstance(value, bool) else float("nan")
    except (TypeError, ValueError):
        raise BadRequest(f"{name} came as {value!r:.60}; send a number.") from None


def whole_of(fields: Mapping[str, Any], name: str, default: int) -> int:
    """Return a whole number.

    Raises:
        BadRequest: It is none.
    """
    value = number_of(fields, name, default)
    if value != value or value != int(value):
        raise BadRequest(f"{name} came as {value:g}; send a whole number.")
    return int(value)
