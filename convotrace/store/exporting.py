"""Sessions read one after the other and handed out as bytes, so that an export of any size needs the memory of one."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from convotrace import formats
from convotrace.errors import BadRequest
from convotrace.export import TABLES, as_markdown, dump, exactly
from convotrace.export.redacted import without_words
from convotrace.model import Attachment, Conversation, Trace
from convotrace.store import attachments, conversations, frames, listing
from convotrace.store.opening import Opened

FORMATS = ("jsonl", "csv", "markdown")
"""Beside what rooms above make: `formats` knows it."""
_PAGE = 200


def export(
    opened: Opened, q: str | None, format: str, what: str, redact: bool = False, now_ns: int | None = None
) -> Iterator[bytes]:
    """Return the parts of an export, the header first; see `Store.export`."""
    _check(format, what)
    # The first page is asked for at once: a filter that cannot be read is to raise here, and not at the first part.
    found = _found(opened, q, time.time_ns() if now_ns is None else now_ns)
    return _parts(opened, found, format, what, redact)


def export_one(opened: Opened, session_id: str, format: str, what: str, redact: bool) -> Iterator[bytes] | None:
    """Return the parts of an export of one session; None where there is none."""
    _check(format, what)
    whole = conversations.by_id(opened, session_id, time.time_ns())
    return None if whole is None else _parts(opened, iter((whole,)), format, what, redact)


def dataframe(opened: Opened, q: str | None, what: str) -> Any:
    """Return a table as a data frame; see `Store.dataframe`."""
    _check("csv", what)
    return frames.frame(_found(opened, q, time.time_ns()), what)


def _check(format: str, what: str) -> None:
    if format not in (*FORMATS, *formats.names()):
        raise BadRequest(f"format came as {format!r}; use one of {', '.join((*FORMATS, *formats.names()))}.")
    if what not in TABLES:
        raise BadRequest(f"what came as {what!r}; use one of {', '.join(TABLES)}.")


def _parts(opened: Opened, found: Iterator[Conversation], format: str, what: str, redact: bool) -> Iterator[bytes]:
    if redact:
        found = map(without_words, found)
    if format == "csv":
        return _table(found, what)
    if format == "markdown":
        return map(_markdown, found)
    return map(_line(opened) if format == "jsonl" else formats.maker(format), found)


def _found(opened: Opened, q: str | None, now_ns: int) -> Iterator[Conversation]:
    first = listing.sessions(opened, q, "started", _PAGE, None)

    def walk() -> Iterator[Conversation]:
        page = first
        while True:
            for session in page:
                # One that was deleted meanwhile is left out.
                whole = conversations.by_id(opened, session.id, now_ns)
                if whole is not None:
                    yield whole
            if page.next is None:
                return
            page = listing.sessions(opened, q, "started", _PAGE, page.next)

    return walk()


def _table(found: Iterator[Conversation], what: str) -> Iterator[bytes]:
    table = TABLES[what]
    yield table.header().encode()
    for conversation in found:
        if lines := table.lines(conversation):
            yield lines.encode()


def _line(opened: Opened) -> Callable[[Conversation], bytes]:
    def line(conversation: Conversation) -> bytes:
        session_id = conversation.session.id
        traces = tuple(_with_files(opened, session_id, trace) for trace in conversation.traces)
        return dump(exactly(replace(conversation, traces=traces))) + b"\n"

    return line


def _with_files(opened: Opened, session_id: str, trace: Trace) -> Trace:
    if not trace.attachments:
        return trace
    return replace(trace, attachments=tuple(_whole(opened, session_id, one) for one in trace.attachments))


def _whole(opened: Opened, session_id: str, one: Attachment) -> Attachment:
    return (attachments.by_id(opened, session_id, one.id) or one) if one.stored else one


def _markdown(conversation: Conversation) -> bytes:
    return as_markdown(conversation).encode("utf-8", "replace") + b"\n"
