"""Stores of before schema 7, where each span and event of a trace was a row: what happened becomes its document.

Everything here runs inside the one transaction that makes the tables.
"""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any

import orjson

from convotrace.store.codec import decode_column, encode, encode_column, original

_MOVED = ("span", "event", "content")
_TEXTS = ("service", "model", "provider", "finish_reason", "call_id")
_VALUES = ("input", "output", "arguments", "result", "query", "tools", "parameters")
_COUNTS = ("input_tokens", "output_tokens", "cached_read", "cached_write", "reasoning")
_JSON_FROM = b'"'[0]
_Made = Callable[[Any], Any] | None
_NEW_TABLES = (
    """INSERT OR IGNORE INTO event(sid, at, seq, name, level, attributes)
        SELECT sid, at, seq, name, level, attributes FROM old_event WHERE tk = -1""",
    "INSERT INTO content(sid, hash, codec, size, body) SELECT sid, hash, codec, size, body FROM old_content",
)


def set_aside(connection: sqlite3.Connection) -> bool:
    """Give the tables that are made anew another name; return whether there are any."""
    found = connection.execute("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'span'").fetchone()
    for name in _MOVED if found else ():
        connection.execute(f"ALTER TABLE {name} RENAME TO old_{name}")
    return found is not None


def bring_over(connection: sqlite3.Connection) -> None:
    """Fill the new tables and the documents of traces from those that were set aside, and drop these."""
    for statement in _NEW_TABLES:
        connection.execute(statement)
    connection.executemany("UPDATE trace SET work = ? WHERE n = ?", _works(connection))
    for name in _MOVED:
        connection.execute(f"DROP TABLE old_{name}")


def _works(connection: sqlite3.Connection) -> Iterator[tuple[str, int]]:
    reading = connection.cursor()
    for n, sid, tk, started in reading.execute("SELECT n, sid, tk, started FROM trace WHERE spans + events > 0"):
        spans = _rows(connection, "SELECT * FROM old_span WHERE sid = ? AND tk = ? ORDER BY seq", sid, tk)
        events = _rows(connection, "SELECT * FROM old_event WHERE sid = ? AND tk = ? ORDER BY seq", sid, tk)
        try:
            yield orjson.dumps(_work(spans, events, started, orjson.Fragment)).decode(), n
        except TypeError:
            yield encode(_work(spans, events, started, None)).decode(), n


def _rows(connection: sqlite3.Connection, statement: str, *values: Any) -> list[dict[str, Any]]:
    cursor = connection.execute(statement, values)
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor]


def _work(spans: list[dict[str, Any]], events: list[dict[str, Any]], started: int, made: _Made) -> dict[str, Any]:
    """Return a document as `work` makes it; `made` is what JSON that is made already may stand in it as."""
    told: dict[Any, list[Any]] = defaultdict(list)
    for row in events:
        told["on_session" if row["on_session"] else row["span"]].append(_event(row, started, made))
    lines = [_span(row, started, told.get(row["span"]), made) for row in spans]
    return _filled({"spans": lines or None, "events": told.get(0), "on_session": told.get("on_session")})


def _event(row: dict[str, Any], started: int, made: _Made) -> list[Any]:
    attributes = row["attributes"]
    if attributes is not None and attributes[:1] != " " and made is not None:
        attributes = made(attributes)
    return [original(row["name"]), row["at"] - started, original(row["level"]), attributes]


def _span(row: dict[str, Any], started: int, events: list[Any] | None, made: _Made) -> list[Any]:
    extra = decode_column(row["extra"]) or {}
    rest: dict[str, Any] = {name: original(row[name]) for name in _TEXTS}
    rest |= {"cost": row["cost_nano"], "first_token": row["first_token"], "events": events}
    rest |= {name: extra.get(name) for name in ("error", "origin", "tags")}
    counts = [row[name] for name in _COUNTS]
    if "usage" in extra or counts != [None] * len(counts):
        rest["usage"] = [*counts, *extra.get("usage", ())]
    packed: dict[str, str] = {}
    for name, data in _values(row, extra).items():
        if data is not None and data[0] >= _JSON_FROM and made is not None:
            rest[name] = made(data)
        elif data is not None:
            packed[name] = data.hex()
    rest["packed"] = packed or None
    parent = extra.get("parent_id", None if row["parent"] is None else _id(row["parent"]))
    line = [extra.get("id", _id(row["span"])), parent, row["kind"], original(row["name"]), row["status"]]
    return [*line, row["started"] - started, row["duration"], _filled(rest)]


def _values(row: dict[str, Any], extra: dict[str, Any]) -> dict[str, bytes | None]:
    """Return what may be long, or hold anything, as it is packed."""
    documents = [_document(line) for line in decode_column(row["documents"]) or ()]
    columns = {
        "attributes": row["attributes"], "metadata": encode_column(extra.get("metadata")),
        "documents": encode_column(documents),
    }  # fmt: skip
    packed: dict[str, bytes | None] = {name: row[name] for name in _VALUES}
    return packed | {name: None if text is None else text.encode() for name, text in columns.items()}


def _document(line: list[Any]) -> dict[str, Any]:
    names = ("id", "text", "apart", "score", "title", "url", "metadata")
    return {name: value for name, value in zip(names, line, strict=True) if value not in (None, {})}


def _filled(members: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}


def _id(key: int) -> str:
    return f"{key & 0xFFFFFFFFFFFFFFFF:016x}"
