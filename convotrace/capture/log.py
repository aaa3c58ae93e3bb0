"""Log lines → events and spans of the current trace. Where the lines come from is the hooks' concern.

A line with `span_kind` is a finished span, `<name>.start` opens one and `<name>.end` ends it, any other is an event.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from convotrace.capture.current import Node, current, current_node, is_below, now_of, trace_of
from convotrace.capture.spans import SPAN_FIELDS, LiveSpan, settle
from convotrace.model import SPAN_KINDS, Failure
from convotrace.recorder import OpenSpan, OpenTrace, failure_of, plain, text_of
from convotrace.recorder.parts import OpenEvent

LEVELS = {"debug": 10, "info": 20, "warning": 30, "warn": 30, "error": 40, "exception": 40, "critical": 50, "fatal": 50}
_ERROR = 40
_NOT_ATTRIBUTES = frozenset({"event", "level", "span_kind", "name", "error", "duration_ms", "exc_info", "timestamp"})


def log_line(
    message: str,
    level: str,
    fields: Mapping[str, Any],
    error: BaseException | None = None,
    severity: int | None = None,
) -> None:
    """Record one log line of the current trace; a no-op outside one.

    Args:
        message: The event of the line.
        level: Its level's name, in any case.
        fields: Its key-value pairs; they are copied.
        error: The exception it reports, if any.
        severity: The level as a number, where its name may be one of the app's own.
    """
    node = current()
    if node is None:
        return
    trace = trace_of(node)
    number = LEVELS.get(level.lower(), 20) if severity is None else severity
    if number < trace.log_level:
        return
    if error is not None and number >= _ERROR and trace.logged is None:
        trace.logged = failure_of(error)
    stem, kind, phase = _phase(message, fields)
    if phase == "end" and _end(node, stem, fields, error):
        return
    if phase == "start":
        _start(node, stem, kind, fields, error)
    elif kind in SPAN_KINDS:
        _finished(node, _name(fields, stem), kind, fields, error)
    else:
        _event(node, message, level.lower(), fields, error)


def _phase(message: str, fields: Mapping[str, Any]) -> tuple[str, str, str | None]:
    """Return name, kind and phase of a line: `tool.search.start` is the start of the tool `search`.

    The kind is empty where the line names none and is no start.
    """
    given = fields.get("span_kind")
    kind = given if isinstance(given, str) and given in SPAN_KINDS else ""
    stem, _, phase = message.rpartition(".")
    if not stem or phase not in ("start", "end"):
        return message, kind, None
    first, dot, rest = stem.partition(".")
    if dot and rest and first in SPAN_KINDS:
        stem, first_kind = rest, first
    else:
        first_kind = "internal"
    return stem, kind or (first_kind if phase == "start" else ""), phase


def _name(fields: Mapping[str, Any], stem: str) -> str:
    return text_of(fields.get("name") or stem)


def _start(node: Node, stem: str, kind: str, fields: Mapping[str, Any], error: BaseException | None) -> None:
    trace = trace_of(node)
    made = LiveSpan(node, _name(fields, stem), kind, now_of(trace), origin="log")
    made.stem = stem
    _place(made)
    _fill(made, fields, error)
    trace.add(made)
    current_node.set(made)


def _finished(node: Node, name: str, kind: str, fields: Mapping[str, Any], error: BaseException | None) -> None:
    trace = trace_of(node)
    now, duration = now_of(trace), _duration_ns(fields)
    made = LiveSpan(node, name, kind, now - (duration or 0), origin="log")
    made.timed = duration is not None
    _place(made)
    _fill(made, fields, error)
    trace.add(made)
    made.end(now)
    settle(trace)


def _place(made: LiveSpan) -> None:
    """Put a span where it belongs among those of OpenTelemetry's."""
    if made.trace.telemetry is not None:
        made.parent_ref = made.trace.telemetry.parent_of(made)


def _end(node: Node, stem: str, fields: Mapping[str, Any], error: BaseException | None) -> bool:
    """End the span that a `.start` line opened; without one return False."""
    trace = trace_of(node)
    found = _innermost(node, stem, fields) or _latest(trace, stem, fields)
    if found is None:
        return False
    _fill(found, fields, error)
    now, duration = now_of(trace), _duration_ns(fields)
    if duration is not None:
        found.started = now - duration
    found.end(now)
    if is_below(current_node.get(), found):
        current_node.set(found.parent or trace)
    settle(trace)
    return True


def _innermost(node: Any, stem: str, fields: Mapping[str, Any]) -> OpenSpan | None:
    while node is not None and not isinstance(node, OpenTrace):
        if _matches(node, stem, fields):
            return node  # type: ignore[no-any-return]
        node = node.parent
    return None


def _latest(trace: OpenTrace, stem: str, fields: Mapping[str, Any]) -> OpenSpan | None:
    # A generator's next step may run in a fresh context, so that the start line is not among the parents.
    return next((span for span in reversed(trace.spans) if _matches(span, stem, fields)), None)


def _matches(span: OpenSpan, stem: str, fields: Mapping[str, Any]) -> bool:
    if span.ended is not None or not isinstance(span, LiveSpan) or span.stem != stem:
        return False
    call_id, known = plain(fields.get("call_id")), span.fields.get("call_id")
    return (call_id is None or known in (None, call_id)) and _name(fields, span.name) == span.name


def _fill(span: OpenSpan, fields: Mapping[str, Any], error: BaseException | None) -> None:
    attributes = span.fields.setdefault("attributes", {})
    for name, value in fields.items():
        if name in SPAN_FIELDS:
            span.fields[name] = span.trace.keep(value)
        elif name not in _NOT_ATTRIBUTES:
            attributes[name] = span.trace.keep(value)
    if error is not None:
        span.fail(failure_of(error))
    elif fields.get("error"):
        span.fail(_failure(fields["error"]))


def _failure(error: Any) -> Failure:
    """Return what a line calls its error: an exception, a mapping with type, message and stack, or words."""
    if isinstance(error, BaseException):
        return failure_of(error)
    told = plain(error)
    if not isinstance(told, Mapping) or "message" not in told:
        return Failure("error", text_of(told))
    stack = told.get("stack")
    return Failure(text_of(told.get("type") or "error"), text_of(told["message"]), stack and text_of(stack))


def _event(node: Node, message: str, level: str, fields: Mapping[str, Any], error: BaseException | None) -> None:
    trace = trace_of(node)
    kept = ((name, value) for name, value in fields.items() if name not in ("event", "level", "exc_info"))
    attributes = {name: trace.keep(value) for name, value in kept}
    if error is not None:
        failure = failure_of(error)
        attributes["exception"] = {"type": failure.type, "message": failure.message, "stack": failure.stack}
    made = OpenEvent(message, now_of(trace), level, attributes)
    if isinstance(node, OpenSpan):
        node.note(made)
    else:
        trace.note(made)
    settle(trace)


def _duration_ns(fields: Mapping[str, Any]) -> int | None:
    """Return the duration that a line tells; None where it tells none, or none that can be."""
    value = fields.get("duration_ms")
    usable = isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < 1e12
    return int(value * 1e6) if usable else None  # type: ignore[operator]
