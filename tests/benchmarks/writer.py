"""What the writer's thread spends on a trace of five spans: preparing, storing, and what SQL alone would cost.

`python -m tests.benchmarks.writer [--rounds N]`. The parts take turns batch by batch in one thread;
medians and spread are printed, nothing is asserted. "SQL alone" is `executemany` of the very same rows into a second
store, one transaction a batch, with its sessions; it reads nothing and makes no row.
"""

from __future__ import annotations

import argparse
import gc
import statistics
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from itertools import pairwise
from time import process_time_ns

import convotrace as ct
from convotrace import Store
from convotrace.asgi import ConvoTraceMiddleware
from tests.benchmarks.subjects import Subject
from tests.benchmarks.subjects.apps import block, starlette_app
from tests.benchmarks.subjects.on_own import by_verbs

BATCH = 83  # traces of six rows: the 500 rows that a writer takes at once
BATCHES = 20


class Collector:
    """Stands in for the writer and keeps what it is given."""

    def __init__(self) -> None:
        self.items: list = []

    def put(self, item, *size, **weight) -> bool:
        """Keep an item."""
        self.items.append(item)
        return True

    def wake(self) -> None:
        """Do nothing."""

    start = wake


class Probe:
    """A connection that notes which rows were written."""

    def __init__(self, connection) -> None:
        self._connection = connection
        self.seen: list[tuple[str, list[tuple]]] = []

    def executemany(self, statement, rows):
        """Run the statement and keep its rows."""
        rows = list(map(tuple, rows))
        self.seen.append((statement, rows))
        return self._connection.executemany(statement, rows)

    def __getattr__(self, name):
        return getattr(self._connection, name)


def rows_of(store, changes) -> list[tuple[str, list[tuple]]]:
    """Write changes and return the statements and rows it took."""
    connections = store._opened.connections
    writing, probes = connections.writing, []

    @contextmanager
    def probing(sessions=None) -> Iterator[Probe]:
        with writing(sessions) as connection:
            probes.append(Probe(connection))
            yield probes[0]

    connections.writing = probing
    try:
        store.write(changes)
    finally:
        connections.writing = writing
    return probes[0].seen


def sql_alone(store, work) -> None:
    """Run statements in one transaction of their own."""
    with store._opened.connections.writing() as connection:
        for statement, rows in work:
            connection.executemany(statement, rows)


def one_round(observer, app, stores) -> tuple[float, ...]:
    """Return µs a trace: preparing, storing, SQL alone."""
    collector, (timed, probed, bare) = observer.writer, stores
    spent = [0, 0, 0]
    for batch in range(BATCHES):
        collector.items.clear()
        block(app, "asgi", batch * BATCH, BATCH)
        marks = [process_time_ns()]
        changes = [change for item in collector.items for change in observer._writing.prepare(item)]
        marks.append(process_time_ns())
        timed.write(changes)
        marks.append(process_time_ns())
        work = rows_of(probed, changes)
        started = process_time_ns()
        sql_alone(bare, work)
        marks.append(marks[-1] + process_time_ns() - started)
        spent = [total + after - before for total, (before, after) in zip(spent, pairwise(marks), strict=True)]
    return tuple(total / BATCH / BATCHES / 1000 for total in spent)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=10)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        observer = ct.ConvoTrace(store=f"sqlite:///{folder}/timed.db")
        observer._writing.made = Collector()
        app = starlette_app(Subject(by_verbs, partial(ConvoTraceMiddleware, convotrace=observer)))
        stores = [observer.open_store(), *(Store.open(f"sqlite:///{folder}/{name}.db") for name in ("probed", "bare"))]
        one_round(observer, app, stores)
        gc.collect()
        report([one_round(observer, app, stores) for _ in range(options.rounds)])
        for store in stores:
            store.close()


def report(rounds) -> None:
    """Print medians and spread, and the share of the raw rate that is reached."""
    for name, values in zip(("prepare", "store", "SQL alone"), zip(*rounds, strict=True), strict=True):
        print(f"{name:12}{statistics.median(values):8.1f} µs CPU a trace ({min(values):.1f}-{max(values):.1f})")
    share = statistics.median(sql / (prepare + store) for prepare, store, sql in rounds)
    rate = statistics.median(5e6 / (prepare + store) for prepare, store, _ in rounds)
    print(f"{share:.2f} x the rate of SQL alone, about {rate:,.0f} spans a second of CPU")


if __name__ == "__main__":
    main()
