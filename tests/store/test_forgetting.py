"""What is forgotten is gone: from every table, from the bytes of file and log, from what other processes remember."""

import sqlite3
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from convotrace.errors import BadRequest
from convotrace.insight.queues import Queue
from convotrace.model import Attachment, Document, Event, Failure, Link, Payload, Score, Target, Usage
from convotrace.store import Store
from convotrace.store.forgetting import PERSONAL
from convotrace.store.removal import ROWS_AT_ONCE
from convotrace.store.schema import make_tables
from tests.store.conftest import SECOND, START, rows
from tests.store.test_processes import command, environment

INDEX = {"speech", *(f"speech_{part}" for part in ("data", "idx", "docsize", "config"))}
"""The text index: no columns of its own; that its words go is tested in test_search.py."""

CANARY = "canary-7f3a"
LONG = f"{CANARY} " * 400
OUTLIVING = {"item"}
"""Tables of copies that stay when sessions are pruned; `forget` has statements of its own for them."""
NOBODYS = {"meta", "worker", "lease", "bucket", "uncounted", "audit"}
"""Tables that hold nothing of a session or user: a table that is new is in this list, or belongs to a session."""


def score(session, number, trace=None, author=None):
    target = Target(session, trace)
    return Score(f"{session}-{number}", CANARY, "text", CANARY, START, target, "annotator", CANARY, author)


def talk(make, session, user, text=LONG, **facts):
    """Return a change that has the text in all that can hold one."""
    span = make.span(
        name=text[:20], input=[{"role": "user", "parts": [{"type": "text", "text": text}]}] * 2, output=text,
        arguments={"q": text}, result=text, query=text, documents=(Document(text[:9], text, title=text[:30]),),
        attributes={"a": text}, metadata={"m": text}, model=text[:20], usage=Usage(1, 2), status="error",
        error=Failure("E", text, text), tags=(text[:20],), events=(Event(text[:20], START, attributes={"e": text}),),
    )  # fmt: skip
    trace = make.trace(
        session, input=Payload(text, {"message": text}), output=Payload(text, text), user_id=user, spans=(span,),
        name=text[:20], metadata={"m": text}, tags=(text[:20],), service=text[:20], answer_ids=(text[:20],),
        error=Failure("E", text, text), events=(Event(text[:20], START),),
        attachments=(Attachment("a", text[:20], "text/plain", len(text), data=text.encode()),),
    )  # fmt: skip
    trace = replace(trace, scores=(score(session, 1, trace.id, user),))
    facts = {"user_id": user, "name": text[:20], "metadata": {"m": text}, "tags": (text[:20],), **facts}
    return make.change(session, trace, events=(Event(text[:20], START),), scores=(score(session, 2),), **facts)


def told(make, session):
    """Return what a session is told without a request, with the word in it."""
    return make.outside(session, events=(Event(CANARY, START, attributes={"e": LONG}),))


def curate(store, session, user):
    """Put a session and its turns into a queue and a dataset, judged by and asked of its user."""
    for on in ("session", "turn"):
        store.put_queue(Queue(on, on=on))
        store.fill_queue(on, f'user:"{user}"')
        for task in store.tasks(on):
            store.review(on, task.id, user, "done")
            store.assign(on, task.id, user)
        store.put_dataset(on)
        store.fill_dataset(on, f'user:"{user}"', on=on)
        store.commit_dataset(on)
        for item in list(store.items(on)):
            store.expect(on, item.id, CANARY, user)


def copies(url):
    """Return how often the word stands in the file and beside it; on PostgreSQL, in the rows of each table."""
    if not url.startswith("sqlite"):
        store = Store.open(url)
        found = {name: count(store, name) for name in tables_of(url)}
        store.close()
        return {name: number for name, number in found.items() if number}
    path = Path(url.removeprefix("sqlite:///"))
    return {file.name: found for file in path.parent.iterdir() if (found := file.read_bytes().count(CANARY.encode()))}


def counts(found):
    return found.sessions, found.traces, found.spans


def count(store, table):
    return sum(CANARY in str(row) for row in rows(store, f"SELECT * FROM {table}"))


def tables_of(url):
    if not url.startswith("sqlite"):
        store = Store.open(url)
        found = {table._meta.table_name: list(table._meta.columns) for table in store._ready().tables.all()}
        store.close()
        return found
    with sqlite3.connect(url.removeprefix("sqlite:///")) as db:
        names = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        found = {name: [row[1] for row in db.execute(f"PRAGMA table_info({name})")] for name in names}
    db.close()
    return found


