"""User values → JSON values, copied at once: what the app changes afterwards must not change the record."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Mapping, Set
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from numbers import Integral, Real
from pathlib import PurePath
from typing import Any
from uuid import UUID

from convotrace.model import Json
from convotrace.recorder.reprs import told

MAX_NODES = 20_000
"""Values with more parts than this are cut, visibly."""
MAX_DEPTH = 60
MAX_TEXT = 1 << 20
"""Longer texts are cut, visibly."""
MAX_REPR = 2_000

AS_IS = frozenset({bool, float, type(None)})
_AS_STR = (UUID, Decimal, PurePath)
WORD = 1 << 64
_FEW = 60
_TEXT = frozenset({str})
PART = 50


def plain(value: Any) -> Json:
    """Return a copy of a value made of JSON types only; never raises, never calls the network or the database.

    Dates become ISO text, enums their value, dataclasses and models with `model_dump` their fields, anything else
    its `repr`, cut at 2,000 characters.
    """
    if type(value) is str and len(value) <= MAX_TEXT:
        return value
    return _Copy().value(value, 0)


def plain_mapping(values: Mapping[str, Any]) -> dict[str, Json]:
    """Return the copy that `plain` makes of a mapping."""
    copied: dict[str, Json] = dict(values)
    if len(copied) > _FEW or not _are_plain(copied):
        copied = weighed(copied)[0]
    return copied


def _are_plain(copied: dict[str, Any]) -> bool:
    """Tell whether a new mapping is a whole copy, as most are: short lists in it are copied on the way."""
    for name, value in copied.items():
        kind = type(value)
        if type(name) is not str:
            return False
        if kind is str:
            if len(value) > MAX_TEXT:
                return False
        elif kind is tuple or kind is list:
            copied[name] = shallow = list(value)
            if len(shallow) > _FEW or _weight(shallow) is None:
                return False
        elif kind not in AS_IS and not (kind is int and -WORD < value < WORD):
            return False
    return True


def weighed(value: Any) -> tuple[Json, int]:
    """Return the copy that `plain` makes, and about how many bytes it holds."""
    kind = type(value)
    if kind is str and len(value) <= MAX_TEXT:
        return value, len(value)
    if (kind is dict or kind is list) and len(value) <= _FEW:
        shallow = value.copy()
        weight = _weight(shallow) if kind is list or _TEXT.issuperset(map(type, shallow)) else None
        if weight is not None:
            return shallow, weight
    copy = _Copy()
    return copy.value(value, 0), copy.texts + PART * (MAX_NODES - copy.left)


def _weight(values: Any) -> int | None:
    """Return what a copy of texts and numbers alone holds, as most are; None where it has to be made part by part."""
    weight = PART * (len(values) + 1)
    for value in values.values() if type(values) is dict else values:
        kind = type(value)
        if kind is str and len(value) <= MAX_TEXT:
            weight += len(value)
        elif kind not in AS_IS and not (kind is int and -WORD < value < WORD):
            return None
    return weight


def text_of(value: Any) -> str:
    """Return a value as a text: itself, or the text of its copy; never raises."""
    return value if type(value) is str else str(plain(value))


class _Copy:
    """One copy in progress; it counts its parts, so that an endless value ends."""

    __slots__ = ("left", "texts")

    def __init__(self) -> None:
        self.left = MAX_NODES
        self.texts = 0

    def value(self, value: Any, depth: int) -> Json:
        self.left -= 1
        kind = type(value)
        if kind is str:
            self.texts += len(value)
            return value if len(value) <= MAX_TEXT else f"{value[:MAX_TEXT]}[cut: {len(value)} characters]"
        if kind in AS_IS or (kind is int and -WORD < value < WORD):
            return value
        if depth > MAX_DEPTH:
            return "[cut: too deep]"
        try:
            if kind is dict:
                return self._mapping(value, depth)
            if kind is list or kind is tuple:
                return self._items(value, depth)
            return self._structure(value, depth)
        except BaseException as error:  # the user's own class; nothing of it may reach the request
            if isinstance(error, (KeyboardInterrupt, SystemExit)):
                raise
            return f"<{kind.__name__}: {type(error).__name__}>"

    def _structure(self, value: Any, depth: int) -> Json:
        # Asking for the type may already run code of the user's: a proxy answers for what it stands for.
        if isinstance(value, Mapping):
            return self._mapping(value, depth)
        if isinstance(value, (list, tuple, Set)):
            return self._items(value, depth)
        return self._other(value, depth)

    def _mapping(self, value: Mapping[Any, Any], depth: int) -> Json:
        copied: dict[str, Json] = {}
        try:
            for name, item in value.items():
                if self.left < 0:
                    copied["[cut]"] = "too many parts"
                    break
                copied[name if type(name) is str else text_of(name)] = self.value(item, depth + 1)
        except Exception as error:  # a mapping of the user's own, or one that another thread changes
            copied["[cut]"] = type(error).__name__
        return copied

    def _items(self, value: Any, depth: int) -> Json:
        copied: list[Json] = []
        try:
            for item in value:
                if self.left < 0:
                    copied.append("[cut: too many parts]")
                    break
                copied.append(self.value(item, depth + 1))
        except Exception as error:
            copied.append(f"[cut: {type(error).__name__}]")
        return copied

    def _other(self, value: Any, depth: int) -> Json:
        if isinstance(value, enum.Enum):
            return self.value(value.value, depth + 1)
        if isinstance(value, (str, int, float, Integral, Real)) and not isinstance(value, Decimal):
            return self._base(value)
        if isinstance(value, (datetime, date, time)):
            return value.isoformat()
        if isinstance(value, timedelta):
            return value.total_seconds()
        if isinstance(value, _AS_STR):
            return str(value)
        if isinstance(value, (bytes, bytearray, memoryview)):
            return bytes(value[:MAX_REPR]).decode("utf-8", "backslashreplace")
        return self._object(value, depth)

    def _base(self, value: Any) -> Json:
        """Return a text or number of another class (a subclass, one of NumPy's) as the plain one."""
        if isinstance(value, str):
            return self.value(str.__str__(value), 0)
        if not isinstance(value, (int, Integral)):
            return float(value)
        number = int(value)
        if -WORD < number < WORD:
            return number
        return str(number) if number.bit_length() < 10_000 else f"<int of {number.bit_length()} bits>"

    def _object(self, value: Any, depth: int) -> Json:
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            fields = dataclasses.fields(value)
            return self.value({field.name: getattr(value, field.name, None) for field in fields}, depth + 1)
        dump = getattr(type(value), "model_dump", None)
        if dump is not None:
            return self.value(told(value, dump), depth + 1)
        return str(told(value))[:MAX_REPR]
