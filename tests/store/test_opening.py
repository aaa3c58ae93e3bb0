"""Opening a store: private from the first byte, and one clear sentence where it cannot be."""

import lzma
import os
import sqlite3
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from convotrace.errors import StoreError
from convotrace.store import Store, relabelling
from convotrace.store.listing import ORDERS
from convotrace.store.relabelling import relabel
from convotrace.store.schema import SCHEMA_VERSION
from convotrace.store.sqlite import aside

from .audit import audit
from .conftest import Make, rows, run_sql

pytestmark = pytest.mark.sqlite


def mode(path):
    return stat.S_IMODE(os.stat(path).st_mode)


def test_a_folder_of_our_making_is_private_and_ignored_by_git(tmp_path, make):
    store = Store.open(f"sqlite:///{tmp_path}/a/b/sessions.db")
    store.write([make.change()])
    folder = tmp_path / "a" / "b"
    assert mode(folder) == 0o700
    assert (folder / ".gitignore").read_text() == "*\n"
    assert {mode(folder / name) for name in ("sessions.db", "sessions.db-wal", "sessions.db-shm")} == {0o600}
    store.close()


def test_a_folder_that_was_there_keeps_its_mode_and_gets_no_gitignore(tmp_path):
    tmp_path.chmod(0o755)
    Store.open(f"sqlite:///{tmp_path}/sessions.db").close()
    assert mode(tmp_path) == 0o755
    assert [path.name for path in tmp_path.iterdir()] == ["sessions.db"]


