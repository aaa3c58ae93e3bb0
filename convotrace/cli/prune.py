"""`convotrace prune`: deletes sessions over the limits now, as the app does by itself."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

import click

from convotrace.cli.options import amount, duration, json_option, opened, progress, say, size, store_option

if TYPE_CHECKING:
    from convotrace.settings import Settings
    from convotrace.store import Store
    from convotrace.store.removal import Removed
    from convotrace.store.retention import Limits


@click.command()
@click.option("--older-than", callback=duration, metavar="AGE", help="Delete sessions idle for longer, such as 30d.")
@click.option(
    "--max-bytes",
    callback=size,
    metavar="SIZE",
    help="Keep at most so much, such as 500MB.",
)
@click.option("--max-rows", type=click.IntRange(1), help="Keep at most so many traces, spans and events.")
@click.option("--dry-run", is_flag=True, help="Say what would be deleted, and delete nothing.")
@store_option
@json_option
def prune(
    older_than: int | None, max_bytes: int | None, max_rows: int | None, dry_run: bool, store_url: str | None,
    as_json: bool,
) -> None:  # fmt: skip
    """Delete whole sessions over the limits, the longest idle first, and give their room back.

    Without a limit, those of the app's settings count (CONVOTRACE_RETENTION_DAYS and the like). Sessions that are
    active always stay.
    """
    with opened(store_url) as (store, settings):
        limits = _limits(settings, older_than, max_bytes, max_rows)
        now_ns, before = time.time_ns(), store.size()
        planned = store.over(limits, now_ns)
        removed = planned if dry_run else _pruned(store, limits, now_ns, planned.sessions, as_json)
        freed = 0 if dry_run else max(before - store.size(), 0)
    facts = {**vars(removed), "bytes_freed": freed, "dry_run": dry_run}
    say(facts, f"{'Would delete' if dry_run else 'Deleted'} {amount(removed)}.", as_json)


def _limits(settings: Settings, age_ns: int | None, most: int | None, rows: int | None) -> Limits:
    from convotrace.jobs.retention import limits_of
    from convotrace.store.retention import Limits

    own = limits_of(settings)
    if age_ns is most is rows is None:
        return own
    return Limits(age_ns, most, rows, own.active_ns)


def _pruned(store: Store, limits: Limits, now_ns: int, planned: int, quiet: bool) -> Removed:
    """Prune behind a progress bar, where stderr is a terminal."""
    from convotrace.store.removal import Removed

    steps = store.prune(limits, now_ns, "cli")
    if quiet or not sys.stderr.isatty():
        return sum(steps, Removed())
    total = Removed()
    with progress(planned, "Deleting") as bar:
        for removed in steps:
            total += removed
            bar.update(removed.sessions)
    return total
