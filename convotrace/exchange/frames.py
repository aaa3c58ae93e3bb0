"""The binary frames of `application/vnd.amazon.eventstream` → JSON values, an object for each.

A frame: length, length of the headers, checksum of both, headers, payload, checksum (4 bytes each, big-endian).
"""

from __future__ import annotations

import base64
import binascii
import zlib
from collections.abc import Iterator, Mapping

from convotrace.exchange.jsontext import UNREADABLE, loads
from convotrace.model import Json

_PRELUDE = 12
_CHECKSUM = 4
_STRING = 7
_SIZES = {0: 0, 1: 0, 2: 1, 3: 2, 4: 4, 5: 8, 8: 8, 9: 16}


def begins_with_frame(body: bytes) -> bool:
    """Tell whether a body begins with a frame: its first checksum is right."""
    return len(body) > _PRELUDE and int.from_bytes(body[8:_PRELUDE]) == zlib.crc32(body[:8])


def frames(body: bytes) -> Iterator[dict[str, Json]]:
    """Yield the frames of a body under the name of their event; a cut or broken one ends it.

    What a model answers in its own JSON, wrapped in base64, is unwrapped.
    """
    place = 0
    while place + _PRELUDE + _CHECKSUM <= len(body):
        size, head = int.from_bytes(body[place : place + 4]), int.from_bytes(body[place + 4 : place + 8])
        start = place + _PRELUDE
        if start + head + _CHECKSUM > place + size or place + size > len(body):
            return
        headers = dict(_headers(body[start : start + head]))
        yield _frame(headers, body[start + head : place + size - _CHECKSUM])
        place += size


def _frame(headers: Mapping[str, str], payload: bytes) -> dict[str, Json]:
    value = loads(payload)
    if value is UNREADABLE:
        value = payload.decode("utf-8", "replace")
    if ":exception-type" in headers or ":error-code" in headers:
        return {"error": value or headers.get(":error-message")}
    name = headers.get(":event-type", "")
    if name == "chunk" and isinstance(value, dict) and isinstance(value.get("bytes"), str):
        return _unwrapped(value["bytes"])
    return {name: value}


def _unwrapped(encoded: str) -> dict[str, Json]:
    try:
        inner = base64.b64decode(encoded)
    except (binascii.Error, ValueError):
        return {"chunk": {"bytes": encoded}}
    value = loads(inner)
    return value if isinstance(value, dict) else {"chunk": {"text": inner.decode("utf-8", "replace")}}


def _headers(data: bytes) -> Iterator[tuple[str, str]]:
    place = 0
    while place < len(data):
        length = data[place]
        name = data[place + 1 : place + 1 + length].decode("utf-8", "replace")
        place += 1 + length
        kind = data[place : place + 1]
        place += 1
        if kind and kind[0] in _SIZES:
            place += _SIZES[kind[0]]
            continue
        size = int.from_bytes(data[place : place + 2])
        if kind and kind[0] == _STRING:
            yield name, data[place + 2 : place + 2 + size].decode("utf-8", "replace")
        place += 2 + size
