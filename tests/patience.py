"""How tests wait: for a state, never for a time, as long as a busy machine may need; and which threads are theirs."""

import os
import threading
import time

PATIENCE = 60
"""Seconds after which something has gone wrong for good; a test that passes waits for a fraction of it."""


def until(condition, patience=PATIENCE):
    """Wait until something is true that another thread or process does; return what it is.

    Args:
        condition: Asked again and again.
        patience: Seconds.

    Raises:
        AssertionError: It did not become true.
    """
    deadline = time.monotonic() + patience
    while not (found := condition()):
        assert time.monotonic() < deadline, "what was waited for did not happen"
        time.sleep(0.005)
    return found


class Before:
    """What was there before: of threads and files that end meanwhile, and of files elsewhere, nothing is said."""

    def __init__(self, folder=None):
        """Remember it.

        Args:
            folder: Only open files under it are looked at; none without it.
        """
        self._folder = None if folder is None else os.path.realpath(folder) + os.sep
        self._threads, self._files = set(threading.enumerate()), self._open_files()

    def new_threads(self):
        """Return the threads that are there and were not."""
        return [thread for thread in threading.enumerate() if thread not in self._threads]

    def new_files(self):
        """Return the names of the open files that are there and were not."""
        return sorted(set(self._open_files()) - set(self._files))

    def _open_files(self):
        if self._folder is None or not os.path.isdir("/proc/self/fd"):
            return []
        return [name for name in map(_target, os.listdir("/proc/self/fd")) if name.startswith(self._folder)]


def _target(number):
    try:
        return os.readlink(f"/proc/self/fd/{number}")
    except OSError:  # it was closed meanwhile: also the one that listed them
        return ""
