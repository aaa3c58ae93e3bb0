"""The tables: their keys, and that nothing about a session or a user escapes being forgotten."""

import pytest
from peewee import SqliteDatabase

from convotrace.store import rows
from convotrace.store.keys import (
    SessionKeys,
    pack_trace_id,
    trace_key,
    unpack_trace_id,
)
from convotrace.store.schema import make_tables

PAIRS = {
    "label": rows.LabelRow, "session": rows.SessionRow,
    "trace": rows.TraceRow, "awaited": rows.AwaitedRow,
    "event": rows.EventRow, "sent": rows.SentRow,
    "score": rows.ScoreRow, "content": rows.ContentRow, "worker": rows.WorkerRow,
    "task": rows.TaskRow, "review": rows.ReviewRow, "item": rows.ItemRow,
    "bucket": rows.BucketRow, "uncounted": rows.UncountedRow,
}  # fmt: skip


@pytest.fixture
def tables():
    return make_tables(SqliteDatabase(None))


@pytest.mark.parametrize("name", PAIRS)
def test_each_row_has_the_columns_of_its_table(tables, name):
    columns = set(getattr(tables, name)._meta.fields) - {"n", "ranked"}
    assert columns == set(PAIRS[name]._fields)


def test_every_table_about_a_session_or_user_is_among_those_to_forget(tables):
    about = {t for t in tables.all() if {"sid", "session_id", "user_id"} & set(t._meta.fields)}
    # Items of datasets outlive their sessions; `forget` has statements of its own for them.
    assert about == {*tables.of_session(), tables.item}


def test_two_databases_have_tables_of_their_own(tables):
    assert make_tables(SqliteDatabase(None)).trace is not tables.trace


def test_keys_of_a_session_need_the_secret_of_its_store():
    assert SessionKeys(b"a").of("s") == SessionKeys(b"a").of("s") != SessionKeys(b"b").of("s")
    assert -(2**63) <= SessionKeys(b"a").of("s") < 2**63


def test_keys_of_traces_follow_their_start():
    starts = [10**18 + n * 1024 for n in range(50)]
    keys = [trace_key(start, f"{n:032x}") for n, start in enumerate(starts)]
    assert keys == sorted(set(keys))


@pytest.mark.parametrize(
    "id", ["4bf92f3577b34da6a3ce929d0e0e4736", "t1", "", "x" * 15, "x" * 14, "é" * 8, "\ud800", "F" * 32]
)
def test_a_trace_id_of_any_form_is_packed_without_loss(id):
    assert unpack_trace_id(pack_trace_id(id)) == id


def test_two_ids_of_one_hash_are_two_sessions(memory, make, monkeypatch):
    real = SessionKeys.candidate
    monkeypatch.setattr(SessionKeys, "candidate", lambda self, id, salt: real(self, id, salt) if salt else 7)
    memory.write([make.change("a", make.trace("a")), make.change("b", make.trace("b"))])
    memory.write([make.change("b", make.trace("b"))])
    assert {s.id: s.turns for s in memory.sessions()} == {"a": 1, "b": 2}
    assert memory.session("b").session.turns == 2
