"""The job that keeps a store within its limits; which sessions go is decided in `store.retention`."""

from __future__ import annotations

from convotrace.jobs.work import SECOND_NS, GoOn, Job
from convotrace.settings import Settings
from convotrace.store import Store
from convotrace.store.retention import DAY_NS, Limits

INTERVAL_NS = 60 * SECOND_NS


def limits_of(settings: Settings) -> Limits:
    """Return the limits that the settings set."""
    days = settings.retention_days
    return Limits(
        age_ns=None if days is None else int(min(days * DAY_NS, 1 << 62)),
        bytes=None if settings.retention_bytes is None else int(settings.retention_bytes),
        rows=None if settings.retention_rows is None else int(settings.retention_rows),
        active_ns=int(settings.idle_timeout * SECOND_NS),
    )


def retention(settings: Settings) -> Job | None:
    """Return the job, None where everything is kept."""
    limits = limits_of(settings)
    if limits.age_ns is limits.bytes is limits.rows is None:
        return None

    def run(store: Store, now_ns: int, go_on: GoOn) -> None:
        for _ in store.prune(limits, now_ns, "retention", go_on):
            continue

    return Job("retention", INTERVAL_NS, run)
