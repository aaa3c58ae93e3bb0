"""Faults of the store: a slow disk, a kill while an older file is brought up, a disk without a write-ahead log."""

import lzma
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

import convotrace as ct
from convotrace.model import Change, SessionFacts, Trace
from convotrace.store import Store
from convotrace.store.sqlite import making
from tests.patience import PATIENCE

pytestmark = pytest.mark.sqlite
STORED = sorted((Path(__file__).parents[1] / "store" / "stored").glob("whole-*.db.xz"))


def test_a_slow_disk_delays_no_request_and_loses_nothing(tmp_path, monkeypatch):
    """L2: a commit takes as long as 300 requests."""
    observer = ct.ConvoTrace(store=f"sqlite:///{tmp_path}/x.db")
    store = observer.store
    write, all_answered, in_time = store.write, threading.Event(), []

    def slowly(changes, retry=False):
        in_time.append(all_answered.wait(PATIENCE))
        return write(changes, retry)

    monkeypatch.setattr(store, "write", slowly)
    for number in range(300):
        with observer.session("s1"):
            ct.set_input(f"m{number}")
    all_answered.set()
    assert observer.flush() and store.session("s1").session.turns == 300
    assert in_time and all(in_time), "no request waited for a commit"
    observer.close()


@pytest.mark.slow
@pytest.mark.parametrize("file", STORED, ids=lambda file: file.name)
def test_a_kill_while_an_older_file_is_brought_up_leaves_it_usable(tmp_path, file):
    """S5: ten kills at random moments, then it opens and is whole."""
    path, chance = tmp_path / "x.db", random.Random(file.name)
    path.write_bytes(lzma.decompress(file.read_bytes()))
    program = f"from convotrace.store import Store; s = Store.open('sqlite:///{path}'); print('made'); s.close()"
    for _ in range(10):
        with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as process:
            time.sleep(chance.uniform(0.05, 0.6))
            process.send_signal(signal.SIGKILL)
    store = Store.open(f"sqlite:///{path}")
    assert store.integrity() == "ok" and store.sessions().sessions
    store.close()


def test_without_a_write_ahead_log_the_store_works_and_doctor_says_so(tmp_path, monkeypatch):
    """S6: a network disk answers `delete` where `wal` is asked for."""

    def refuse(connection):
        if making._what_it_is(connection)[0] != making.APPLICATION_ID:
            connection.execute("PRAGMA auto_vacuum=incremental")
        connection.execute("PRAGMA journal_mode=delete").fetchall()

    monkeypatch.setattr(making, "_set_modes", refuse)
    store = Store.open(f"sqlite:///{tmp_path}/x.db")
    store.write([Change(SessionFacts("s1"), Trace("a" * 32, "s1", is_turn=True, started_ns=1))])
    assert store.session("s1") is not None and store.integrity() == "ok"
    assert any("journal mode is delete" in problem for problem in store.diagnosis().troubles())
    store.close()
    connection = sqlite3.connect(tmp_path / "x.db")
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("delete",)
    connection.close()
