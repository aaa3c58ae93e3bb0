"""What happened in the last turns of sessions, and in what order in all of them, read from the documents of traces."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

from peewee import SQL, fn

from convotrace.insight.cohort import Cohort, Label, curve
from convotrace.insight.flow import Flow, LastTurn, Moment, Story, chosen, funnel, last_steps
from convotrace.store.codec import original
from convotrace.store.cohort import Reading
from convotrace.store.database import Connection
from convotrace.store.opening import Opened
from convotrace.store.packing import work_in
from convotrace.store.wanted import Wanted
from convotrace.store.work import documents_in, read_work, rest_of

MOST_READ = 1_000
"""Sessions whose traces are read for one answer."""

_TURNS_EACH = 3
"""Where sessions have more turns than this, fewer sessions are read for a funnel."""

_SHOWN = 100


def flow(
    opened: Opened, q: str | None, since_ns: int, until_ns: int, steps: Sequence[Label], at: str, now_ns: int,
    most: int, most_read: int,
) -> Flow:  # fmt: skip
    """Return where the sessions of a range lose people; see `Store.flow`."""
    wanted = Wanted(opened, q, now_ns)
    with opened.connections.reading() as connection:
        whole = Reading(opened, connection, wanted, since_ns, until_ns, most)
        turns_had, share = whole.turns()
        some = whole.fewer(min(most_read, most))
        read = some.cohort()
        turns = list(_last_turns(opened, connection, some))
        stories: list[Story] = []
        if steps:
            fewer = min(most_read, _TURNS_EACH * most_read**2 // max(sum(one.turns for one in read.members), 1))
            stories = list(_stories(opened, connection, whole.fewer(min(max(fewer, 1), most))))
    found = chosen(at, turns, stories, steps, _ended_badly(read)) if at else []
    return Flow(
        since_ns, until_ns, curve(turns_had, share), last_steps(read, turns), funnel(stories, steps) if steps else (),
        share, len(read.members), len(stories), tuple(found[:_SHOWN]),
    )  # fmt: skip


def _last_turns(opened: Opened, connection: Connection, some: Reading) -> Iterator[LastTurn]:
    session, trace = opened.tables.session, opened.tables.trace
    later = trace.alias("later")
    last = later.select(fn.max(later.tk)).where(later.sid == session.sid, later.is_turn == SQL("1"))
    columns = [session.id, trace.status, trace.error_type, trace.errors, trace.output_text]
    columns += [trace.work, trace.pressed, trace.input_text]
    query = session.select(*columns).join(trace, on=(trace.sid == session.sid))
    query = query.where(*some.chosen, trace.tk == last)
    for id, status, error, errors, said, work, pressed, asked in connection.execute(*query.sql()):
        spans = read_work(work_in(work, pressed, asked, said)).get("spans", ())
        yield LastTurn(original(id) or "", frozenset(_labels(spans, status, error, errors, said)))


def _labels(
    spans: Sequence[Sequence[Any]], status: str, error: str | None, errors: int, said: str | None
) -> set[Label]:
    found: set[Label] = set()
    for span in spans:
        if span[2] == "tool":
            found.add(("tool", span[3]))
        elif span[2] == "retrieval":
            found.add(("retrieval", "found" if documents_in(rest_of(span)) else "empty"))
        if span[4] == "error":
            told = rest_of(span).get("error") or (None,)
            found.add(("error", told[0] or f"in {span[3]}"))
    if status == "error" or (errors and not any(kind == "error" for kind, _ in found)):
        found.add(("error", error or "of the request"))
    if status in ("disconnected", "cancelled"):
        found.add(("answer", "left"))
    elif not said:
        found.add(("answer", "none"))
    return found


def _stories(opened: Opened, connection: Connection, some: Reading) -> Iterator[Story]:
    session, trace, event = opened.tables.session, opened.tables.trace, opened.tables.event
    moments: dict[str, list[Moment]] = defaultdict(list)
    turns: dict[str, int] = defaultdict(int)
    columns = [session.id, trace.is_turn, trace.started, trace.work, trace.pressed, trace.input_text, trace.output_text]
    query = session.select(*columns).join(trace, on=(trace.sid == session.sid)).where(*some.chosen)
    query = query.order_by(trace.sid, trace.tk)
    for id, is_turn, started, *document in connection.execute(*query.sql()):
        if is_turn:
            turns[id] += 1
            moments[id].append((started, ("turn", str(turns[id]))))
        moments[id] += _moments(read_work(work_in(*document)), started)
    outside = session.select(session.id, event.at, event.name).join(event, on=(event.sid == session.sid))
    for id, at, name in connection.execute(*outside.where(*some.chosen).sql()):
        moments[id].append((at, ("event", original(name) or "")))
    for id, found in moments.items():
        yield Story(original(id) or "", found)


def _moments(work: Any, started: int) -> Iterator[Moment]:
    for span in work.get("spans", ()):
        if span[2] == "tool":
            yield started + span[5], ("tool", span[3])
        for event in rest_of(span).get("events", ()):
            yield started + event[1], ("event", event[0])
    for event in (*work.get("events", ()), *work.get("on_session", ())):
        yield started + event[1], ("event", event[0])


def _ended_badly(cohort: Cohort) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for one in cohort.members:
        if one.outcome in ("abandoned", "failed"):
            for kind, name in one.labels:
                if kind == "tag":
                    found[name].append(one.id)
    return found