def test_the_default_is_the_environment_and_then_a_file_beside_the_app(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CONVOTRACE_STORE", raising=False)
    Store.open().close()
    assert (tmp_path / ".convotrace" / "sessions.db").exists()
    monkeypatch.setenv("CONVOTRACE_STORE", "sqlite:///named.db")
    Store.open().close()
    assert (tmp_path / "named.db").exists()


def test_a_relative_store_stays_where_it_was_opened(tmp_path, monkeypatch, make):
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    store = Store.open("sqlite:///here.db")
    monkeypatch.chdir(tmp_path / "elsewhere")
    store.write([make.change()])
    assert store.session("s") is not None
    assert list(Path().iterdir()) == []
    store.close()


def folder_in_place(path):
    path.mkdir()


def text_in_place(path):
    path.write_text("this is no database " * 500)


def of_another_app(path):
    db = sqlite3.connect(path)
    db.execute("CREATE TABLE session(id)")
    db.close()


def of_a_newer_release(path):
    Store.open(f"sqlite:///{path}").close()
    db = sqlite3.connect(path)
    db.execute(f"PRAGMA user_version={SCHEMA_VERSION + 1}")
    db.close()


@pytest.mark.parametrize(
    ("spoil", "word"),
    [
        (folder_in_place, "folder"),
        (text_in_place, "SQLite"),
        (of_another_app, "of its own"),
        (of_a_newer_release, "newer"),
    ],
)
def test_a_place_that_is_no_store_is_refused_in_one_sentence_and_left_alone(tmp_path, spoil, word):
    path = tmp_path / "x.db"
    spoil(path)
    before = path.read_bytes() if path.is_file() else None
    with pytest.raises(StoreError, match=word) as raised:
        Store.open(f"sqlite:///{path}")
    assert "\n" not in str(raised.value) and str(path) in str(raised.value)
    assert before == (path.read_bytes() if path.is_file() else None)


def as_it_was_before(path):
    """Take from a store what later schemas brought."""
    db = sqlite3.connect(path)
    for (trigger,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
        db.execute(f"DROP TRIGGER {trigger}")
    db.execute("DROP VIEW speech_text")
    db.execute("DROP TABLE speech")
    db.execute("DROP TABLE awaited")
    db.execute("DROP INDEX trace_said")
    for table, column in [
        ("session", "last_turn"),
        *(("trace", name) for name in ("said", "placed", "failures", "notes")),
    ]:
        db.execute(f"ALTER TABLE {table} DROP COLUMN {column}")
    db.execute("PRAGMA user_version=1")
    db.close()


def test_a_store_of_an_older_schema_gets_what_it_lacks_whoever_opens_it_first(tmp_path, make):
    path = tmp_path / "x.db"
    store = Store.open(f"sqlite:///{path}")
    store.write([make.change(), make.change()])
    store.close()
    as_it_was_before(path)
    opened = []
    starters = [threading.Thread(target=lambda: opened.append(Store.open(f"sqlite:///{path}"))) for _ in range(4)]
    for step in (threading.Thread.start, threading.Thread.join):
        for starter in starters:
            step(starter)
    opened[0].write([make.change()])
    assert [store.session("s").session.turns for store in opened] == [3] * 4
    assert [len(store.search("question")) for store in opened] == [3] * 4
    assert opened[0].integrity() == "ok"
    for store in opened:
        store.close()
    fresh = Store.open(f"sqlite:///{tmp_path}/y.db")
    shapes = [_shape(file) for file in (path, tmp_path / "y.db")]
    assert shapes[0] == shapes[1]
    fresh.close()


def _shape(path):
    db = sqlite3.connect(path)
    tables = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]
    shape = {name: {row[1:4] for row in db.execute(f'PRAGMA table_info("{name}")')} for name in tables}
    version = db.execute("PRAGMA user_version").fetchone()
    db.close()
    return version, {name: {(n, kind.lower(), needed) for n, kind, needed in found} for name, found in shape.items()}


def test_a_file_in_the_folder_s_place_is_refused(tmp_path):
    (tmp_path / "a").write_text("")
    with pytest.raises(StoreError, match="cannot be made"):
        Store.open(f"sqlite:///{tmp_path}/a/x.db")


@pytest.mark.parametrize("url", ["x.db", "sqlite://x.db", "sqlite:///", "mysql://x"])
def test_a_url_of_another_kind_is_refused_with_those_that_work(url):
    with pytest.raises(StoreError, match="memory:"):
        Store.open(url)


def test_without_create_a_missing_store_is_refused_and_not_made(tmp_path):
    with pytest.raises(StoreError, match="no store"):
        Store.open(f"sqlite:///{tmp_path}/a/x.db", create=False)
    assert list(tmp_path.iterdir()) == []


def test_a_new_store_writes_nothing_into_the_log_of_an_app_that_shows_everything(tmp_path, caplog):
    caplog.set_level(0)
    for url in ("memory:", f"sqlite:///{tmp_path / 'x.db'}"):
        Store.open(url).close()
    assert caplog.records == []


def test_a_store_can_be_opened_again_and_holds_what_it_held(store_url, make):
    first = Store.open(store_url)
    first.write([make.change()])
    found, token, secret = first.session("s"), first.token(), first.secret("x")
    first.close()
    second = Store.open(store_url, create=False)
    assert (second.session("s"), second.token(), second.secret("x")) == (found, token, secret)
    second.close()


def test_a_closed_store_says_so(store, make):
    store.close()
    for use in (lambda: store.write([make.change()]), lambda: store.sessions(), lambda: store.token()):
        with pytest.raises(StoreError, match="closed"):
            use()


def test_secrets_differ_by_name_and_by_store(store, memory):
    assert len({store.secret("a"), store.secret("b"), memory.secret("a")}) == 3
    assert len(store.secret("a")) == 32
    assert store.token() != memory.token()


def test_two_stores_in_one_process_never_mix(tmp_path, make):
    stores = [Store.open(f"sqlite:///{tmp_path}/{n}.db") for n in range(2)] + [Store.open("memory:") for _ in range(2)]

    def fill(number):
        for _ in range(30):
            stores[number].write([make.change(f"s{number}", make.trace(f"s{number}"))])

    threads = [threading.Thread(target=fill, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number, store in enumerate(stores):
        assert [(s.id, s.turns) for s in store.sessions()] == [(f"s{number}", 30)]
        store.close()


def test_readers_never_see_half_a_trace(store, make):
    changes = [make.change(trace=make.trace(spans=(make.span(), make.span()))) for _ in range(60)]

    def write():
        for change in changes:
            store.write([change])

    writer = threading.Thread(target=write)
    writer.start()
    seen = []
    while writer.is_alive():
        found = store.session("s")
        if found:
            seen.append((found.session.turns, len(found.traces), sum(len(t.spans) for t in found.traces)))
    writer.join()
    assert all(turns == traces and spans == 2 * traces for turns, traces, spans in seen)


def test_a_file_that_was_removed_is_begun_anew(store, make):
    store.write([make.change()])
    path = Path(store.url.removeprefix("sqlite:///"))
    for name in path.parent.iterdir():
        name.unlink()
    store.write([make.change("later", make.trace("later"))])
    assert [session.id for session in store.sessions()] == ["later"]
    assert mode(path) == 0o600
    assert store.integrity() == "ok"


def test_a_lock_held_by_another_process_is_waited_for_and_then_named(store, make, monkeypatch):
    monkeypatch.setattr("convotrace.store.sqlite.connections.LOCK_PATIENCE", 0.05)
    path = store.url.removeprefix("sqlite:///")
    program = (
        "import sqlite3, sys; db = sqlite3.connect(sys.argv[1], isolation_level=None);"
        "db.execute('BEGIN IMMEDIATE'); print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout.readline() == b"held\n"
        with pytest.raises(StoreError, match="locked"):
            store.write([make.change()])
        assert len(store.sessions()) == 0  # reading goes on
        other.communicate()
    store.write([make.change()])
    assert len(store.sessions()) == 1


def test_many_openers_of_a_new_file_agree(store_url):
    found = []

    def open_one():
        store = Store.open(store_url)
        found.append((store.token(), store.secret("x"), store.integrity()))
        store.close()

    threads = [threading.Thread(target=open_one) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 6
    assert len(set(found)) == 1


def test_a_store_knows_its_size(store, memory, make):
    before = (store.size(), memory.size())
    changes = [make.change(trace=make.trace(spans=(make.span(result=os.urandom(3000).hex()),))) for _ in range(50)]
    store.write(changes)
    memory.write(changes)
    assert store.size() > before[0] + 100_000
    assert memory.size() > before[1] + 100_000


STORED = sorted((Path(__file__).parent / "stored").glob("schema-*.db.xz"))


def test_a_stored_file_of_the_present_schema_is_among_those_that_are_opened():
    assert f"schema-{SCHEMA_VERSION}.db.xz" in [file.name for file in STORED]


@pytest.mark.parametrize("file", STORED, ids=lambda file: file.name)
def test_a_file_that_an_earlier_schema_wrote_reads_as_if_it_were_written_today(tmp_path, file, make):
    (tmp_path / "x.db").write_bytes(lzma.decompress(file.read_bytes()))
    store = Store.open(f"sqlite:///{tmp_path}/x.db")
    found = {session.id: session for session in store.sessions("has:error", order="turns")}
    assert list(found) == ["ben-1", "ann-1"]
    ann = found["ann-1"]
    assert (ann.turns, ann.spans, ann.errors, ann.feedback) == (4, 8, 2, {"up": 1, "down": 1})
    assert (ann.p50_ns, ann.first_byte_ns, ann.scores["helpful"]) == (2 * 10**9, 10**9 // 2, 0.5)
    assert [mark.errors for mark in ann.strip] == [0, 1, 0, 1]
    assert [session.id for session in store.sessions("score.helpful>1 tool:search")] == ["ben-1"]
    assert [hit.turn for hit in store.search("地铁 refund", limit=2)] == [2, 1]
    assert store.session("ann-1").traces[1].spans[0].result == ["shoe " * 100]
    store.write([make.change("ann-1", make.trace("ann-1"))])
    assert store.session("ann-1").session.turns == 5
    store.close()
    assert audit(tmp_path / "x.db") == []


@pytest.mark.parametrize("file", STORED, ids=lambda file: file.name)
def test_a_file_of_an_earlier_schema_is_read_and_written_before_it_is_brought_up(tmp_path, file, make, monkeypatch):
    monkeypatch.setattr("convotrace.store.store._BROUGHT_ON", 0)
    (tmp_path / "x.db").write_bytes(lzma.decompress(file.read_bytes()))
    store = Store.open(f"sqlite:///{tmp_path}/x.db")
    for order in ORDERS:
        assert {session.id for session in store.sessions(order=order)} >= {"ann-1", "ben-1"}
    assert len(store.session("ann-1").traces) == 4 and store.facets().total >= 2
    store.write([make.change("ann-1", make.trace("ann-1"))])
    store.roll_up()
    assert [session.id for session in store.sessions("has:error score.helpful<1")] == ["ann-1"]
    assert rows(store, "SELECT count(*) FROM sqlite_master WHERE name LIKE 'session_by_%'") == [(5,)]
    store.close()
    assert audit(tmp_path / "x.db") == []


def older(store, number):
    """Make a store as an earlier schema left it, without what follows from its sessions; return what it told."""
    store.write([make_turn(f"s{n}") for n in range(number)])
    told = rows(store, "SELECT sid, kind, key FROM label ORDER BY sid, kind, key")
    run_sql(store, "DELETE FROM label", "UPDATE session SET facets = NULL, marks = NULL", "PRAGMA user_version = 4")
    store.close()
    return told


def make_turn(session):
    return MAKE.change(session, MAKE.trace(session, spans=[MAKE.span(kind="tool", name="look")]), tags=("vip",))


MAKE = Make()


def test_a_large_store_of_an_older_schema_answers_at_once_and_is_brought_up_beside(store_url, monkeypatch):
    monkeypatch.setattr("convotrace.store.store._BROUGHT_ON", 0)
    told = older(Store.open(store_url), 70)
    store, other = Store.open(store_url), Store.open(store_url)
    assert len(store.sessions(limit=100)) == 70 and store.waits_for_roll_up()
    store.write([make_turn("s3"), make_turn("new")])
    # The first one is ended in the middle; whoever comes next goes on where it was.
    relabel(store._ready(), iter([True, False]).__next__)
    assert 0 < len(other.sessions("tool:look", limit=100)) < 70
    assert sorted(rows(store, "SELECT sid, kind, key FROM label")) != told
    other.roll_up()
    assert len(store.sessions("tool:look tag:vip", limit=100)) == 71
    assert set(told) <= set(rows(store, "SELECT sid, kind, key FROM label"))
    assert all(session.strip for session in store.sessions(limit=100))
    assert not relabelling.waits_for_labels(store._ready().sql, store._ready().connections.writer.connection())
    store.close()
    other.close()
    assert audit(Path(store_url.removeprefix("sqlite:///"))) == []


def overwritten_head(path):
    data = bytearray(path.read_bytes())
    data[:100] = b"\x55" * 100
    path.write_bytes(data)


def overwritten_schema(path):
    data = bytearray(path.read_bytes())
    data[100:3000] = b"\xff" * 2900
    path.write_bytes(data)


def overwritten_middle(path):
    data = bytearray(path.read_bytes())
    for page in range(3, len(data) // 4096):
        data[page * 4096 : page * 4096 + 200] = b"\xff" * 200
    path.write_bytes(data)


@pytest.mark.sqlite
@pytest.mark.parametrize("spoil", [overwritten_head, overwritten_schema, overwritten_middle])
def test_a_damaged_store_is_set_aside_whole_and_a_new_one_is_begun(tmp_path, make, spoil):
    """S4."""
    path = tmp_path / "x.db"
    store = Store.open(f"sqlite:///{path}")
    store.write([make.change("before")])
    store.close()
    spoil(path)
    damaged = path.read_bytes()
    store = Store.open(f"sqlite:///{path}")
    try:
        store.write([make.change("after")])
    except StoreError:  # it is found while it is written into: who writes tries again
        store.write([make.change("after")])
    (name,) = store.set_aside()
    assert (tmp_path / name).read_bytes() == damaged and name.startswith("x.db.damaged-")
    assert store.session("after") is not None and store.session("before") is None and store.integrity() == "ok"
    store.close()


@pytest.mark.sqlite
def test_processes_that_see_the_damage_at_once_set_one_file_aside(tmp_path):
    """S4: the new store of the first is not taken for the damaged one by the second."""
    path = tmp_path / "x.db"
    Store.open(f"sqlite:///{path}").close()
    overwritten_head(path)
    program = f"from convotrace.store import Store; s = Store.open('sqlite:///{path}'); print(s.sessions()); s.close()"
    processes = [subprocess.Popen([sys.executable, "-c", program], stderr=subprocess.PIPE) for _ in range(4)]
    assert [(p.communicate(timeout=60)[1], p.returncode) for p in processes] == [(b"", 0)] * 4
    aside = [one.name for one in tmp_path.iterdir() if ".damaged-" in one.name]
    assert len([name for name in aside if not name.endswith(("wal", "shm"))]) == 1


@pytest.mark.sqlite
def test_who_finds_a_damaged_file_moved_away_by_another_goes_on(tmp_path):
    """S4: between its look at the damage and its turn the file may be gone, or a new one."""
    path = tmp_path / "x.db"
    assert aside.set_aside(path) == ""
    Store.open(f"sqlite:///{path}").close()
    assert aside.set_aside(path) == ""


@pytest.mark.sqlite
def test_who_only_reads_sets_nothing_aside(tmp_path):
    path = tmp_path / "x.db"
    Store.open(f"sqlite:///{path}").close()
    overwritten_head(path)
    with pytest.raises(StoreError):
        Store.open(f"sqlite:///{path}", create=False)
    assert [one.name for one in tmp_path.iterdir() if "damaged" in one.name] == []
