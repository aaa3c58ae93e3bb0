"""Token counts as the app tells them: under our names, or as the object that a client gave it."""

from __future__ import annotations

from dataclasses import fields

from convotrace.dialects.messages import as_usage
from convotrace.dialects.vendor_usage import vendor_usage
from convotrace.model import Json, Usage

_OURS = frozenset(field.name for field in fields(Usage))


def told_usage(value: Json) -> Usage | None:
    """Return token counts as one record; None when there are none.

    Anthropic and Bedrock leave cached tokens out of the input. Our own names say what the record says.
    """
    if isinstance(value, dict) and not _OURS & value.keys():
        return vendor_usage(value) or as_usage(value)
    return as_usage(value)
