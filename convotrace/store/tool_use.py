"""Tools and retrieval over many sessions: the newest of a filter are read whole, as many as there is patience for."""

from __future__ import annotations

from time import monotonic

from convotrace.errors import BadRequest
from convotrace.insight.tool_report import ToolFold, ToolReport
from convotrace.store import conversations, listing
from convotrace.store.opening import Opened

MOST = 5_000
_PAGE = 100


def tools(opened: Opened, q: str | None, limit: int, patience: float | None, now_ns: int) -> ToolReport:
    """Return what tools and retrieval were worth; see `Store.tools`."""
    if not 1 <= limit <= MOST:
        raise BadRequest(f"limit came as {limit}; use 1 to {MOST}.")
    fold, read, after, began = ToolFold(), 0, None, monotonic()
    while read < limit:
        page = listing.sessions(opened, q, "-last", min(_PAGE, limit - read), after, now_ns)
        for session in page:
            if patience is not None and monotonic() - began > patience:
                return fold.report()
            found = conversations.by_id(opened, session.id, now_ns)
            if found is not None:
                fold.add(found)
            read += 1
        if (after := page.next) is None:
            break
    return fold.report()
