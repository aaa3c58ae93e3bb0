"""Event streams → the text they carried: server-sent events and JSON lines. Dialects of vendors come later."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from convotrace.exchange.bodies import loads
from convotrace.model import Json

DELTA_FIELDS = ("delta", "token", "reply", "answer", "output", "response", "content", "text")
_LINE_END = re.compile("\r\n|\r|\n")


def sse_data(text: str) -> Iterator[str]:
    """Yield the data of each event of a `text/event-stream` (WHATWG HTML, section 9.2.6)."""
    lines: list[str] = []
    for line in _LINE_END.split(text.removeprefix("\ufeff")):
        if not line and lines:
            yield "\n".join(lines)
            lines = []
        name, _, value = line.partition(":")
        if name == "data":
            lines.append(value.removeprefix(" "))


def json_lines(text: str) -> Iterator[str]:
    """Yield the lines of NDJSON that are not blank."""
    return (line for line in _LINE_END.split(text) if line.strip())


def stream_text(parts: Iterable[str], plain: bool) -> tuple[bool, str | None]:
    """Return whether a stream's parts carry a reply, and its text put together.

    A JSON object contributes the first of the delta fields that holds a text. Anything else but `[DONE]` contributes
    itself if `plain`, for a stream of bare words may as well be a heartbeat: a JSON text what it says, and also `42`,
    `true` and what is no JSON are words.
    """
    pieces: list[str] = []
    for part in parts:
        value = loads(part)
        if isinstance(value, Mapping):
            pieces.extend(_delta(value))
        elif plain and part != "[DONE]":
            pieces.append(value if isinstance(value, str) else part)
    return bool(pieces), "".join(pieces) if pieces else None


def _delta(value: Mapping[str, Json]) -> Iterator[str]:
    for name in DELTA_FIELDS:
        if isinstance(value.get(name), str):
            yield value[name]
            return
