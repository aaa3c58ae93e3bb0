"""Content codings of what is sent to the page: gzip is undone in pieces and never beyond a limit."""

from __future__ import annotations

import io
import zlib

_PIECE = 256 * 1024
_MAX_MEMBERS = 100
_GZIP = 16 + zlib.MAX_WBITS


class TooLarge(ValueError):
    """What was sent is larger than the limit, or becomes so."""


class Damaged(ValueError):
    """What was sent is no gzip, or ends too early."""


def gunzip(body: bytes, limit: int) -> bytes:
    """Return a gzip body unpacked; a bomb costs no more memory than the limit.

    Args:
        body: One or several gzip members in a row.
        limit: Bytes that it may become.

    Raises:
        TooLarge: It becomes more.
        Damaged: It is no gzip, or not all of it came.
    """
    found, rest = io.BytesIO(), body
    for _ in range(_MAX_MEMBERS):
        rest = _member(rest, found, limit)
        if not rest.strip(b"\0"):  # members may be padded
            return found.getvalue()
    raise Damaged("The body has too many gzip members.")


def _member(body: bytes, found: io.BytesIO, limit: int) -> bytes:
    """Unpack one member into `found`; return what follows it."""
    stream = zlib.decompressobj(_GZIP)
    try:
        while not stream.eof:
            piece = stream.decompress(body, _PIECE)
            body = stream.unconsumed_tail
            if not piece and not body and not stream.eof:
                raise Damaged("The gzip body ends too early.")
            if found.write(piece) and found.tell() > limit:
                raise TooLarge
    except zlib.error:
        raise Damaged("The body is no gzip.") from None
    return stream.unused_data
