"""The rare paths of a session: its totals counted anew from its traces, its contents swept, its rows deleted."""

from __future__ import annotations

from collections.abc import Iterator

from convotrace.store.bundles import bundled
from convotrace.store.codec import countable, encode_column
from convotrace.store.database import Connection
from convotrace.store.labels import Label, facets_column, facets_of_work
from convotrace.store.marks import KEPT, marks_of
from convotrace.store.packing import trace_row, work_in
from convotrace.store.rows import KNOWN_TOTALS, ContentRow
from convotrace.store.sessions import CLIENTS_KEPT, Row, cut
from convotrace.store.statements import COUNTED, Statements
from convotrace.store.to_records import attachments_in
from convotrace.store.unpacking import Contents
from convotrace.store.work import packed_in, read_work, texts_in


def count_again(sql: Statements, connection: Connection, row: Row) -> bool:
    """Replace the totals in a session's row by what its traces say.

    Returns:
        Whether the session holds anything: a trace, an event or a score.
    """
    sid = row["sid"]
    traces, turns, started, last, *counted = connection.execute(sql.recount, (sid,)).fetchone()
    events = connection.execute(sql.outside_events, (sid,)).fetchone()[0]
    if traces:
        row["started"], row["last"] = started, last
    row["traces"], row["turns"] = traces, turns or 0
    for name, low, high in zip(COUNTED, counted[::2], counted[1::2], strict=True):
        value = None if low is None else countable((high << 32) + low)
        row[name] = value if name in KNOWN_TOTALS else value or 0
    row["events"] += events
    row["last_turn"] = connection.execute(sql.last_turn, (sid,)).fetchone()[0]
    row["first_tk"], row["first_input"] = _said(connection, sql.first_input, sid)
    row["last_tk"], row["last_output"] = _said(connection, sql.last_output, sid)
    row["facets"] = facets_column(facets_between(sql, connection, sid))
    row["marks"] = newest_turns(sql, connection, sid)
    row["clients"] = encode_column([c for (c,) in connection.execute(sql.clients, (sid, CLIENTS_KEPT))])
    return bool(traces or events or connection.execute(sql.any_score, (sid, 1)).fetchone())


def newest_turns(sql: Statements, connection: Connection, sid: int) -> bytes | None:
    """Return the marks of the newest turns of a session."""
    return marks_of(reversed(connection.execute(sql.turn_marks, (sid, KEPT)).fetchall()))


def facets_between(
    sql: Statements, connection: Connection, sid: int, first: int = -(1 << 63), last: int = (1 << 63) - 1
) -> set[Label]:
    """Return what the stored traces of a session say of it, between two keys of traces."""
    found: set[Label] = set()
    for status, *columns in connection.execute(sql.works, (sid, first, last)):
        found |= facets_of_work(status, read_work(work_in(*columns)))
    return found


def sweep(sql: Statements, connection: Connection, sid: int) -> None:
    """Delete the contents of a session that nothing in it refers to: they were those of a trace that left."""
    rows = [ContentRow(*columns) for columns in connection.execute(sql.contents_of, (sid,))]
    traces = [trace_row(columns, with_bundle=True) for columns in connection.execute(sql.traces_of, (sid,))]
    contents = Contents([*rows, *(one for trace in traces for one in bundled(sid, trace.tk, trace.pressed))])
    used: set[bytes] = set()
    for trace in traces:
        work = read_work(trace.work)
        for packed in (trace.input_body, trace.output_body, *packed_in(work)):
            used |= contents.names_in(packed)
        used.update(texts_in(work))
    used.update(_attached(sql, connection, sid))
    held = [row.hash for row in rows] + [name for (name,) in connection.execute(sql.files_of, (sid,))]
    connection.executemany(sql.delete_content, [(sid, name) for name in held if name not in used])


def delete_session(sql: Statements, connection: Connection, sid: int) -> None:
    """Delete every row of a session."""
    for statement in sql.delete_session:
        connection.execute(statement, (sid,))


def _said(connection: Connection, statement: str, sid: int) -> tuple[int | None, str | None]:
    found = connection.execute(statement, (sid, 1)).fetchone()
    return (None, None) if found is None else (found[0], cut(found[1]))


def _attached(sql: Statements, connection: Connection, sid: int) -> Iterator[bytes]:
    for (extra,) in connection.execute(sql.extras_of, (sid,)):
        yield from (bytes.fromhex(file.hash) for file in attachments_in(extra) if file.hash is not None)
