"""One turn closely: its waterfall, the chosen span with what was sent and answered, its log lines, its raw texts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from markupsafe import Markup

from convotrace.model import Conversation, Json, Span, Trace
from convotrace.page.format import cost, cut_end, duration, tokens
from convotrace.page.http import PageResponse
from convotrace.page.messages import of_call
from convotrace.page.render import page as render
from convotrace.page.signs import kinds_of
from convotrace.page.transcript import log_lines, where_left
from convotrace.page.transcript import turn as turn_view
from convotrace.page.values import pretty
from convotrace.page.visit import Unknown, Visit
from convotrace.page.waterfall import note, rows

Section = tuple[str, Markup, bool]


def page(visit: Visit) -> PageResponse:
    """Return a turn, or another request of the session, as a page."""
    conversation = visit.conversation()
    trace = next((trace for trace in conversation.traces if trace.id == visit.parts["trace"]), None)
    if trace is None:
        raise Unknown
    frame = {**visit.frame("sessions"), "kinds": sorted({*kinds_of([trace]), "http", "tool"})}
    chosen = _chosen(trace, visit.request.fields().get("span"))
    return render("turn.html", {**frame, "marks": True, **_head(conversation, trace), **_below(trace, chosen)})


def _head(conversation: Conversation, trace: Trace) -> dict[str, object]:
    axis, bars = rows(trace)
    before, after = _neighbours(conversation, trace)
    return {
        "s": conversation.session,
        "trace": trace,
        "title": trace.input.text or trace.output.text or trace.name or trace.route or "A request without a text",
        "place": f"turn {trace.turn}" if trace.turn is not None else "other request",
        "before": before,
        "after": after,
        "shares": _shares(trace),
        "left": where_left(trace) if trace.status == "disconnected" else None,
        "scores": turn_view(trace, (), None, conversation.scores).scores,
        "axis": axis,
        "rows": bars,
    }


def _below(trace: Trace, chosen: Span | None) -> dict[str, object]:
    return {
        "chosen": chosen,
        "note": note(chosen, trace.service) if chosen else "",
        "facts": list(_facts(chosen)) if chosen else [],
        "call": of_call(chosen) if chosen and chosen.kind == "generation" else None,
        "sections": list(_sections(chosen)) if chosen else [],
        "raw": list(_raw(trace)),
        "log": log_lines(trace),
    }


def _chosen(trace: Trace, wanted: str | None) -> Span | None:
    """Return the span asked for, else the first failed one, else the first model call, else the first."""
    for test in (_named_by(wanted), _is_failed, _is_generation):
        found = next((span for span in trace.spans if test(span)), None)
        if found is not None:
            return found
    return trace.spans[0] if trace.spans else None


def _named_by(wanted: str | None) -> Callable[[Span], bool]:
    return lambda span: span.id == wanted


def _is_failed(span: Span) -> bool:
    return span.status == "error"


def _is_generation(span: Span) -> bool:
    return span.kind == "generation"


def _neighbours(conversation: Conversation, trace: Trace) -> tuple[Trace | None, Trace | None]:
    turns = {other.turn: other for other in conversation.traces if other.turn is not None}
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


def _sections(span: Span) -> Iterator[Section]:
    """Yield the values of a span under their names; what was given and what came back stand open."""
    yield from _named({"Query": span.query, "Arguments": span.arguments}, True)
    if span.kind != "generation":
        yield from _named({"Input": span.input, "Output": span.output}, True)
    yield from _named({"Result": span.result}, True)
    others = {"Parameters": span.parameters, "Attributes": span.attributes, "Metadata": span.metadata}
    yield from _named({name: dict(value) or None for name, value in others.items()}, False)
    if span.kind == "generation":
        yield from _named({"Raw input": span.input, "Raw output": span.output}, False)


def _raw(trace: Trace) -> Iterator[Section]:
    """Yield the exact texts and bodies, every unseen character visible."""
    texts = {"Message, raw": trace.input.text, "Answer, raw": trace.output.text}
    yield from _named(texts, not trace.spans)
    bodies = {"Request body": trace.input.body, "Response body": trace.output.body}
    yield from _named(bodies, False)
    if trace.request is not None:
        asked = {"method": trace.request.method, "path": trace.request.path, "query": dict(trace.request.query)}
        yield from _named({"Request": {**asked, "headers": dict(trace.request.headers)}}, False)
    yield from _named({"Metadata": dict(trace.metadata) or None}, False)
    if trace.error is not None:
        yield from _named({"Stack": trace.error.stack}, False)


def _named(values: Mapping[str, Json], is_open: bool) -> Iterator[Section]:
    for name, value in values.items():
        if value is not None:
            yield name, pretty(value), is_open
