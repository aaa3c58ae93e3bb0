"""A multipart form (RFC 7578) → its parts. Not by the email package: a hostile body keeps that busy for seconds.

What the fields mean is decided elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import unquote

from convotrace.quick import record

_MAX_PARTS = 10_000
_MAX_HEAD = 8_192
_BOUNDARY = re.compile(r'boundary=(?:"([^"]{1,200})"|([^;\s]{1,200}))', re.IGNORECASE)
_PARAMETER = re.compile(r';\s*(name|filename\*?)=(?:"((?:[^"\\]|\\.)*)"|([^;\s]+))', re.IGNORECASE)
_QUOTED = re.compile(r"\\([\\\"])")


@record(frozen=True, slots=True)
class Upload:
    """A file of a form as it stands in the decoded body: without its bytes; a size of None is not known."""

    name: str
    type: str
    size: int | None


@record(frozen=True, slots=True)
class Part:
    """One part: its field name, the file name where it is a file, its content type, its bytes, as many as came."""

    name: str
    filename: str | None
    content_type: str
    data: bytes
    whole: bool = True


def parts(body: bytes, content_type: str) -> Iterator[Part]:
    """Yield the parts of a form; of a cut body also the last one, as far as it came."""
    found = _BOUNDARY.search(content_type)
    if found is None:
        return
    delimiter = b"\r\n--" + (found[1] or found[2]).encode("utf-8", "replace")
    pieces = (b"\r\n" + body).split(delimiter, _MAX_PARTS)
    for place, piece in enumerate(pieces[1:_MAX_PARTS], 2):
        if piece.startswith(b"--"):
            return
        head, blank, data = piece.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        if blank and len(head) <= _MAX_HEAD:
            yield _part(head.decode("utf-8", "replace"), data, whole=place < len(pieces))


def _part(head: str, data: bytes, whole: bool) -> Part:
    headers: dict[str, str] = {}
    for line in head.split("\r\n"):
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    given = _parameters(headers.get("content-disposition", ""))
    return Part(given.get("name", ""), given.get("filename"), headers.get("content-type", ""), data, whole)


def _parameters(disposition: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, quoted, token in _PARAMETER.findall(disposition):
        value = token or _QUOTED.sub(r"\1", quoted)
        if name.endswith("*"):
            name, value = name[:-1], unquote(value.rpartition("'")[2])
        found[name.lower()] = value
    return found
