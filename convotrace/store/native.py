"""Threads and locks of the operating system, also where gevent has put its own in their place.

A writer that ran as a greenlet would stop every request for the time of a batch.
"""

from __future__ import annotations

import _thread
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

REST = 1.0
"""After each transaction of long work others have the lock for so many times as long as it took."""


def new_lock() -> Any:
    """Return a plain lock that belongs to no greenlet hub."""
    return _original("allocate_lock")()


def start_thread(function: Callable[[], None], name: str) -> None:
    """Run a function in a thread that never keeps the interpreter from ending.

    Raises:
        RuntimeError: The interpreter starts no more threads.
    """
    if _patched():
        _original("start_new_thread")(function, ())
    else:
        threading.Thread(target=function, name=name, daemon=True).start()


def pause(seconds: float) -> None:
    """Sleep in this thread, without a hub."""
    _original("sleep", "time")(seconds)


class Signal:
    """One bit that a thread can sleep on: set before or while it waits, it wakes once."""

    def __init__(self) -> None:
        self._lock = new_lock()
        self._lock.acquire()

    def set(self) -> None:
        """Wake who waits, or who will."""
        try:
            self._lock.release()
        except RuntimeError:
            pass  # it was set already

    def wait(self, timeout: float | None = None) -> bool:
        """Sleep until set; return whether it was."""
        return bool(self._lock.acquire(timeout=-1 if timeout is None else max(timeout, 0)))


def _patched() -> bool:
    monkey = sys.modules.get("gevent.monkey")
    return monkey is not None and bool(monkey.is_module_patched("threading"))


def _original(name: str, module: str = "_thread") -> Any:
    monkey = sys.modules.get("gevent.monkey")
    if monkey is not None:
        return monkey.get_original(module, name)
    return getattr(time if module == "time" else _thread, name)
