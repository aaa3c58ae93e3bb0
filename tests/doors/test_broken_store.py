"""Whatever is wrong with the store, no answer changes, and health says what was lost and why."""

import sqlite3
import time

import pytest

import convotrace as ct
from tests.patience import PATIENCE, until


def folder_in_its_place(tmp_path):
    (tmp_path / "store.db").mkdir()
    return tmp_path / "store.db"


def no_database(tmp_path):
    (tmp_path / "store.db").write_bytes(b"this is a letter, not a database" * 400)
    return tmp_path / "store.db"


def parent_is_a_file(tmp_path):
    (tmp_path / "file").write_text("x")
    return tmp_path / "file" / "store.db"


def nothing_can_be_made_there(tmp_path):
    return "/proc/nowhere/store.db"


BROKEN = [folder_in_its_place, no_database, parent_is_a_file, nothing_can_be_made_there]


@pytest.mark.parametrize("broken", BROKEN)
def test_a_store_that_cannot_be_opened_changes_no_answer(door, tmp_path, broken):
    client = door(store=f"sqlite:///{broken(tmp_path)}")
    bare = door(enabled=False)
    for path in ("/chat", "/stream", "/boom"):
        body = {"message": "hi", "session_id": "s"}
        seen, expected = client.post(path, body), bare.post(path, body)
        assert (seen.status, seen.headers, seen.chunks) == (expected.status, expected.headers, expected.chunks)
    client.observer.close(0.1)


@pytest.mark.parametrize("broken", BROKEN)
def test_health_says_why_and_what_was_lost(tmp_path, broken):
    observer = ct.ConvoTrace(store=f"sqlite:///{broken(tmp_path)}")
    with observer.session("s"):
        ct.set_input("hi")
    assert not observer.flush(0.2)
    until(lambda: observer.health()["last_error"])
    health = observer.health()
    assert (
        not health["ok"]
        and str(broken(tmp_path) if broken is nothing_can_be_made_there else "") in health["last_error"]
    )
    assert health["queued"] == 1
    writer = observer.writer
    observer.close(0.1)
    # The writer's thread counts what it gives up when it wakes: a busy machine lets it sleep past the close.
    until(lambda: writer.stats()["dropped"])
    assert sum(sum(reasons.values()) for reasons in writer.stats()["dropped"].values()) == 1


def test_a_bad_file_is_left_as_it_is(tmp_path):
    path = no_database(tmp_path)
    before = path.read_bytes()
    observer = ct.ConvoTrace(store=f"sqlite:///{path}")
    with observer.session("s"):
        ct.set_input("hi")
    observer.flush(0.2)
    observer.close(0.1)
    assert path.read_bytes() == before


def test_a_locked_store_delays_nobody_and_loses_nothing(door, tmp_path):
    client = door(store=f"sqlite:///{tmp_path}/store.db")
    client.post("/chat", {"message": "first", "session_id": "s"})
    assert client.observer.flush()
    other = sqlite3.connect(tmp_path / "store.db", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    try:
        started = time.monotonic()
        answers = [client.post("/chat", {"message": f"m{n}", "session_id": "s"}).json for n in range(5)]
        took = time.monotonic() - started
        assert not client.observer.flush(0.3)
        assert client.observer.health()["queued"] == 15  # rows: five traces of two spans each
    finally:
        other.execute("ROLLBACK")
        other.close()
    assert answers == [{"reply": f"echo: m{n}"} for n in range(5)]
    assert took < PATIENCE / 2, "who waits for a lock waits as long as a test has patience"
    assert client.observer.flush()
    assert client.session("s").session.turns == 6
    assert client.observer.health()["dropped"] == {}
