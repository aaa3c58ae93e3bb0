"""What only the PostgreSQL store has: its schema, its rights, its locks, texts as words like SQLite's."""

import random
import sqlite3
import string
import subprocess
import sys
import threading
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convotrace.errors import StoreError
from convotrace.model import Payload
from convotrace.store import Store, Writer
from convotrace.store.earlier import Earlier
from convotrace.store.retention import Limits
from convotrace.store.schema import SCHEMA_VERSION
from tests.patience import PATIENCE, until
from tests.store.audit import audit_store
from tests.store.conftest import START, rows, run_sql
from tests.store.test_processes import command, crowd, environment

psycopg = pytest.importorskip("psycopg")
words = pytest.importorskip("convotrace.store.postgres.words")


@pytest.fixture
def url(postgres):
    return postgres.url()


@pytest.fixture
def admin(postgres):
    """A connection of the server's own superuser."""
    with psycopg.connect(postgres.url().partition("&")[0], autocommit=True) as connection:
        yield connection


def schema_of(url):
    return url.rpartition("schema=")[2]


def test_two_stores_of_one_database_never_meet(postgres, make):
    first, second = Store.open(postgres.url()), Store.open(postgres.url())
    first.write([make.change("s")])
    assert ([s.id for s in first.sessions()], [s.id for s in second.sessions()]) == (["s"], [])
    assert first.token() != second.token()
    first.close()
    second.close()


def test_the_tables_of_others_are_not_touched(url, admin):
    admin.execute(f"CREATE SCHEMA {schema_of(url)}; CREATE TABLE {schema_of(url)}.session (id int)")
    with pytest.raises(StoreError, match="holds something else; name one of its own"):
        Store.open(url)
    admin.execute(f"CREATE TABLE {schema_of(url)}.meta (key text, value text)")
    with pytest.raises(StoreError, match="holds something else"):
        Store.open(url)


def test_a_newer_schema_is_refused_and_left_as_it_is(url):
    store = Store.open(url)
    run_sql(store, f"UPDATE meta SET value = '{SCHEMA_VERSION + 1}' WHERE key = 'schema'")
    store.close()
    with pytest.raises(StoreError, match="newer convotrace"):
        Store.open(url)


def test_an_older_schema_gets_what_it_lacks(url, make):
    store = Store.open(url)
    store.write([make.change("s", make.trace("s", spans=[make.span(kind="tool", name="search")]), tags=("vip",))])
    run_sql(
        store, "DROP TABLE label", "ALTER TABLE session DROP COLUMN facets", "DROP INDEX trace_speech",
        "UPDATE meta SET value = '4' WHERE key = 'schema'",
    )  # fmt: skip
    store.close()
    store = Store.open(url)
    assert [session.id for session in store.sessions("tool:search tag:vip")] == ["s"]
    assert rows(store, "SELECT value FROM meta WHERE key = 'schema'") == [(str(SCHEMA_VERSION),)]
    store.close()


def test_several_starters_at_once_make_one_store(url):
    body = "store = Store.open(url)\nstore.write([change('s')])\nprint(store.token())\nstore.close()"
    running = [
        subprocess.Popen(command(url, body), env=environment(), stdout=subprocess.PIPE, text=True) for _ in range(4)
    ]
    assert len({process.communicate(timeout=60)[0] for process in running}) == 1
    store = Store.open(url, create=False)
    assert store.session("s").session.turns == 4
    store.close()


def test_there_must_be_a_store_where_none_may_be_made(url):
    with pytest.raises(StoreError, match="There is no store at"):
        Store.open(url, create=False)


def test_a_role_needs_no_more_than_a_schema_of_its_own(url, admin, make):
    role = f"role_{schema_of(url)}"
    theirs = url.replace("postgres@", f"{role}@")
    admin.execute(f"CREATE ROLE {role} LOGIN")
    with pytest.raises(StoreError, match="does not let this role do that"):
        Store.open(theirs)
    admin.execute(f"CREATE SCHEMA {schema_of(url)} AUTHORIZATION {role}")
    store = Store.open(theirs)
    store.write([make.change("s")])
    assert store.session("s").session.turns == 1
    store.close()


