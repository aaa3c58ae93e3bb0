"""What must hold of every row of a store file, whoever wrote into it and in whatever order."""

import sqlite3

from peewee import SqliteDatabase

from convotrace.insight.sums import COUNTS, KNOWN, Sums
from convotrace.store.bucket_sql import BucketStatements
from convotrace.store.buckets import DAY, DIMENSIONS
from convotrace.store.bundles import FILE, bundled
from convotrace.store.counting import worths_of
from convotrace.store.judgements import verdict_column
from convotrace.store.marks import marks_of
from convotrace.store.packing import trace_row
from convotrace.store.rows import KNOWN_TOTALS, ContentRow, ScoreRow, TraceRow
from convotrace.store.schema import make_tables
from convotrace.store.tallying import from_buckets
from convotrace.store.to_records import attachments_in
from convotrace.store.unpacking import Contents
from convotrace.store.work import events_in, packed_in, read_work, texts_in

COUNTED = ("errors", "spans", "events", *KNOWN_TOTALS)


def audit(path):
    """Return a sentence for each thing that is wrong in a file; none are expected."""
    tables, connection = make_tables(SqliteDatabase(None)), sqlite3.connect(path)
    try:
        (integrity,) = connection.execute("PRAGMA integrity_check").fetchone()
        wrong = [] if integrity == "ok" else [integrity]
        return [*wrong, *_wrong_buckets(BucketStatements(tables), connection), *_troubles(tables, connection)]
    finally:
        connection.close()


def audit_store(store, was_pruned=False):
    """Return the same of an open store, whichever its database; buckets outlive what retention deleted."""
    opened = store._ready()
    with opened.connections.reading() as connection:
        wrong = [] if was_pruned else _wrong_buckets(opened.sql.buckets, connection)
        return [*wrong, *_troubles(opened.tables, connection)]


def _wrong_buckets(sql, connection):
    """Buckets, and what waits for them, hold what a count of all traces says; not after retention deleted some."""
    expected = {}
    worths = worths_of(connection, sql.some, (0, 1 << 40))
    for (kind, _, key), sums in worths.groups().items():
        expected.setdefault((kind, key), Sums()).merge(sums)
    for kind in DIMENSIONS.values():
        cells = from_buckets(sql, connection, DAY, kind, -(1 << 62), 1 << 62, 0)
        told = {key: _told(sums) for (key, _), sums in cells.items() if not sums.is_empty}
        counted = {key: _told(sums) for (own, key), sums in expected.items() if own == kind and not sums.is_empty}
        if told != counted:
            yield f"buckets of dimension {kind} say {told}, a recount {counted}"


def _told(sums):
    known = [getattr(sums, name) or 0 for name in KNOWN]
    return [*(getattr(sums, name) for name in COUNTS), *known, sums.durations, sums.first_bytes]


def _troubles(tables, connection):
    def rows(statement, *values):
        cursor = connection.execute(statement, values)
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    sessions = {row["sid"]: row for row in rows("select * from session")}
    for table in tables.of_session():
        name = table._meta.table_name
        for row in rows(f"select distinct sid from {name} where sid is not null"):
            if row["sid"] not in sessions:
                yield f"{name} holds rows of a session that is not there"
    stored = rows(f"select {', '.join(TraceRow._fields)} from trace")
    traces = [trace_row([*row.values()], with_bundle=True)._asdict() for row in stored]
    places = {(row["sid"], row["tk"]): row for row in traces}
    for row in rows("select sid, tk from awaited"):
        if (row["sid"], row["tk"]) not in places:
            yield "awaited holds rows of a trace that is not there"
    for row in rows("select * from score where origin is not null"):
        if (row["sid"], row["origin"]) not in places:
            yield f"the score {row['id']} of a trace that is not there"
    for row in traces:
        work = read_work(row["work"])
        spans, events = len(work.get("spans", ())), len(list(events_in(work)))
        if (spans, events) != (row["spans"], row["events"]):
            yield f"trace {row['trace_id'].hex()} says {row['spans'], row['events']}, has {spans, events}"
    for sid, row in sessions.items():
        own = sorted((t for t in traces if t["sid"] == sid), key=lambda t: t["tk"])
        yield from _wrong_totals(row, own, rows)
        yield from _lost_contents(sid, own, rows)


def _wrong_totals(row, own, rows):
    sid, turns = row["sid"], [t for t in own if t["is_turn"]]
    outside = rows("select count(*) n from event where sid = ?", sid)[0]["n"]
    expected = {"traces": len(own), "turns": len(turns)}
    for name in COUNTED:
        known = [t[name] for t in own if t[name] is not None]
        expected[name] = sum(known) if known else None if name in KNOWN_TOTALS else 0
    expected["events"] += outside
    if own:
        expected["started"] = min(t["started"] for t in own)
        expected["last"] = max(t["started"] + (t["duration"] or 0) for t in own)
    expected["last_turn"] = max((t["started"] for t in turns), default=None)
    asked = [(t["tk"], t["input_text"][:200]) for t in turns if t["input_text"] is not None]
    told = [(t["tk"], t["output_text"][:200]) for t in turns if t["output_text"] is not None]
    expected["first_tk"], expected["first_input"] = asked[0] if asked else (None, None)
    expected["last_tk"], expected["last_output"] = told[-1] if told else (None, None)
    for name, value in expected.items():
        if row[name] != value:
            yield f"session {row['id']} says {name}={row[name]!r}, a recount {value!r}"
    marks = [(t["tk"], t["started"], t["duration"], t["first_byte"], t["errors"]) for t in turns]
    if row["marks"] != marks_of(marks):
        yield f"session {row['id']} shows other turns than its newest"
    judged = [ScoreRow(**score) for score in rows("select * from score where sid = ? order by at, seq", sid)]
    if row["verdict"] != verdict_column(judged):
        yield f"session {row['id']} says {row['verdict']}, its scores {verdict_column(judged)}"
    scores = len(judged)
    if scores and not row["judged"]:
        yield f"session {row['id']} hides its scores"
    if not own and not outside and not scores:
        yield f"session {row['id']} holds nothing"


def _lost_contents(sid, own, rows):
    own_rows = [ContentRow(**row) for row in rows("select * from content where sid = ?", sid)]
    held = [*own_rows, *(one for trace in own for one in bundled(sid, trace["tk"], trace["pressed"]))]
    contents = Contents(row for row in held if row.codec < FILE)
    needed = set()
    for trace in own:
        needed |= contents.names_in(trace["input_body"]) | contents.names_in(trace["output_body"])
        needed |= {bytes.fromhex(f.hash) for f in attachments_in(trace["extra"]) if f.hash is not None}
        work = read_work(trace["work"])
        for packed in packed_in(work):
            needed |= contents.names_in(packed)
        needed |= set(texts_in(work))
    for name in needed - {row.hash for row in held}:
        yield f"the content {name.hex()} is missing"
