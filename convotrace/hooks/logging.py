"""Lines of the standard library's logging → the current trace, without adding a handler.

A handler on the root logger would change the app's output: `basicConfig` and the handler of last resort look for one,
and so does Flask. The record factory sees each record that a logger's level lets through and changes nothing.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping
from types import FrameType
from typing import Any
from weakref import WeakSet

from convotrace.capture.current import current_node
from convotrace.capture.log import log_line

_STANDARD = frozenset(vars(logging.LogRecord("", 0, "", 0, "", (), None))) | {"message", "asctime", "taskName"}
_OUR_LOGGERS = "convotrace"
# Not a mark on the record: formatters that print every attribute would show it.
_seen: WeakSet[logging.LogRecord] = WeakSet()


class CaptureHandler(logging.Handler):
    """Notes records in the current trace; for those who switch `capture_logs` off and place it themselves."""

    def emit(self, record: logging.LogRecord) -> None:
        """Note one record; a record seen by two handlers is noted once."""
        note(record)


def note(record: logging.LogRecord, extra: Mapping[str, Any] | None = None) -> None:
    """Note a record in the current trace, once.

    Args:
        record: The record.
        extra: Its extra fields, where they are not on it yet.
    """
    if current_node.get() is None or record in _seen or record.name.startswith(_OUR_LOGGERS):
        return
    _seen.add(record)
    try:
        error = record.exc_info[1] if record.exc_info else None
        log_line(_message(record), record.levelname, {**_extra(record), **(extra or {})}, error)
    except Exception:  # a line that cannot be read is the app's own business
        return


def install() -> None:
    """Wrap the record factory, once."""
    factory = logging.getLogRecordFactory()
    if getattr(factory, "_convotrace", False):
        return

    def make(*args: Any, **kwargs: Any) -> logging.LogRecord:
        record = factory(*args, **kwargs)
        if current_node.get() is not None and not _from_structlog(sys._getframe(1)):
            # The `extra` fields are put on the record only after this: they are an argument of our caller.
            note(record, _extra_of(sys._getframe(1)))
        return record

    make._convotrace = True  # type: ignore[attr-defined]
    logging.setLogRecordFactory(make)


def _extra_of(frame: FrameType) -> Mapping[str, Any] | None:
    extra = frame.f_locals.get("extra") if frame.f_code.co_name == "makeRecord" else None
    return extra if isinstance(extra, Mapping) else None


def _from_structlog(frame: FrameType | None) -> bool:
    """Tell whether structlog made this record: its line was noted in its own chain."""
    for _ in range(7):
        if frame is None:
            return False
        if frame.f_globals.get("__name__", "").startswith("structlog."):
            return _captures_itself()
        frame = frame.f_back
    return False


def _captures_itself() -> bool:
    from convotrace.hooks import structlog

    return structlog.is_installed()


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except Exception:  # wrong arguments: logging says so on stderr by itself
        return str(record.msg)


def _extra(record: logging.LogRecord) -> dict[str, Any]:
    fields = {name: value for name, value in record.__dict__.items() if name not in _STANDARD}
    return {"logger": record.name, **fields}
