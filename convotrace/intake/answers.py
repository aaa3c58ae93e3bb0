"""Answers to OTLP clients, in the content type of their request: export responses and `google.rpc.Status`."""

from __future__ import annotations

import orjson

from convotrace.model import Json

PROTOBUF = frozenset({"application/x-protobuf", "application/protobuf", "application/vnd.google.protobuf"})
JSON = frozenset({"application/json"})


def is_protobuf(content_type: str) -> bool:
    """Tell whether a request is, by its content type, in protobuf."""
    return content_type.partition(";")[0].strip().lower() in PROTOBUF


def answer(content_type: str, rejected: int = 0, message: str = "", signal: str = "traces") -> bytes:
    """Return the body that tells a client what was taken: nothing said is everything.

    Args:
        content_type: Of the request; the answer has the same.
        rejected: How many spans or records were refused.
        message: Why, or a warning where nothing was refused.
        signal: `traces` or `logs`.
    """
    counted = "rejectedSpans" if signal == "traces" else "rejectedLogRecords"
    if not is_protobuf(content_type):
        partial: dict[str, Json] = {counted: str(rejected), "errorMessage": message}
        return orjson.dumps({"partialSuccess": partial} if rejected or message else {})
    # Both responses have the same two fields, so their bytes do not need the package that reads requests.
    inner = _varint_field(1, rejected) + _text_field(2, message)
    return _field(1, inner) if inner else b""


def status(content_type: str, code: int, message: str) -> bytes:
    """Return a `google.rpc.Status`: an error in the words that OTLP clients log.

    Args:
        content_type: Of the request; the answer has the same.
        code: A gRPC status code, such as 3 for an invalid argument or 8 for too much.
        message: One sentence.
    """
    if not is_protobuf(content_type):
        return orjson.dumps({"code": code, "message": message})
    return _varint_field(1, code) + _text_field(2, message)


def _varint_field(number: int, value: int) -> bytes:
    return bytes([number << 3]) + _varint(value) if value else b""


def _text_field(number: int, text: str) -> bytes:
    return _field(number, text.encode("utf-8", "replace")) if text else b""


def _field(number: int, content: bytes) -> bytes:
    return bytes([number << 3 | 2]) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*found, value])
