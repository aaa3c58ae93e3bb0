"""What must happen around a fork: nobody is inside SQLite at that moment, and the child starts afresh.

A transaction that is open at a fork would leave the child unable to write for ever.
"""

from __future__ import annotations

import os
import weakref
from typing import Any, Protocol

from convotrace.store.native import new_lock

_inherited: list[Any] = []


class Forkable(Protocol):
    """Something that knows what to do around a fork."""

    def before_fork(self) -> None: ...

    def after_fork_in_parent(self) -> None: ...

    def after_fork_in_child(self) -> None: ...


_registered: weakref.WeakSet[Any] = weakref.WeakSet()
_held: list[Any] = []
# Several threads may fork at once: the second waits until the first has let everything go.
_one_at_a_time = new_lock()


def register(thing: Forkable) -> None:
    """Call a thing around each fork, for as long as somebody else keeps it."""
    _registered.add(thing)


def keep_for_ever(thing: Any) -> None:
    """Keep what a child inherited and must never close, since the parent uses it."""
    _inherited.append(thing)


def _before() -> None:
    _one_at_a_time.acquire()
    _held[:] = list(_registered)
    for thing in _held:
        thing.before_fork()


def _after_in_parent() -> None:
    for thing in _held:
        thing.after_fork_in_parent()
    _held.clear()
    _one_at_a_time.release()


def _after_in_child() -> None:
    for thing in _held:
        thing.after_fork_in_child()
    _held.clear()
    _one_at_a_time.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before, after_in_parent=_after_in_parent, after_in_child=_after_in_child)
