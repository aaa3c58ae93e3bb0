"""Tools and retrieval over many sessions: calls, wrong moments, documents used and never used; the same as JSON."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any
from urllib.parse import urlencode

from convotrace.errors import BadRequest
from convotrace.identity import session_key
from convotrace.insight.tool_report import Scores, ToolReport
from convotrace.insight.tool_use import KINDS
from convotrace.model import Json
from convotrace.page.http import PageResponse, as_data
from convotrace.page.list import limit_of
from convotrace.page.render import page as render
from convotrace.page.visit import Visit
from convotrace.query import Match

_READ, _MORE = 25, (100, 400)
_MOST = 1_000
_PATIENCE = 2.0
"""Seconds that a page reads for at most; JSON is for programs, which may wait."""
_ROWS = 50


def page(visit: Visit) -> PageResponse:
    """Return what tools and retrieval were worth, in the newest sessions of a filter."""
    fields = visit.request.fields()
    q = fields.get("q", "").strip()
    limit, wrong, found = limit_of(fields.get("limit"), _READ, _MOST), "", ToolReport()
    try:
        found = visit.reader().tools(q or None, limit=limit, patience=_PATIENCE)
    except BadRequest as error:
        wrong = str(error)
    view = {
        "q": q, "wrong": wrong, "it": found, "rows": _ROWS, "moments": KINDS,
        "more": [(number, _address(q, number)) for number in _MORE if number > limit and found.sessions >= limit],
        "json": "tools.json" + (f"?{urlencode({'q': q})}" if q else ""),
        "sessions_of": lambda name, failed=False: _sessions(q, name, failed),
        "drawn": {one.name: _bars(one.scores) for one in found.retrievals if one.scores},
    }  # fmt: skip
    return render("tools.html", {**visit.frame("tools"), **view}, 400 if wrong else 200)


def data(visit: Visit) -> PageResponse:
    """Return the same as JSON."""
    fields = visit.request.fields()
    limit = limit_of(fields.get("limit"), _READ, _MOST)
    return as_data(as_told(visit.reader().tools(fields.get("q") or None, limit=limit)))


def as_told(found: ToolReport) -> dict[str, Json]:
    """Return a report as JSON value."""
    told: dict[str, Any] = asdict(found)
    for row, tool in zip(told["tools"], found.tools, strict=True):
        row |= {"error_rate": tool.error_rate, "wrong": tool.wrong}
        for example in row["examples"]:
            example["key"] = session_key(example["session_id"])
    for row, document in zip(told["documents"], found.documents, strict=True):
        row["never_used"] = document.never_used
    return told


def _bars(scores: Scores) -> list[tuple[int, int]]:
    """Return the bars of a distribution: where each stands, and how high it is, in pixels of 16."""
    most = max(scores.bins)
    return [(place * 8, round(number / most * 16)) for place, number in enumerate(scores.bins)]


def _sessions(q: str, tool: str, failed: bool) -> str:
    """Return the fields of a list of the sessions that called a tool, or of those of them in which something failed."""
    terms = [f"({q})" if q else "", str(Match("tool", tool)), "has:error" if failed else ""]
    return urlencode({"q": " ".join(filter(None, terms))}, errors="replace")


def _address(q: str, limit: int) -> str:
    return "tools?" + urlencode({**({"q": q} if q else {}), "limit": str(limit)})
