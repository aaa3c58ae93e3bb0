"""Event streams and lines of JSON → their parts. What the parts say is decided elsewhere."""

from __future__ import annotations

import re
from collections.abc import Iterator

from convotrace.exchange.answer import Part
from convotrace.exchange.jsontext import UNREADABLE, cut_off, loads

_LINE_END = re.compile("\r\n|\r|\n")
_BOM = "\ufeff"


def sse_parts(text: str) -> Iterator[Part]:
    """Yield the events of a `text/event-stream` that have data (WHATWG HTML, section 9.2.6).

    The standard drops an event that no blank line ends; one that is a whole object is kept, for some servers forget
    the line, and one that is the beginning of an object is marked as cut.
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
    last = _last(event, "\n".join(lines))
    if isinstance(last.value, dict) or last.cut:
        yield last


def line_parts(text: str) -> Iterator[Part]:
    """Yield the lines that are not blank; of an object that was cut off what it held."""
    lines = _LINE_END.split(text.lstrip(_BOM))
    for number, line in enumerate(lines, 1):
        part = _part("", line) if number < len(lines) else _last("", line)
        if line.strip() and not (part.value is UNREADABLE and line.startswith("{")):
            yield part


def object_lines(text: str) -> list[Part]:
    """Return the lines that are objects: lines of JSON under another content type."""
    return [part for part in line_parts(text) if isinstance(part.value, dict)]


def _last(event: str, raw: str) -> Part:
    part = _part(event, raw)
    if part.value is not UNREADABLE or raw[:1] not in ("{", "["):
        return part
    value = cut_off(raw)
    return Part(event, value, raw, cut=True) if value and value is not UNREADABLE else part


def _part(event: str, raw: str) -> Part:
    # Most words are no JSON, and the parser takes its time to say so.
    value = loads(raw) if raw and (raw[0] in '{["' or raw.strip()[:1] in '{["') else UNREADABLE
    return Part(event, value, raw)
