"""Sessions and turns of a filter, one after the other: what queues and datasets are filled with."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from convotrace.errors import BadRequest
from convotrace.insight.queues import CORRECTION
from convotrace.model import Session
from convotrace.store import listing
from convotrace.store.codec import storable
from convotrace.store.conversations import row_of_id
from convotrace.store.keys import unpack_trace_id
from convotrace.store.opening import Opened

TURNS = ("all", "last", "first", "errors", "corrected")
"""Which turns of a session are taken."""
_PAGE = 200


@dataclass(frozen=True)
class Chosen:
    """A session, or a turn of it."""

    sid: int
    session_id: str
    trace_id: str | None = None


def chosen_of(opened: Opened, q: str | None, on: str, turns: str, now_ns: int) -> Iterator[Chosen]:
    """Return what a filter finds, the sessions that were active last first.

    Args:
        opened: The store.
        q: A filter, as for `sessions`.
        on: `session` or `turn`.
        turns: Which turns: one of TURNS.
        now_ns: The time.

    Raises:
        FilterError: The filter cannot be read.
        BadRequest: `turns` is none of those.
    """
    if turns not in TURNS:
        raise BadRequest(f"turns came as {turns!r}; use one of {', '.join(TURNS)}.")
    # Asked for at once: a filter that cannot be read is to raise here.
    page = listing.sessions(opened, q, "-last", _PAGE, None, now_ns)

    def walk() -> Iterator[Chosen]:
        here = page
        while True:
            for session in here:
                yield from _of_session(opened, session, on, turns)
            if here.next is None:
                return
            here = listing.sessions(opened, q, "-last", _PAGE, here.next, now_ns)

    return walk()


def _of_session(opened: Opened, session: Session, on: str, turns: str) -> Iterator[Chosen]:
    row = row_of_id(opened, session.id)
    if row is None:
        return  # Deleted meanwhile.
    if on == "session":
        yield Chosen(row.sid, session.id)
        return
    for trace_id in _turns(opened, row.sid, turns):
        yield Chosen(row.sid, session.id, trace_id)


def _turns(opened: Opened, sid: int, which: str) -> list[str]:
    trace, score = opened.tables.trace, opened.tables.score
    found = trace.select(trace.trace_id).where(trace.sid == sid, trace.is_turn == 1)
    if which == "errors":
        found = found.where(trace.errors > 0)
    if which == "corrected":
        corrected = score.select(score.trace_id).where(score.sid == sid, score.name == storable(CORRECTION))
        found = found.where(trace.trace_id.in_(corrected))
    if which in ("first", "last"):
        found = found.limit(1)
    ordered = found.order_by(trace.tk.desc() if which == "last" else trace.tk)
    with opened.connections.reading() as connection:
        return [unpack_trace_id(bytes(packed)) for (packed,) in connection.execute(*ordered.sql())]
