"""A whole session as JSON, made from its rows without a record for each span: the same as `as_json` of its records.

Spans are most of what a session holds. Long values stay the JSON that they are stored as, and what turns tell about
each other needs little of a span. Those of a trace become JSON while they are at hand: hundreds, kept until the end,
would be fetched from memory twice. A third of the time less, measured; a test holds both ways together.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from convotrace.export import as_json
from convotrace.export.records import SPAN_SHOWN, iso, trace_json
from convotrace.insight.friction import with_signals
from convotrace.insight.versions import with_versions
from convotrace.model import Failure, Json, Score, Span, Trace
from convotrace.store.codec import made
from convotrace.store.conversations import Parts, read, row_of_key, with_totals_of
from convotrace.store.keys import unpack_trace_id
from convotrace.store.opening import Opened
from convotrace.store.rows import TraceRow
from convotrace.store.to_records import SPAN_FIELDS, Happened, begun, in_order
from convotrace.store.unpacking import Contents
from convotrace.store.work import read_work, rest_of

_BLANK = as_json(Span("", "", ""))


def by_key(opened: Opened, key: str, now_ns: int, most: int | None = None) -> dict[str, Json] | None:
    """Return the session of a key as `as_json` shows it, for `dump` alone; None where there is none, or a longer one.

    Args:
        opened: The open store.
        key: The form of its id that stands in URLs.
        now_ns: The moment that tells which processes live.
        most: Turns that it may have, None for any number.
    """
    row = row_of_key(opened, key)
    is_wanted = row is not None and (most is None or row.turns <= most)
    found = read(opened, row, now_ns, _Documents) if row is not None and is_wanted else None
    if found is None:
        return None
    session, parts = found
    traces = with_signals(with_versions(parts.traces()))
    shown = zip(traces, parts.spans, strict=True)
    return {
        "session": as_json(with_totals_of(session, traces)),
        "traces": [trace_json(trace, spans) for trace, spans in shown],
        "events": [as_json(event) for event in parts.session_events()],
        "scores": [as_json(score) for score in parts.left_scores()],
    }


class _Documents(Parts):
    """Puts the rows of a session together; its traces have as records only the spans that are compared."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.spans: list[Json] = []
        """The spans of each trace as JSON, in the order of `traces`."""
        self._shown: list[dict[str, Json]] = []

    def _trace(self, row: TraceRow, turn: int | None) -> Trace:
        trace = super()._trace(row, turn)
        self.spans.append(made(self._shown))
        return trace

    def _happened(self, row: TraceRow) -> Happened:
        contents, started_ns = self.contents, row.started
        work, trace_id = read_work(row.work), unpack_trace_id(row.trace_id)
        lines = sorted(work.get("spans", ()), key=begun)
        self._shown = [_span(contents, trace_id, started_ns, line) for line in lines]
        # Friction is told by any tool, and by a retrieval that found nothing.
        compared = [
            _compared(span)
            for span in self._shown
            if (kind := span["kind"]) == "tool" or (kind == "retrieval" and not span["documents"])
        ]
        events, on_session = work.get("events", ()), work.get("on_session", ())
        return Happened(tuple(compared), in_order(events, started_ns), in_order(on_session, started_ns))

    def _judged(self, spans: Sequence[Span], scores: dict[str | None, list[Score]]) -> tuple[Span, ...]:
        for span in self._shown:
            if (own := scores.pop(str(span["id"]), None)) is not None:
                span["scores"] = [as_json(score) for score in own]
        return tuple(spans)


def _span(contents: Contents, trace_id: str, started_ns: int, line: list[Any]) -> dict[str, Json]:
    span = _BLANK.copy()
    span["id"], span["parent_id"], span["kind"], span["name"], span["status"], after_ns, took_ns = line[:7]
    span["trace_id"], span["started_at"] = trace_id, iso(started_ns + after_ns)
    if took_ns is not None:
        span["duration_ms"] = took_ns / 1e6
    if len(line) == 7:
        return span
    rest = rest_of(line)
    for name, value in rest.items():
        if name in _HOW:
            shown, show = _HOW[name]
            span[shown] = value if show is None else show(contents, value, started_ns)
    for name, digits in rest.get("packed", _NOTHING).items():
        packed, (shown, show) = bytes.fromhex(digits), _HOW[name]
        value = contents.fragment(packed) if name in _MADE else contents.unpack(packed)
        span[shown] = value if show is None else show(contents, value, started_ns)
    return span


def _compared(span: dict[str, Any]) -> Span:
    """Return as much of a span as friction is told by."""
    return Span(
        span["id"], span["trace_id"], span["name"], span["kind"], status=span["status"],
        error=Failure(**span["error"]) if span["error"] else None, arguments=span["arguments"],
    )  # fmt: skip


def _usage(contents: Contents, value: list[Json], started_ns: int) -> Json:
    given, output, cached_read, cached_write, reasoning, audio = (*value, *_UNKNOWN)[:6]
    return {
        "input": given, "output": output, "cached_read": cached_read, "cached_write": cached_write,
        "reasoning": reasoning, "audio": audio,
    }  # fmt: skip


def _documents(contents: Contents, value: Json, started_ns: int) -> Json:
    return [_document(contents, found) for found in value] if isinstance(value, list) else []


def _document(contents: Contents, found: dict[str, Any]) -> Json:
    text = contents.value(bytes.fromhex(found["apart"])) if "apart" in found else found.get("text")
    return {
        "id": found.get("id"), "text": text, "score": found.get("score"), "title": found.get("title"),
        "url": found.get("url"), "metadata": found.get("metadata") or {},
    }  # fmt: skip


_UNKNOWN = (None,) * 6


def _how(name: str) -> tuple[str, _Show | None]:
    """Return under which name a field of a line is shown, and how, None for as it is."""
    field, read_field = SPAN_FIELDS[name]
    shown, show = SPAN_SHOWN.get(field, (field, None))
    if read_field is None:
        return shown, None if show is None else lambda contents, value, started_ns: show(value)
    if show is None:
        return shown, read_field
    return shown, lambda contents, value, started_ns: show(read_field(contents, value, started_ns))


_Show = Callable[[Contents, Any, int], Any]
_HOW: dict[str, tuple[str, _Show | None]] = {
    **{name: _how(name) for name in SPAN_FIELDS},
    # Most spans have some of these: without a record between.
    "cost": ("cost", lambda contents, value, started_ns: value / 1e9),
    "usage": ("usage", _usage), "documents": ("documents", _documents),
}  # fmt: skip
_MADE = frozenset({"input", "output", "result", "query"})
"""Fields that stay the JSON that they are stored as; by arguments friction is told."""
_NOTHING: Mapping[str, str] = {}
