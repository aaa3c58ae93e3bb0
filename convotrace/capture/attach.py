"""The verb that attaches a file to the current trace. Only what is in memory, or open, is copied at the call."""

from __future__ import annotations

import inspect
import os
from typing import Any

from convotrace.capture.current import here, trace_of
from convotrace.capture.spans import open_event, settle
from convotrace.exchange.filetypes import HEAD, as_type
from convotrace.recorder import OpenAttachment, OpenTrace, text_of
from convotrace.recorder.attached import MAX_ATTACHMENT, TOO_LARGE, UNREADABLE

_ADDRESS = ("http://", "https://")
_LONGEST_ADDRESS = 8_192


def attach(what: Any, name: str | None = None, type: str | None = None) -> None:
    """Attach a file to the current trace; up to 8 MiB of a file and 32 MiB of a trace are kept, of more only the size.

    Args:
        what: Bytes, copied now; a `pathlib.Path`, read a moment later and not inside the request; an open file or an
            upload of a framework, read from its beginning now and put back where it stood; an address
            (`http://`, `https://`), noted and never fetched; any other text, which becomes a text file.
        name: What to call it; its own name by default.
        type: Media type, such as `image/png`; by default told by its first bytes, else by its name.
    """
    node = here()
    if node is None:
        return
    trace = trace_of(node)
    try:
        file = _opened(trace, what)
    except Exception:  # a file of the app's own, which may be closed, gone or anything else
        file = OpenAttachment(left_out=UNREADABLE)
    if file is None:
        trace.note(open_event(trace, "not_attached", "warning", {"type": _kind(what)}))
    else:
        file.name = file.name if name is None else text_of(name)
        file.type = file.type if type is None else as_type(text_of(type))
        trace.attach(file)
    settle(trace)


def _opened(trace: OpenTrace, what: Any) -> OpenAttachment | None:
    if isinstance(what, (bytes, bytearray, memoryview)):
        return _of_bytes(trace, what)
    if isinstance(what, str):
        return _of_text(trace, str.__str__(what))
    if isinstance(what, os.PathLike):
        path = os.path.abspath(os.fsdecode(what))
        return OpenAttachment(name=os.path.basename(path), path=path)
    source = getattr(what, "file", getattr(what, "stream", what))
    read = getattr(source, "read", None)
    if not callable(read) or inspect.iscoroutinefunction(read):
        return None
    return _of_file(trace, what, source)


def _of_bytes(trace: OpenTrace, what: bytes | bytearray | memoryview) -> OpenAttachment:
    view = memoryview(what)
    file = OpenAttachment()
    if view.nbytes > MAX_ATTACHMENT:
        trace.fill(file, view.cast("B")[:HEAD].tobytes(), view.nbytes)
    else:
        # Bytes that cannot change need no copy.
        trace.fill(file, what if type(what) is bytes else view.tobytes(), view.nbytes)
    return file


def _of_text(trace: OpenTrace, text: str) -> OpenAttachment:
    if text[:8].lower().startswith(_ADDRESS):
        fits = len(text) <= _LONGEST_ADDRESS
        return OpenAttachment(url=text) if fits else OpenAttachment(left_out=TOO_LARGE)
    file = OpenAttachment()
    if len(text) <= MAX_ATTACHMENT:
        data = text.encode("utf-8", "replace")
        trace.fill(file, data, len(data))
    else:
        trace.fill(file, text[:HEAD].encode("utf-8", "replace"), len(text) if text.isascii() else None)
    return file


def _of_file(trace: OpenTrace, what: Any, source: Any) -> OpenAttachment:
    file = OpenAttachment(name=_own_name(what))
    told = getattr(what, "content_type", None)
    file.type = as_type(told) if isinstance(told, str) else None
    if not source.seekable():
        # What can be read only once is the app's to read.
        file.left_out = UNREADABLE
        return file
    place = source.tell()
    try:
        source.seek(0)
        found = source.read(MAX_ATTACHMENT + 1)
        data = found.encode("utf-8", "replace") if isinstance(found, str) else bytes(found)
        whole = len(found) <= MAX_ATTACHMENT
        size = len(data) if whole else source.seek(0, os.SEEK_END) if isinstance(found, bytes) else None
    finally:
        source.seek(place)
    trace.fill(file, data, size)
    return file


def _own_name(what: Any) -> str | None:
    for attribute in ("filename", "name"):
        own = getattr(what, attribute, None)
        if isinstance(own, str) and own:
            return os.path.basename(own.replace("\\", "/"))
    return None


def _kind(what: Any) -> str:
    # By its type alone: asking the value for its class may run code of its own.
    return type(what).__name__
