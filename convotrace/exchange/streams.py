"""Event streams and lines of JSON → their parts. What the parts say is decided elsewhere."""

from __future__ import annotations

import re
from collections.abc import Iterator

from convotrace.exchange.answer import Part
from convotrace.exchange.jsontext import UNREADABLE, loads

_LINE_END = re.compile("\r\n|\r|\n")
_BOM = "\ufeff"


def sse_parts(text: str) -> Iterator[Part]:
    """Yield the events of a `text/event-stream` that have data (WHATWG HTML, section 9.2.6).

    The standard drops an event that no blank line ends; one that is a whole object is kept, for some servers forget
    the line.
    """
    event, lines = "", list[str]()
    for line in _LINE_END.split(text):
        if not line:
            if lines:
                yield _part(event, "\n".join(lines))
            event, lines = "", []
            continue
        name, _, value = line.partition(":")
        name = name.lstrip(_BOM)
        if name == "data":
            lines.append(value.removeprefix(" "))
        elif name == "event":
            event = value.removeprefix(" ")
    last = _part(event, "\n".join(lines))
    if isinstance(last.value, dict):
        yield last


def line_parts(text: str) -> Iterator[Part]:
    """Yield the lines that are not blank, but for an object that was cut off."""
    for line in _LINE_END.split(text.lstrip(_BOM)):
        part = _part("", line)
        if line.strip() and not (part.value is UNREADABLE and line.startswith("{")):
            yield part


def object_lines(text: str) -> list[Part]:
    """Return the lines that are objects: lines of JSON under another content type."""
    return [part for part in line_parts(text) if isinstance(part.value, dict)]


def _part(event: str, raw: str) -> Part:
    # Most words are no JSON, and the parser takes its time to say so.
    value = loads(raw) if raw and (raw[0] in '{["' or raw.strip()[:1] in '{["') else UNREADABLE
    return Part(event, value, raw)
