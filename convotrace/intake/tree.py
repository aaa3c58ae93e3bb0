"""Who stands above whom among the spans of a trace, as far as they are here: gaps and circles are normal."""

from __future__ import annotations

from collections.abc import Sequence

from convotrace.intake.spans import KIND
from convotrace.model import Span


def in_depth(spans: Sequence[Span]) -> dict[str, int]:
    """Return how many known spans stand above each."""
    parents = {span.id: span.parent_id for span in spans}
    depths: dict[str, int] = {}
    for span in spans:
        path: dict[str, None] = {}
        at: str | None = span.id
        while at is not None and at in parents and at not in depths and at not in path:
            path[at] = None
            at = parents[at]
        depth = depths.get(at, -1) if at is not None and at not in path else -1
        for id in reversed(path):
            depth += 1
            depths[id] = depth
    return depths


def head_of(spans: Sequence[Span]) -> Span | None:
    """Return the span that stands for the whole: the outermost that serves a request, else the outermost."""
    depths = in_depth(spans)
    return min(spans, key=lambda span: _rank(span, depths), default=None)


def _rank(span: Span, depths: dict[str, int]) -> tuple[bool, bool, int, bool, int, str]:
    # A place that a log record keeps for its span says nothing of the trace while anything else is here.
    unknown = not span.name and span.status == "running"
    is_orphan = span.parent_id is not None
    return unknown, span.attributes.get(KIND) != "server", depths[span.id], is_orphan, span.started_ns, span.id
