"""The waterfall of a trace: rows in tree order, bars in percent of the axis, the critical path. Geometry only.

The axis, and how idle time is left out of it, is in `axis.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest

from convotrace.model import Span, Trace
from convotrace.page.axis import Axis, axis_of, covered
from convotrace.page.format import tokens

_FAMILIES = {
    "generation": "gen", "embedding": "gen", "retrieval": "ret", "reranker": "ret", "tool": "tool", "http": "tool",
    "guardrail": "jdg", "evaluator": "jdg",
}  # fmt: skip
THINNEST = 0.25
_DEEPEST = 60


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
    own_ns: int | None = None
    """For a parent, the time in which none of its children ran."""
    lines: tuple[Line, ...] = ()

    @property
    def is_on_path(self) -> bool:
        """Tell whether the end had to wait for it."""
        return any(line.kind == "path" for line in self.lines)


@dataclass(frozen=True)
class _Node:
    span: Span
    depth: int
    children: tuple[_Node, ...]


def rows(trace: Trace, squeezed: bool = False) -> tuple[Axis, list[Row]]:
    """Return the axis and the rows of a trace, parents before children, in the order of time.

    Args:
        trace: The trace.
        squeezed: Whether long times in which nothing ran are drawn short.
    """
    axis = axis_of(trace, squeezed)
    tree = _tree(trace.spans)
    flat = list(_flat(tree))
    bars = [_bar(node, axis, trace.service) for node in flat]
    path = [node.span.id for node in sorted(_critical(tree, axis), key=lambda node: node.span.started_ns)]
    return axis, [_request(trace, axis), *_with_path(bars, path)]


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
    took, at = span.duration_ns, span.started_ns - axis.start_ns
    start = axis.place(at)
    x = min(start, 100 - THINNEST)
    width = max(THINNEST, axis.place(at + took if took is not None else axis.end_ns) - start)
    width = round(min(width, 100 - x), 3)
    first = span.first_token_ns if span.kind == "generation" else None
    wait = min(round(axis.place(at + first) - start, 3), width) if first and first < (took or 0) else 0.0
    return Row(
        span, span.name, note(span, home), node.depth + 1, family_of(span), x, width, wait, bool(node.children), took,
        _own_time(node),
    )  # fmt: skip


def family_of(span: Span) -> str:
    """Return the family of a span's colour; an error has its own."""
    return "err" if span.status == "error" else _FAMILIES.get(span.kind, "ctl")


def _own_time(node: _Node) -> int | None:
    """Return how long a parent ran while none of its children did."""
    if not node.children or node.span.duration_ns is None:
        return None
    start, end = node.span.started_ns, _end(node)
    inside = [(max(start, child.span.started_ns), min(end, _end(child))) for child in node.children]
    return end - start - covered([one for one in inside if one[0] < one[1]])


def _request(trace: Trace, axis: Axis) -> Row:
    name = trace.name or trace.route or "request"
    width = axis.place(trace.duration_ns if trace.duration_ns is not None else axis.end_ns)
    return Row(None, name, "", 0, "tool", 0.0, max(THINNEST, width), 0.0, True, trace.duration_ns)


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
