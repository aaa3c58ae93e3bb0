"""The list of sessions: one page of rows, newest first, with the filter that is its permalink; the same as JSON."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from shlex import quote
from urllib.parse import urlencode

from convotrace.errors import BadRequest, FilterError
from convotrace.export import as_json
from convotrace.model import Json, Session, SessionPage
from convotrace.page import strip
from convotrace.page.format import plural
from convotrace.page.http import PageResponse, as_data
from convotrace.page.render import page as render
from convotrace.page.visible import visible
from convotrace.page.visit import Visit
from convotrace.query import FIELDS

_ROWS = 50
_MOST = 500
_ORDERED = ("turns", "errors", "cost", "last")
_HOST = re.compile(r"[A-Za-z0-9.-]{1,200}(:[0-9]{1,5})?|\[[0-9a-fA-F:]{2,39}\](:[0-9]{1,5})?")


@dataclass(frozen=True)
class _Row:
    session: Session
    title: str
    second: str
    strip: strip.Strip
    tokens: int | None
    scores: list[tuple[str, float]]
    more: int


def page(visit: Visit) -> PageResponse:
    """Return the list as a page."""
    fields = visit.request.fields()
    sessions, wrong = _read_or_refuse(visit, fields)
    q, after, order = fields.get("q", ""), fields.get("after"), fields.get("order") or "-last"
    is_new = not (sessions.sessions or q or after)
    view = {
        "q": q, "order": order, "rows": [_row(session) for session in sessions], "now_ns": time.time_ns(),
        "heads": _heads(q, order), "empty": _why_empty(sessions, is_new),
        "wrong": wrong, "wrong_parts": _around(q, wrong), "terms": FIELDS.values(),
        "older": _address(q, order, sessions.next) if sessions.next else None,
        "newest": _address(q, order) if after else None,
        "snippet": _snippet(visit) if is_new else "", "checks": _checks(visit) if is_new else [],
    }  # fmt: skip
    return render(
        "list.html",
        {
            **visit.frame("sessions"),
            "marks": True,
            "topic": urlencode({"q": q}, errors="replace"),
            "after_ns": max((one.last_ns for one in sessions), default=0),
            **view,
        },
        400 if wrong else 200,
    )


def data(visit: Visit) -> PageResponse:
    """Return the list as JSON."""
    return as_data(as_json(_read(visit, visit.request.fields())))


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


def _why_empty(sessions: SessionPage, is_new: bool) -> str:
    if is_new:
        return "new"
    return "" if sessions.sessions else "filtered"


def _read_or_refuse(visit: Visit, fields: Mapping[str, str]) -> tuple[SessionPage, FilterError | None]:
    try:
        return _read(visit, fields), None
    except FilterError as error:
        return SessionPage(), error


def _around(q: str, wrong: FilterError | None) -> tuple[str, str, str] | None:
    """Return what stands before the place that is wrong, at it, and behind it."""
    if wrong is None:
        return None
    at = wrong.position
    behind = q[at + 1 : at + 40]
    return "…" * (at > 40) + q[max(at - 40, 0) : at], q[at : at + 1] or " ", behind + "…" * (len(q) > at + 40)


def _read(visit: Visit, fields: Mapping[str, str]) -> SessionPage:
    order, limit = fields.get("order") or "-last", limit_of(fields.get("limit"), _ROWS, _MOST)
    return visit.reader().sessions(fields.get("q") or None, order, limit, fields.get("after") or None)


def _row(session: Session) -> _Row:
    scores = [(name, value) for name, value in session.scores.items() if name not in ("feedback", "thumbs")]
    second = session.last_output or ("No answer text in the last turn" if session.turns else "No turn yet")
    return _Row(
        session, title(session), second, strip.of_marks(session.strip, session.turns), _total(session), scores[:1],
        len(scores[1:]),
    )  # fmt: skip


def _total(session: Session) -> int | None:
    known = [number for number in (session.input_tokens, session.output_tokens) if number is not None]
    return sum(known) if known else None


def _heads(q: str, order: str) -> dict[str, str]:
    return {name: _address(q, name if order == f"-{name}" else f"-{name}") for name in _ORDERED}


def _address(q: str, order: str, after: str | None = None) -> str:
    fields = {"q": q, "order": "" if order == "-last" else order, "after": after or ""}
    given = {name: value for name, value in fields.items() if value}
    return "./?" + urlencode(given, errors="replace") if given else "./"


def _snippet(visit: Visit) -> str:
    host = visit.request.header("host") or ""
    base = f"{visit.request.scheme}://{host if _HOST.fullmatch(host) else '127.0.0.1:8000'}"
    return (
        f"curl -s {quote(base + '/chat')} \\\n"
        "  -H 'content-type: application/json' -H 'x-session-id: first-try' \\\n"
        """  -d '{"message": "Hello"}'\n"""
        f"# then open {base}{visit.backend.settings.mount}/"
    )


def _checks(visit: Visit) -> list[tuple[bool, str]]:
    health = visit.backend.health()
    requests = health.get("requests")
    counts = {str(name): int(number) for name, number in _pairs(requests) if isinstance(number, int)}
    total = sum(counts.values())
    opened = dict(_pairs(health.get("websocket"))).get("connections")
    sockets = f" and {plural(opened, 'WebSocket connection')}" if isinstance(opened, int) and opened else ""
    seen = [(True, f"The middleware is installed, {plural(total, 'request')}{sockets} seen")]
    if total and not counts.get("turns"):
        held = ", ".join(f"{number:,} {name.replace('_', ' ')}" for name, number in counts.items() if number)
        seen.append((False, f"None of them looked like a turn: {held}"))
    return [*seen, (True, f"The store is readable: {visit.backend.settings.store}")]


def _pairs(value: Json) -> list[tuple[Json, Json]]:
    return list(value.items()) if isinstance(value, Mapping) else []
