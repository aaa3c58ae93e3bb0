"""The audit as a page and as JSON: who looked at, searched, judged, exported or erased. Nothing here changes it."""

from __future__ import annotations

import time

from convotrace.errors import BadRequest
from convotrace.model import Act, Json
from convotrace.page.http import PageResponse, as_data
from convotrace.page.render import page as render
from convotrace.page.visit import Visit

_ROWS = 100


def page(visit: Visit) -> PageResponse:
    """Return the newest lines as a page."""
    acts, after = _read(visit)
    rows = [{"it": act, "detail": _words(act)} for act in acts]
    return render("audit.html", {**visit.frame("audit"), "rows": rows, "next": after, "now_ns": time.time_ns()})


def data(visit: Visit) -> PageResponse:
    """Return the newest lines as JSON, and where the older ones begin."""
    acts, after = _read(visit)
    return as_data({"acts": [shown(act) for act in acts], "next": after})


def shown(act: Act) -> dict[str, Json]:
    """Return a line as JSON."""
    return {
        "at": act.at.isoformat(),
        "actor": act.actor,
        "action": act.action,
        "session": act.target,
        "subject": act.subject,
        "detail": dict(act.detail),
    }


def _read(visit: Visit) -> tuple[tuple[Act, ...], str | None]:
    fields = visit.request.fields()
    limit, after = _whole(fields.get("limit", str(_ROWS)), "limit"), fields.get("after")
    limit = min(max(limit, 1), 1_000)
    acts = visit.backend.acts(limit, None if after is None else _whole(after, "after"))
    return acts, str(acts[-1].at_ns) if len(acts) == limit else None


def _whole(text: str, name: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 20):
        raise BadRequest(f"{name} came as {text[:40]!r}; send a whole number.")
    return int(text)


def _words(act: Act) -> str:
    return ", ".join(f"{name} {value}" for name, value in act.detail.items() if value not in (None, "", 0))
