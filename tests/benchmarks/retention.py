"""What retention does to a store of many spans while another process writes into it.

`python -m tests.benchmarks.retention [--spans N] [--calm]`. Every generated session is older than the limit, so
all of them go. Told: for how long each transaction held the write lock, how long the writer waited for its batches,
and the size of the file before and after. Nothing is asserted.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from contextlib import contextmanager
from typing import Any

from convotrace.store import Store
from convotrace.store.removal import Removed
from convotrace.store.retention import DAY_NS, Limits
from convotrace.store.sqlite.location import file_of
from tests.benchmarks import figures, stores

LATER_NS = 90 * DAY_NS
"""How long after the last generated turn retention runs: all of them are past the limit."""


def load(url: str) -> None:
    """Write 500 rows ten times a second until killed; print how long each batch took, in ms."""
    store, talk, number = Store.open(url), stores.Talk(seed=9), 10**9
    while True:
        batch = []
        for _ in range(83):
            number += 1
            batch.append(talk.turn(number, f"new {number % 100}", time.time_ns() + LATER_NS))
        began = time.perf_counter()
        store.write(batch)
        took = time.perf_counter() - began
        print(took * 1000, flush=True)
        time.sleep(max(0.1 - took, 0))


class Watch:
    """Notes for how long a store's connection holds the write lock."""

    def __init__(self, store: Store) -> None:
        self.held: list[float] = []
        self.vacuums: list[float] = []
        self._began, self._into = 0.0, self.held
        connections = store._ready().connections
        self._writing, self._vacuum, self._checkpoint = connections.writing, connections.vacuum, connections._checkpoint
        connections.writing, connections._checkpoint = self.writing, self.released
        connections.vacuum = self.vacuum

    @contextmanager
    def writing(self, sessions=None):
        with self._writing(sessions) as connection:
            self._began, self._into = time.perf_counter(), self.held
            yield connection

    def vacuum(self, most: int) -> None:
        self._began, self._into = time.perf_counter(), self.vacuums
        self._vacuum(most)

    def released(self, connection) -> None:
        # What follows, a checkpoint now and then, holds no lock that a writer needs.
        self._into.append((time.perf_counter() - self._began) * 1000)
        self._checkpoint(connection)


def quantiles(values: list[float]) -> dict[str, float]:
    """Return p50, p95, p99 and the worst of some times, and how many they are."""
    known = sorted(values) or [0.0]
    shares = {"p50": 0.5, "p95": 0.95, "p99": 0.99, "worst": 1.0}
    found = {name: known[min(int(len(known) * share), len(known) - 1)] for name, share in shares.items()}
    return {**found, "count": len(values)}


def measure(url: str, loaded: bool) -> dict[str, Any]:
    """Prune everything that was generated, with a writer beside it or without; return what was seen."""
    store, path = Store.open(url), file_of(url)
    assert path is not None
    watch, writer, before = Watch(store), None, store.diagnosis().pages
    if loaded:
        command = [sys.executable, "-m", "tests.benchmarks.retention", "--load", url]
        writer = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        time.sleep(2)
    began, cpu = time.perf_counter(), time.process_time()
    removed = sum(store.prune(Limits(30 * DAY_NS), time.time_ns() + LATER_NS), Removed())
    took, cpu = time.perf_counter() - began, time.process_time() - cpu
    batches: list[float] = []
    if writer is not None and writer.stdout is not None:
        writer.kill()
        batches = [float(line) for line in writer.stdout.read().split()]
    after = store.diagnosis()
    store.close()
    return {
        "spans": removed.spans, "sessions": removed.sessions, "seconds": took, "cpu": cpu,
        "deletions": quantiles(watch.held), "vacuum": quantiles(watch.vacuums), "writer": quantiles(batches),
        "bytes before": before.bytes, "bytes after": path.stat().st_size, "integrity": after.integrity,
    }  # fmt: skip


def table(found: dict[str, Any]) -> str:
    """Return a Markdown table of what held the write lock, and a sentence about the run."""
    lines = ["| ms | p50 | p95 | p99 | worst | how many |", "|---|---|---|---|---|---|"]
    titles = {"deletions": "deletions hold the write lock", "vacuum": "vacuum, its wait included"}
    for name, title in {**titles, "writer": "the writer's batches of 500 rows beside it"}.items():
        one = found[name]
        if one["count"]:
            cells = [f"{one[key]:.1f}" for key in ("p50", "p95", "p99", "worst")]
            lines.append(f"| {title} | " + " | ".join(cells) + f" | {one['count']:,} |")
    sizes = f"{found['bytes before'] / 1e6:,.0f} → {found['bytes after'] / 1e6:,.0f} MB, integrity {found['integrity']}"
    whole = f"{found['spans']:,} spans of {found['sessions']:,} sessions in {found['seconds']:.0f} s"
    return "\n".join([*lines, "", f"{whole}, {found['cpu']:.0f} s CPU; file {sizes}."])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--spans", type=int, default=1_000_000)
    parser.add_argument("--calm", action="store_true", help="without a writer beside it")
    parser.add_argument("--load", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.load:
        load(options.load)
    with stores.copied(options.spans) as url:
        found = measure(url, not options.calm)
    print(table(found))
    print(figures.keep("retention", found))


if __name__ == "__main__":
    main()
