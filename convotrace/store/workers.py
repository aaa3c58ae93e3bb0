"""The processes that write into a store: what each counted, whether it lives, what it left unfinished."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from convotrace.model import Json
from convotrace.store.codec import decode, encode
from convotrace.store.keys import unpack_trace_id
from convotrace.store.opening import Opened
from convotrace.store.rows import WorkerRow

GONE_AFTER_NS = 15 * 10**9
"""A process that was not seen for so long is gone; the writer shows itself every few seconds."""

_FORGOTTEN_AFTER_NS = 7 * 86400 * 10**9


@dataclass(frozen=True, slots=True)
class Worker:
    """One process and its counters; it began when it first showed itself."""

    id: int
    host: str
    pid: int
    started_ns: int
    seen_ns: int
    alive: bool
    """Seen lately: what it left unfinished is still going on."""
    present: bool = True
    """Its process exists, though it may have had nothing to do for a while."""
    counters: Mapping[str, Json] = field(default_factory=dict)

    @property
    def seen_at(self) -> str:
        """When it last showed itself, as ISO-8601 in UTC."""
        return datetime.fromtimestamp(self.seen_ns / 1e9, UTC).isoformat()


def put(opened: Opened, worker: int, counters: Mapping[str, Json], now_ns: int) -> None:
    """Write one process's row; the rows of those not seen for a week go."""
    row = WorkerRow(worker, _host(), os.getpid(), now_ns, now_ns, encode(dict(counters)).decode())
    with opened.connections.writing(()) as connection:
        connection.execute(opened.sql.put_worker, row)
        connection.execute(opened.sql.old_workers, (now_ns - _FORGOTTEN_AFTER_NS,))


def read(opened: Opened, now_ns: int) -> list[Worker]:
    """Return every process that is known, by its start."""
    with opened.connections.reading() as connection:
        rows = [WorkerRow(*columns) for columns in connection.execute(opened.sql.workers)]
    return [_worker(row, now_ns) for row in rows]


def interrupted(opened: Opened, now_ns: int) -> tuple[str, ...]:
    """Return the traces that still stand as running although their process is gone."""
    living = living_workers(opened, now_ns)
    with opened.connections.reading() as connection:
        running = connection.execute(opened.sql.running).fetchall()
    return tuple(unpack_trace_id(trace_id) for trace_id, worker in running if worker not in living)


def living_workers(opened: Opened, now_ns: int) -> frozenset[int]:
    """Return the ids of the processes that live."""
    return frozenset(worker.id for worker in read(opened, now_ns) if worker.alive)


def _worker(row: WorkerRow, now_ns: int) -> Worker:
    here = row.host == _host()
    present, lately = here and _has_process(row.pid), now_ns - row.seen <= GONE_AFTER_NS
    alive = lately and (present or not here)
    return Worker(
        id=row.id, host=row.host.partition(" ")[0], pid=row.pid, started_ns=row.started, seen_ns=row.seen,
        alive=alive, present=present or alive, counters=decode(row.counters.encode()),
    )  # fmt: skip


def _host() -> str:
    """Return what tells one space of process ids from another: containers may share the name of their host."""
    try:
        return f"{platform.node()} {os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return platform.node()


def _has_process(pid: int) -> bool:
    if os.name == "nt":
        return True  # there, asking in this way would end the process
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True  # it exists and belongs to somebody else
    return True
