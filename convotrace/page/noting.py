"""What a visitor did, for the audit: by whom, to which session. Who reads it, and how it is kept: elsewhere."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from convotrace.model import Act
from convotrace.page.visit import Visit

if TYPE_CHECKING:
    from convotrace.page.routes import Route

_LONGEST = 500


def note(visit: Visit, route: Route) -> None:
    """Note a request that was answered, if it is an act; the list is one where it is filtered."""
    action = route.act(visit.request.method)
    fields = visit.request.fields() if action == "search" else {}
    asked = (fields.get("q") or "").strip()
    if action is None or (action == "search" and not asked):
        return
    detail = {"where": route.shape, "turn": visit.parts.get("trace"), "q": asked[:_LONGEST] or None}
    told = {name: value for name, value in detail.items() if value}
    visit.backend.note(Act(time.time_ns(), visit.admission.who, action, visit.parts.get("key"), detail=told))
