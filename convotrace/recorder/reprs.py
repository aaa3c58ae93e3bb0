"""What an object of the app's own says of itself, within a bounded time: its `__repr__` may do anything.

The first object of a class is asked in a thread of its own, for which 50 ms are waited; a class that was slow, then or
later, is not asked again.
"""

from __future__ import annotations

import _thread
from collections.abc import Callable
from contextvars import copy_context
from time import perf_counter
from types import FunctionType
from typing import Any
from weakref import WeakSet

PATIENCE = 0.05
"""Seconds that an object may take."""

_known: WeakSet[type] = WeakSet()
_slow: WeakSet[type] = WeakSet()


def told(value: Any, ask: Callable[[Any], Any] = repr) -> Any:
    """Return what a function of the app's says of an object of its own, or that it takes too long.

    Args:
        value: The object.
        ask: Asks it.

    Raises:
        BaseException: Whatever the app's own code raises.
    """
    kind = type(value)
    if kind in _slow:
        return _too_long(kind)
    # What is written in C, or known to be quick, needs no thread.
    if kind in _known or (ask is repr and not isinstance(getattr(kind, "__repr__", None), FunctionType)):
        begun = perf_counter()
        answer = ask(value)
        if perf_counter() - begun > PATIENCE:
            _slow.add(kind)
        return answer
    return _at_first(kind, value, ask)


def _at_first(kind: type, value: Any, ask: Callable[[Any], Any]) -> Any:
    done, answers, errors = _thread.allocate_lock(), [], []
    done.acquire()
    context = copy_context()

    def work() -> None:
        try:
            answers.append(context.run(ask, value))
        except BaseException as error:  # it is raised where the object was to be kept
            errors.append(error)
        finally:
            done.release()

    _thread.start_new_thread(work, ())
    if not done.acquire(timeout=PATIENCE):
        _slow.add(kind)
        return _too_long(kind)
    _known.add(kind)
    if errors:
        raise errors[0]
    return answers[0]


def _too_long(kind: type) -> str:
    return f"<{kind.__name__}: takes too long to tell>"
