"""Files that were attached by their path, read in the writer's thread: no request waits for a disk."""

from __future__ import annotations

import os
import stat

from convotrace.exchange.filetypes import HEAD
from convotrace.recorder import OpenAttachment, OpenTrace
from convotrace.recorder.attached import MAX_ATTACHED, MAX_ATTACHMENT, UNREADABLE

_NO_WAIT = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)


def read_files(trace: OpenTrace, content: bool) -> None:
    """Read the files of a trace that are known by their path; one that cannot be read is tried again next time.

    Args:
        trace: An open trace, about to be written.
        content: Whether more than type and size may be kept.
    """
    for file in trace.attachments:
        if file.path is not None:
            try:
                _read(trace, file, file.path, content)
            except (OSError, ValueError):  # ValueError: no path at all, such as one with NUL
                file.left_out = UNREADABLE


def _read(trace: OpenTrace, file: OpenAttachment, path: str, content: bool) -> None:
    # A pipe or a device could wait for ever, never end, or do something once it is opened.
    _must_be_regular(os.stat(path))
    with open(path, "rb", opener=_opener) as source:
        facts = os.fstat(source.fileno())
        _must_be_regular(facts)
        room = min(MAX_ATTACHMENT, MAX_ATTACHED - trace.attached) if content else 0
        data = source.read(room + 1 if facts.st_size <= room else HEAD)
    trace.fill(file, data, max(facts.st_size, len(data)))


def _must_be_regular(facts: os.stat_result) -> None:
    if not stat.S_ISREG(facts.st_mode):
        raise OSError("no regular file")


def _opener(path: str, flags: int) -> int:
    return os.open(path, flags | _NO_WAIT)
