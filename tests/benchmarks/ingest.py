"""How fast a store takes in spans, as a share of raw `executemany` of the same spans into a table with three indexes.

`python -m tests.benchmarks.ingest [--rounds N] [--spans 0,1000000]`: into an empty file and into one of a million.
Ours writes conversations as the writer does, about 500 rows a transaction, with roll-ups, contents and keys; then it
fills the text index. Both take turns in one process; rows and records are ready before the clock starts.
"""

from __future__ import annotations

import argparse
import itertools
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import orjson

from convotrace.model import Change, Span
from convotrace.store import Store
from tests.benchmarks import figures, stores

ROUND = 6_000
TRACES = 83  # of six rows: the 500 rows that the writer takes at once
ROWS = 500
_TABLE = """CREATE TABLE span (session TEXT, trace TEXT, id TEXT, parent TEXT, kind TEXT, name TEXT, status TEXT,
    started INTEGER, duration INTEGER, model TEXT, provider TEXT, input_tokens INTEGER, output_tokens INTEGER,
    cost INTEGER, payload TEXT)"""
_INDEXES = ("session, started", "trace", "name, started")
_INSERT = f"INSERT INTO span VALUES ({', '.join('?' * 15)})"
_SETTINGS = ("journal_mode=WAL", "synchronous=NORMAL", "cache_size=-16000")


def rows_of(changes: Sequence[Change]) -> list[tuple[Any, ...]]:
    """Return a row of fifteen columns for each span, its texts in one of them; the turn's own go with the first."""
    found = []
    for change in changes:
        trace = change.trace
        assert trace is not None
        said = {"in": trace.input.text, "out": trace.output.text}
        for span in trace.spans:
            found.append(_row(trace.session_id, span, said))
            said = {}
    return found


def _row(session: str, span: Span, said: dict[str, Any]) -> tuple[Any, ...]:
    documents = [(document.id, document.text, document.score) for document in span.documents]
    payload = {**said, "i": span.input, "o": span.output, "a": span.arguments, "r": span.result, "d": documents}
    usage = span.usage
    return (
        session, span.trace_id, span.id, span.parent_id, span.kind, span.name, span.status, span.started_ns,
        span.duration_ns, span.model, span.provider, usage and usage.input, usage and usage.output, span.cost_nano,
        orjson.dumps({name: value for name, value in payload.items() if value}).decode(),
    )  # fmt: skip


class Raw:
    """The floor: one table, three indexes, `executemany`."""

    def __init__(self, file: Path) -> None:
        new = not file.exists()
        self._connection = sqlite3.connect(file, isolation_level=None)
        for setting in _SETTINGS:
            self._connection.execute(f"PRAGMA {setting}")
        if new:
            self._connection.execute(_TABLE)
            for number, columns in enumerate(_INDEXES):
                self._connection.execute(f"CREATE INDEX i{number} ON span ({columns})")

    def write(self, rows: Sequence[tuple[Any, ...]]) -> None:
        """Write rows, 500 a transaction."""
        for first in range(0, len(rows), ROWS):
            self._connection.execute("BEGIN IMMEDIATE")
            self._connection.executemany(_INSERT, rows[first : first + ROWS])
            self._connection.execute("COMMIT")

    def close(self) -> None:
        """Close the file."""
        self._connection.close()


def raw_file(spans: int) -> Path:
    """Return a raw file with so many spans, built where it is not there."""
    found = stores.path(spans).with_suffix(".raw")
    with stores.alone(found):
        if not found.exists():
            part = found.with_suffix(".rawpart")
            part.unlink(missing_ok=True)
            raw, coming = Raw(part), stores.changes(spans)
            while batch := list(itertools.islice(coming, 1000)):
                raw.write(rows_of(batch))
            raw.close()
            part.rename(found)
    return found


def timed(work: Callable[[], object]) -> dict[str, float]:
    """Return how long some work took, in seconds of wall and of CPU."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}


def write(store: Store, changes: Sequence[Change]) -> None:
    """Write changes as the writer does."""
    for first in range(0, len(changes), TRACES):
        store.write(changes[first : first + TRACES])


def run(spans: int, rounds: int) -> dict[str, list[dict[str, float]]]:
    """Write into a file of so many spans, ours and raw in turn; return the times of each round."""
    found: dict[str, list[dict[str, float]]] = {"raw": [], "write": [], "index": []}
    with stores.copied(spans) as url, tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "raw.db"
        if spans:
            shutil.copy(raw_file(spans), file)
        store, raw = Store.open(url), Raw(file)
        # Other ids than the store has; the first round warms both up.
        talk, number = stores.Talk(seed=8), spans
        for turn in range(rounds + 1):
            batch = fresh(talk, number, ROUND // stores.SPANS_A_TURN)
            number += ROUND // stores.SPANS_A_TURN
            rows = rows_of(batch)
            works = {"raw": lambda: raw.write(rows), "write": lambda: write(store, batch)}  # noqa: B023
            for name in sorted(works, reverse=bool(turn % 2)):
                found[name].append(timed(works[name]))
            found["index"].append(timed(lambda: [*store.index()]))
        store.close()
        raw.close()
    return {name: values[1:] for name, values in found.items()}


def fresh(talk: stores.Talk, number: int, turns: int) -> list[Change]:
    """Return turns of new sessions, 40 of them interleaved."""
    now = time.time_ns()
    return [
        talk.turn(n, f"n{n // 400 * 40 + n % 40}", now + n * 1000) for n in range(number, number + turns)
    ]  # fmt: skip


def shares(found: dict[str, list[dict[str, float]]], clock: str, with_index: bool = False) -> list[float]:
    """Return our rate as a share of the raw one, in each round."""
    return [
        raw[clock] / (write[clock] + with_index * index[clock])
        for raw, write, index in zip(found["raw"], found["write"], found["index"], strict=True)
    ]


def table(all_found: dict[str, dict[str, list[dict[str, float]]]]) -> str:
    """Return a Markdown table: medians of rounds, in brackets the least and the greatest."""
    lines = [
        "| file | raw, spans/s | ours, spans/s | x raw, wall | x raw, CPU | with text index, spans/s | x raw, wall |",
        "|---|---|---|---|---|---|---|",
    ]
    for spans, found in all_found.items():
        both = [ROUND / (one["wall"] + more["wall"]) for one, more in zip(found["write"], found["index"], strict=True)]
        cells = [
            figures.spread((ROUND / one["wall"] for one in found["raw"]), 0),
            figures.spread((ROUND / one["wall"] for one in found["write"]), 0),
            figures.spread(shares(found, "wall")),
            figures.spread(shares(found, "cpu")),
            figures.spread(both, 0),
            figures.spread(shares(found, "wall", with_index=True)),
        ]
        lines.append(f"| {int(spans):,} spans | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--spans", default="0,1000000", help="sizes of the files written into")
    options = parser.parse_args()
    found = {size: run(int(size), options.rounds) for size in options.spans.split(",")}
    print(table(found))
    print(figures.keep("ingest", {"rounds": options.rounds, "sizes": found}))


if __name__ == "__main__":
    main()
