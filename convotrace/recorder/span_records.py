"""Open spans → their records: fields in the form of the record, clean, with their cost."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from convotrace.dialects.messages import as_documents, as_mapping, as_messages, as_nano, as_text, as_tools, as_whole
from convotrace.model import Span
from convotrace.pricing import PRICED, Prices
from convotrace.recorder.note_records import event_records, score_records
from convotrace.recorder.open import OpenSpan, OpenTrace
from convotrace.recorder.told import CONTENT_FIELDS, is_hidden, told_events, told_fields
from convotrace.recorder.usage import told_usage
from convotrace.redaction import Redactor

_ROLES = {"input": "user", "output": "assistant"}
_READERS: dict[str, Callable[[Any], Any]] = {
    "model": as_text, "provider": as_text, "call_id": as_text, "finish_reason": as_text, "first_token_ns": as_whole,
    "parameters": as_mapping, "tools": as_tools, "documents": as_documents, "usage": told_usage, "tags": tuple,
}  # fmt: skip


class SpanRecords:
    """Makes the records of spans.

    Args:
        redactor: Takes out what must not be stored.
        prices: For calls without a cost of their own.
        service: The name of the app.
    """

    def __init__(self, redactor: Redactor, prices: Prices, service: str | None) -> None:
        self._redactor = redactor
        self._prices = prices
        self._service = service

    def of(self, trace: OpenTrace, session_id: str, content: bool) -> tuple[Span, ...]:
        """Return the records of the spans of a trace, but for those that only double another."""
        trace_id = f"{trace.id:032x}"
        shown = [span for span in trace.spans if span.told is None or not is_hidden(span)]
        return tuple([self._record(span, trace_id, session_id, content) for span in shown])

    def _record(self, span: OpenSpan, trace_id: str, session_id: str, content: bool) -> Span:
        span_id = f"{span.id:016x}"
        fields = self._fields(span, content)
        if span.told is not None:
            fields = {**told_fields(span, content), **fields}
        fields["cost_nano"] = self._cost(span, fields)
        # Most spans have neither: what is not said is left to the defaults of the record.
        if span.told is not None or span.events:
            fields["events"] = (*told_events(span, content), *event_records(span.events, self._redactor))
        if span.scores:
            fields["scores"] = score_records(span.scores, session_id, trace_id, span_id)
        ended = span.ended
        return Span(
            span_id,
            trace_id,
            span.name,
            span.kind,
            _parent_id(span),
            self._service,
            span.status,
            span.failure,
            span.started,
            max(0, ended - span.started) if ended is not None and span.timed else None,
            origin=span.origin,
            **fields,
        )

    def _cost(self, span: OpenSpan, fields: dict[str, Any]) -> int | None:
        own: int | None = fields.get("cost_nano")
        if own is None and "cost_nano" not in fields and "cost" in span.fields:
            own = as_nano(span.fields["cost"])
        if own is not None or span.kind not in PRICED:
            return own
        return self._prices.cost(fields.get("provider"), fields.get("model"), fields.get("usage"), span.started)

    def _fields(self, span: OpenSpan, content: bool) -> dict[str, Any]:
        """Return the fields that were set, each clean and in the form of the record; most spans have few."""
        found: dict[str, Any] = {}
        # A running trace still grows: what its verbs add to, they add to at the top of a mapping.
        for name, value in list(span.fields.items()):
            if value is None or name == "cost" or (not content and name in CONTENT_FIELDS):
                continue
            clean = self._redactor.clean(dict(value) if type(value) is dict else value)
            if name in _READERS:
                clean = _READERS[name](clean)
            elif name in _ROLES and span.kind == "generation":
                clean = as_messages(clean, _ROLES[name])
            found[name] = clean
        return found


def _parent_id(span: OpenSpan) -> str | None:
    parent = span.parent_ref if span.parent_ref is not None else span.parent.id if span.parent else None
    return None if parent is None or parent == span.trace.span_id else f"{parent:016x}"
