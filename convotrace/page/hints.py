"""What to type where a request was kept but not understood."""

from __future__ import annotations

from collections.abc import Iterable

from convotrace.model import Trace

_NEITHER = (
    "No message was recognised here: name its fields with input_text= and output_text=,"
    " functions of (request, exchange) that return a text or None."
)
_NO_ANSWER = (
    "No answer was recognised in the response body: name its field with output_text=,"
    " a function of (request, exchange) that returns a text or None."
)


def hint(trace: Trace) -> str | None:
    """Return how to name the fields of a body that was sent as JSON and not understood; None where all is well."""
    if trace.request is None or trace.request.method != "POST" or trace.spans or trace.output.text is not None:
        return None
    if trace.input.text is None:
        return _NEITHER if isinstance(trace.input.body, dict) and trace.turn is None else None
    is_answered = isinstance(trace.output.body, dict) and trace.status == "ok" and (trace.status_code or 0) < 400
    return _NO_ANSWER if is_answered and not trace.answer_ids else None


def first_hint(traces: Iterable[Trace]) -> str | None:
    """Return the hint of the first of these requests that has one."""
    return next((words for trace in traces if (words := hint(trace)) is not None), None)
