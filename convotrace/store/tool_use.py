"""Tools and retrieval over many sessions: the newest of a filter are read, as many as there is patience for.

Each is read whole, of a very long one the newest turns.
"""

from __future__ import annotations

from dataclasses import replace
from time import monotonic

from convotrace.errors import BadRequest
from convotrace.insight.tool_report import ToolFold, ToolReport
from convotrace.model import Conversation, Session
from convotrace.store import conversations, excerpts, listing
from convotrace.store.opening import Opened

MOST = 5_000
MOST_TURNS = 200
"""Turns of one session that are read: what became of each document is asked of each later turn, so time grows with the
square of them. Ten thousand turns take minutes, in which a process does little else."""
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
            found = _read(opened, session, now_ns)
            if found is not None:
                fold.add(found)
            read += 1
        if (after := page.next) is None:
            break
    return fold.report()


def _read(opened: Opened, session: Session, now_ns: int) -> Conversation | None:
    if session.turns <= MOST_TURNS:
        return conversations.by_id(opened, session.id, now_ns)
    wanted = excerpts.Wanted(session.turns - MOST_TURNS + 1, None, None, MOST_TURNS, is_light=False)
    found = excerpts.by_key(opened, session.key, now_ns, wanted)
    if found is None:
        return None
    newest = tuple(trace for trace in found.conversation.traces if trace.turn is not None and trace.turn >= found.first)
    return replace(found.conversation, traces=newest)
