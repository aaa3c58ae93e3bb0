"""Content codings of a body: gzip and deflate are undone, within a limit; others are told apart from plain bytes."""

from __future__ import annotations

import zlib

MAX_INFLATED = 4 * 1024 * 1024
_MAX_MEMBERS = 100
_GZIP = ("gzip", "x-gzip")


def inflated(body: bytes, content_encoding: str) -> bytes | None:
    """Return a body without its content codings, as far as it came and up to `MAX_INFLATED`.

    None for a coding that cannot be undone: its bytes are no text.
    """
    codings = [coding.strip().lower() for coding in content_encoding.split(",")[:4]]
    for coding in reversed([coding for coding in codings if coding not in ("", "identity")]):
        if coding not in (*_GZIP, "deflate"):
            return None
        body = _undone(body, coding)
    return body


def _undone(body: bytes, coding: str) -> bytes:
    if coding in _GZIP:
        return _inflate(body, 16 + zlib.MAX_WBITS)
    # The standard asks for a zlib header, some servers leave it out.
    return _inflate(body, zlib.MAX_WBITS) or _inflate(body, -zlib.MAX_WBITS)


def _inflate(body: bytes, window: int) -> bytes:
    found = bytearray()
    for _ in range(_MAX_MEMBERS):
        stream = zlib.decompressobj(window)
        try:
            found += stream.decompress(body, MAX_INFLATED - len(found))
        except zlib.error:
            break
        # A gzip body may be several members in a row.
        body = stream.unused_data if window > zlib.MAX_WBITS else b""
        if not body or len(found) >= MAX_INFLATED:
            break
    return bytes(found)