def test_a_role_that_may_only_read_reads(url, admin, make):
    store = Store.open(url)
    store.write([make.change("s")])
    schema, role = schema_of(url), f"reader_{schema_of(url)}"
    admin.execute(f"CREATE ROLE {role} LOGIN; GRANT USAGE ON SCHEMA {schema} TO {role}")
    admin.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO {role}")
    reader = Store.open(url.replace("postgres@", f"{role}@"))
    assert [session.id for session in reader.sessions()] == ["s"]
    with pytest.raises(StoreError, match="does not let this role do that"):
        reader.write([make.change("t")])
    reader.close()
    store.close()


def test_tables_that_were_dropped_are_made_anew(url, admin, make):
    store = Store.open(url)
    store.write([make.change("s")])
    admin.execute(f"DROP SCHEMA {schema_of(url)} CASCADE")
    with pytest.raises(StoreError, match="lost its tables"):
        store.sessions()
    store.write([make.change("t")])
    assert [session.id for session in store.sessions()] == ["t"]
    store.close()


def test_a_server_that_is_not_there_is_one_sentence_without_the_password(tmp_path):
    url = f"postgresql://me:t0p-s3cret@127.0.0.1:1/app?password=t0p-s3cret&sslkey={tmp_path}"
    with pytest.raises(StoreError, match="cannot be reached") as caught:
        Store.open(url)
    assert "t0p" not in str(caught.value)


def test_without_psycopg_the_sentence_says_what_to_install(url):
    code = "import sys; sys.modules['psycopg'] = None\nfrom convotrace.store import Store\nStore.open(sys.argv[1])"
    run = subprocess.run(
        [sys.executable, "-c", code, url], env=environment(), capture_output=True, text=True, timeout=60
    )
    assert 'pip install "convotrace[postgres]"' in run.stderr.splitlines()[-1]


def test_nothing_of_psycopg_is_loaded_where_no_store_is_on_a_server():
    code = "import sys; from convotrace.store import Store; Store.open('memory:'); "
    code += "print('convotrace.store.postgres' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], env=environment(), capture_output=True, text=True, timeout=60)
    assert run.stdout == "False\n"


@pytest.fixture
def impatient(monkeypatch):
    """Nobody waits long for a lock."""
    monkeypatch.setattr("convotrace.store.postgres.driver.LOCK_PATIENCE", 0.3)


def test_writers_of_different_sessions_do_not_wait_for_each_other(url, make, impatient):
    store, other = Store.open(url), Store.open(url)
    written = threading.Event()
    with store._ready().connections.writing({1}):
        thread = threading.Thread(target=lambda: (other.write([make.change("s")]), written.set()))
        thread.start()
        assert written.wait(PATIENCE)
        thread.join()
    with store._ready().connections.writing(), pytest.raises(StoreError, match="locked by another process"):
        other.write([make.change("s")])
    store.close()
    other.close()


def test_who_tries_again_or_counts_leaves_other_sessions_to_others(url, make, impatient):
    store, other = Store.open(url), Store.open(url)
    with store._ready().connections.writing({1}):
        other.write([make.change("s")], retry=True)
        other.put_worker(other.worker, {})
        assert other.metrics().total is not None
    assert rows(store, "SELECT count(*) FROM uncounted") == [(0,)]
    store.close()
    other.close()


def test_a_batch_that_waits_in_vain_for_a_lock_is_kept_and_not_looked_up(url, make, impatient, monkeypatch):
    store, looked_up = Store.open(url), []
    store.write([make.change("s")])
    writer = Writer(lambda: Store.open(url), lambda change: [change], interval=0.01)
    monkeypatch.setattr(Earlier, "of", lambda _, change: looked_up.append(change))
    with store._ready().connections.writing():
        for _ in range(20):
            writer.put(make.change("s"))
        until(lambda: "locked by another" in (writer.stats()["last_error"] or ""))
    assert writer.drain(PATIENCE)
    assert (writer.stats()["written"]["traces"], writer.stats()["dropped"], looked_up) == (20, {}, [])
    assert store.session("s").session.turns == 21
    writer.close()
    store.close()


@pytest.mark.slow
def test_of_eight_processes_in_the_same_sessions_all_that_was_sent_is_stored_or_counted(url):
    store = crowd(url, seconds=60)
    assert audit_store(store) == []
    store.close()


def test_a_trace_that_stands_elsewhere_than_supposed_is_found_all_the_same(url, make):
    store, other = Store.open(url), Store.open(url)
    trace = make.trace("a", status="running", duration_ns=None)
    store.write([make.change("a", trace)])
    other.write([make.change("b", make.trace("b", id=trace.id, started_ns=trace.started_ns), written_as="c")])
    assert store.session("a") is None
    assert [found.id for found in store.session("b").traces] == [trace.id]
    store.close()
    other.close()


