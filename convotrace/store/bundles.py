"""How contents are named and held: in rows of their own, or in that of the trace that was the first to bring them.

In the row of a trace they are pressed with all that it says, which they repeat. Such a content is named by the key of
its trace, a mark of what was bundled there, and its number; one in a row of its own by its hash. Where a trace is
deleted and its session stays, they become rows of their own under the names that they have.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from convotrace.store.rows import ContentRow

PLAIN, ZLIB, CHAIN, FILE, JOINT = 0, 1, 2, 3, 4
"""How a content is held. A file is no JSON, and is read only where it is asked for; JOINT is in bundles alone."""

HASH_BYTES = 16
PLACE_BYTES = 8
"""Of the name of a content in the row of a trace, those that tell which."""

NO_BASE = bytes(HASH_BYTES)

_MARK_BYTES = 6
_END, _ZERO = b"\n", b"0"[0]


def place_of(tk: int) -> bytes:
    """Return what the names of contents begin with that stand in the row of a trace."""
    return tk.to_bytes(PLACE_BYTES, "big", signed=True)


def new_mark() -> bytes:
    """Return a mark that no other bundle of a trace has: a trace that is written again brings others."""
    return os.urandom(_MARK_BYTES)


def at_place(name: bytes) -> int:
    """Return the key of the trace in whose row a content stands by its name."""
    return int.from_bytes(name[:PLACE_BYTES], "big", signed=True)


def name_of(place: bytes, mark: bytes, number: int) -> bytes:
    """Return the name of a content by its number in a bundle."""
    return place + mark + number.to_bytes(2, "big")


def bundle(mark: bytes, contents: Sequence[tuple[int, bytes]]) -> bytes | None:
    """Return contents as one piece, each given as how it is held and itself; None for none.

    What is no text stands in it in hexadecimal digits, as in documents: the compressor knows them already.
    """
    if not contents:
        return None
    head, texts = [mark.hex().encode()], []
    for codec, data in contents:
        text = data.hex().encode() if codec == CHAIN else data
        head.append(b"%d%d" % (codec, len(text)))
        texts.append(text)
    return b"".join([b",".join(head), _END, *texts])


def bundled(sid: int, tk: int, data: bytes | None) -> list[ContentRow]:
    """Return the contents of a bundle as rows."""
    if not data:
        return []
    head, _, texts = data.partition(_END)
    mark, *sizes = head.split(b",")
    place, mark = place_of(tk), bytes.fromhex(mark.decode())
    rows: list[ContentRow] = []
    at = 0
    for number, size in enumerate(sizes):
        codec, end = size[0] - _ZERO, at + int(size[1:])
        body = bytes.fromhex(texts[at:end].decode()) if codec == CHAIN else texts[at:end]
        rows.append(ContentRow(sid, name_of(place, mark, number), codec, len(body), body))
        at = end
    return rows


def joint(parts: Sequence[bytes]) -> bytes:
    """Return a value whose long texts are contents: what stands before, between and behind them, with their names.

    Args:
        parts: In turn what stands there, and the name of a text.
    """
    head = [part.hex().encode() if number % 2 else b"%d" % len(part) for number, part in enumerate(parts)]
    return b",".join(head) + _END + b"".join(parts[::2])


def parts_of(body: bytes) -> list[bytes]:
    """Return the parts of which `joint` made a value."""
    head, _, rest = body.partition(_END)
    parts: list[bytes] = []
    at = 0
    for number, word in enumerate(head.split(b",")):
        if number % 2:
            parts.append(bytes.fromhex(word.decode()))
        else:
            parts.append(rest[at : at + int(word)])
            at += int(word)
    return parts


def list_of(body: bytes) -> tuple[bytes, int, list[bytes]]:
    """Return what a stored list grew from, how many items of that it keeps, and the names of those that it adds."""
    added = body[HASH_BYTES + 4 :]
    names = [added[at : at + HASH_BYTES] for at in range(0, len(added), HASH_BYTES)]
    return body[:HASH_BYTES], int.from_bytes(body[HASH_BYTES : HASH_BYTES + 4], "big"), names
