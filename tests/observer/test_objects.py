"""Ten thousand objects that are built and dropped leave nothing behind: no thread, handle or hook."""

import atexit
import gc
import logging

import convotrace as ct
from convotrace.observer import core
from tests.patience import Before, until


class State:
    """What could be left behind; whatever an earlier test left and now goes is none of it."""

    def __init__(self, folder):
        gc.collect()
        self._before = Before(folder)
        self._hooks, self._exits, self._objects = hooks(), atexit._ncallbacks(), len(core.everyone())

    def is_as_it_was(self):
        gc.collect()
        grown = atexit._ncallbacks() > self._exits or len(core.everyone()) > self._objects
        return not grown and hooks() == self._hooks and not self._before.new_threads() + self._before.new_files()


def hooks():
    return logging.getLogRecordFactory(), logging.getLoggerClass(), len(logging.getLogger().handlers)


def test_ten_thousand_objects_built_and_dropped_leave_nothing(tmp_path):
    ct.ConvoTrace(store=f"sqlite:///{tmp_path}/first.db")
    before = State(tmp_path)
    for number in range(10_000):
        ct.ConvoTrace(store=f"sqlite:///{tmp_path}/{number}.db", redact="all", content=lambda request: True)
    assert before.is_as_it_was()
    assert list(tmp_path.iterdir()) == []


def test_thirty_that_recorded_and_were_closed_leave_nothing(tmp_path):
    def once(number):
        observer = ct.ConvoTrace(store=f"sqlite:///{tmp_path}/{number}.db")
        with observer.session("s1"):
            ct.set_input("hello")
        observer.close()

    once("first")
    before = State(tmp_path)
    for number in range(30):
        once(number)
    until(before.is_as_it_was)  # the thread of the jobs lets go of its last work when it wakes
