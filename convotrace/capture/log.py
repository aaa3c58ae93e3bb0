"""Log lines → events and spans of the current trace. Where the lines come from is the hooks' concern.

A line with `span_kind` is a finished span, `<name>.start` opens one and `<name>.end` ends it, any other is an event.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from convotrace.capture.current import Node, current, current_node, now_of, trace_of
from convotrace.capture.spans import SPAN_FIELDS, LiveSpan, settle
from convotrace.model import SPAN_KINDS, Failure
from convotrace.recorder import OpenSpan, OpenTrace, failure_of, plain
from convotrace.recorder.open import OpenEvent

LEVELS = {"debug": 10, "info": 20, "warning": 30, "warn": 30, "error": 40, "exception": 40, "critical": 50, "fatal": 50}
_ERROR = 40
_NOT_ATTRIBUTES = frozenset({"event", "level", "span_kind", "name", "error", "duration_ms", "exc_info", "timestamp"})


def log_line(message: str, level: str, fields: Mapping[str, Any], error: BaseException | None = None) -> None:
    """Record one log line of the current trace; a no-op outside one.

    Args:
        message: The event of the line.
        level: Its level's name, in any case.
        fields: Its key-value pairs; they are copied.
        error: The exception it reports, if any.
    """
    node = current()
    if node is None:
        return
    if LEVELS.get(level.lower(), 20) < trace_of(node).log_level:
        return
    kind, _, phase = _phase(message, fields)
    if phase == "end" and _end(node, message, fields):
        return
    if fields.get("span_kind") in SPAN_KINDS or phase == "start":
        _open(node, message, kind, fields, finished=phase != "start")
    else:
        _event(node, message, level.lower(), fields, error)


def _phase(message: str, fields: Mapping[str, Any]) -> tuple[str, str, str | None]:
    """Return kind, name and phase of a line: `tool.search.start` is the start of the tool `search`."""
    stem, dot, phase = message.rpartition(".")
    if not dot or not stem or phase not in ("start", "end"):
        return str(fields.get("span_kind", "internal")), str(fields.get("name") or message), None
    first, dot, rest = stem.partition(".")
    kind, name = (first, rest) if dot and first in SPAN_KINDS else ("internal", stem)
    if fields.get("span_kind") in SPAN_KINDS:
        kind = str(fields["span_kind"])
    return kind, str(fields.get("name") or name), phase


def _open(node: Node, message: str, kind: str, fields: Mapping[str, Any], finished: bool) -> None:
    trace = trace_of(node)
    now = now_of(trace)
    made = LiveSpan(node, _phase(message, fields)[1], kind, now, origin="log")
    _fill(made, fields)
    trace.add(made)
    if finished:
        made.started = now - _duration_ns(fields)
        made.end(now)
        settle(trace)
    else:
        current_node.set(made)


def _end(node: Node, message: str, fields: Mapping[str, Any]) -> bool:
    """End the span that a `.start` line opened; without one the line is an event."""
    trace, name = trace_of(node), _phase(message, fields)[1]
    found = _innermost(node, name, fields.get("call_id")) or _latest(trace, name, fields.get("call_id"))
    if found is None:
        return False
    _fill(found, fields)
    now = now_of(trace)
    if fields.get("duration_ms") is not None:
        found.started = now - _duration_ns(fields)
    found.end(now)
    if _is_above(current_node.get(), found):
        current_node.set(found.parent or trace)
    settle(trace)
    return True


def _innermost(node: Any, name: str, call_id: Any) -> OpenSpan | None:
    while node is not None and not isinstance(node, OpenTrace):
        if _matches(node, name, call_id):
            return node  # type: ignore[no-any-return]
        node = node.parent
    return None


def _latest(trace: OpenTrace, name: str, call_id: Any) -> OpenSpan | None:
    # A generator's next step may run in a fresh context, so that the start line is not among the parents.
    return next((span for span in reversed(trace.spans) if _matches(span, name, call_id)), None)


def _matches(span: OpenSpan, name: str, call_id: Any) -> bool:
    same = span.origin == "log" and span.ended is None and span.name == name
    return same and (call_id is None or span.fields.get("call_id") in (None, call_id))


def _is_above(node: Any, span: OpenSpan) -> bool:
    while node is not None and not isinstance(node, OpenTrace):
        if node is span:
            return True
        node = node.parent
    return False


def _fill(span: LiveSpan | OpenSpan, fields: Mapping[str, Any]) -> None:
    attributes = span.fields.setdefault("attributes", {})
    for name, value in fields.items():
        if name in SPAN_FIELDS:
            span.fields[name] = plain(value)
        elif name not in _NOT_ATTRIBUTES:
            attributes[name] = plain(value)
    if fields.get("error"):
        error = fields["error"]
        span.fail(failure_of(error) if isinstance(error, BaseException) else Failure("error", str(plain(error))))


def _event(node: Node, message: str, level: str, fields: Mapping[str, Any], error: BaseException | None) -> None:
    trace = trace_of(node)
    attributes = {name: plain(value) for name, value in fields.items() if name not in ("event", "level", "exc_info")}
    if error is not None:
        failure = failure_of(error)
        attributes["exception"] = {"type": failure.type, "message": failure.message, "stack": failure.stack}
        if LEVELS.get(level, 0) >= _ERROR and trace.logged is None:
            trace.logged = failure
    made = OpenEvent(message, now_of(trace), level, attributes)
    if isinstance(node, OpenSpan):
        node.note(made)
    else:
        trace.events.append(made)
    settle(trace)


def _duration_ns(fields: Mapping[str, Any]) -> int:
    value = fields.get("duration_ms")
    usable = isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < 1e12
    return int(value * 1e6) if usable else 0  # type: ignore[operator]
