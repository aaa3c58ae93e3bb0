"""A SQLite that was built without FTS5 stores, lists, rewrites and forgets as any other; only search says why not."""

import sqlite3

import pytest

from convotrace.errors import BadRequest
from convotrace.store import Store
from convotrace.store.sqlite import file, fulltext, making

pytestmark = pytest.mark.sqlite


@pytest.fixture
def poor(monkeypatch):
    """Return what takes FTS5 away, and gives it back."""
    real = fulltext.is_available

    def switch(present):
        for module in (fulltext, file):
            monkeypatch.setattr(module, "is_available", real if present else lambda _: False)

    return switch


def triggers(path):
    db = sqlite3.connect(path)
    names = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")]
    db.close()
    return names


def test_everything_but_search_works(store_url, make, poor, monkeypatch):
    poor(False)
    monkeypatch.setattr(making.fulltext, "make", lambda _: pytest.fail("the index is made"))
    store = Store.open(store_url)
    trace = make.trace()
    store.write([make.change(trace=trace, user_id="ann"), make.change("other", make.trace("other"))])
    store.write([make.change(trace=trace, written_as="s")])
    assert [session.id for session in store.sessions("uestion")] == ["other", "s"]
    assert [session.id for session in store.sessions("-nothing user:ann")] == ["s"]
    with pytest.raises(BadRequest, match="FTS5"):
        store.search("question")
    assert (store.waits_for_index(), list(store.index())) == (False, [])
    store.tidy_index()
    (trouble,) = store.diagnosis().troubles()
    assert "FTS5" in trouble and not store.index_state().is_there
    assert store.forget(user="ann").wiped and store.session("s") is None
    assert triggers(store_url.removeprefix("sqlite:///")) == []
    store.close()


def test_a_file_goes_from_one_sqlite_to_another_and_back_and_is_found_whole(store_url, make, poor):
    store = Store.open(store_url)
    store.write([make.change(trace=make.trace(id="1".zfill(32), at=1)), make.change()])
    assert len(store.search("question")) == 2
    store.close()
    poor(False)
    store = Store.open(store_url)
    store.write([make.change(trace=make.trace(id="1".zfill(32), at=1), written_as="s"), make.change()])
    assert store.session("s").session.turns == 3
    store.close()
    poor(True)
    store = Store.open(store_url)
    assert store.waits_for_index()
    assert len(store.search("question")) == 3
    with store._ready().connections.writing() as connection:
        store._ready().speech.check(connection)
    assert (store.index_state().is_there, store.index_state().waiting, store.integrity()) == (True, 0, "ok")
    store.close()


def test_what_waits_for_the_index_is_told(memory, make):
    memory.write([make.change(), make.change()])
    assert memory.index_state().waiting == 2
    assert memory.diagnosis().index.waiting == 2
    assert sum(memory.index()) == 2
    assert memory.index_state().waiting == 0
