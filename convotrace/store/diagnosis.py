"""What state a store is in, what is wrong with it and the cure, and what was deleted from it lately."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from dataclasses import dataclass

from convotrace.store import indexing, workers
from convotrace.store.database import State
from convotrace.store.indexing import IndexState
from convotrace.store.opening import Opened
from convotrace.store.removal import Deletion, deletion
from convotrace.store.rows import AuditRow
from convotrace.store.workers import Worker

_LOG_ABOVE = 256 << 20
_ROOM_BELOW = 256 << 20
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


@dataclass(frozen=True, kw_only=True)
class Diagnosis(State):
    """The state of one store: of its database, and of the processes that write into it."""

    sessions: int
    index: IndexState
    workers: tuple[Worker, ...]

    def troubles(self) -> list[str]:
        """Return a sentence for each thing that is wrong, with its cure."""
        return [*self._of_file(), *self._of_index(), *self._of_access(), *self._of_workers()]

    def _of_file(self) -> Iterator[str]:
        if self.integrity != "ok":
            yield f"The file is damaged ({self.integrity[:200]}); go back to a backup, or move it away and begin anew."
        if self.path is not None and self.journal != "wal":
            yield f"The journal mode is {self.journal}, not wal; readers and writers wait for each other."
        if self.log_bytes > _LOG_ABOVE:
            yield f"{self.log_bytes >> 20} MB wait in the log; some process reads without end and holds it open."
        if self.free_on_disk is not None and self.free_on_disk < _ROOM_BELOW:
            yield f"{self.free_on_disk >> 20} MB are free on the disk; make room, or lower retention_bytes."

    def _of_index(self) -> Iterator[str]:
        if not self.index.is_there:
            yield "This Python's SQLite has no FTS5, so search finds nothing; use a Python that has it."

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


def diagnose(opened: Opened, now_ns: int) -> Diagnosis:
    """Return the state of an open store."""
    with opened.connections.reading() as connection:
        (sessions,) = connection.execute(opened.sql.keeping.count_sessions).fetchone()
    living = tuple(workers.read(opened, now_ns))
    return Diagnosis(**vars(opened.upkeep.state()), sessions=sessions, index=indexing.state(opened), workers=living)


def deletions(opened: Opened, limit: int) -> list[Deletion]:
    """Return the newest lines of the audit."""
    with opened.connections.reading() as connection:
        return [deletion(AuditRow(*row)) for row in connection.execute(opened.sql.keeping.newest_audit, (limit,))]
