"""Spans as the user holds them: context managers, sync and async, with the methods that fill them."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from time import perf_counter_ns
from types import TracebackType
from typing import Any, Literal, TypeGuard

from convotrace.capture.current import (
    Held,
    Node,
    current,
    current_node,
    here,
    hold,
    is_below,
    now_of,
    release,
    trace_of,
)
from convotrace.model import SCORE_SOURCES, SPAN_KINDS, Failure
from convotrace.recorder import OpenSpan, OpenTrace, failure_of, plain, text_of
from convotrace.recorder.parts import OpenEvent, OpenScore
from convotrace.recorder.seen import CANCELLED, OK

_CANCELLED_NAMES = frozenset({"CancelledError", "Cancelled", "GeneratorExit", "GreenletExit"})
SCORE_FIELDS = ("comment", "source", "author", "evaluator", "version", "reason")


def is_cancellation(error: BaseException) -> bool:
    """Tell whether an exception says that nobody waits any more: a cancelled task, a generator closed early."""
    if isinstance(error, BaseExceptionGroup):  # a nursery of trio's that was cancelled
        return all(map(is_cancellation, error.exceptions))
    return not isinstance(error, Exception) and type(error).__name__ in _CANCELLED_NAMES


class LiveSpan(OpenSpan):
    """A span being recorded; enter it with `with` or `async with`, it ends on leaving."""

    __slots__ = ("_before", "held_by", "stem")

    def __init__(self, parent: Node, name: str, kind: str, started: int = 0, origin: str = "own") -> None:
        # Not by `super()`: it takes longer than all that is done there.
        if type(parent) is OpenTrace:
            OpenSpan.__init__(self, parent, None, name, kind, started, origin)
        else:
            # No narrowing: what is no trace is a span, and asking for its type once is enough.
            OpenSpan.__init__(self, parent.trace, parent, name, kind, started, origin)  # type: ignore[union-attr,arg-type]
        self.held_by: Held | None = None
        self._before: Node | None = None
        # Of a span that a log line began: what its end will be called.
        self.stem: str | None = None

    def __enter__(self) -> LiveSpan:
        self._enter(sys._getframe(1))
        return self

    async def __aenter__(self) -> LiveSpan:
        self._enter(sys._getframe(1))
        return self

    def _enter(self, frame: Any) -> None:
        trace, before = self.trace, current_node.get()
        if before is not (self.parent or trace) or before.ended is not None or trace.held:
            # Not simply where it was made: something else is current by now, or held by a generator.
            before = self._placed(before)
        self.started = perf_counter_ns() + trace.offset
        trace.add(self)
        self._before = before
        current_node.set(self)
        self.held_by = hold(self, frame)
        if trace.telemetry is not None:
            trace.telemetry.opened(self)

    def _placed(self, before: Node | None) -> Node:
        """Take the place that is current now, and return what is current again after this span."""
        parent = current() or self.trace
        if parent is self.trace:
            self.parent = None
        elif trace_of(parent) is self.trace:
            self.parent = parent  # type: ignore[assignment]
        # What stands for a connection goes on doing so.
        return before if type(before) is OpenTrace and before.latest is parent else parent

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._leave(error)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None:
        self._leave(error)

    def _leave(self, error: BaseException | None) -> None:
        if self.held_by is not None:
            release(self.held_by)
        # No token: a generator may be closed in another context than the one it was entered in. What was left open
        # inside (a span that a log line began) is left behind.
        node = current_node.get()
        if node is self or is_below(node, self):
            current_node.set(self._before)
        self._before = None
        self.finish(error)

    def finish(self, error: BaseException | None = None) -> None:
        """End the span; an exception marks it as failed, a cancellation as cancelled."""
        trace = self.trace
        if error is not None and not is_cancellation(error):
            self.fail(failure_of(error))
        if self.end(perf_counter_ns() + trace.offset, OK if error is None else CANCELLED):
            if self.telemetry is not None and trace.telemetry is not None:
                trace.telemetry.closed(self)
            if self.kept and trace.ended is not None:
                settle(trace)

    def set_input(self, value: Any) -> LiveSpan:
        """Set what went in: messages or a text for a model call, any value elsewhere."""
        return self._set("input", value)

    def set_output(self, value: Any) -> LiveSpan:
        """Set what came out."""
        return self._set("output", value)

    def set_result(self, value: Any) -> LiveSpan:
        """Set what a tool answered."""
        return self._set("result", value)

    def set_documents(self, documents: Any) -> LiveSpan:
        """Set what a retrieval found: a list of texts or of mappings with id, text, score, title, url."""
        return self._set("documents", documents)

    def set_usage(self, /, usage: Any = None, *, cost: float | None = None, **counts: int | None) -> LiveSpan:
        """Set token counts (input, output, cached_read, cached_write, reasoning, audio) and the cost in USD."""
        given = {} if usage is None else plain(usage)
        kept = {name: count if type(count) is int else plain(count) for name, count in counts.items()}
        self.fields["usage"] = {**given, **kept} if isinstance(given, dict) else kept
        return self if cost is None else self._set("cost", cost)

    def set(self, /, **attributes: Any) -> LiveSpan:
        """Set fields of the span (model, provider, parameters, cost, …); other names become attributes."""
        return self.take(attributes)

    def take(self, given: dict[str, Any]) -> LiveSpan:
        """Set what a mapping holds, as `set` does; the mapping is given away."""
        fields, trace = self.fields, self.trace
        for name in SPAN_FIELDS.intersection(given):
            fields[name] = trace.keep(given.pop(name))
        if given:
            trace.keep_each(given)
            held = fields.setdefault("attributes", given)
            if held is not given:
                held.update(given)
        return self

    def error(self, error: BaseException | str, type: str = "error") -> LiveSpan:
        """Mark the span as failed, by an exception or in words."""
        self.fail(failure_of(error) if _is_exception(error) else Failure(text_of(type), text_of(error)))
        return self

    def event(self, /, name: str, level: str | None = None, **attributes: Any) -> LiveSpan:
        """Note a moment on the span."""
        self.note(open_event(self.trace, name, level, attributes))
        settle(self.trace)
        return self

    def score(self, /, name: str, value: Any, comment: str | None = None, **fields: Any) -> LiveSpan:
        """Judge the span; fields are source, author, evaluator, version, reason, passed."""
        self.judge(open_score(self.trace, name, value, {**fields, "comment": comment}))
        settle(self.trace)
        return self

    def _set(self, field: str, value: Any) -> LiveSpan:
        self.fields[field] = self.trace.keep(value)
        return self


SPAN_FIELDS = frozenset({
    "model", "provider", "parameters", "tools", "input", "output", "arguments", "result", "query", "documents",
    "usage", "call_id", "cost", "finish_reason", "first_token_ns",
})  # fmt: skip


class NoSpan:
    """Stands in for a span outside a traced request: accepts everything, records nothing."""

    __slots__ = ()

    def __enter__(self) -> NoSpan:
        return self

    async def __aenter__(self) -> NoSpan:
        return self

    def __exit__(self, *exc: object) -> Literal[False]:
        return False

    async def __aexit__(self, *exc: object) -> Literal[False]:
        return False

    def _accept(self, *args: Any, **kwargs: Any) -> NoSpan:
        return self

    set_input = set_output = set_result = set_documents = set_usage = set = error = event = score = _accept


NO_SPAN = NoSpan()


def span(name: str, kind: str = "internal", **attributes: Any) -> Any:
    """Open a span in a `with` or `async with` block.

    Args:
        name: What is done, such as `"plan"`.
        kind: One of `generation retrieval tool agent chain embedding reranker guardrail evaluator internal http`.
        attributes: Fields of the span (model, arguments, …); other names become attributes.

    Returns:
        The span with `set_…`, `event`, `error` and `score`; outside a traced request a stand-in that does nothing.
    """
    parent = here()
    return NO_SPAN if parent is None else _opened(parent, name, kind, attributes)


def _opened(parent: Node, name: str, kind: str, fields: dict[str, Any]) -> LiveSpan:
    title = name if type(name) is str else text_of(name)
    made = LiveSpan(parent, title, kind if type(kind) is str and kind in SPAN_KINDS else "internal")
    return made.take(fields) if fields else made


def generation(name: str = "generation", model: str | None = None, **fields: Any) -> Any:
    """Open a model call; fields are input, provider, parameters, tools and attributes of your own."""
    return _call(name, "generation", "model", model, fields)


def retrieval(name: str = "retrieval", query: Any = None, **fields: Any) -> Any:
    """Open a search for documents; `set_documents` takes what was found."""
    return _call(name, "retrieval", "query", query, fields)


def tool(name: str, arguments: Any = None, **fields: Any) -> Any:
    """Open a tool call; `set_result` takes its answer, `call_id` the id the model gave it."""
    return _call(name, "tool", "arguments", arguments, fields)


def _call(name: str, kind: str, field: str, value: Any, fields: dict[str, Any]) -> Any:
    parent = here()
    if parent is None:
        return NO_SPAN
    if value is not None:
        fields[field] = value
    return _opened(parent, name, kind, fields)


def open_event(trace: OpenTrace, name: str, level: str | None, attributes: Mapping[str, Any]) -> OpenEvent:
    """Return an event noted now."""
    kept = {name: trace.keep(value) for name, value in attributes.items()}
    return OpenEvent(text_of(name), now_of(trace), None if level is None else text_of(level), kept)


def open_score(trace: OpenTrace, name: str, value: Any, fields: Mapping[str, Any]) -> OpenScore:
    """Return a score noted now; unknown fields are passed over, and so is a source that is none."""
    kept = {field: text_of(fields[field]) for field in SCORE_FIELDS if fields.get(field) is not None}
    if kept.get("source", "") not in SCORE_SOURCES:
        kept.pop("source", None)
    passed = {} if fields.get("passed") is None else {"passed": bool(plain(fields["passed"]))}
    usable = plain(value)
    if not isinstance(usable, (bool, int, float, str)):
        usable = text_of(usable)
    return OpenScore(text_of(name), usable, now_of(trace), {**kept, **passed})


def settle(trace: OpenTrace) -> None:
    """Have a trace written again when something is added after its end."""
    if trace.ended is not None and trace.late is not None:
        trace.late(trace)


def _is_exception(value: Any) -> TypeGuard[BaseException]:
    # By its type alone: asking the value for its class may run code of its own.
    return issubclass(type(value), BaseException)
