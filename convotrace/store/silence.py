"""Sessions that ended without a word: found by the last turns of those that have fallen silent, and written down.

Rows of traces are gone through once, in the order in which they were written; a session that is not silent for long
enough holds up those behind it, for that long at most. What a rule of the app says comes first; nothing is concluded
of a session of which somebody said how it ended.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple, Protocol

from peewee import fn

from convotrace.insight.outcome import Ended, after_silence, by_app, ending, is_by_silence
from convotrace.model import Change, Conversation, Lookup, SessionFacts, Trace
from convotrace.store.codec import original
from convotrace.store.opening import Opened, known

_PLACE = "silence"
_AT_ONCE = 500

Rule = Callable[[Conversation], object]
"""Says how a session ended that has fallen silent; see the option `outcome`."""


class Storing(Protocol):
    """The part of a store that concluding needs."""

    def write(self, changes: Sequence[Change]) -> Sequence[Change | None]:
        """Write changes."""

    def session(self, session_id: str) -> Conversation | None:
        """Return a whole session."""

    def last_turn(self, session_id: str) -> Trace | None:
        """Return the last turn of a session with all in it."""


class Quiet(NamedTuple):
    """A session that has fallen silent."""

    id: str
    last_ns: int


class _Turn(NamedTuple):
    n: int
    started: int
    is_turn: int
    id: str
    last: int
    last_turn: int | None
    outcome: str
    reason: str | None
    ended: int | None


def is_waiting(opened: Opened) -> bool:
    """Tell whether traces were written since all was looked at."""
    place, _ = _place(opened)
    return _newest(opened) > place


def conclude(
    opened: Opened, store: Storing, now_ns: int, idle_ns: int, rule: Rule | None,
    failed: Callable[[Exception], None] | None, go_on: Callable[[], bool],
) -> int:  # fmt: skip
    """Write down how silent sessions ended; return of how many that was concluded.

    Args:
        opened: The open store.
        store: Writes, and reads what the rule looks at.
        now_ns: The time.
        idle_ns: After how long a silence a session counts as ended.
        rule: The app's own.
        failed: Takes what the rule raised; then the facts decide.
        go_on: Asked before each step; False ends it there.
    """
    place, seen = _place(opened)
    # What was written since the last look may stand beside rows of transactions that are not committed yet.
    newest, concluded = _newest(opened), 0
    until = min(seen, newest) if opened.connections.by_session else newest
    while go_on():
        turns = _turns(opened, place, until)
        quiet, place, is_held = _silent(turns, now_ns - idle_ns, rule is not None, place)
        for one in quiet:
            concluded += _conclude(store, one, now_ns, idle_ns, rule, failed)
        _keep(opened, place, newest)
        if is_held or len(turns) < _AT_ONCE:
            break
    return concluded


def _conclude(
    store: Storing, one: Quiet, now_ns: int, idle_ns: int, rule: Rule | None, failed: Callable[[Exception], None] | None
) -> int:
    told = _told(store, one, rule, failed)
    if told is None:
        turn = store.last_turn(one.id)
        told = None if turn is None else after_silence(ending(turn), one.last_ns, now_ns, idle_ns)
    if told is None or told.outcome == "open":
        return 0
    # Whether it is still so is decided where nobody else can write.
    decide = partial(_decided, one, told, rule is not None)
    written = store.write([Change(SessionFacts(one.id), decide=decide)])
    return sum(change is not None for change in written)


def _told(store: Storing, one: Quiet, rule: Rule | None, failed: Callable[[Exception], None] | None) -> Ended | None:
    conversation = None if rule is None else store.session(one.id)
    if rule is None or conversation is None:
        return None
    try:
        return by_app(rule(conversation))
    except Exception as error:  # the rule is the app's
        if failed is not None:
            failed(error)
        return None


def _decided(one: Quiet, told: Ended, has_rule: bool, lookup: Lookup) -> Change | None:
    found = lookup.session(one.id)
    if found is None or found.session.last_ns != one.last_ns:
        return None
    session = found.session
    if not _is_free(session.outcome, session.outcome_reason, session.ended_ns, has_rule):
        return None
    ended_ns = session.ended_ns or one.last_ns
    return Change(SessionFacts(one.id, outcome=told.outcome, outcome_reason=told.reason, ended_ns=ended_ns))


def _is_free(outcome: str, reason: str | None, ended_ns: int | None, has_rule: bool) -> bool:
    """Tell whether anything may be concluded: the app itself said nothing, and neither did facts unless a rule asks."""
    if is_by_silence(reason):
        return False
    return (outcome == "open" and ended_ns is None) or (has_rule and reason is not None)


def _silent(turns: list[_Turn], before_ns: int, has_rule: bool, place: int) -> tuple[list[Quiet], int, bool]:
    """Return the sessions that are silent, up to which row all was looked at, and whether one holds up the others."""
    found: dict[str, Quiet] = {}
    for turn in turns:
        # Any later turn of its session stands behind it.
        is_last = turn.is_turn and turn.started == turn.last_turn
        if is_last and _is_free(turn.outcome, turn.reason, turn.ended, has_rule):
            if turn.last > before_ns:
                return list(found.values()), place, True
            id = original(turn.id) or ""
            found[id] = Quiet(id, turn.last)
        place = turn.n
    return list(found.values()), place, False


def _turns(opened: Opened, after: int, until: int) -> list[_Turn]:
    trace, session = opened.tables.trace, opened.tables.session
    columns = [session.id, session.last, session.last_turn, session.outcome, session.outcome_reason, session.ended]
    query = trace.select(trace.n, trace.started, trace.is_turn, *columns)
    query = query.join(session, on=(trace.sid == session.sid)).where(trace.n > after, trace.n <= until)
    statement, values = query.order_by(trace.n).limit(_AT_ONCE).sql()
    with opened.connections.reading() as connection:
        return [_Turn(*row) for row in connection.execute(statement, values).fetchall()]


def _newest(opened: Opened) -> int:
    statement, values = opened.tables.trace.select(fn.max(opened.tables.trace.n)).sql()
    with opened.connections.reading() as connection:
        return int(connection.execute(statement, values).fetchone()[0] or 0)


def _place(opened: Opened) -> tuple[int, int]:
    """Return up to which row all was looked at, and which was the newest then."""
    place, _, seen = (known(opened, _PLACE) or "0 0").partition(" ")
    return int(place), int(seen)


def _keep(opened: Opened, place: int, newest: int) -> None:
    with opened.connections.writing(()) as connection:
        connection.execute(opened.sql.put_meta, (_PLACE, f"{place} {newest}"))
