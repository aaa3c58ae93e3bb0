"""The tokens and the cost of a trace's spans, each model call counted once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from convotrace.model import Span, Usage

REPEATS_CALL, REPEATS_COST = 1, 2

SCOPE = "otel.scope.name"
"""The attribute of a span that names the library which made it, where one did."""


_REPLY = ("gen_ai.response.id", "llm.response.id")
_TELLING_MORE = frozenset((SCOPE, *_REPLY))
"""Attributes by which two spans beside each other may show to be one call."""

_UNKNOWN = Usage()
_NAMES = ("input_tokens", "output_tokens", "cached_tokens", "cache_write_tokens", "reasoning_tokens", "cost_nano")


def totals(spans: tuple[Span, ...]) -> dict[str, Any]:
    """Return token and cost totals, each model call counted once: a parent may repeat its children's tokens."""
    telling = _telling(spans)
    if len(telling) < 2:  # as in most traces: nobody can tell anything twice
        return _told_by(telling[0]) if telling else dict.fromkeys(_NAMES)
    called, paid = (telling, telling) if _are_apart(telling, spans) else _counted(spans)
    usage = [span.usage for span in called if span.usage]
    sums = (
        _sum([u.input for u in usage]),
        _sum([u.output for u in usage]),
        _sum([u.cached_read for u in usage]),
        _sum([u.cached_write for u in usage]),
        _sum([u.reasoning for u in usage]),
        _sum([span.cost_nano for span in paid]),
    )
    return dict(zip(_NAMES, sums, strict=True))


def _telling(spans: tuple[Span, ...]) -> list[Span]:
    return [span for span in spans if span.usage is not None or span.cost_nano is not None]


def _told_by(span: Span) -> dict[str, Any]:
    told = _UNKNOWN if span.usage is None else span.usage
    counts = (told.input, told.output, told.cached_read, told.cached_write, told.reasoning)
    return dict(zip(_NAMES, (*counts, span.cost_nano), strict=True))


def repeats(spans: tuple[Span, ...]) -> dict[int, int]:
    """Return which spans tell what others tell as well, by their places.

    Returns:
        REPEATS_CALL where others tell its tokens, REPEATS_COST where they tell its cost, both added up.
    """
    telling = _telling(spans)
    if len(telling) < 2 or _are_apart(telling, spans):
        return {}
    called, paid = ({id(span) for span in counted} for counted in _counted(spans))
    found = {}
    for place, span in enumerate(spans):
        mark = REPEATS_CALL if span.usage is not None and id(span) not in called else 0
        mark += REPEATS_COST if span.cost_nano is not None and id(span) not in paid else 0
        if mark:
            found[place] = mark
    return found


def _are_apart(telling: list[Span], spans: tuple[Span, ...]) -> bool:
    """Tell whether it shows at once that no two of these spans tell of one call, as in most traces."""
    ids = {span.id for span in telling}
    if len(ids) < len(telling) or not ids.isdisjoint([span.parent_id for span in spans]):
        return False
    return not [span for span in telling if span.attributes and not _TELLING_MORE.isdisjoint(span.attributes)]


def _counted(spans: tuple[Span, ...]) -> tuple[list[Span], list[Span]]:
    """Return the spans whose tokens are counted, and those whose cost is."""
    twice = _told_twice(spans)
    calls = [span for span in spans if span.id not in twice] if twice else spans
    called = _once(_leaves([span for span in calls if span.usage is not None], spans))
    return called, _once(_leaves([span for span in calls if span.cost_nano is not None], spans))


def _leaves(counted: list[Span], spans: tuple[Span, ...]) -> list[Span]:
    """Return those of the counted spans that are above no other of them in one request or job.

    What another service or a job spent, its caller cannot have counted.
    """
    if len(counted) < 2:
        return counted
    by_id = {span.id: span for span in spans}
    above: set[str] = set()
    for span in counted:
        parent = _caller(span, by_id)
        while parent is not None and parent.id not in above:
            above.add(parent.id)
            parent = _caller(parent, by_id)
    return [span for span in counted if span.id not in above]


def _caller(span: Span, by_id: Mapping[str, Span]) -> Span | None:
    """Return the span above one, within the same request or job."""
    parent = None if span.parent_id is None else by_id.get(span.parent_id)
    if parent is None or parent.service != span.service or _is_part(span):
        return None
    return parent


def _is_part(span: Span) -> bool:
    """Tell whether a span stands for a request or a job, as `parts.py` makes it."""
    return span.kind in ("http", "internal") and span.attributes.get("protocol") in ("http", "websocket", "none")


def _once(calls: list[Span]) -> list[Span]:
    """Return each model call once: a client that makes spans of its own has one inside its instrumentor's.

    Both name the provider's reply, and neither stands above the other; the one that took longer is around it.
    """
    found: dict[object, Span] = {}
    for span in calls:
        reply = span.attributes.get(_REPLY[0]) or span.attributes.get(_REPLY[1])
        key = (reply, span.service) if isinstance(reply, str) and reply else span.id
        known = found.get(key)
        if known is None or (span.duration_ns or 0, span.id) > (known.duration_ns or 0, known.id):
            found[key] = span
    return list(found.values())


def _told_twice(spans: tuple[Span, ...]) -> set[str]:
    """Return the ids of model calls that another library, closer to the wire, tells as well.

    Where one library does not make its spans current, the other's stand beside them and not inside: the same parent,
    the same counts, and one begun in the other's time.
    """
    alike: dict[tuple[str | None, int | None, int | None], list[Span]] = {}
    for span in spans:
        if span.usage is not None and span.kind == "generation" and SCOPE in span.attributes:
            alike.setdefault((span.parent_id, span.usage.input, span.usage.output), []).append(span)
    twice: set[str] = set()
    for group in alike.values():
        for inner in group if len(group) > 1 else ():
            around = (outer for outer in group if outer.id not in twice and _is_around(outer, inner))
            nearest = max(around, key=lambda outer: outer.started_ns, default=None)
            if nearest is not None:
                twice.add(nearest.id)
    return twice


def _is_around(outer: Span, inner: Span) -> bool:
    if outer.attributes[SCOPE] == inner.attributes[SCOPE] or outer.duration_ns is None:
        return False
    # It need not end inside: a stream may be closed after its last part has been told.
    return outer.started_ns <= inner.started_ns <= outer.started_ns + outer.duration_ns


def _sum(values: list[int | None]) -> int | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None