def test_a_dead_connection_is_replaced_without_a_word(url, admin, make):
    store = Store.open(url)
    store.write([make.change("s")])
    admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'convotrace'")
    store.write([make.change("s")])
    assert store.session("s").session.turns == 2
    store.close()


def test_names_of_any_length_are_stored(url, make):
    store, long = Store.open(url), "n" * 100_000
    span = make.span(name=long, kind="tool")
    store.write([make.change("s", make.trace("s", spans=[span], user_id="u" * 512))])
    assert store.session("s").traces[0].spans[0].name == long
    store.close()


@given(st.text(alphabet=st.characters(max_codepoint=0x24F, exclude_categories=["Cs", "Cn"]), max_size=30))
def test_words_are_those_of_sqlite(text):
    """In Latin scripts; newer characters are letters for one and signs for the other."""
    db = sqlite3.connect(":memory:")
    db.execute("CREATE VIRTUAL TABLE f USING fts5(t, tokenize='unicode61 remove_diacritics 2')")
    db.execute("CREATE VIRTUAL TABLE v USING fts5vocab(f, 'instance')")
    db.execute("INSERT INTO f VALUES (?)", (words.apart(text),))
    theirs = [term for (term,) in db.execute("SELECT term FROM v ORDER BY offset")]
    db.close()
    ours = [word.text for word in words.words(words.apart(text))]
    assert [plain(word) for word in ours] == [plain(word) for word in theirs]


def plain(word):
    """Return a word without the few marks that SQLite keeps: those of Æ, Ø and of two marks at once."""
    return "".join(c for c in unicodedata.normalize("NFD", word) if not unicodedata.combining(c))


@given(st.lists(st.none() | st.text(max_size=200), min_size=4, max_size=4))
def test_any_text_becomes_words_that_the_server_takes(texts):
    held = words.vector(texts)
    assert "\0" not in held and held.count("'") % 2 == 0
    held.encode()


def test_a_text_with_very_many_words_is_found_by_its_first_and_last(url, make):
    store, text = Store.open(url), " ".join(f"w{number}x" for number in range(9000))

    store.write([make.change("s", make.trace("s", input=Payload(text), output=Payload("的" * 60_000)))])
    found = [len(store.search(word).hits) for word in ("w0x", "w8999x", '"w1x w2x"', "的", "nothing")]
    assert found == [1, 1, 1, 1, 0]
    store.close()


def test_over_the_bytes_the_longest_idle_go_and_no_more(url, make):
    store = Store.open(url)
    noise = random.Random(1)
    for number in range(60):
        # What cannot be compressed: PostgreSQL would.
        texts = ["".join(noise.choices(string.printable, k=4000)) for _ in range(5)]
        store.write([make.change(f"s{number}", make.trace(f"s{number}", at=number, input=Payload(t))) for t in texts])
    rows(store, "SELECT pg_stat_force_next_flush()")
    with store._ready().connections.reading() as connection:
        used = store._ready().upkeep.gauge(connection, lambda: 300)(connection, 0)
    assert 0.6 * 60 * 5 * 4000 < used < 3 * 60 * 5 * 4000
    removed = sum(step.sessions for step in store.prune(Limits(bytes=used // 2, active_ns=1), START + 10**15))
    assert 25 <= removed <= 35
    assert {session.id for session in store.sessions(limit=100)} == {f"s{number}" for number in range(removed, 60)}
    # Deleted rows keep their room until they are vacuumed; nothing more goes for that.
    rows(store, "SELECT pg_stat_force_next_flush()")
    again = sum(step.sessions for step in store.prune(Limits(bytes=used // 2, active_ns=1), START + 10**15))
    assert again <= 3
    store.close()


def test_who_deletes_in_pieces_holds_no_lock_for_long(url, make):
    store, other = Store.open(url), Store.open(url)
    store.write([make.change("long", make.trace("long", at=n)) for n in range(1500)])
    steps = store.prune(Limits(rows=1, active_ns=1), START + 10**16)
    next(steps)
    assert store.session("long") is None
    other.write([make.change("new", make.trace("new", at=10**7))])
    assert len(list(steps)) > 1
    assert rows(store, "SELECT count(DISTINCT sid) FROM trace") == [(1,)]
    store.close()
    other.close()
