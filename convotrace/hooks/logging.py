"""Lines of the standard library's logging → the current trace, without adding a handler.

A handler on the root logger would change the app's output: `basicConfig` and the handler of last resort look for one,
and so does Flask. The record factory sees each record that a logger's level lets through and changes nothing.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator, Mapping
from types import FrameType
from typing import Any
from weakref import WeakSet

from convotrace.capture.current import current_node
from convotrace.capture.log import log_line

_STANDARD = frozenset(vars(logging.LogRecord("", 0, "", 0, "", (), None))) | {"message", "asctime", "taskName"}
_OURS = "convotrace"
_DEEPEST = 7
# Not a mark on the record: formatters that print every attribute would show it.
_seen: WeakSet[logging.LogRecord] = WeakSet()


class CaptureHandler(logging.Handler):
    """Notes records in the current trace; for those who switch `capture_logs` off and place it themselves."""

    def emit(self, record: logging.LogRecord) -> None:
        """Note one record; a record seen by two handlers is noted once."""
        note(record)


def note(record: logging.LogRecord, extra: Mapping[str, Any] | None = None) -> None:
    """Note a record in the current trace, once; never raises.

    Args:
        record: The record.
        extra: Its extra fields, where they are not on it yet.
    """
    if current_node.get() is None:
        return
    try:
        _note_once(record, extra or {})
    except Exception:  # a line that cannot be read is the app's own business
        return


def _note_once(record: logging.LogRecord, extra: Mapping[str, Any]) -> None:
    if record in _seen or record.name == _OURS or record.name.startswith(_OURS + "."):
        return
    _seen.add(record)
    error = record.exc_info[1] if isinstance(record.exc_info, tuple) else None
    log_line(_message(record), record.levelname, {**_extra(record), **extra}, error, record.levelno)


def install() -> None:
    """Wrap the record factory, once."""
    factory = logging.getLogRecordFactory()
    if getattr(factory, "_convotrace", False):
        return

    def make(*args: Any, **kwargs: Any) -> logging.LogRecord:
        record = factory(*args, **kwargs)
        if current_node.get() is not None:
            _made(record, sys._getframe(1))
        return record

    make._convotrace = True  # type: ignore[attr-defined]
    logging.setLogRecordFactory(make)


def _made(record: logging.LogRecord, frame: FrameType) -> None:
    """Note a record that a logger has just made; one built by hand (`makeLogRecord`) is not yet filled."""
    frames = list(_callers(frame))
    maker = next((frame for frame in frames if frame.f_code.co_name == "makeRecord"), None)
    if maker is None or any(map(_is_from_capturing_structlog, frames)):
        return
    # The `extra` fields are put on the record only after this: they are an argument of its maker.
    extra = maker.f_locals.get("extra")
    note(record, extra if isinstance(extra, Mapping) else None)


def _callers(frame: FrameType | None) -> Iterator[FrameType]:
    for _ in range(_DEEPEST):
        if frame is None:
            return
        yield frame
        frame = frame.f_back


def _is_from_capturing_structlog(frame: FrameType) -> bool:
    """Tell whether structlog hands over a line here that our processor has noted in its chain."""
    if frame.f_code.co_name != "_proxy_to_logger" or not frame.f_globals.get("__name__", "").startswith("structlog."):
        return False
    processors = getattr(frame.f_locals.get("self"), "_processors", ())
    return any(getattr(processor, "captures_lines", False) for processor in processors)


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except Exception:  # wrong arguments: logging says so on stderr by itself
        return str(record.msg)


def _extra(record: logging.LogRecord) -> dict[str, Any]:
    fields = {name: value for name, value in record.__dict__.items() if name not in _STANDARD}
    return {"logger": record.name, **fields}