@pytest.mark.parametrize("by", [{"session": f"{CANARY} s"}, {"user": f"{CANARY} u"}])
def test_no_byte_is_left_of_what_was_forgotten(store, store_url, database, make, by):
    for number in range(20):
        other = talk(make, f"other {number}", f"ann {number}", text="something else " * 80)
        other = replace(other, session=replace(other.session, scores=()))
        other = replace(other, trace=replace(other.trace, scores=()))
        store.write([talk(make, f"{CANARY} s", f"{CANARY} u"), told(make, f"{CANARY} s"), other])
    curate(store, f"{CANARY} s", f"{CANARY} u")
    assert copies(store_url)
    forgotten = store.forget(**by)
    assert counts(forgotten) == (1, 20, 20)
    # Only a file is ours to wipe.
    assert forgotten.wiped is (database == "sqlite")
    assert copies(store_url) == {}
    assert [session.turns for session in store.sessions()] == [1] * 20
    assert store.integrity() == "ok"


def test_the_words_were_in_every_table_that_belongs_to_a_session(store, store_url, make):
    """The test above can fail: without the deletion its words stand in each of these tables."""
    store.write([talk(make, f"{CANARY} s", f"{CANARY} u"), told(make, f"{CANARY} s")])
    curate(store, f"{CANARY} s", f"{CANARY} u")
    filled = {table for table in set(tables_of(store_url)) - INDEX if count(store, table)}
    assert filled >= {"session", "trace", "awaited", "event", "score", "content", "task", "review", "item"}


@pytest.mark.sqlite
def test_every_table_and_column_about_a_session_or_user_is_registered(store, store_url):
    found = tables_of(store_url)
    of_session = {table._meta.table_name for table in make_tables(sqlite3_database()).of_session()}
    assert set(found) == of_session | OUTLIVING | NOBODYS | INDEX
    personal = {(table, column) for table, columns in found.items() for column in columns if is_personal(column)}
    assert personal == PERSONAL
    assert {table for table, columns in found.items() if "sid" in columns} == of_session


def is_personal(column):
    words = ("user", "author", "email", "session_id", "person", "customer", "account", "assignee")
    return any(word in column for word in words)


def sqlite3_database():
    from peewee import SqliteDatabase

    return SqliteDatabase(None)


def test_a_user_is_forgotten_in_every_session_and_nobody_else(store, store_url, make):
    user = f"{CANARY} u"
    store.write([talk(make, "hers", user), talk(make, "hers too", user), make.change("his", user_id="ben")])
    # Several users in one session, as split_users=False keeps them.
    store.write([talk(make, "shared", user, name=None, metadata={}, tags=(), user_id="ben")])
    shared = store.session("shared").traces[0]
    store.write([make.change("shared", make.trace("shared", user_id="ben"), user_id="ben")])
    store.write([make.outside("shared", scores=(score("shared", 9, shared.id),))])
    store.write(
        [make.outside("his", scores=(replace(score("his", 1, author=user), name="n", value="v", comment="c"),))]
    )
    forgotten = store.forget(user=user)
    assert (forgotten.sessions, forgotten.traces) == (2, 3)
    assert {session.id: session.turns for session in store.sessions()} == {"his": 1, "shared": 1}
    (kept,) = store.session("his").scores
    assert (kept.value, kept.author) == ("v", None)
    found = store.session("shared")
    assert [trace.user_id for trace in found.traces] == ["ben"]
    assert (found.session.turns, found.session.spans, found.session.first_input) == (1, 0, found.traces[0].input.text)
    assert counts(store.forget(user=user)) == (0, 0, 0)


def test_a_session_of_others_goes_with_the_last_turn_that_was_in_it(store, make):
    store.write([make.change("s", make.trace("s", user_id="ann"), user_id="ben")])
    forgotten = store.forget(user="ann")
    assert (forgotten.sessions, store.sessions().sessions) == (1, ())


def test_links_to_a_forgotten_session_are_taken_away(store, store_url, make):
    store.write([make.change("next", links=(Link(f"{CANARY} s", "continues"), Link("x", "same_id")))])
    store.write([make.change("y"), make.change(f"{CANARY} s", links=(Link("y", "continues"),))])
    assert len(store.session("y").session.links) == 1
    store.forget(session=f"{CANARY} s")
    assert [(link.session_id, link.relation) for link in store.session("next").session.links] == [("x", "same_id")]
    assert store.session("y").session.links == ()
    assert copies(store_url) == {}


