"""Measure one subject in this process and print one line of JSON: µs of CPU a request, and how long requests took.

`python -m tests.benchmarks.subjects NAME --door asgi|wsgi --folder F --sink URL`; `tests.benchmarks.overhead` calls it.
"""

from __future__ import annotations

import argparse
import gc
import json
import logging
import os
import statistics
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from time import process_time_ns

from tests.benchmarks.subjects import VARIANTS, Place, Subject, make
from tests.benchmarks.subjects.apps import APPS, block

BLOCK = 100  # requests between two flushes: more would overflow the queue of OpenTelemetry's batch processor


class Complaints(logging.Handler):
    """Keeps what libraries warn of: a peer that drops spans would look cheaper than it is."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a line."""
        self.said.append(record.getMessage()[:200])


def measure(subject: Subject, door: str, blocks: int) -> dict[str, float]:
    """Return µs: CPU of all threads a request with its flush, and the median and p99 of the requests alone."""
    app, walls, spent = APPS[door](subject), [], 0
    for number in range(-2, blocks):
        gc.collect()
        started = process_time_ns()
        taken = block(app, door, (number + 2) * BLOCK, BLOCK)
        subject.flush()
        if number >= 0:  # the first two blocks warm it up
            spent += process_time_ns() - started
            walls += taken
    walls.sort()
    return {
        "cpu": spent / len(walls) / 1000, "p50": statistics.median(walls) / 1000,
        "p99": walls[len(walls) * 99 // 100] / 1000,
    }  # fmt: skip


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:  # convotrace itself runs from its source
        return "from source"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", choices=VARIANTS)
    parser.add_argument("--door", choices=APPS, required=True)
    parser.add_argument("--folder", required=True)
    parser.add_argument("--sink", required=True)
    parser.add_argument("--blocks", type=int, default=5)
    options = parser.parse_args()
    complaints = Complaints()
    logging.getLogger().addHandler(complaints)
    subject = make(options.name, Place(options.door, options.folder, options.sink))
    found = measure(subject, options.door, options.blocks)
    versions = {name: _version(name) for name in subject.packages}
    found["rss"] = int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE") / 1e6
    print(json.dumps({**found, "lost": subject.lost(), "said": complaints.said[:3], "versions": versions}), flush=True)
    os._exit(0)  # what libraries do at the end is not measured, and maxim-py sleeps two seconds there


if __name__ == "__main__":
    main()
