"""The p99 of an app that is asked at a steady pace, under real servers: uvicorn (Starlette) and gunicorn (Flask).

`python -m tests.benchmarks.paced [--only bare,verbs,api,otlp] [--doors asgi,wsgi] [--rounds N] [--seconds S]`. Each
variant and round has a server of its own, the variants take turns, and a p99 is compared with that of bare in the same
round. Latency counts from the moment a request was due, as the client sees it. Nothing is asserted.
"""

from __future__ import annotations

import argparse
import math
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.benchmarks import figures, sink, venvs
from tests.benchmarks.client import load
from tests.benchmarks.subjects import VARIANTS

SERVED = ("bare", "verbs", "api", "otlp")
RATES = (100, 300)
APP = "tests.benchmarks.subjects.served:app"
_QUIET = ("--log-level", "warning")
SERVERS = {
    "asgi": ("uvicorn", APP, *_QUIET, "--timeout-keep-alive", "60", "--no-access-log", "--port"),
    "wsgi": ("gunicorn", APP, *_QUIET, "--keep-alive", "60", "--worker-class", "gthread", "--threads", "4", "--bind"),
}
Rounds = dict[str, dict[str, list[dict[str, float]]]]
"""By rate, by variant: of each round p50, p99 and the worst, in ms."""


@contextmanager
def served(name: str, door: str, address: str) -> Iterator[int]:
    """Run a variant's server; yield its port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        module, *arguments = SERVERS[door]
        where = str(port) if door == "asgi" else f"127.0.0.1:{port}"
        command = [venvs.python(VARIANTS[name].venv), "-m", module, *arguments, where]
        env = {
            **os.environ, "PYTHONPATH": f"{venvs.ROOT}:{venvs.ROOT / 'integrations'}",
            "BENCH_VARIANT": name, "BENCH_DOOR": door, "BENCH_FOLDER": folder, "BENCH_SINK": address,
        }  # fmt: skip
        process = subprocess.Popen(command, cwd=venvs.ROOT, env=env)
        try:
            _wait_for(port, process)
            yield port
        finally:
            process.terminate()
            process.wait(30)


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 30
    while time.monotonic() < until and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.02)
    raise RuntimeError("the server did not start")


def run(names: list[str], door: str, rounds: int, seconds: float, address: str) -> Rounds:
    """Ask every variant at every rate, in turn."""
    found: Rounds = {str(rate): {name: [] for name in names} for rate in RATES}
    for number in range(rounds):
        for name in [*names[number % len(names) :], *names[: number % len(names)]]:
            with served(name, door, address) as port:
                load(port, RATES[0], 0.5)
                for rate in RATES:
                    found[str(rate)][name].append(quantiles(load(port, rate, seconds)))
        print(f"{door}: round {number + 1} of {rounds}", file=sys.stderr, flush=True)
    return found


def quantiles(latencies: list[float]) -> dict[str, float]:
    """Return p50, p99 and the worst, by nearest rank."""
    known = sorted(latencies)
    return {
        name: known[math.ceil(len(known) * share) - 1] for name, share in (("p50", 0.5), ("p99", 0.99), ("worst", 1))
    }


def of(found: Rounds, rate: int | str, name: str, key: str = "p99") -> list[float]:
    """Return one quantile of each round, in ms."""
    return [one[key] for one in found[str(rate)][name]]


def table(found: Rounds) -> str:
    """Return a Markdown table: medians of rounds, in brackets the least and the greatest."""
    lines = ["| variant | rate | p50, ms | p99, ms | p99 x bare | worst, ms |", "|---|---|---|---|---|---|"]
    for rate, by_name in found.items():
        for name in by_name:
            middle, high, worst = (figures.spread(of(found, rate, name, key)) for key in ("p50", "p99", "worst"))
            shares = figures.spread(figures.ratios(of(found, rate, name), of(found, rate, "bare")), 1)
            lines.append(f"| {VARIANTS[name].title} | {rate}/s | {middle} | {high} | {shares} | {worst} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default=",".join(SERVED))
    parser.add_argument("--doors", default="asgi,wsgi")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=3.0, help="at each rate")
    options = parser.parse_args()
    names = list(dict.fromkeys(["bare", *options.only.split(",")]))
    for name in names:
        venvs.python(VARIANTS[name].venv)
    kept: dict[str, Any] = {"rounds": options.rounds, "seconds": options.seconds, "doors": {}}
    with sink.running() as address:
        for door in options.doors.split(","):
            began = time.perf_counter()
            kept["doors"][door] = found = run(names, door, options.rounds, options.seconds, address)
            took = time.perf_counter() - began
            print(f"\n## {SERVERS[door][0]}, {options.rounds} rounds in {took:.0f} s\n\n{table(found)}")
    print(figures.keep("paced", kept))


if __name__ == "__main__":
    main()
