"""Datasets: copies of sessions and turns, in a working copy and in versions that nobody changes any more.

A row stands in the versions from `since` until before `until`, so that a version costs nothing and a change one row.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from peewee import fn

from convotrace.errors import BadRequest
from convotrace.export.datasets import FORMATS, files, lines, zipped
from convotrace.insight.datasets import Dataset, Item, Version, item_of_session, item_of_turn
from convotrace.insight.queues import DONE, checked_name
from convotrace.store import conversations, queues
from convotrace.store.choosing import Chosen, chosen_of
from convotrace.store.codec import decode, encode, original, storable
from convotrace.store.database import Connection
from convotrace.store.keys import pack_trace_id, unpack_trace_id
from convotrace.store.named import Named
from convotrace.store.opening import Opened
from convotrace.store.rows import ItemRow
from convotrace.store.sql import insertion, text

MOST_ITEMS = 100_000
_PAGE = 200
_KEPT = Named("dataset")
_IN_BODY = ("turn", "messages", "output", "expected", "documents", "scores", "metadata")


def datasets(opened: Opened) -> tuple[Dataset, ...]:
    """Return every dataset by its name."""
    with opened.connections.reading() as connection:
        found = _KEPT.within(opened, connection)
        return tuple(_dataset(opened, connection, name, document) for name, document in found.items())


def dataset(opened: Opened, name: str) -> Dataset | None:
    """Return a dataset, None where there is none of this name."""
    return next((one for one in datasets(opened) if one.name == name), None)


def make(opened: Opened, name: str, about: str, now_ns: int) -> None:
    """Make a dataset, or change the line about it."""
    checked_name(name, "dataset")
    with opened.connections.writing() as connection:
        document = _KEPT.within(opened, connection).get(name) or {"versions": [], "made": now_ns}
        _KEPT.put_within(opened, connection, name, {**document, "about": about[:500]})


def drop(opened: Opened, name: str) -> None:
    """Delete a dataset with all its versions."""
    item = opened.tables.item
    with opened.connections.writing() as connection:
        _execute(connection, item.delete().where(item.dataset == name))
        _KEPT.drop_within(opened, connection, name)


def fill(opened: Opened, name: str, q: str | None, on: str, turns: str, most: int, now_ns: int) -> int:
    """Copy what a filter finds into the working copy; see `Store.fill_dataset`."""
    if on not in ("turn", "session"):
        raise BadRequest(f"on came as {on!r}; use turn or session.")
    found = chosen_of(opened, q, on, turns, now_ns)
    return _put_all(opened, name, _made(opened, found, now_ns), most, now_ns)


def fill_from_queue(opened: Opened, name: str, queue: str, now_ns: int) -> int:
    """Copy what somebody judged in a queue into the working copy."""
    judged = (one for one in queues.tasks(opened, queue, None, False) if any(it.state == DONE for it in one.reviews))
    found = (Chosen(0, one.session_id, one.trace_id) for one in judged)
    return _put_all(opened, name, _made(opened, found, now_ns), MOST_ITEMS, now_ns)


def add(opened: Opened, name: str, session_id: str, trace_id: str | None, now_ns: int) -> bool:
    """Copy one session or turn into the working copy; False where nothing was said in it."""
    made = list(_made(opened, [Chosen(0, session_id, trace_id)], now_ns))
    _put_all(opened, name, made, 1, now_ns)
    return bool(made)


def remove(opened: Opened, name: str, id: str) -> bool:
    """Take an item out of the working copy; versions keep it."""
    with opened.connections.writing() as connection:
        draft = _draft(opened, connection, name)
        return _retire(opened, connection, name, id, draft) > 0


def expect(opened: Opened, name: str, id: str, expected: str | None, author: str | None, now_ns: int) -> None:
    """Write down what the answer of an item should have been; versions keep what they had."""
    held = next((one for one in items(opened, name, None) if one.id == id), None)
    if held is None:
        raise BadRequest("There is no such item in this dataset.")
    _put_all(opened, name, [replace(held, expected=expected, author=author)], 1, now_ns)


def commit(opened: Opened, name: str, note: str, now_ns: int) -> Version:
    """Make a version of the working copy as it stands."""
    with opened.connections.writing() as connection:
        document = _document(opened, connection, name)
        made = Version(len(document["versions"]) + 1, now_ns, note[:500])
        if not _changed(opened, connection, name, made.number):
            raise BadRequest("The working copy is as the last version; there is nothing to keep.")
        versions = [*document["versions"], [made.number, made.at_ns, made.note]]
        _KEPT.put_within(opened, connection, name, {**document, "versions": versions})
    return made


def items(opened: Opened, name: str, version: int | None) -> Iterator[Item]:
    """Yield the items of a version, those of the working copy where it is None, in the order they came in.

    Raises:
        BadRequest: There is no such dataset or version.
    """
    with opened.connections.reading() as connection:
        versions = len(_document(opened, connection, name)["versions"])
    if version is not None and not 1 <= version <= versions:
        has = f"it has {versions}" if versions else "it has none yet"
        raise BadRequest(f"version came as {version}; {name} has no such version, {has}.")
    return _walk(opened, name, versions + 1 if version is None else version)


def export(opened: Opened, name: str, format: str, version: int | None) -> Iterator[bytes]:
    """Return the parts of a file; see `Store.export_dataset`."""
    if format not in FORMATS:
        raise BadRequest(f"format came as {format!r}; use one of {', '.join(FORMATS)}.")
    found, known = items(opened, name, version), dataset(opened, name)
    if format == "huggingface" and known is not None:
        return iter([zipped(files(known, version, found), name)])
    return lines(found, format)


def _walk(opened: Opened, name: str, number: int) -> Iterator[Item]:
    item, after = opened.tables.item, 0
    columns = (item.n, *(getattr(item, column) for column in ItemRow._fields))
    while True:
        found = item.select(*columns).where(_within(item, name, number), item.n > after)
        with opened.connections.reading() as connection:
            rows = _execute(connection, found.order_by(item.n).limit(_PAGE)).fetchall()
        for n, *row in rows:
            after = n
            yield _item(ItemRow(*row))
        if len(rows) < _PAGE:
            return


def _made(opened: Opened, found: Iterable[Chosen], now_ns: int) -> Iterator[Item]:
    """Yield what was chosen as items; a session is read once for all its turns."""
    held, session_id = None, None
    for one in found:
        if one.session_id != session_id:
            held, session_id = conversations.by_id(opened, one.session_id, now_ns), one.session_id
        if held is None:
            continue
        if one.trace_id is None:
            made = item_of_session(held, now_ns)
        else:
            trace = next((it for it in held.traces if it.id == one.trace_id and it.turn is not None), None)
            made = None if trace is None else item_of_turn(held, trace, now_ns)
        if made is not None:
            yield made


def _put_all(opened: Opened, name: str, made: Iterable[Item], most: int, now_ns: int) -> int:
    """Put items into the working copy; of one that stands there as it is nothing changes. Return how many were put."""
    put, batch = 0, []
    with opened.connections.reading() as connection:
        _document(opened, connection, name)
    for one in made:
        batch.append(one)
        put += 1
        if put >= most:
            break
        if len(batch) >= _PAGE:
            _put(opened, name, batch, now_ns)
            batch = []
    _put(opened, name, batch, now_ns)
    return put


def _put(opened: Opened, name: str, batch: list[Item], now_ns: int) -> None:
    item, insert = opened.tables.item, text(insertion(opened.tables.item, ItemRow))
    with opened.connections.writing() as connection:
        draft = _draft(opened, connection, name)
        rows = {one.id: _row(name, draft, one, now_ns) for one in batch}
        mine = _within(item, name, draft) & item.id.in_(list(rows))
        held = dict(_execute(connection, item.select(item.id, item.body).where(mine)).fetchall())
        new = [row for row in rows.values() if held.get(row.id) != row.body]
        for row in new:
            if row.id in held:
                _retire(opened, connection, name, row.id, draft)
        connection.executemany(insert, list(map(tuple, new)))


def _retire(opened: Opened, connection: Connection, name: str, id: str, draft: int) -> int:
    """Take what stands in the working copy out of it; return how many rows that were."""
    item = opened.tables.item
    mine = _within(item, name, draft) & (item.id == id)
    fresh = _execute(connection, item.delete().where(mine, item.since == draft)).rowcount
    return int(fresh + _execute(connection, item.update({item.until: draft}).where(mine)).rowcount)


def _draft(opened: Opened, connection: Connection, name: str) -> int:
    return len(_document(opened, connection, name)["versions"]) + 1


def _document(opened: Opened, connection: Connection, name: str) -> dict[str, Any]:
    found = _KEPT.within(opened, connection).get(name)
    if found is None:
        raise BadRequest(f"There is no dataset {name!r}; make it first.")
    return dict(found)


def _dataset(opened: Opened, connection: Connection, name: str, document: dict[str, Any]) -> Dataset:
    item, draft = opened.tables.item, len(document["versions"]) + 1
    (number,) = _execute(connection, item.select(fn.count(item.n)).where(_within(item, name, draft))).fetchone()
    versions = tuple(Version(*one) for one in document["versions"])
    changed = _changed(opened, connection, name, draft)
    return Dataset(name, document.get("about", ""), versions, number, changed, document.get("made", 0))


def _changed(opened: Opened, connection: Connection, name: str, draft: int) -> bool:
    item = opened.tables.item
    new = item.select(item.n).where(item.dataset == name, (item.since == draft) | (item.until == draft))
    return _execute(connection, new.limit(1)).fetchone() is not None


def _within(item: Any, name: str, number: int) -> Any:
    return (item.dataset == name) & (item.since <= number) & (item.until.is_null() | (item.until > number))


def _row(name: str, draft: int, one: Item, now_ns: int) -> ItemRow:
    body = {field: _plain(getattr(one, field)) for field in _IN_BODY}
    packed = None if one.trace_id is None else pack_trace_id(one.trace_id)
    return ItemRow(
        one.id, name, draft, None, storable(one.session_id) or "", packed, storable(one.user_id),
        storable(one.author), now_ns, encode(body).decode(),
    )  # fmt: skip


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _item(row: ItemRow) -> Item:
    body: Any = decode(row.body.encode())
    lists: dict[str, Any] = {name: tuple(body[name]) for name in ("messages", "documents")}
    told = {name: body[name] for name in _IN_BODY if name not in lists}
    trace_id = None if row.trace_id is None else unpack_trace_id(bytes(row.trace_id))
    return Item(
        id=row.id, session_id=original(row.session_id) or "", trace_id=trace_id, user_id=original(row.user_id),
        author=original(row.author), added_ns=row.at, **lists, **told,
    )  # fmt: skip


def _execute(connection: Connection, query: Any) -> Any:
    return connection.execute(*query.sql())
