"""A backup is whole or not there, also of a store that is written at that moment."""

import stat
import subprocess
import threading

import pytest

from convotrace.errors import StoreError
from convotrace.store import Store
from tests.patience import until
from tests.store.test_processes import command, environment

pytestmark = pytest.mark.sqlite

LOAD = """
store = Store.open(url)
for number in range(100000):
    store.write([change(f"s{number % 20}", number * 10 + n) for n in range(10)])
    print(number, flush=True)
"""


def grown_copy(store, path):
    """Copy a store that another process has added to since the last copy; return the size."""
    known = store.session("s0").session.turns
    until(lambda: store.session("s0").session.turns > known)
    return store.backup(path)


def test_copies_made_under_load_are_whole_and_open_elsewhere(store_url, tmp_path):
    with subprocess.Popen(command(store_url, LOAD), env=environment(), stdout=subprocess.PIPE, text=True) as process:
        threading.Thread(target=process.stdout.read, daemon=True).start()
        store = Store.open(store_url)
        until(lambda: len(store.sessions().sessions) == 20)
        sizes = [grown_copy(store, tmp_path / f"copy {number}.db") for number in range(4)]
        process.kill()
    store.close()
    assert sizes == sorted(sizes) and sizes[0] < sizes[-1]
    for number in range(4):
        copy = Store.open(f"sqlite:///{tmp_path}/copy {number}.db", create=False)
        assert copy.diagnosis().integrity == copy.integrity() == "ok"
        found = [copy.session(f"s{number}") for number in range(20)]
        assert all(each.session.turns == len(each.traces) for each in found)
        assert {each.session.turns % 10 for each in found} == {0}
        copy.close()


def test_a_copy_keeps_keys_and_tokens_and_can_be_written_on(store, make, tmp_path):
    store.write([make.change("s")])
    token = store.token()
    store.backup(tmp_path / "copy.db")
    copy = Store.open(f"sqlite:///{tmp_path}/copy.db")
    assert copy.token() == token
    copy.write([make.change("s")])
    assert (copy.session("s").session.turns, store.session("s").session.turns) == (2, 1)
    copy.close()


def test_only_its_owner_reads_it(store, tmp_path):
    path = tmp_path / "copy.db"
    assert store.backup(path) == path.stat().st_size
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("there", ["file", "folder", "link"])
def test_nothing_is_overwritten(store, tmp_path, there):
    path = tmp_path / "copy.db"
    if there == "file":
        path.write_bytes(b"")
    elif there == "folder":
        path.mkdir()
    else:
        path.symlink_to(tmp_path / "nowhere")
    with pytest.raises(StoreError, match="exists already"):
        store.backup(path)
    assert not (tmp_path / "nowhere").exists()


def test_one_that_fails_leaves_nothing_behind(store, tmp_path, monkeypatch):
    def fails(path):
        path.write_bytes(b"half of it")
        raise StoreError("the disk is full")

    monkeypatch.setattr(store._ready().connections, "copy_into", fails)
    with pytest.raises(StoreError, match="full"):
        store.backup(tmp_path / "copy.db")
    with pytest.raises(StoreError, match="cannot be made"):
        store.backup(tmp_path / "no folder" / "copy.db")
    assert [file.name for file in tmp_path.iterdir() if "copy" in file.name] == []


def test_a_store_in_memory_can_be_kept(memory, make, tmp_path):
    memory.write([make.change("s")])
    memory.backup(tmp_path / "copy.db")
    copy = Store.open(f"sqlite:///{tmp_path}/copy.db")
    assert copy.session("s").session.turns == 1
    copy.close()
