"""Annotation queues: their items, who was through with which, and how they are filled."""

from __future__ import annotations

import secrets
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from hashlib import blake2b
from typing import Any

from peewee import JOIN, SQL, fn

from convotrace.errors import BadRequest
from convotrace.insight.queues import Queue, Review, Task, queue_of, task_id
from convotrace.store.choosing import Chosen, chosen_of
from convotrace.store.codec import original, storable
from convotrace.store.conversations import row_of_id
from convotrace.store.database import Connection
from convotrace.store.keys import pack_trace_id, unpack_trace_id
from convotrace.store.named import Named
from convotrace.store.opening import Opened
from convotrace.store.rows import ReviewRow, TaskRow
from convotrace.store.sql import insertion, text

MOST_TASKS = 5000
# In the text of the statement: PostgreSQL takes no placeholder of 64 bits there.
_TITLE = SQL("200")
_KEPT = Named("queue")


def queues(opened: Opened) -> tuple[Queue, ...]:
    """Return every queue by its name."""
    return tuple(_queue(name, document) for name, document in _KEPT.all(opened).items())


def queue(opened: Opened, name: str) -> Queue | None:
    """Return a queue, None where there is none of this name."""
    return next((one for one in queues(opened) if one.name == name), None)


def put(opened: Opened, one: Queue) -> None:
    """Make a queue, or change what it asks for."""
    _KEPT.put(opened, one.name, one.facts() | {"made": one.made_ns})


def drop(opened: Opened, name: str) -> None:
    """Delete a queue with its items; the scores that were given stay."""
    task, review = opened.tables.task, opened.tables.review
    ids = task.select(task.id).where(task.queue == name)
    with opened.connections.writing() as connection:
        _execute(connection, review.delete().where(review.task.in_(ids)))
        _execute(connection, task.delete().where(task.queue == name))
        _KEPT.drop_within(opened, connection, name)


def fill(opened: Opened, name: str, q: str | None, turns: str, sample: float, most: int, now_ns: int) -> int:
    """Add what a filter finds; see `Store.fill_queue`."""
    one = _known(opened, name)
    if not 0 < sample <= 1:
        raise BadRequest(f"sample came as {sample!r}; use a share above 0 and up to 1.")
    if not 1 <= most <= MOST_TASKS:
        raise BadRequest(f"most came as {most!r}; use 1 to {MOST_TASKS:,}.")
    found = chosen_of(opened, q, one.on, turns, now_ns)
    taken = (it for it in found if sample >= 1 or _share(name, it) < sample)
    return _add(opened, name, taken, "filter" if sample >= 1 else "sampled", None, now_ns, most)


def add(opened: Opened, name: str, session_id: str, trace_id: str | None, assignee: str | None, now_ns: int) -> bool:
    """Add one item by hand; see `Store.add_to_queue`."""
    one, row = _known(opened, name), row_of_id(opened, session_id)
    if (trace_id is None) != (one.on == "session"):
        raise BadRequest(f"The queue {name} is of {one.on}s; add a {one.on}.")
    if row is None:
        raise BadRequest("There is no such session.")
    return bool(_add(opened, name, [Chosen(row.sid, session_id, trace_id)], "by hand", assignee, now_ns, 1))


def tasks(opened: Opened, name: str, only: Collection[str] | None, is_light: bool) -> tuple[Task, ...]:
    """Return items of a queue in their order; see `Store.tasks`."""
    task = opened.tables.task
    chosen = task.queue == name
    if only is not None:
        chosen &= task.id.in_(list(only))
    query = _bare(opened) if is_light else _told(opened)
    statement, values = query.where(chosen).order_by(task.at, task.seq).limit(MOST_TASKS).sql()
    with opened.connections.reading() as connection:
        rows = connection.execute(statement, values).fetchall()
        reviews = _reviews(opened, connection, name)
    make = _bare_task if is_light else _task
    known = {row[0]: make(name, row, reviews) for row in reversed(rows)}
    return tuple(reversed(known.values()))


def _bare(opened: Opened) -> Any:
    task = opened.tables.task
    return task.select(task.id, task.why, task.at, task.assignee)


def _told(opened: Opened) -> Any:
    """Return the items with what their sessions, and the turns of these, tell of them."""
    task, session, trace = opened.tables.task, opened.tables.session, opened.tables.trace
    columns = (task.id, task.trace_id, task.why, task.at, task.assignee, session.id, session.key)
    said = fn.substr(fn.coalesce(trace.input_text, session.first_input), SQL("1"), _TITLE)
    here = (trace.sid == task.sid) & (trace.trace_id == task.trace_id)
    found = task.select(*columns, said, session.turns).join(session, on=(session.sid == task.sid))
    return found.join(trace, JOIN.LEFT_OUTER, on=here)


