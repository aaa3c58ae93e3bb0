"""The waterfall of a trace: rows in tree order, bars in percent of the axis, the critical path. Geometry only."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from math import floor, log10

from convotrace.model import Span, Trace
from convotrace.page.format import tokens

_FAMILIES = {
    "generation": "gen", "embedding": "gen", "retrieval": "ret", "reranker": "ret", "tool": "tool", "http": "tool",
    "guardrail": "jdg", "evaluator": "jdg",
}  # fmt: skip
_THINNEST = 0.25
_DEEPEST = 60


@dataclass(frozen=True)
class Tick:
    """A mark of the axis."""

    x: float
    label: str


@dataclass(frozen=True)
class Axis:
    """The time under a waterfall."""

    start_ns: int
    end_ns: int
    ticks: tuple[Tick, ...]

    def share(self, ns: int) -> float:
        """Return a length of time in percent of the axis."""
        return round(100 * ns / max(1, self.end_ns), 3)


@dataclass(frozen=True)
class Line:
    """A piece of the critical path: `path` under a bar, `steps` down to the next."""

    kind: str
    x1: float
    x2: float
    y1: int
    y2: int


@dataclass(frozen=True)
class Row:
    """One span; the first row is the request itself and has none."""

    span: Span | None
    name: str
    note: str
    depth: int
    family: str
    x: float
    width: float
    wait: float
    is_parent: bool
    took: int | None
    lines: tuple[Line, ...] = ()


@dataclass(frozen=True)
class _Node:
    span: Span
    depth: int
    children: tuple[_Node, ...]


def rows(trace: Trace) -> tuple[Axis, list[Row]]:
    """Return the axis and the rows of a trace, parents before children, in the order of time."""
    axis = _axis(trace)
    tree = _tree(trace.spans)
    flat = list(_flat(tree))
    bars = [_bar(node, axis, trace.service) for node in flat]
    path = [node.span.id for node in sorted(_critical(tree, axis), key=lambda node: node.span.started_ns)]
    return axis, [_request(trace, axis), *_with_path(bars, path)]


def _axis(trace: Trace) -> Axis:
    ends = [span.started_ns + (span.duration_ns or 0) - trace.started_ns for span in trace.spans]
    end = max([trace.duration_ns or 0, *ends, 1])
    step = _step(end)
    marks = range(0, int(end * 0.98) + 1, step)
    return Axis(trace.started_ns, end, tuple(Tick(round(100 * at / end, 3), _label(at, step)) for at in marks))


def _step(end: int) -> int:
    rough = max(1.0, end / 7)
    power = 10 ** floor(log10(rough))
    return int(next((power * factor for factor in (1, 2, 3, 5) if power * factor >= rough), power * 10)) or 1


def _label(at: int, step: int) -> str:
    if step >= 1_000_000_000:
        return f"{at // 1_000_000_000} s"
    if step >= 1_000_000:
        return f"{at // 1_000_000} ms" if at else "0"
    return f"{at / 1e6:g} ms" if at else "0"


def _tree(spans: Sequence[Span]) -> tuple[_Node, ...]:
    known = {span.id for span in spans}
    below: dict[str | None, list[Span]] = {}
    for span in spans:
        parent = span.parent_id if span.parent_id in known and span.parent_id != span.id else None
        below.setdefault(parent, []).append(span)
    tree = _nodes(below, None, 0)
    return tree + _lost(spans, tree)


def _nodes(below: dict[str | None, list[Span]], parent: str | None, depth: int) -> tuple[_Node, ...]:
    if depth > _DEEPEST:
        return ()
    spans = sorted(below.get(parent, ()), key=lambda span: span.started_ns)
    return tuple(_Node(span, depth, _nodes(below, span.id, depth + 1)) for span in spans)


def _lost(spans: Sequence[Span], tree: tuple[_Node, ...]) -> tuple[_Node, ...]:
    # Spans whose parents form a circle, or that lie absurdly deep, are shown all the same.
    found = {node.span.id for node in _flat(tree)}
    return tuple(_Node(span, 0, ()) for span in spans if span.id not in found)


def _flat(tree: tuple[_Node, ...]) -> Iterator[_Node]:
    for node in tree:
        yield node
        yield from _flat(node.children)


def _bar(node: _Node, axis: Axis, home: str | None) -> Row:
    span = node.span
    took = span.duration_ns
    x = max(0.0, axis.share(span.started_ns - axis.start_ns))
    width = max(_THINNEST, axis.share(took if took is not None else axis.end_ns - span.started_ns + axis.start_ns))
    x = min(x, 100 - _THINNEST)
    width = round(min(width, 100 - x), 3)
    first = span.first_token_ns if span.kind == "generation" else None
    wait = min(axis.share(first), width) if first and first < (took or 0) else 0.0
    family = "err" if span.status == "error" else _FAMILIES.get(span.kind, "ctl")
    return Row(span, span.name, note(span, home), node.depth + 1, family, x, width, wait, bool(node.children), took)


def _request(trace: Trace, axis: Axis) -> Row:
    name = trace.name or trace.route or "request"
    width = axis.share(trace.duration_ns if trace.duration_ns is not None else axis.end_ns)
    return Row(None, name, "", 0, "tool", 0.0, max(_THINNEST, width), 0.0, True, trace.duration_ns)


def note(span: Span, home: str | None = None) -> str:
    """Return what stands beside a span's name: another service than the turn's, model and tokens of a generation."""
    elsewhere = span.service if span.service != home else None
    return " · ".join(part for part in (elsewhere, _model(span)) if part)


def _model(span: Span) -> str:
    if span.kind not in ("generation", "embedding"):
        return span.model or ""
    usage = span.usage
    counted = usage is not None and (usage.input is not None or usage.output is not None)
    counts = f"{tokens(usage.input)} → {tokens(usage.output)}" if usage is not None and counted else ""
    return " · ".join(part for part in (span.model, counts) if part)


def _critical(tree: tuple[_Node, ...], axis: Axis) -> Iterator[_Node]:
    """Yield the leaves that the end had to wait for: from the end back, always the one that ended last before."""
    cursor = axis.start_ns + axis.end_ns
    for node in sorted(tree, key=_end, reverse=True):
        if _end(node) <= cursor + 1000:
            yield from _critical(node.children, axis) if node.children else (node,)
            cursor = node.span.started_ns


def _end(node: _Node) -> int:
    return node.span.started_ns + (node.span.duration_ns or 0)


def _with_path(bars: list[Row], path: list[str]) -> list[Row]:
    places = {row.span.id: index for index, row in enumerate(bars) if row.span is not None}
    lines: dict[int, list[Line]] = {}
    for span_id, following in zip_longest(path, path[1:]):
        at = places[span_id]
        end = bars[at].x + bars[at].width
        lines.setdefault(at, []).append(Line("path", bars[at].x, end, 21, 21))
        for index in range(at, places[following] + 1 if following else at):
            top, foot = 21 if index == at else 0, 21 if following and index == places[following] else 26
            lines.setdefault(index, []).append(Line("steps", end, end, top, foot))
    return [replace(row, lines=tuple(lines.get(index, ()))) for index, row in enumerate(bars)]
