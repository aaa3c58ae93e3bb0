"""A session as JSON and as Markdown: all of it, of a very long one so many turns at a time.

Ten thousand turns are 70 MB: an answer of that size takes seconds in which the app's own threads wait. `next` tells
where the next one begins, as it does for lists; exports give all at once, beside the app.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from convotrace.export import as_json, as_markdown
from convotrace.model import Conversation, Event, Excerpt, Trace
from convotrace.page.http import PageResponse, as_data, plain
from convotrace.page.list import limit_of
from convotrace.page.visit import Visit

TURNS = 200
"""Turns of an answer where nobody says how many; most sessions have fewer."""
_MOST = 1000


@dataclass(frozen=True)
class _Part:
    conversation: Conversation
    next: int | None
    """Number of the turn with which the next part begins; None after the last."""


def data(visit: Visit) -> PageResponse:
    """Return a session as JSON; `?turn=` and `?limit=` ask for some of its turns."""
    first, limit = _asked(visit)
    found = visit.reader().document_by_key(visit.parts["key"], limit) if first == 1 else None
    if found is not None:
        return as_data({**found, "next": None})
    part = _part_of(visit.excerpt(first, None, limit))
    return as_data({**as_json(part.conversation), "next": part.next})


def markdown(visit: Visit) -> PageResponse:
    """Return a session as Markdown, in the same parts."""
    first, limit = _asked(visit)
    whole = _is_whole(visit, first, limit)
    part = _Part(visit.conversation(), None) if whole else _part_of(visit.excerpt(first, None, limit))
    text = as_markdown(part.conversation)
    if part.next is not None:
        text += f"\n*Turn {part.next} and the later ones are at `?turn={part.next}`.*\n"
    return plain(text)


def _asked(visit: Visit) -> tuple[int, int]:
    """Return from which turn on, and how many."""
    fields = visit.request.fields()
    limit, text = limit_of(fields.get("limit"), TURNS, _MOST), fields.get("turn", "")
    return (max(1, int(text[:9])) if text.isascii() and text.isdigit() else 1), limit


def _is_whole(visit: Visit, first: int, limit: int) -> bool:
    known = visit.reader().change(visit.parts["key"])
    return first == 1 and not (known and known[0].turns > limit)


def _part_of(excerpt: Excerpt) -> _Part:
    """Return the turns that were asked for, with the requests, events and scores that stand among them."""
    found, is_last = excerpt.conversation, excerpt.last >= excerpt.total
    traces = tuple(_wanted(excerpt))
    low = traces[0].started_ns if traces and excerpt.first > 1 else None
    behind = None if is_last else next(one.started_ns for one in found.traces if one.turn == excerpt.last + 1)
    part = replace(
        found,
        traces=traces,
        events=tuple(event for event in found.events if _is_between(event, low, behind)),
        scores=tuple(score for score in found.scores if score.target.trace_id is None),
    )
    return _Part(part, None if is_last else excerpt.last + 1)


def _wanted(excerpt: Excerpt) -> Iterator[Trace]:
    """Yield the turns wanted, and the other requests from the first of them until the turn after the last."""
    at = 0
    for trace in excerpt.conversation.traces:
        at = at if trace.turn is None else trace.turn
        if excerpt.first <= at <= excerpt.last or (at == 0 and excerpt.first == 1):
            yield trace


def _is_between(event: Event, low: int | None, behind: int | None) -> bool:
    return (low is None or event.at_ns >= low) and (behind is None or event.at_ns < behind)
