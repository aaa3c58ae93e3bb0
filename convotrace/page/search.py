"""What was found in what people said: hits grouped by session, each a link to its turn; the same as JSON."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from urllib.parse import urlencode

from convotrace.errors import BadRequest
from convotrace.export import as_json
from convotrace.model import Hit, HitPage, Passage, Session
from convotrace.page.http import PageResponse, as_data
from convotrace.page.list import limit_of, title
from convotrace.page.render import page as render
from convotrace.page.transcript import WINDOW
from convotrace.page.visit import Visit

_ROWS, _MOST = 50, 200
_TURNS_BEFORE = 20
_WORDS = {"input": "user", "output": "assistant", "error": "error", "note": "note"}


@dataclass(frozen=True)
class _Piece:
    text: str
    is_found: bool


@dataclass(frozen=True)
class _Line:
    """One passage of a hit."""

    where: str
    pieces: list[_Piece]


@dataclass(frozen=True)
class _Row:
    """One hit, with the address of its turn."""

    hit: Hit
    href: str
    lines: list[_Line]


@dataclass(frozen=True)
class _Group:
    """The hits of one session."""

    session: Session
    title: str
    rows: list[_Row] = field(default_factory=list)


def page(visit: Visit) -> PageResponse:
    """Return what a search found as a page; without a text, how to ask."""
    fields = visit.request.fields()
    q, after = fields.get("q", "").strip(), fields.get("after")
    wrong, found = "", HitPage()
    try:
        found = _read(visit) if q else found
    except BadRequest as error:
        wrong = str(error)
    view = {
        "q": q, "groups": _groups(found), "now_ns": time.time_ns(), "waiting": found.waiting, "wrong": wrong,
        "older": _address(q, found.next) if found.next else None, "newest": _address(q) if after else None,
    }  # fmt: skip
    return render("search.html", {**visit.frame("search"), "marks": True, **view}, 400 if wrong else 200)


def data(visit: Visit) -> PageResponse:
    """Return what a search found as JSON."""
    return as_data(as_json(_read(visit)))


def _read(visit: Visit) -> HitPage:
    fields = visit.request.fields()
    limit = limit_of(fields.get("limit"), _ROWS, _MOST)
    return visit.reader().search(fields.get("q", ""), limit, fields.get("after") or None)


def _groups(hits: Iterable[Hit]) -> list[_Group]:
    """Return hits by session, the sessions in the order in which their first hit came."""
    groups: dict[str, _Group] = {}
    for hit in hits:
        group = groups.setdefault(hit.session.key, _Group(hit.session, title(hit.session)))
        group.rows.append(_Row(hit, _link(hit), [_line(passage) for passage in hit.found]))
    return list(groups.values())


def _link(hit: Hit) -> str:
    if hit.turn is None:
        return f"s/{hit.session.key}/t/{hit.trace_id}"
    # Of a long session only a window of turns is shown.
    start = f"?turn={max(1, hit.turn - _TURNS_BEFORE)}" if hit.turn > WINDOW else ""
    return f"s/{hit.session.key}{start}#t{hit.trace_id}"


def _line(passage: Passage) -> _Line:
    pieces, at = [], 0
    for start, end in passage.marks:
        pieces += [_Piece(passage.text[at:start], False), _Piece(passage.text[start:end], True)]
        at = end
    return _Line(_WORDS.get(passage.where, passage.where), [*pieces, _Piece(passage.text[at:], False)])


def _address(q: str, after: str | None = None) -> str:
    return "search?" + urlencode({"q": q, **({"after": after} if after else {})}, errors="replace")
