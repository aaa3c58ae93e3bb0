"""Records to JSON and back without loss: the fields of `model/` by their names, whole nanoseconds as decimal strings.

Beside each of those stands what people read: `started_at` beside `started_ns`, `duration_ms` beside `duration_ns`,
`cost` beside `cost_nano`. Reading ignores these, and every name it does not know.
"""

from __future__ import annotations

import base64
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from typing import Any, TypeVar

from convotrace import model
from convotrace.export.records import iso
from convotrace.model import Json

_T = TypeVar("_T")
_MOMENTS = frozenset({"started_ns", "last_ns", "ended_ns", "at_ns"})


def exactly(record: Any) -> dict[str, Json]:
    """Return a record of `model/` with every field, and all records in it, as JSON."""
    found: dict[str, Json] = {}
    for field in fields(record):
        value = getattr(record, field.name)
        found[field.name] = _exact(field.name, value)
        if field.name.endswith(("_ns", "_nano")):
            name, shown = _for_people(field.name, value)
            found[name] = shown
    return found


def from_exact(kind: type[_T], found: Mapping[str, Json]) -> _T:
    """Return the record that JSON tells of; what it leaves out has its default.

    Args:
        kind: A record type of `model/`.
        found: What `exactly` made of one.

    Raises:
        ValueError: A field lacks, or holds what it cannot; the sentence names it.
    """
    readers = _readers(typing.cast(type, kind))
    if not isinstance(found, Mapping):
        raise ValueError(f"{kind.__name__} came as {type(found).__name__}; it has to be an object.")
    values = {}
    for name, read in readers.items():
        if name in found:
            try:
                values[name] = read(found[name])
            except (TypeError, ValueError) as error:
                raise ValueError(f"{kind.__name__}.{name} cannot be read: {error}") from None
    try:
        return kind(**values)
    except TypeError as error:
        raise ValueError(f"{kind.__name__} lacks a field: {error}") from None


def _exact(name: str, value: Any) -> Json:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if is_dataclass(value):
        return exactly(value)
    if isinstance(value, tuple):
        return [_exact(name, item) for item in value]
    if value is not None and name.endswith(("_ns", "_nano")):
        return str(value)
    return dict(value) if isinstance(value, Mapping) else value


def _for_people(name: str, value: int | None) -> tuple[str, Json]:
    if name.endswith("_nano"):
        return name.removesuffix("_nano"), model.as_usd(value)
    stem = name.removesuffix("_ns")
    if name in _MOMENTS:
        return "at" if stem == "at" else f"{stem}_at", iso(value)
    return f"{stem}_ms", model.as_ms(value)


@cache
def _readers(kind: type) -> dict[str, Callable[[Any], Any]]:
    hints = typing.get_type_hints(kind)
    return {field.name: _reader(field.name, hints[field.name]) for field in fields(kind)}


def _reader(name: str, hint: Any) -> Callable[[Any], Any]:
    inner = [part for part in typing.get_args(hint) if part is not type(None)]
    if typing.get_origin(hint) is types.UnionType and len(inner) == 1:
        read = _reader(name, inner[0])
        return lambda value: None if value is None else read(value)
    if is_dataclass(hint):
        return lambda value: from_exact(hint, value)  # type: ignore[arg-type]
    if typing.get_origin(hint) is tuple:
        each = _reader(name, inner[0])
        return lambda value: tuple([each(item) for item in _array(value)])
    if name.endswith(("_ns", "_nano")):
        return int
    if hint in _PLAIN:
        return _checked(hint)
    return base64.b64decode if hint is bytes else _object if typing.get_origin(hint) is _MAPPING else _as_it_is


_MAPPING = typing.get_origin(Mapping[str, Any])
_PLAIN = (str, int, bool)


def _checked(kind: type) -> Callable[[Any], Any]:
    def read(value: Any) -> Any:
        # True is an int to Python, and no number to anybody else.
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise ValueError(f"{type(value).__name__} came; it has to be {kind.__name__}.")
        return value

    return read


def _array(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise ValueError(f"{type(value).__name__} came; it has to be an array.")
    return value


def _object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"{type(value).__name__} came; it has to be an object.")
    return value


def _as_it_is(value: Any) -> Any:
    return value
