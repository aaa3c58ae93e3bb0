"""The jobs that the settings of one ConvoTrace ask for, begun in the writer's thread and ended with it."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from convotrace.errors import StoreError
from convotrace.observer.guard import Guard
from convotrace.settings import Settings

if TYPE_CHECKING:
    from convotrace.jobs import Work
    from convotrace.store import Store


class Chores:
    """Work beside the requests: there is none until something is recorded."""

    def __init__(self) -> None:
        self._work: Work | None = None
        self.begun = False

    def begin(self, settings: Settings, open_store: Callable[[], Store], guard: Guard) -> None:
        """Begin, once; called where something is written."""
        self.begun = True
        from convotrace.jobs.retention import retention  # Peewee is loaded only where something is recorded
        from convotrace.jobs.roll_ups import JOB
        from convotrace.jobs.runner import RUNNER
        from convotrace.jobs.text_index import JOBS
        from convotrace.jobs.work import Work

        jobs = [job for job in (retention(settings), JOB, *JOBS) if job is not None]
        self._work = Work(open_store, jobs, partial(_failed, guard), time.time_ns())
        RUNNER.add(self._work)

    def end(self, timeout: float = 0.0) -> None:
        """Let no job begin, and wait so many seconds for one that runs."""
        work, self._work, self.begun = self._work, None, False
        if work is not None:
            from convotrace.jobs.runner import RUNNER

            RUNNER.remove(work, timeout)


def _failed(guard: Guard, name: str, error: BaseException) -> None:
    if isinstance(error, StoreError):
        # A store that is locked or full is tried again; the writer's own state says why.
        guard.failures.add(name)
    else:
        guard.failed(name, error)
