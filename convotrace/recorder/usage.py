"""Token counts as the app tells them: under our names, or as the object that a client gave it."""

from __future__ import annotations

from dataclasses import fields

from convotrace.dialects.messages import as_usage
from convotrace.dialects.vendor_usage import vendor_usage
from convotrace.model import Json, Usage

_MANY = 1 << 53
_OURS = frozenset(field.name for field in fields(Usage))


def told_usage(value: Json) -> Usage | None:
    """Return token counts as one record; None when there are none.

    Anthropic and Bedrock leave cached tokens out of the input. Our own names say what the record says.
    """
    if not isinstance(value, dict):
        return None
    if value and value.keys() <= _OURS and all(type(count) is int and 0 <= count < _MANY for count in value.values()):
        return Usage(**value)  # as most calls say it: nothing is left to be read
    return as_usage(value) if _OURS & value.keys() else vendor_usage(value) or as_usage(value)
