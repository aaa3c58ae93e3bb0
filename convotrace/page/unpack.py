"""Content codings of what is sent to the page: gzip is undone in pieces, and only where its size is allowed."""

from __future__ import annotations

import io
import zlib
from collections.abc import Generator, Iterator

_PIECE = 64 * 1024
_MAX_MEMBERS = 100
_GZIP = 16 + zlib.MAX_WBITS


class TooLarge(ValueError):
    """What was sent becomes larger than the limit."""


class Damaged(ValueError):
    """What was sent is no gzip, or ends too early."""


def gunzip(body: bytes, limit: int) -> bytes:
    """Return a gzip body unpacked; it is measured first, so that a bomb costs time within the limit and no memory.

    Args:
        body: One or several gzip members in a row.
        limit: Bytes that it may become.

    Raises:
        TooLarge: It becomes more.
        Damaged: It is no gzip, or not all of it came.
    """
    size = 0
    for piece in _pieces(body):
        size += len(piece)
        if size > limit:
            raise TooLarge
    found = io.BytesIO()
    for piece in _pieces(body):
        found.write(piece)
    return found.getvalue()


def _pieces(body: bytes) -> Iterator[bytes]:
    view, at = memoryview(body), 0
    for _ in range(_MAX_MEMBERS):
        at = yield from _member(view, at)
        if at == len(view) or (not view[at] and not bytes(view[at:]).strip(b"\0")):  # members may be padded
            return
    raise Damaged("The body has too many gzip members.")


def _member(view: memoryview, at: int) -> Generator[bytes, None, int]:
    """Yield what the member at a place holds; return the place behind it."""
    stream = zlib.decompressobj(_GZIP)
    try:
        while not stream.eof:
            fresh = b"" if stream.unconsumed_tail else view[at : at + _PIECE]
            at += len(fresh)
            piece = stream.decompress(stream.unconsumed_tail or fresh, _PIECE)
            if not piece and not fresh and not stream.unconsumed_tail and not stream.eof:
                raise Damaged("The gzip body ends too early.")
            yield piece
    except zlib.error:
        raise Damaged("The body is no gzip.") from None
    return at - len(stream.unused_data)
