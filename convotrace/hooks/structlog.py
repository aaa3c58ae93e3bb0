"""structlog lines → the current trace, and its ids → structlog lines.

The processor copies the event dict and never renders. `install` puts it before the last element of structlog's own
list of processors, in place, since loggers cached on first use keep that list.
"""

from __future__ import annotations

import json as json_module
import sys
from collections.abc import Mapping, MutableMapping
from math import isfinite
from typing import Any

import structlog
from structlog.typing import EventDict, WrappedLogger

from convotrace.capture.current import current, current_node, settle_id, trace_of
from convotrace.capture.log import LEVELS, log_line
from convotrace.hooks import turns
from convotrace.model import Json
from convotrace.recorder import OpenSpan, plain, text_of


class CaptureProcessor:
    """Note each line in the current trace, as an event or a span, and add the ids of where it belongs.

    Args:
        ids: Add `session_id`, `trace_id` and `span_id` to the line, where they are known.
    """

    captures_lines = True
    """Tells the hook of logging that lines of a chain with this in it are noted already."""

    def __init__(self, ids: bool = True) -> None:
        self._ids = ids

    def __call__(self, logger: WrappedLogger, method_name: str, event_dict: EventDict) -> EventDict:
        """Return the event dict, unchanged but for the ids; never raises."""
        if current_node.get() is None:
            return event_dict
        try:
            _capture(method_name, event_dict)
            if self._ids:
                _add_ids(event_dict)
        except Exception:  # a processor that raises would raise into the app's own logging call
            return event_dict
        return event_dict


def install(ids: bool = False) -> None:
    """Place the processor in structlog's own chain, unless it is there already.

    Args:
        ids: Whether lines get the ids; without, the app's output stays as it was.
    """
    processors = structlog.get_config()["processors"]
    if any(isinstance(processor, CaptureProcessor) for processor in processors):
        return
    if isinstance(processors, list):
        processors.insert(max(0, len(processors) - 1), CaptureProcessor(ids))
    else:
        structlog.configure(processors=[*processors[:-1], CaptureProcessor(ids), *processors[-1:]])


def configure_structlog(json: bool | None = None, level: str = "INFO", turns_too: bool = True) -> None:
    """Configure structlog with a ready chain: ids on every line, and one line for each finished turn.

    Args:
        json: JSON lines, or coloured text; None: text on a terminal, JSON elsewhere.
        level: Lowest level that is printed.
        turns_too: Whether each finished turn is a line.
    """
    as_json = not sys.stdout.isatty() if json is None else json
    renderer: Any = structlog.processors.JSONRenderer(_one_line) if as_json else structlog.dev.ConsoleRenderer()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.StackInfoRenderer(),
            CaptureProcessor(),
            *([structlog.processors.format_exc_info] if as_json else []),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[level.lower()]),
        logger_factory=structlog.PrintLoggerFactory(),
        cache_logger_on_first_use=False,
    )
    turns.wanted["by_chain"] = turns_too


def _one_line(event_dict: Any, **_: Any) -> str:
    # Valid JSON whatever the values are, and in ASCII: any stdout can carry it.
    return json_module.dumps(_finite(plain(event_dict)))


def _finite(value: Json) -> Json:
    if isinstance(value, dict):
        return {name: _finite(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_finite(item) for item in value]
    return repr(value) if isinstance(value, float) and not isfinite(value) else value


def _capture(method_name: str, event_dict: MutableMapping[str, Any]) -> None:
    fields = dict(event_dict)
    level = text_of(fields.get("level") or method_name)
    log_line(text_of(fields.get("event", "")), level, fields, _error(fields))


def _error(fields: Mapping[str, Any]) -> BaseException | None:
    exc_info = fields.get("exc_info")
    if exc_info is None and "exception" in fields:
        # An earlier processor has made a text of it; the exception is still being handled.
        return sys.exc_info()[1]
    if isinstance(exc_info, BaseException):
        return exc_info
    if isinstance(exc_info, tuple) and len(exc_info) == 3:
        return exc_info[1] if isinstance(exc_info[1], BaseException) else None
    return sys.exc_info()[1] if exc_info else None


def _add_ids(event_dict: MutableMapping[str, Any]) -> None:
    node = current()
    if node is None:
        return
    trace = trace_of(node)
    session_id = trace.identify(trace) if trace.identify is not None else None
    if session_id is not None:
        event_dict.setdefault("session_id", session_id)
    settle_id(trace)
    event_dict.setdefault("trace_id", f"{trace.id:032x}")
    if isinstance(node, OpenSpan):
        event_dict.setdefault("span_id", f"{node.id:016x}")
