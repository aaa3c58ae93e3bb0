"""Saved views: filters of the list under a name, kept in the store so that everybody who opens the page has them."""

from __future__ import annotations

from typing import Any

import orjson

from convotrace.errors import BadRequest
from convotrace.model import View
from convotrace.store.codec import original, storable
from convotrace.store.opening import Opened

MOST = 50
_BEGIN, _END = "view:", "view;"
"""Every key of a view stands between the two."""


def views(opened: Opened) -> tuple[View, ...]:
    """Return every saved view by its name."""
    with opened.connections.reading() as connection:
        return tuple(_view(key, value) for key, value in connection.execute(opened.sql.meta_between, (_BEGIN, _END)))


def put_view(opened: Opened, view: View) -> None:
    """Keep a view; one of the same name is replaced."""
    kept = {one.name for one in views(opened)}
    if len(kept) >= MOST and view.name not in kept:
        raise BadRequest(f"There are {MOST} saved views already; delete one first.")
    meta, value = opened.tables.meta, orjson.dumps([storable(view.q), view.order]).decode()
    put = meta.insert({meta.key: _key(view.name), meta.value: value})
    _execute(opened, put.on_conflict(conflict_target=[meta.key], preserve=[meta.value]))


def drop_view(opened: Opened, name: str) -> None:
    """Forget a view; one that is not there is no fault."""
    meta = opened.tables.meta
    _execute(opened, meta.delete().where(meta.key == _key(name)))


def _execute(opened: Opened, query: Any) -> None:
    statement, values = query.sql()
    with opened.connections.writing(()) as connection:
        connection.execute(statement, values)


def _key(name: str) -> str:
    return _BEGIN + (storable(name) or "")


def _view(key: str, value: str) -> View:
    q, order = orjson.loads(value)
    return View(original(key.removeprefix(_BEGIN)) or "", original(q) or "", order)
