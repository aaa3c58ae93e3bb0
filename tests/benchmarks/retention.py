"""What retention does to a store of many spans while another process writes into it.

`python -m tests.benchmarks.retention [--spans N] [--keep FILE]`. Every generated session is older than the limit, so
all of them go. Printed: for how long each transaction held the write lock, how long the writer waited for its batches,
and the size of the file before and after. Nothing is asserted.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

from convotrace.model import Change, Payload, SessionFacts, Span, Trace
from convotrace.store import Store
from convotrace.store.removal import Removed
from convotrace.store.retention import DAY_NS, Limits

TURNS, SPANS = 11, 5
NOW = 1_800_000_000 * 10**9
_random = random.Random(7)


def turn(session: str, number: int, started_ns: int) -> Change:
    """Return a turn of five spans, about 600 bytes of text each."""
    spans = tuple(
        Span(
            f"{_random.getrandbits(64):016x}", "", f"step {n}", started_ns=started_ns, duration_ns=10**6, result=words()
        )
        for n in range(SPANS)
    )
    trace = Trace(
        f"{_random.getrandbits(128):032x}", session, is_turn=True, started_ns=started_ns, duration_ns=10**9,
        spans=spans, input=Payload(words()), output=Payload(words()),
    )  # fmt: skip
    return Change(SessionFacts(session, id_source="header", user_id=session), trace)


def words() -> str:
    """Return 300 characters that cannot be compressed much."""
    return _random.randbytes(150).hex()


def fill(store: Store, spans: int) -> None:
    """Write old sessions, 40 of them interleaved, in batches of about 500 rows."""
    sessions = spans // (TURNS * SPANS)
    for first in range(0, sessions, 40):
        names = [f"s{number}" for number in range(first, min(first + 40, sessions))]
        at = NOW - 90 * DAY_NS + first * DAY_NS // sessions * 50
        for number in range(TURNS):
            store.write([turn(name, number, at + number * 10**10) for name in names])


def load(url: str) -> None:
    """Write 500 rows ten times a second until killed; print how long each batch took, in ms."""
    store, number = Store.open(url), 0
    while True:
        number += 1
        batch = [turn(f"new {number % 100}", number, NOW + number * 10**6) for _ in range(83)]
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
    def writing(self):
        with self._writing() as connection:
            self._began, self._into = time.perf_counter(), self.held
            yield connection

    def vacuum(self, most: int) -> None:
        self._began, self._into = time.perf_counter(), self.vacuums
        self._vacuum(most)

    def released(self, connection) -> None:
        # What follows, a checkpoint now and then, holds no lock that a writer needs.
        self._into.append((time.perf_counter() - self._began) * 1000)
        self._checkpoint(connection)


def quantiles(values: list[float]) -> str:
    """Return p50, p95, p99 and the worst of some times."""
    known = sorted(values)
    if not known:
        return "none"
    shares = [known[min(int(len(known) * share), len(known) - 1)] for share in (0.5, 0.95, 0.99, 1)]
    return "p50 {:.1f}  p95 {:.1f}  p99 {:.1f}  worst {:.1f} ms".format(*shares) + f"  ({len(known):,})"


def measure(url: str, path: Path, loaded: bool) -> None:
    """Prune everything that was generated, with a writer beside it or without."""
    store = Store.open(url)
    watch = Watch(store)
    before = store.diagnosis().pages
    writer = None
    if loaded:
        command = [sys.executable, "-m", "tests.benchmarks.retention", "--load", url]
        writer = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        time.sleep(2)
    began, cpu = time.perf_counter(), time.process_time()
    removed = sum(store.prune(Limits(30 * DAY_NS), NOW), Removed())
    took, cpu = time.perf_counter() - began, time.process_time() - cpu
    if writer is not None:
        writer.kill()
        print("writer, a batch of 500 rows:", quantiles([float(line) for line in writer.stdout.read().split()]))
    after = store.diagnosis()
    print(f"deleted {removed.sessions:,} sessions, {removed.spans:,} spans in {took:.1f} s, {cpu:.1f} s CPU")
    print("write lock held by deletions:", quantiles(watch.held))
    print("write lock held by vacuum, wait included:", quantiles(watch.vacuums))
    print(f"file {before.bytes / 1e6:.0f} → {path.stat().st_size / 1e6:.0f} MB, log {after.log_bytes / 1e6:.0f} MB,")
    print(f"{after.pages.free:,} free pages of {after.pages.count:,}, integrity {after.integrity}")
    store.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--spans", type=int, default=1_000_000)
    parser.add_argument("--keep", help="generate the store in this file, or take it from there")
    parser.add_argument("--calm", action="store_true", help="without a writer beside it")
    parser.add_argument("--load", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.load:
        load(options.load)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bench.db"
        kept = Path(options.keep) if options.keep else Path(folder) / "full.db"
        if not kept.exists():
            began = time.perf_counter()
            store = Store.open(f"sqlite:///{kept}")
            fill(store, options.spans)
            store.close()
            print(f"generated {options.spans:,} spans in {time.perf_counter() - began:.0f} s")
        source = Store.open(f"sqlite:///{kept}")
        source.backup(path)
        source.close()
        measure(f"sqlite:///{path}", path, not options.calm)


if __name__ == "__main__":
    main()
