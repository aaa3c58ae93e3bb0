"""The job that keeps the buckets of a store few; how that is done is in `store.folding`."""

from __future__ import annotations

from convotrace.jobs.work import SECOND_NS, GoOn, Job
from convotrace.store import Store

INTERVAL_NS = 20 * SECOND_NS


def roll_up(store: Store, now_ns: int, go_on: GoOn) -> None:
    """Count what was left uncounted, and bring minutes into hours and days."""
    store.roll_up(now_ns, go_on)


JOB = Job("roll-ups", INTERVAL_NS, roll_up, Store.waits_for_roll_up)
"""The job of one store in this process."""
