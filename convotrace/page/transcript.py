"""A conversation as it is read: turns, idle gaps, other requests, a window of them at a time.

Pure: records go in, a view for the template comes out. What one turn looks like is made in `turn_view`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from convotrace.insight.versions import superseded
from convotrace.model import Conversation, Event, Excerpt, Trace
from convotrace.page.steps import Moment, moment
from convotrace.page.strip import IDLE_NS
from convotrace.page.turn_view import Turn, turn

WINDOW = 24
"""Turns on one page: with more, a page would take longer to make than people like to wait."""


@dataclass(frozen=True)
class Gap:
    """Time in which nothing happened."""

    ns: int
    type: str = "gap"


@dataclass(frozen=True)
class Others:
    """Requests of the session that are no turns."""

    traces: list[Trace] = field(default_factory=list)
    type: str = "others"


@dataclass(frozen=True)
class Loose:
    """Events of the session before its first turn."""

    moments: list[Moment]
    type: str = "loose"


Item = Turn | Gap | Others | Loose


@dataclass(frozen=True)
class Feed:
    """A window of the conversation: what is in it and what is before and after."""

    items: list[Item]
    first: int
    last: int
    total: int
    left_out: int = 0

    @property
    def earlier(self) -> int | None:
        """Return the number to start at for the turns before, None where there are none."""
        return max(1, self.first - WINDOW) if self.first > 1 else None

    @property
    def later(self) -> int | None:
        """Return the number to start at for the turns after, None where there are none."""
        return self.last + 1 if self.last < self.total else None

    @property
    def turns(self) -> list[Turn]:
        """Return the turns alone."""
        return [item for item in self.items if isinstance(item, Turn)]


def feed(excerpt: Excerpt) -> Feed:
    """Return the turns wanted of an excerpt, with what is between them.

    Args:
        excerpt: Some turns of a session, with those around them.
    """
    return Feed(list(_items(excerpt)), excerpt.first, excerpt.last, excerpt.total, excerpt.left_out)


def _items(excerpt: Excerpt) -> Iterator[Item]:
    conversation = excerpt.conversation
    numbers = {trace.id: trace.turn for trace in conversation.traces}
    replaced = {gone: numbers[by] for gone, by in superseded(conversation.traces).items()}
    events = _by_turn(conversation)
    if excerpt.first == 1 and events.get(None):
        yield Loose([moment(event) for event in events[None] if not event.level])
    before: Trace | None = None
    others = Others()
    for trace, anchor in zip(conversation.traces, _anchors(conversation.traces), strict=True):
        if trace.turn is None:
            others.traces.append(trace)
            continue
        if excerpt.first <= trace.turn <= excerpt.last:
            yield from _between(others, before, trace)
            made = turn(trace, events.get(trace.id, ()), replaced.get(trace.id), conversation.scores)
            yield replace(made, anchor=anchor)
        before, others = trace, Others()
    if others.traces and (before is None or before.turn == excerpt.last):
        yield others


def _anchors(traces: Iterable[Trace]) -> Iterator[str]:
    """Yield the place of each trace on a page: its id, with its start behind it where an earlier one has that id."""
    seen: set[str] = set()
    for trace in traces:
        yield f"{trace.id}-{trace.started_ns}" if trace.id in seen else trace.id
        seen.add(trace.id)


def _between(others: Others, before: Trace | None, trace: Trace) -> Iterator[Item]:
    if others.traces:
        yield others
    if before is not None:
        idle = trace.started_ns - before.started_ns - (before.duration_ns or 0)
        if idle > IDLE_NS:
            yield Gap(idle)


def _by_turn(conversation: Conversation) -> dict[str | None, list[Event]]:
    """Return the session's own events by the turn they fall into; None holds those before the first."""
    out: dict[str | None, list[Event]] = {}
    turns = [trace for trace in conversation.traces if trace.turn is not None]
    for event in sorted(conversation.events, key=lambda event: event.at_ns):
        home = next((trace.id for trace in reversed(turns) if trace.started_ns <= event.at_ns), None)
        out.setdefault(home, []).append(event)
    return out
