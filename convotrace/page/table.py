"""The list of sessions as CSV: every row of the filter, read page by page while it is sent."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from itertools import islice
from urllib.parse import urlencode

from convotrace.export import TABLES
from convotrace.model import Conversation, SessionPage
from convotrace.page.backend import Reader
from convotrace.page.http import NO_STORE, SHIELD, PageResponse, respond
from convotrace.page.visit import Visit

KIND = "text/csv; charset=utf-8"
_PAGE, _PAGES = 200, 50
"""Rows that are read at once; and how many times at most where the door cannot send an answer in parts."""


def sessions(visit: Visit) -> PageResponse:
    """Return the sessions of a filter, all of them where the door can stream, else 10,000 and a link to the next."""
    fields = visit.request.fields()
    q, order = fields.get("q") or None, fields.get("order") or "-last"
    # Read before the first byte, so that a wrong filter is answered as one.
    reader = visit.reader()
    pages = _Pages(reader, q, order, reader.sessions(q, order, _PAGE, fields.get("after") or None))
    file = ("content-disposition", 'attachment; filename="sessions.csv"')
    if visit.request.streams and visit.request.method != "HEAD":
        return PageResponse(200, [("content-type", KIND), NO_STORE, file, *SHIELD], _header(), Rows(visit, pages))
    body = _header() + b"".join(islice(pages, _PAGES))
    more = {"q": q or "", "order": order, "after": pages.next} if pages.next else None
    link = [("link", f'<sessions.csv?{urlencode(more)}>; rel="next"')] if more else []
    return respond(200, KIND, body, file, *link)


def _header() -> bytes:
    return TABLES["sessions"].header().encode()


class _Pages(Iterator[bytes]):
    """The rows of one page of the list after the other."""

    def __init__(self, reader: Reader, q: str | None, order: str, first: SessionPage) -> None:
        self._reader, self._q, self._order = reader, q, order
        self._page: SessionPage | None = first
        self.next: str | None = None

    def __next__(self) -> bytes:
        page = self._page
        if page is None and self.next is not None:
            page = self._reader.sessions(self._q, self._order, _PAGE, self.next)
        if page is None:
            raise StopIteration
        self._page, self.next = None, page.next
        table = TABLES["sessions"]
        return "".join(table.lines(Conversation(session)) for session in page).encode()


class Rows:
    """The same for a door that streams: each page is read in a thread, when the one before has been sent."""

    def __init__(self, visit: Visit, pages: _Pages) -> None:
        self._backend, self._pages = visit.backend, pages

    def __aiter__(self) -> Rows:
        return self

    async def __anext__(self) -> bytes:
        part = await asyncio.to_thread(self._read)
        if part is None:
            raise StopAsyncIteration
        return part

    async def aclose(self) -> None:
        """Do nothing: nothing is held between two pages."""

    def _read(self) -> bytes | None:
        return self._backend.quietly(lambda: next(self._pages, None))
