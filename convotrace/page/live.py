"""Live views: which sessions changed, as a stream of events or as an answer to whoever asks again and again.

The truth is the store, which other processes write too. Both forms carry the same JSON; `next` is where to go on.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from hashlib import blake2b

from convotrace.export import dump
from convotrace.export.records import iso
from convotrace.model import Activity, Json
from convotrace.page.access import admit
from convotrace.page.http import NO_STORE, SHIELD, PageResponse, first_of_each, respond, wrong
from convotrace.page.visit import Visit
from convotrace.page.watch import TICK, WINDOW_NS, Changes

OVERLAP_NS = 5 * 10**9
"""A commit may come this much later than what it tells of; what is told twice has the same `version`."""
HEARTBEAT = 15.0
RECHECK = 15.0
"""Seconds after which who listens is asked again whether they may: a right may be taken away meanwhile."""
LONGEST = 300.0
"""Seconds after which a stream ends, for proxies and servers that wait for it; the browser comes again by itself."""


@dataclass(frozen=True)
class Topic:
    """What a tab wants to know: one session by its key, or the sessions of a filter."""

    visit: Visit
    q: str
    key: str

    @property
    def name(self) -> str:
        """Return what tabs that want the same have in common."""
        return f"s {self.key}" if self.key else f"q {self.q}"

    def lately(self) -> Changes:
        """Return what changed within the window that all tabs share."""
        return self.since(time.time_ns() - WINDOW_NS)

    def since(self, ns: int) -> Changes:
        """Return what changed since a moment."""
        store = self.visit.backend.store()
        return store.change(self.key) if self.key else store.changes(self.q or None, ns)


@dataclass
class Tab:
    """What one tab was told already."""

    after_ns: int
    told: dict[str, int] = field(default_factory=dict)

    def news(self, found: Changes) -> list[Activity]:
        """Return what the tab does not know yet, and take it as told."""
        fresh = [one for one in found if self.told.get(one.key) != one.version and self._is_after(one)]
        self.told |= {one.key: one.version for one in fresh}
        self.after_ns = max([self.after_ns, *(one.last_ns for one in fresh)])
        return fresh

    def _is_after(self, one: Activity) -> bool:
        return one.last_ns >= self.after_ns - OVERLAP_NS or one.key in self.told


def tail(visit: Visit) -> PageResponse:
    """Return what changed, as JSON with an ETag: 304 where it is what the asker has."""
    topic, after_ns = _asked(visit)
    if time.time_ns() - after_ns < WINDOW_NS - OVERLAP_NS:
        found = visit.backend.watch().look(topic.name, topic.lately)
    else:
        found = topic.since(after_ns - OVERLAP_NS)
    tab = Tab(after_ns)
    body = dump(_answer(tab.news(found), tab))
    etag = f'"{blake2b(body, digest_size=8).hexdigest()}"'
    if visit.request.header("if-none-match") == etag:
        return PageResponse(304, [NO_STORE, ("etag", etag), *SHIELD])
    return respond(200, "application/json", body, ("etag", etag))


def stream(visit: Visit) -> PageResponse:
    """Return a stream of server-sent events, 503 where none can be held: then `tail.json` is there."""
    topic, after_ns = _asked(visit)
    if visit.request.method == "HEAD" or not visit.request.streams:
        return wrong("No stream can be held here; ask tail.json again and again.", 503, as_json=True)
    # Asked once before the first byte, so that a wrong filter is answered as one.
    first = topic.since(after_ns - OVERLAP_NS)
    if not visit.backend.watch().open_stream():
        return wrong("Too many streams are open; ask tail.json again and again.", 503, as_json=True)
    headers = [("content-type", "text/event-stream"), ("cache-control", "no-store, no-transform")]
    headers += [("x-accel-buffering", "no"), *SHIELD]
    return PageResponse(200, headers, b"retry: 2000\n\n", Stream(topic, Tab(after_ns), first))


class Stream:
    """The parts of one stream: what is new, a heartbeat, or nothing, once a tick. It must be closed."""

    def __init__(self, topic: Topic, tab: Tab, found: Changes) -> None:
        self._topic, self._tab, self._found = topic, tab, found
        self._watch = topic.visit.backend.watch()
        self._begun = self._spoke = self._checked = time.monotonic()
        self._closed = False
        self._first = True

    def __aiter__(self) -> Stream:
        return self

    async def __anext__(self) -> bytes:
        if not self._first:
            await asyncio.sleep(TICK)
            self._found = await self._look()
        self._first, now = False, time.monotonic()
        if self._closed or now - self._begun > LONGEST or not await self._may_go_on(now):
            raise StopAsyncIteration
        part = self._part(now)
        self._spoke = now if part else self._spoke
        return part

    async def aclose(self) -> None:
        """Give the place free for another one, once."""
        if not self._closed:
            self._closed = True
            self._watch.close_stream()

    async def _may_go_on(self, now: float) -> bool:
        if now - self._checked <= RECHECK:
            return True
        self._checked = now
        visit = self._topic.visit
        ask = partial(admit, visit.request, visit.backend, is_html=False)
        admission = await asyncio.to_thread(visit.backend.quietly, ask)
        return admission is not None and "read" in admission.rights

    def _part(self, now: float) -> bytes:
        if news := self._tab.news(self._found):
            return _event(_answer(news, self._tab))
        return b": still here\n\n" if now - self._spoke > HEARTBEAT else b""

    async def _look(self) -> Changes:
        known = self._watch.fresh(self._topic.name)
        return await asyncio.to_thread(self._ask) if known is None else known

    def _ask(self) -> Changes:
        backend = self._topic.visit.backend
        try:
            return backend.quietly(lambda: self._watch.look(self._topic.name, self._topic.lately))
        except Exception as error:  # a store that is away for a moment ends no stream
            backend.failed("live", error)
            return ()


def _event(answer: Mapping[str, Json]) -> bytes:
    return b"id: %s\nevent: change\ndata: %s\n\n" % (str(answer["next"]).encode(), dump(answer))


def _answer(news: list[Activity], tab: Tab) -> dict[str, Json]:
    return {"next": str(tab.after_ns), "sessions": [_shown(one) for one in news]}


def _shown(one: Activity) -> dict[str, Json]:
    return {
        "key": one.key, "version": one.version, "last_at": iso(one.last_ns), "turns": one.turns, "errors": one.errors,
        "outcome": one.outcome,
    }  # fmt: skip


def _asked(visit: Visit) -> tuple[Topic, int]:
    fields = first_of_each(visit.request.query)
    after = visit.request.header("last-event-id") or fields.get("after", "")
    is_number = after.isascii() and after.isdigit() and len(after) <= 19
    topic = Topic(visit, fields.get("q", ""), fields.get("session", ""))
    return topic, int(after) if is_number else 0
