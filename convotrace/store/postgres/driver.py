"""psycopg as the store uses it: integers of one type, whole sums, and no wait without an end."""

from __future__ import annotations

import time
from collections.abc import Generator
from typing import Any

import psycopg
from psycopg.types.numeric import Int8BinaryDumper, Int8Dumper, NumericBinaryLoader, NumericLoader
from psycopg.waiting import Wait

CONNECT_PATIENCE = 3
"""Seconds to wait for a connection."""

ANSWER_PATIENCE = 5.0
"""Seconds that the server may take over one statement."""

LOCK_PATIENCE = 4.0
"""Seconds to wait for a lock; the writer comes back later. Who asks again stands at the end of the row."""

SILENCE_PATIENCE = 7.0
"""Seconds without an answer after which a server, or what stands before it, is taken for stalled."""

_LOOK_EVERY = 0.1

# Each may be said otherwise in the URL; a dead peer is noticed while nothing is asked of it.
_DEFAULTS: dict[str, Any] = {
    "connect_timeout": CONNECT_PATIENCE, "fallback_application_name": "convotrace", "client_encoding": "utf8",
    "keepalives_idle": 30, "keepalives_interval": 5, "keepalives_count": 3,
}  # fmt: skip


class Link(psycopg.Connection[tuple[Any, ...]]):
    """A connection that waits for no answer longer than it should: a server may accept and then say nothing."""

    def wait(self, gen: Any, *_limits: Any, **_more: Any) -> Any:
        """Run what psycopg does with the server to its end, or raise."""
        return super().wait(_bounded(gen), _LOOK_EVERY)

    def __del__(self, *_warn: Any) -> None:
        """Do not warn: a kept connection ends with its process, and a forked child has those of its parent."""


def open_link(conninfo: str, schema: str) -> Link:
    """Return a new connection that commits by itself, with our limits of time set.

    Raises:
        psycopg.Error: There is none to be had.
    """
    given = psycopg.conninfo.conninfo_to_dict(conninfo)
    defaults = {name: value for name, value in _DEFAULTS.items() if name not in given}
    link = Link.connect(conninfo, autocommit=True, **defaults)
    try:
        link.adapters.register_dumper(int, Int8Dumper)
        link.adapters.register_dumper(int, Int8BinaryDumper)
        link.adapters.register_loader("numeric", _WholeLoader)
        link.adapters.register_loader("numeric", _WholeBinaryLoader)
        link.execute(
            f'SET search_path TO "{schema}"; SET statement_timeout TO {int(ANSWER_PATIENCE * 1000)};'
            f" SET lock_timeout TO {int(LOCK_PATIENCE * 1000)}; SET client_min_messages TO warning;"
            " SET idle_in_transaction_session_timeout TO 60000"
        )
    except BaseException:
        link.close()
        raise
    return link


class _WholeLoader(NumericLoader):
    """Sums of integers are integers."""

    def load(self, data: Any) -> Any:
        return _whole(super().load(data))


class _WholeBinaryLoader(NumericBinaryLoader):
    """Sums of integers are integers."""

    def load(self, data: Any) -> Any:
        return _whole(super().load(data))


def _whole(value: Any) -> int | float:
    return int(value) if value == value.to_integral_value() else float(value)


def _bounded(gen: Generator[Wait, int, Any]) -> Generator[Wait, int, Any]:
    deadline = time.monotonic() + SILENCE_PATIENCE
    try:
        wanted = next(gen)
        while True:
            ready = yield wanted
            if not ready and time.monotonic() > deadline:
                raise psycopg.OperationalError(f"no answer for {SILENCE_PATIENCE:g} seconds")
            wanted = gen.send(ready)
    except StopIteration as end:
        return end.value
