"""Ten thousand objects that are built and dropped leave nothing behind: no thread, handle or hook."""

import atexit
import gc
import logging
import os
import threading
import time
from pathlib import Path

import convotrace as ct
from convotrace.observer import core


def handles():
    return len(os.listdir("/proc/self/fd")) if Path("/proc/self/fd").exists() else 0


def state():
    gc.collect()
    hooks = (logging.getLogRecordFactory(), logging.getLoggerClass(), len(logging.getLogger().handlers))
    return threading.active_count(), handles(), hooks, atexit._ncallbacks(), len(core.everyone())


def test_ten_thousand_objects_built_and_dropped_leave_nothing(tmp_path):
    ct.ConvoTrace(store=f"sqlite:///{tmp_path}/first.db")
    before = state()
    for number in range(10_000):
        ct.ConvoTrace(store=f"sqlite:///{tmp_path}/{number}.db", redact="all", content=lambda request: True)
    assert state() == before
    assert list(tmp_path.iterdir()) == []


def test_a_hundred_that_recorded_and_were_closed_leave_nothing(tmp_path):
    def once(number):
        observer = ct.ConvoTrace(store=f"sqlite:///{tmp_path}/{number}.db")
        with observer.session("s1"):
            ct.set_input("hello")
        observer.close()

    once("first")
    threads, files, hooks, exits, objects = state()
    for number in range(100):
        once(number)
    deadline = time.monotonic() + 20
    # The thread of the jobs lets go of its last work when it wakes.
    while state()[0] > threads and time.monotonic() < deadline:
        time.sleep(0.05)
    after = state()
    assert after[0] <= threads and after[1] <= files and after[2] == hooks
    assert after[3] <= exits and after[4] <= objects