def test_a_long_session_is_forgotten_whole(store, store_url, make):
    spans = [make.span(result=f"{CANARY} {n} " + "z" * 1_500) for n in range(ROWS_AT_ONCE)]
    store.write([make.change("s", make.trace("s", spans=spans)) for _ in range(1)])
    store.write([make.change("s", make.trace("s", spans=[make.span(result=LONG + str(n)) for n in range(900)]))])
    assert counts(store.forget(session="s")) == (1, 2, ROWS_AT_ONCE + 900)
    assert (store.session("s"), copies(store_url)) == (None, {})


@pytest.mark.parametrize("nothing", [{"session": "none"}, {"user": "none"}, {"user": ""}, {"session": "\0"}])
def test_nothing_is_deleted_where_there_is_nothing(store, make, nothing):
    store.write([make.change("s")])
    assert counts(store.forget(**nothing)) == (0, 0, 0)
    assert store.deletions() == []
    assert store.session("s").session.turns == 1


@pytest.mark.parametrize("wrong", [{}, {"user": "a", "session": "b"}])
def test_what_to_forget_is_one_of_two(store, wrong):
    with pytest.raises(BadRequest, match="forget"):
        store.forget(**wrong)


def test_the_audit_says_how_much_was_forgotten_and_never_whose(store, store_url, make):
    store.write([make.change(CANARY, user_id="ann")])
    store.forget(session=CANARY, actor="page")
    (line,) = store.deletions()
    assert (line.actor, line.action, line.removed.sessions, line.removed.traces) == ("page", "forget session", 1, 1)
    assert copies(store_url) == {}


@pytest.mark.sqlite
def test_a_reader_that_holds_the_log_is_told_of_and_what_it_held_goes_later(store, store_url, make, monkeypatch):
    monkeypatch.setattr("convotrace.store.forgetting.LOG_PATIENCE", 0.05)
    store.write([talk(make, "s", "u")])
    reader = sqlite3.connect(store_url.removeprefix("sqlite:///"), isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM trace").fetchone()
    found = store.forget(session="s")
    assert (counts(found), found.wiped) == ((1, 1, 1), False) and "reader" in found.leftover
    assert store.session("s") is None
    reader.close()
    store.forget(session="s")
    assert copies(store_url) == {}


def test_another_process_that_remembers_the_contents_stores_them_anew(store_url, make):
    body = """
store = Store.open(url)
for line in sys.stdin:
    spans = tuple(Span(f"{n:016x}", "f" * 32, "step", result=f"{n} " + "w" * 3000) for n in range(3))
    trace = Trace(line.strip(), "s", is_turn=True, started_ns=time.time_ns(), input=Payload("hi"), spans=spans)
    store.write([Change(SessionFacts("s", user_id="ann"), trace)])
    print("written", flush=True)
store.close()
"""
    store = Store.open(store_url)
    with subprocess.Popen(
        command(store_url, body), env=environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        for number, by in enumerate([None, {"session": "s"}, {"user": "ann"}]):
            if by is not None:
                assert store.forget(**by).sessions == 1
            print(f"{number:032x}", file=process.stdin, flush=True)
            assert process.stdout.readline() == "written\n"
            (trace,) = store.session("s").traces
            assert [span.result for span in trace.spans] == [f"{n} " + "w" * 3000 for n in range(3)]
        process.stdin.close()
    store.close()


def test_a_request_that_was_running_when_its_session_was_forgotten_is_stored_when_it_ends(store, make):
    begun = make.trace("s", status="running", duration_ns=None, spans=[make.span(result="v" * 3000)])
    store.write([make.change("s", begun), make.change("s")])
    store.forget(session="s")
    store.write([make.change("s", replace(begun, status="ok", duration_ns=SECOND), written_as="s")])
    (trace,) = store.session("s").traces
    assert (trace.status, trace.spans[0].result) == ("ok", "v" * 3000)


def test_a_store_in_memory_forgets_too(memory, make):
    memory.write([make.change("s", user_id="ann"), make.change("t", user_id="ben")])
    assert counts(memory.forget(user="ann")) == (1, 1, 0)
    assert [session.id for session in memory.sessions()] == ["t"]
