"""Threads, executors and greenlets that a request starts belong to it, without `convotrace.bind` at each place."""

from __future__ import annotations

import functools
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import ModuleType
from typing import Any

from convotrace.capture.binding import bound
from convotrace.capture.current import Node, current, current_node, trace_of

# Threads of pools serve one request after the other: their tasks bring their own.
_POOLS = frozenset({"anyio", "concurrent", "multiprocessing"})
_hooked: dict[str, object] = {}


def install() -> None:
    """Hook into `threading`, `concurrent.futures` and, where it is loaded, gevent; safe to call again.

    A request whose trace does not ask for it is not touched.
    """
    hooks: dict[str, Callable[[Any], None]] = {"threading": _threading, "gevent": _gevent}
    for name, hook in hooks.items():
        module, mark = sys.modules.get(name), object()
        if module is not None and _hooked.setdefault(name, mark) is mark:
            hook(module)


def _node() -> Node | None:
    """Return what a thread started here belongs to, None where it is to belong to nothing."""
    if current_node.get() is None:
        return None
    node = current()
    return node if node is not None and trace_of(node).follows else None


def _threading(_: ModuleType) -> None:
    _hook_threads(threading.Thread)
    _hook_executors(ThreadPoolExecutor)


def _hook_threads(kind: Any) -> None:
    start = kind.start

    @functools.wraps(start)
    def starting(self: threading.Thread) -> None:
        undo = _bind_run(self)
        try:
            start(self)
        except BaseException:
            undo()
            raise

    kind.start = starting


def _hook_executors(kind: Any) -> None:
    submit = kind.submit

    @functools.wraps(submit)
    def submitting(self: ThreadPoolExecutor, function: Any, /, *args: Any, **named: Any) -> Any:
        node = _node()
        if node is None:
            return submit(self, function, *args, **named)
        inside = current_node.get()
        current_node.set(None)  # a worker that is begun for this task does others after it
        try:
            return submit(self, bound(node, function), *args, **named)
        finally:
            current_node.set(inside)

    kind.submit = submitting


def _bind_run(thread: Any) -> Callable[[], None]:
    """Bind what a thread will run, where it is to belong to its request; return how to undo that. Never raises."""
    try:
        node = None if type(thread).__module__.partition(".")[0] in _POOLS else _node()
        if node is None:
            return _nothing
        before = thread.__dict__.get("run")
        thread.__dict__["run"] = _run_once(thread, node, before)
        return functools.partial(_restore, thread, before)
    except Exception:  # no thread at all, or one of a class that hides what it is
        return _nothing


def _nothing() -> None:
    return


def _run_once(thread: threading.Thread, node: Node, before: Any) -> Callable[[], None]:
    run = bound(node, thread.run)

    def call() -> None:
        # The thread would hold a function that holds the thread.
        _restore(thread, before)
        run()

    return call


def _restore(thread: threading.Thread, before: Any) -> None:
    thread.__dict__.pop("run", None)
    if before is not None:
        thread.__dict__["run"] = before


def _gevent(module: ModuleType) -> None:
    """Hook into `gevent.spawn` and `spawn_later`, and into the groups and pools where those are loaded."""
    module.spawn = _spawning(module.spawn, 0)  # type: ignore[attr-defined]
    module.spawn_later = _spawning(module.spawn_later, 1)  # type: ignore[attr-defined]
    pool = sys.modules.get("gevent.pool")
    if pool is not None:
        pool.Group.spawn = _spawning(pool.Group.spawn, 1)


def _spawning(spawn: Callable[..., Any], place: int) -> Callable[..., Any]:
    """Return a function that binds what is at a place of its arguments and hands on."""

    @functools.wraps(spawn)
    def spawning(*args: Any, **named: Any) -> Any:
        node = _node()
        if node is None or len(args) <= place or not callable(args[place]):
            return spawn(*args, **named)
        return spawn(*args[:place], bound(node, args[place]), *args[place + 1 :], **named)

    return spawning
