"""JSON values and texts as they stand in a column, and back, without loss.

What is stored where is decided elsewhere; nothing here raises for a value that a program could hold.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

import orjson

from convotrace.model import Json

_MAX_DEPTH = 250
_MAX_COUNT = (1 << 62) - 1
# A text that no database takes as it is (NUL, a lone surrogate) is kept as JSON behind this noncharacter.
_MARK = "\ufdd0"


def encode(value: Json) -> bytes:
    """Return a value as JSON bytes; what JSON cannot hold is written as text that shows what it was.

    A leading space marks what only the slow decoder reads back exactly (great integers, NaN, lone surrogates).
    """
    try:
        data = orjson.dumps(value)
    except (TypeError, ValueError, RecursionError):
        return _encode_slowly(value)
    # orjson writes NaN and the infinities as null, without a word.
    return _encode_slowly(value) if b"null" in data and holds_nan(value) else data


def made(value: Json) -> Json:
    """Return a value as JSON that is made already, for `dump` alone; itself where only the slow codec holds it."""
    try:
        return orjson.Fragment(orjson.dumps(value))
    except (TypeError, ValueError, RecursionError):
        return value


def decode(data: bytes) -> Json:
    """Return the value of JSON bytes; bytes that are no JSON come back as a text that says so."""
    try:
        return json.loads(data) if data[:1] == b" " else orjson.loads(data)
    except (ValueError, RecursionError):
        return f"[unreadable: {len(data)} bytes]"


def encode_column(value: Json) -> str | None:
    """Return a value as JSON text for a column, None for what is empty."""
    return encode(value).decode() if value else None


def decode_column(text: str | None) -> Json:
    """Return the value of a column of JSON text, None for none."""
    return None if text is None else decode(text.encode())


def countable(number: int) -> int:
    """Return a sum as the database takes it, and the sum of two: what others tell of tokens may add up to nonsense."""
    return max(-_MAX_COUNT, min(number, _MAX_COUNT))


def storable(text: Any) -> str | None:
    """Return a text in the form that every database takes: itself, unless it holds NUL or lone surrogates."""
    if text is None:
        return None
    whole = text if isinstance(text, str) else str(text)
    if whole.isascii() and "\0" not in whole:  # as most are, at once
        return whole
    return whole if _is_plain(whole) else _MARK + json.dumps(whole)


def original(text: str | None) -> str | None:
    """Return the text that `storable` was given."""
    if text is None or text[:1] != _MARK:  # a slice takes half the time of `startswith`
        return text
    try:
        return str(json.loads(text[1:]))
    except ValueError:
        return text


def searchable(text: str) -> str:
    """Return a text as it would stand inside a stored one."""
    return text if _is_plain(text) else json.dumps(text)[1:-1]


def holds_nan(value: Any) -> bool:
    """Tell whether a value holds a float that JSON does not."""
    if isinstance(value, float):
        return not math.isfinite(value)
    if isinstance(value, dict):
        return any(map(holds_nan, value.values()))
    return isinstance(value, (list, tuple)) and any(map(holds_nan, value))


def _is_plain(text: str) -> bool:
    if text.isascii():
        return "\0" not in text
    if "\0" in text or text[0] == _MARK:
        return False
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _encode_slowly(value: Any) -> bytes:
    try:
        return b" " + json.dumps(_as_json(value, ())).encode()
    except (ValueError, RecursionError):
        return encode(f"[unwritable: {type(value).__name__}]")


def _as_json(value: Any, above: tuple[int, ...]) -> Json:
    """Return a copy made of JSON types only; a cycle or a bottomless depth ends in a text."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if not isinstance(value, (Mapping, list, tuple, set, frozenset)):
        return _shown(value)
    if id(value) in above or len(above) > _MAX_DEPTH:
        return "[too deep]"
    inside = (*above, id(value))
    if isinstance(value, Mapping):
        return {k if isinstance(k, str) else _shown(k): _as_json(v, inside) for k, v in value.items()}
    return [_as_json(item, inside) for item in value]


def _shown(value: Any) -> str:
    try:
        return str(value)
    except Exception:  # a foreign __str__ may raise anything, and the rest of the record is worth keeping
        return f"[unprintable: {type(value).__name__}]"
