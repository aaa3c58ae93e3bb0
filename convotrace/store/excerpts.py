"""Some turns of a session, read without the rest: what a page shows of a conversation of ten thousand.

A whole session is read by `conversations`, whose way of putting rows together this shares.
"""

from __future__ import annotations

from dataclasses import dataclass

from convotrace.insight.friction import with_signals
from convotrace.insight.versions import with_versions
from convotrace.model import Conversation, Excerpt
from convotrace.store.codec import original
from convotrace.store.conversations import Parts, definitions_for, row_of_key, with_totals_of
from convotrace.store.database import Connection
from convotrace.store.holding import fetcher
from convotrace.store.keys import pack_trace_id, unpack_trace_id
from convotrace.store.opening import Opened
from convotrace.store.packing import trace_row
from convotrace.store.rows import EventRow, ScoreRow, SessionRow, TraceRow
from convotrace.store.sql import portions
from convotrace.store.statements import TRACES_AT_ONCE, Statements
from convotrace.store.to_records import session_record
from convotrace.store.unpacking import Contents
from convotrace.store.workers import living_workers

LEAD, TRAIL = 12, 3
"""Turns before and after those wanted that are read too: what replaced or repeats what is told by them."""
MOST_OTHERS = 200
MOST_SCORES = 100
"""Of a session with more scores, so many are read beside those of the turns wanted: the latest."""
_END = (1 << 63) - 1


@dataclass(frozen=True)
class _Range:
    """What is read: keys from where to where, the turns before it, and the numbers of the turns wanted."""

    low: int
    high: int
    before: int
    first: int
    last: int
    own: int | None
    twins: tuple[int, ...]
    end: int
    """The key of the last turn wanted."""


@dataclass(frozen=True)
class Wanted:
    """What is asked for; the fields are those of `Store.excerpt_by_key`."""

    turn: int
    trace_id: str | None
    began_ns: int | None
    count: int
    is_light: bool


def by_key(opened: Opened, key: str, now_ns: int, wanted: Wanted) -> Excerpt | None:
    """Return some turns of the session of a key; see `Store.excerpt_by_key`."""
    row = row_of_key(opened, key)
    if row is None:
        return None
    living = living_workers(opened, now_ns)
    with opened.connections.reading() as connection:
        found = connection.execute(opened.sql.session_by_sid, (row.sid,)).fetchone()
        if found is None:
            return None
        row = SessionRow(*found)
        place = _range(opened.sql, connection, row, wanted)
        if place is None:
            return None
        parts, left, left_scores = _parts(opened.sql, connection, row, place, wanted.is_light)
        failing = _failing(opened.sql, connection, row, place)
        parts.living = living
        # What is packed is unpacked here: contents are fetched one by one.
        traces = parts.traces(place.before)
    told = with_signals(with_versions(traces))
    session = with_totals_of(session_record(row, definitions_for(opened, row)), told)
    conversation = Conversation(session, told, parts.session_events(), parts.left_scores())
    return Excerpt(conversation, place.first, place.last, row.turns, failing, left, place.twins, left_scores)


def _range(sql: Statements, connection: Connection, row: SessionRow, wanted: Wanted) -> _Range | None:
    own, twins, turn = None, (), wanted.turn
    # Where every trace is a turn, the index alone tells which is which.
    is_dense = row.traces == row.turns
    if wanted.trace_id is not None:
        found = connection.execute(sql.traces_in, (row.sid, pack_trace_id(wanted.trace_id))).fetchall()
        if not found:
            return None
        own = next((tk for tk, started in found if started == wanted.began_ns), found[0][0])
        twins = tuple(started for _, started in found)
        turn = connection.execute(sql.turns_before[is_dense], (row.sid, own)).fetchone()[0] + 1
    first = min(max(1, turn), max(1, row.turns))
    last = min(row.turns, first + wanted.count - 1)
    before = max(0, first - 1 - LEAD)
    number = last + TRAIL - before + 1
    keys = [key for (key,) in connection.execute(sql.turn_keys[is_dense], (row.sid, number, before))]
    low, high = keys[0] if before else 0, keys[-1] if len(keys) == number else _END
    return _Range(low, high, before, first, last, own, twins, keys[last - before - 1] if last else 0)


def _parts(
    sql: Statements, connection: Connection, row: SessionRow, place: _Range, is_light: bool
) -> tuple[Parts, int, int]:
    """Return the rows of a range, how many other requests in it were left out, and how many scores of the session."""

    def rows(statement: str, *values: object) -> list[tuple[object, ...]]:
        return connection.execute(statement, (row.sid, place.low, place.high, *values)).fetchall()

    turns = [trace_row(columns) for columns in rows(sql.turns_between)]
    others = [trace_row(columns) for columns in rows(sql.others_between, MOST_OTHERS)]
    number = int(connection.execute(sql.others_number, (row.sid, place.low, place.high)).fetchone()[0])
    if place.own is not None and all(one.tk != place.own for one in (*turns, *others)):
        others.append(trace_row(connection.execute(sql.trace_of_key, (row.sid, place.own)).fetchone()))
    full = set() if is_light else {one.tk for one in turns[place.first - 1 - place.before : place.last - place.before]}
    if place.own is not None and not is_light:
        full.add(place.own)
    events = [EventRow._make(columns) for columns in connection.execute(sql.events_of, (row.sid,))]
    scores, left_scores = _scores(sql, connection, row, [one.trace_id for one in (*turns, *others)])
    parts = Parts(
        original(row.id) or "", Contents((), fetcher(sql, connection, row.sid)),
        [one if one.tk in full or not one.is_turn else _light_trace(one) for one in (*turns, *others)],
        events, scores,
        frozenset(one.tk for one in (*turns, *others)) - full,
    )  # fmt: skip
    return parts, number - len(others), left_scores


def _scores(
    sql: Statements, connection: Connection, row: SessionRow, traces: list[bytes]
) -> tuple[list[ScoreRow], int]:
    """Return the scores on some traces and the latest of the session, and how many more it has."""
    if not row.judged:
        return [], 0
    number = int(connection.execute(sql.scores_number, (row.sid,)).fetchone()[0])
    if number <= MOST_SCORES:
        return [ScoreRow._make(columns) for columns in connection.execute(sql.scores_of, (row.sid,))], 0
    found = connection.execute(sql.latest_scores, (row.sid, row.sid, MOST_SCORES)).fetchall()
    for some in portions(traces, TRACES_AT_ONCE):
        found += connection.execute(sql.scores_on, (row.sid, *some)).fetchall()
    scores = {one.id: one for one in map(ScoreRow._make, found)}
    return sorted(scores.values(), key=lambda one: (one.at, one.seq)), number - len(scores)


def _light_trace(row: TraceRow) -> TraceRow:
    return row._replace(input_body=None, output_body=None)


def _failing(sql: Statements, connection: Connection, row: SessionRow, place: _Range) -> str | None:
    """Return the first turn with an error behind those wanted, else the first one of all."""
    if not row.errors:
        return None
    for after in (place.end, -1):
        found = connection.execute(sql.failing_after, (row.sid, after, 1)).fetchone()
        if found is not None:
            return unpack_trace_id(found[0])
    return None