def review(opened: Opened, name: str, id: str, author: str, state: str, now_ns: int, took_ns: int | None) -> None:
    """Note that somebody was through with an item; what this person did with it before is replaced."""
    table = opened.tables.review
    with opened.connections.writing() as connection:
        sid = _home(opened, connection, name, id)
        mine = (table.sid == sid) & (table.task == id) & (table.author == storable(author))
        _execute(connection, table.delete().where(mine))
        row = ReviewRow(sid, id, storable(author), state, now_ns, took_ns)
        connection.execute(text(insertion(table, ReviewRow)), tuple(row))


def assign(opened: Opened, name: str, id: str, assignee: str | None) -> None:
    """Ask one person alone for an item, or everybody again."""
    task = opened.tables.task
    with opened.connections.writing() as connection:
        sid = _home(opened, connection, name, id)
        changed = task.update({task.assignee: storable(assignee)})
        _execute(connection, changed.where(task.sid == sid, task.id == id, task.queue == name))


def _known(opened: Opened, name: str) -> Queue:
    found = queue(opened, name)
    if found is None:
        raise BadRequest(f"There is no queue {name!r}; make it first.")
    return found


def _queue(name: str, document: Any) -> Queue:
    return queue_of({**document, "name": name}, document.get("made", 0))


def _add(
    opened: Opened, name: str, found: Iterable[Chosen], why: str, assignee: str | None, now_ns: int, most: int
) -> int:
    """Add what is not there yet, as much as there is room for; return how many."""
    task = opened.tables.task
    there = task.select(task.id).where(task.queue == name)
    insert, added = text(insertion(task, TaskRow)), 0
    for batch in _batches(found):
        with opened.connections.writing() as connection:
            known = {id for (id,) in _execute(connection, there)}
            for it in batch:
                id = task_id(name, it.session_id, it.trace_id)
                if id in known or added >= most or len(known) >= MOST_TASKS:
                    continue
                packed = None if it.trace_id is None else pack_trace_id(it.trace_id)
                row = TaskRow(it.sid, id, name, packed, why, now_ns, added, storable(assignee))
                connection.execute(insert, tuple(row))
                known.add(id)
                added += 1
        if added >= most:
            break
    return added


def _batches(found: Iterable[Chosen], size: int = 200) -> Iterator[list[Chosen]]:
    batch: list[Chosen] = []
    for one in found:
        batch.append(one)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


def _share(name: str, it: Chosen) -> float:
    """Return a number from 0 to 1 that is always the same for an item of a queue."""
    said = f"sample\0{name}\0{it.session_id}\0{it.trace_id}"
    digest = blake2b(said.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64


def _home(opened: Opened, connection: Connection, name: str, id: str) -> int:
    task = opened.tables.task
    found = _execute(connection, task.select(task.sid).where(task.queue == name, task.id == id).limit(1)).fetchone()
    if found is None:
        raise BadRequest("There is no such item in this queue.")
    return int(found[0])


def _reviews(opened: Opened, connection: Connection, name: str) -> dict[str, list[Review]]:
    task, table = opened.tables.task, opened.tables.review
    columns = (table.task, table.author, table.state, table.at, table.took)
    found = table.select(*columns).join(task, on=(task.sid == table.sid) & (task.id == table.task))
    by_task: dict[str, dict[str, Review]] = defaultdict(dict)
    for id, author, state, at, took in _execute(connection, found.where(task.queue == name).order_by(table.at)):
        # Who was forgotten is still one person each.
        by_task[id][author or secrets.token_hex(4)] = Review(original(author), state, at, took)
    return {id: list(found.values()) for id, found in by_task.items()}


def _bare_task(name: str, row: Sequence[Any], reviews: dict[str, list[Review]]) -> Task:
    id, why, at, assignee = row
    told = tuple(reviews[id]) if id in reviews else ()
    return Task(id, name, "", "", None, why, at, assignee and original(assignee), reviews=told)


def _task(name: str, row: Sequence[Any], reviews: dict[str, list[Review]]) -> Task:
    id, trace_id, why, at, assignee, session_id, key, title, turns = row
    return Task(
        id, name, original(session_id) or "", key, None if trace_id is None else unpack_trace_id(bytes(trace_id)),
        why, at, original(assignee), original(title) or "", turns, tuple(reviews.get(id, ())),
    )  # fmt: skip


def _execute(connection: Connection, query: Any) -> Any:
    return connection.execute(*query.sql())
