"""What state a store is in, what is wrong with it and the cure, and what was deleted from it lately."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from convotrace.store import workers
from convotrace.store.location import wal_size
from convotrace.store.opening import Opened
from convotrace.store.removal import Deletion, deletion
from convotrace.store.rows import AuditRow
from convotrace.store.upkeep import Pages, pages
from convotrace.store.workers import Worker

_LOG_ABOVE = 256 << 20
_ROOM_BELOW = 256 << 20
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


@dataclass(frozen=True)
class Diagnosis:
    """The state of one store; sizes in bytes."""

    path: str | None
    schema: int
    integrity: str
    sessions: int
    pages: Pages
    log_bytes: int
    journal: str
    free_on_disk: int | None
    file_mode: int | None
    folder_mode: int | None
    workers: tuple[Worker, ...]

    def troubles(self) -> list[str]:
        """Return a sentence for each thing that is wrong, with its cure."""
        return [*self._of_file(), *self._of_access(), *self._of_workers()]

    def _of_file(self) -> Iterator[str]:
        if self.integrity != "ok":
            yield f"The file is damaged ({self.integrity[:200]}); go back to a backup, or move it away and begin anew."
        if self.path is not None and self.journal != "wal":
            yield f"The journal mode is {self.journal}, not wal; readers and writers wait for each other."
        if self.log_bytes > _LOG_ABOVE:
            yield f"{self.log_bytes >> 20} MB wait in the log; some process reads without end and holds it open."
        if self.free_on_disk is not None and self.free_on_disk < _ROOM_BELOW:
            yield f"{self.free_on_disk >> 20} MB are free on the disk; make room, or lower retention_bytes."

    def _of_access(self) -> Iterator[str]:
        if self.file_mode is not None and self.file_mode & _OTHERS:
            yield f"The file is open to other users (mode {self.file_mode:04o}); chmod 600 {self.path}"
        if self.folder_mode is not None and self.folder_mode & stat.S_IWOTH and not self.folder_mode & stat.S_ISVTX:
            yield f"Everybody may write into its folder (mode {self.folder_mode:04o}); choose one of the app's own."

    def _of_workers(self) -> Iterator[str]:
        for worker in self.workers:
            error = worker.counters.get("last_error")
            if worker.present and isinstance(error, str):
                yield f"Process {worker.pid} on {worker.host} had trouble: {error}"


def diagnose(opened: Opened, path: Path | None, now_ns: int) -> Diagnosis:
    """Return the state of an open store."""
    with opened.connections.reading() as connection:
        (schema,), (journal,) = (connection.execute(f"PRAGMA {n}").fetchone() for n in ("user_version", "journal_mode"))
        integrity = "; ".join(str(row[0]) for row in connection.execute("PRAGMA integrity_check(5)"))
        (sessions,) = connection.execute(opened.sql.keeping.count_sessions).fetchone()
        found = pages(connection)
    return Diagnosis(
        path=None if path is None else str(path), schema=schema, integrity=integrity, sessions=sessions,
        pages=found, log_bytes=0 if path is None else wal_size(path), journal=journal,
        free_on_disk=None if path is None else shutil.disk_usage(path.parent).free,
        file_mode=_mode(path), folder_mode=_mode(path.parent) if path is not None else None,
        workers=tuple(workers.read(opened, now_ns)),
    )  # fmt: skip


def deletions(opened: Opened, limit: int) -> list[Deletion]:
    """Return the newest lines of the audit."""
    with opened.connections.reading() as connection:
        return [deletion(AuditRow(*row)) for row in connection.execute(opened.sql.keeping.newest_audit, (limit,))]


def _mode(path: Path | None) -> int | None:
    # What Windows calls a mode says nothing about who may read.
    return None if path is None or os.name == "nt" else stat.S_IMODE(os.stat(path).st_mode)
