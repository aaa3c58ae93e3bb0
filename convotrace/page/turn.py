"""One turn closely: its waterfall, the chosen span with what was sent and answered, its log lines, its raw texts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from urllib.parse import urlencode

from convotrace.model import Excerpt, Span, Trace
from convotrace.page.calls import caller_of, definition_of, made_by, place_of
from convotrace.page.format import cost, cut_end, duration, plural, size, tokens
from convotrace.page.http import PageResponse
from convotrace.page.messages import of_call
from convotrace.page.render import page as render
from convotrace.page.sections import part_of, sections_of_span, sections_of_trace
from convotrace.page.sifting import LONGEST, sift
from convotrace.page.signs import kinds_of
from convotrace.page.stream import stream_of
from convotrace.page.turn_view import log_lines
from convotrace.page.turn_view import turn as turn_view
from convotrace.page.turn_words import where_left
from convotrace.page.visit import Visit
from convotrace.page.waterfall import Row, note, rows

_NOTHING: dict[str, object] = {"note": "", "facts": (), "sections": (), "made": {}}
KEPT: tuple[str, ...] = ("began", "only", "squeeze", "find")
"""Fields of the address that links on the page keep."""
_SLOW = 0.1
"""A step is slow that takes a tenth of its turn."""
_OFFERED_FROM = 0.5
"""Share of idle time from which the page offers to draw it short."""


def page(visit: Visit) -> PageResponse:
    """Return a turn, or another request of the session, as a page."""
    excerpt, trace = visit.trace()
    asked = visit.request.fields()
    fields = {name: asked[name] for name in KEPT if name in asked}
    frame = {**visit.frame("sessions"), "kinds": sorted({*kinds_of([trace]), "http", "tool"}), "marks": True}
    sought = fields.get("find", "").strip()[:LONGEST]
    chosen = _chosen(trace, asked.get("span"), sought)
    view = {**_head(excerpt, trace), **_waterfall(trace, fields, sought), **_below(trace, chosen)}
    return render("turn.html", {**frame, **view, "to": _Addresses(trace, fields), "asked": fields})


class _Addresses:
    """Makes addresses of the same turn: another span, another filter, with all else as it is."""

    def __init__(self, trace: Trace, fields: Mapping[str, str]) -> None:
        self._trace, self._fields = trace, fields

    def span(self, span: Span, place: str = "call") -> str:
        """Return the address of a span of the turn."""
        return self._with(f"#{place}", span=span.id)

    def part(self, span: Span, name: str) -> str:
        """Return the address of all of one value of a span."""
        return part_of(self._trace, name, span)

    def only(self, which: str) -> str:
        """Return the address at which the waterfall shows some of its rows alone, or all again."""
        return self._with("", only="" if self._fields.get("only") == which else which)

    def squeezed(self, squeeze: str) -> str:
        """Return the address at which idle times are drawn short, or as they are."""
        return self._with("", squeeze=squeeze)

    def _with(self, place: str, **changes: str) -> str:
        kept = {name: text for name, text in {**self._fields, **changes}.items() if text}
        return "?" + urlencode(kept, errors="replace") + place


def _head(excerpt: Excerpt, trace: Trace) -> dict[str, object]:
    before, after = _neighbours(excerpt, trace)
    return {
        "s": excerpt.conversation.session,
        "trace": trace,
        "title": trace.input.text or trace.output.text or trace.name or trace.route or "A request without a text",
        "place": f"turn {trace.turn}" if trace.turn is not None else "other request",
        "before": before,
        "after": after,
        "began": f"?began={trace.started_ns}" if len(excerpt.twins) > 1 else "",
        "twins": [began for began in excerpt.twins if began != trace.started_ns],
        "shares": _shares(trace),
        "calls_made": sum(span.kind == "generation" for span in trace.spans),
        "left": where_left(trace) if trace.status == "disconnected" else None,
        "scores": turn_view(trace, (), None, excerpt.conversation.scores).scores,
        "streamed": list(_streamed(trace)),
        "stream": stream_of(trace),
    }


def _waterfall(trace: Trace, fields: Mapping[str, str], sought: str) -> dict[str, object]:
    axis, bars = rows(trace, squeezed=fields.get("squeeze") == "1")
    tests: dict[str, Callable[[Row], bool]] = {
        "errors": lambda row: row.span is not None and row.span.status == "error",
        "path": lambda row: row.is_on_path,
        "slow": lambda row: (row.took or 0) >= _SLOW * max(1, trace.duration_ns or 0),
    }
    only = fields.get("only", "") if fields.get("only") in tests else ""
    spans = [row for row in bars if row.span is not None]
    is_meant = sift(sought)
    found = {row.span.id for row in spans if row.span and is_meant(row.span)} if sought else set()
    dimmed = {row.span.id for row in spans if row.span and only and not tests[only](row)}
    return {
        "axis": axis,
        "rows": bars,
        "only": only,
        "sought": sought,
        "found": f"{len(found)} of {plural(len(spans), 'span')}",
        "dimmed": dimmed | {row.span.id for row in spans if row.span and sought and row.span.id not in found},
        "filters": [
            ("path", "Critical path", duration(_on_path(bars))),
            ("errors", "Errors", str(sum(map(tests["errors"], spans)))),
            ("slow", "Slower than a tenth", str(sum(map(tests["slow"], spans)))),
        ] if len(spans) > 2 else [],
        "offers": axis.is_squeezed or axis.idle_share >= _OFFERED_FROM,
    }  # fmt: skip


def _on_path(bars: list[Row]) -> int:
    return sum(row.took or 0 for row in bars if row.is_on_path)


def _below(trace: Trace, chosen: Span | None) -> dict[str, object]:
    log = log_lines(trace)
    shared = {"chosen": chosen, "log": log, "raw": sections_of_trace(trace)}
    nothing: dict[str, object] = {
        "note": "",
        "facts": [],
        "call": None,
        "sections": [],
        "place_of_call": None,
        "made": {},
    }
    if chosen is None:
        return {**shared, **nothing, "caller": None, "definition": None}
    is_call = chosen.kind == "generation"
    return {
        **shared,
        "note": note(chosen, trace.service),
        "facts": list(_facts(chosen)),
        "call": of_call(chosen) if is_call else None,
        "sections": sections_of_span(trace, chosen),
        "place_of_call": place_of(trace, chosen),
        "made": made_by(trace, chosen) if is_call else {},
        "caller": caller_of(trace, chosen) if chosen.kind == "tool" else None,
        "definition": definition_of(trace, chosen.name) if chosen.kind == "tool" else None,
    }


def _chosen(trace: Trace, wanted: str | None, sought: str) -> Span | None:
    """Return the span asked for, else the first one found, else the first failed one, else the first model call."""
    is_meant = sift(sought)
    tests: tuple[Callable[[Span], bool], ...] = (
        lambda span: span.id == wanted, lambda span: bool(sought) and is_meant(span),
        lambda span: span.status == "error" and _is_inner(trace, span), lambda span: span.kind == "generation",
        lambda span: True,
    )  # fmt: skip
    return next((span for test in tests for span in trace.spans if test(span)), None)


def _is_inner(trace: Trace, span: Span) -> bool:
    """Tell whether no failed span stands below a failed one: there the failure began."""
    return not any(other.parent_id == span.id and other.status == "error" for other in trace.spans)


def _neighbours(excerpt: Excerpt, trace: Trace) -> tuple[Trace | None, Trace | None]:
    turns = {other.turn: other for other in excerpt.conversation.traces if other.turn is not None}
    if trace.turn is None:
        return None, None
    return turns.get(trace.turn - 1), turns.get(trace.turn + 1)


def _shares(trace: Trace) -> list[tuple[str, float]]:
    """Return how much of the turn went to model calls and to tools, where both are known."""
    whole = trace.duration_ns or 0
    spent = {"model": ("generation", "embedding"), "tools": ("tool", "retrieval")}
    sums = {
        name: sum(span.duration_ns or 0 for span in trace.spans if span.kind in kinds) for name, kinds in spent.items()
    }
    return [(name, min(1.0, spent_ns / whole)) for name, spent_ns in sums.items() if spent_ns and whole]


def _streamed(trace: Trace) -> Iterator[str]:
    """Yield how the answer went out, in words; when its chunks did, `stream` draws."""
    if trace.first_byte_ns is not None:
        yield f"first byte after {duration(trace.first_byte_ns)}"
    if trace.chunks:
        yield plural(trace.chunks, "chunk")
    if trace.largest_gap_ns is not None and (trace.chunks or 0) > 1:
        yield f"largest gap {duration(trace.largest_gap_ns)}"
    if trace.duration_ns is not None:
        yield f"last byte after {duration(trace.duration_ns)}"
    if trace.response_bytes is not None:
        yield size(trace.response_bytes)


def _facts(span: Span) -> Iterator[str]:
    yield duration(span.duration_ns) if span.status != "running" else "running"
    if span.first_token_ns is not None:
        yield f"first token {duration(span.first_token_ns)}"
    usage = span.usage
    if usage is not None:
        yield f"{tokens(usage.input)} in {tokens(usage.output)} out"
        streamed = (span.duration_ns or 0) - (span.first_token_ns or 0)
        if span.first_token_ns is not None and usage.output and streamed > 0:
            yield f"{usage.output / (streamed / 1e9):.0f} tok/s"
    if span.cost_nano is not None:
        yield cost(span.cost_nano)
    if span.finish_reason:
        yield cut_end(span.finish_reason, 40)
