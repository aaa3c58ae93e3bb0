"""The jobs that the settings of one ConvoTrace ask for, begun in the writer's thread and ended with it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from convotrace.errors import StoreError
from convotrace.observer.guard import Guard
from convotrace.settings import Settings

if TYPE_CHECKING:
    from convotrace.jobs import Job, Work
    from convotrace.jobs.runner import Runner
    from convotrace.store import Store


class Chores:
    """Work beside the requests: there is none until something is recorded."""

    def __init__(self) -> None:
        self._works: list[tuple[Runner, Work]] = []
        self.begun = False

    def begin(self, settings: Settings, open_store: Callable[[], Store], guard: Guard) -> None:
        """Begin, once; called where something is written."""
        self.begun = True
        from convotrace.jobs.retention import retention  # Peewee is loaded only where something is recorded
        from convotrace.jobs.roll_ups import JOB as ROLL_UPS
        from convotrace.jobs.runner import ALERTS, FORWARDERS, JUDGES, RUNNER
        from convotrace.jobs.silence import concluding
        from convotrace.jobs.text_index import JOBS
        from convotrace.jobs.work import Work

        # What the app's own functions do may take its time: it is not to keep the store's upkeep waiting.
        silence = concluding(settings)
        upkeep = (retention(settings), ROLL_UPS, *JOBS, silence if settings.outcome is None else None)
        judges = (_evaluation(settings), silence if settings.outcome is not None else None)
        own = ((ALERTS, (_alerting(settings),)), (JUDGES, judges), (FORWARDERS, _forwarding(settings)))
        for runner, wanted in ((RUNNER, upkeep), *own):
            jobs = [job for job in wanted if job is not None]
            if jobs:
                work = Work(open_store, jobs, partial(_failed, guard), time.time_ns())
                self._works.append((runner, work))
                runner.add(work)

    def end(self, timeout: float = 0.0) -> None:
        """Let no job begin, and wait so many seconds for one that runs."""
        works, self._works, self.begun = self._works, [], False
        for runner, work in works:
            runner.remove(work, timeout)


def _alerting(settings: Settings) -> Job | None:
    if not settings.alerts:
        # Most apps have no rules: nothing of them is loaded, for the collector of garbage goes through all that is.
        return None
    from convotrace.jobs.alerts import alerting

    return alerting(settings)


def _evaluation(settings: Settings) -> Job | None:
    if not settings.evaluators:
        return None
    from convotrace.jobs.evaluation import evaluation

    return evaluation(settings)


def _forwarding(settings: Settings) -> Sequence[Job]:
    if not settings.forward:
        return ()
    from convotrace.jobs.forwarding import forwarding

    return forwarding(settings)


def _failed(guard: Guard, name: str, error: BaseException) -> None:
    if isinstance(error, StoreError):
        # A store that is locked or full is tried again; the writer's own state says why.
        guard.failures.add(name)
    else:
        guard.failed(name, error)
