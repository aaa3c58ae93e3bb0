"""The list of sessions: rows, the filter that is its permalink, what is counted beside it; the same as JSON."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from convotrace.errors import BadRequest, FilterError
from convotrace.model import Session, SessionPage, View
from convotrace.page import first, health, strip, terms
from convotrace.page.copies import base
from convotrace.page.day import day
from convotrace.page.facets import FIRST, beside
from convotrace.page.http import PageResponse, as_data
from convotrace.page.render import page as render
from convotrace.page.visible import visible
from convotrace.page.visit import Visit
from convotrace.query import FIELDS

_ROWS = 30
"""Rows of a page: with all that it needs it weighs less than 30 kB."""
EVERY = 50
"""Rows of each piece that a list which scrolls asks for, and of JSON where nobody says how many."""
FIRST_ERROR = "error"
"""What an address of a session has in place of a trace id: the first turn that failed, wherever it is."""
_MOST = 500
_COUNTED = 10_000

_ORDERED = ("turns", "errors", "cost", "last")
_RANGES = (("1 h", "1h"), ("24 h", "24h"), ("7 d", "7d"), ("All", ""))


Judged = tuple[str, float | None, Mapping[str, int] | None]
"""A score of a session: its name, its mean, and how many of how many pass."""


@dataclass(frozen=True)
class _Row:
    session: Session
    title: str
    second: str
    strip: strip.Strip
    tokens: int | None
    scores: list[Judged]
    more: int


def page(visit: Visit) -> PageResponse:
    """Return the list as a page."""
    fields = visit.request.fields()
    sessions, wrong = _read_or_refuse(visit, fields)
    q, after, order = fields.get("q", ""), fields.get("after"), fields.get("order") or "-last"
    view = {
        **_rows(sessions, "" if wrong else q), "q": q, "order": order, "heads": _heads(q, order),
        "older": terms.address(q, order, sessions.next) if sessions.next else None,
        "newest": terms.address(q, order) if after else None, "every": EVERY,
        **_around(visit, q, order, wrong, is_new=not (sessions.sessions or q or after)),
    }  # fmt: skip
    frame = {**visit.frame("sessions"), "marks": True, "topic": "" if wrong else urlencode({"q": q}, errors="replace")}
    frame["after_ns"] = max((one.last_ns for one in sessions), default=0)
    return render("list.html", {**frame, **view}, 400 if wrong else 200)


def rows(visit: Visit) -> PageResponse:
    """Return rows alone, for a list that scrolls."""
    fields = visit.request.fields()
    view = _rows(_read(visit, {"limit": str(EVERY), **fields}), fields.get("q", ""))
    return render("rows.html", {**visit.frame("sessions"), **view})


def data(visit: Visit) -> PageResponse:
    """Return the list as JSON."""
    return as_data(visit.reader().sessions_document(*_asked({"limit": str(EVERY), **visit.request.fields()})))


def places(visit: Visit) -> PageResponse:
    """Return as JSON where the pages of the whole list begin, for a list that scrolls."""
    fields = visit.request.fields()
    found = visit.reader().places(fields.get("q") or None, fields.get("order") or "-last", EVERY)
    return as_data(
        {"every": found.every, "cursors": list(found.cursors), "total": found.total, "is_capped": found.is_capped}
    )


def counts(visit: Visit) -> PageResponse:
    """Return what is counted beside the list, of very many sessions."""
    fields = visit.request.fields()
    counted = beside(visit.reader(), fields.get("q", ""), fields.get("order") or "-last", _COUNTED)
    return render("beside.html", {**visit.frame("sessions"), "marks": True, "beside": counted})


def title(session: Session) -> str:
    """Return what a session is called: the first thing its user said, else its name or id."""
    return session.first_input or session.name or visible(session.id)


def limit_of(text: str | None, usual: int, most: int) -> int:
    """Return how many rows are asked for, never more than there may be.

    Raises:
        BadRequest: It is no number.
    """
    if not text:
        return usual
    if not (text.isascii() and text.isdigit()) or int(text[:9]) < 1:
        raise BadRequest(f"limit came as {text[:40]!r}; use a number from 1 to {most}.")
    return min(int(text[:9]), most)


def _read_or_refuse(visit: Visit, fields: Mapping[str, str]) -> tuple[SessionPage, FilterError | None]:
    try:
        return _read(visit, fields), None
    except FilterError as error:
        return SessionPage(), error


def _read(visit: Visit, fields: Mapping[str, str]) -> SessionPage:
    return visit.reader().sessions(*_asked(fields))


def _asked(fields: Mapping[str, str]) -> tuple[str | None, str, int, str | None]:
    """Return the filter, the order, how many rows and behind which."""
    order, limit = fields.get("order") or "-last", limit_of(fields.get("limit"), _ROWS, _MOST)
    return fields.get("q") or None, order, limit, fields.get("after") or None


def _rows(sessions: SessionPage, q: str) -> dict[str, object]:
    # Who looks for what failed is led to the turn that did.
    place = f"?at={FIRST_ERROR}#error" if terms.asks_for_errors(terms.parts(q)) else ""
    return {"rows": [_row(session) for session in sessions], "place": place, "now_ns": time.time_ns()}


def _around(visit: Visit, q: str, order: str, wrong: FilterError | None, is_new: bool) -> dict[str, object]:
    """Return what stands around the rows: counts and times, or why there are none."""
    reader, now_ns = visit.reader(), time.time_ns()
    is_asked = not (wrong or is_new)
    return {
        "banner": health.worst(visit, visit.backend.dropped()),
        "wrong": wrong, "wrong_parts": _place(q, wrong), "terms": FIELDS.values(), "is_new": is_new,
        "snippet": first.snippet(visit) if is_new else "", "app": base(visit), "mount": visit.backend.settings.mount,
        "checks": first.checks(visit) if is_new else [],
        "views": _views(reader.views(), q, order),
        "beside": beside(reader, q, order, FIRST) if is_asked else None,
        "day": day(reader, q, now_ns) if is_asked else None,
        "ranges": _ranges(q, order) if is_asked else (),
    }  # fmt: skip


@dataclass(frozen=True)
class _View:
    name: str
    href: str
    is_now: bool


def _views(kept: Iterable[View], q: str, order: str) -> list[_View]:
    return [_View(one.name, terms.address(one.q, one.order), (one.q, one.order) == (q, order)) for one in kept]


def _place(q: str, wrong: FilterError | None) -> tuple[str, str, str] | None:
    """Return what stands before the place that is wrong, at it, and behind it."""
    if wrong is None:
        return None
    at = wrong.position
    behind = q[at + 1 : at + 40]
    return "…" * (at > 40) + q[max(at - 40, 0) : at], q[at : at + 1] or " ", behind + "…" * (len(q) > at + 40)


def _ranges(q: str, order: str) -> list[tuple[str, str, bool]]:
    """Return the times that a click asks for: words, address, whether it is asked for now."""
    found = terms.parts(q)
    now = terms.since_of(found)
    return [(words, terms.address(terms.since(found, past), order), past == now) for words, past in _RANGES]


def _judged(session: Session) -> list[Judged]:
    """Return the scores of a session: those that can pass first, since that is what was asked of them."""
    means = {name: value for name, value in session.scores.items() if name not in ("feedback", "thumbs")}
    passing: list[Judged] = [(name, means.get(name), told) for name, told in session.passes.items()]
    return passing + [(name, value, None) for name, value in means.items() if name not in session.passes]


def _row(session: Session) -> _Row:
    scores = _judged(session)
    second = session.last_output or ("No answer text in the last turn" if session.turns else "No turn yet")
    return _Row(
        session, title(session), second, strip.of_marks(session.strip, session.turns), _total(session), scores[:1],
        len(scores[1:]),
    )  # fmt: skip


def _total(session: Session) -> int | None:
    known = [number for number in (session.input_tokens, session.output_tokens) if number is not None]
    return sum(known) if known else None


def _heads(q: str, order: str) -> dict[str, str]:
    return {name: terms.address(q, name if order == f"-{name}" else f"-{name}") for name in _ORDERED}
