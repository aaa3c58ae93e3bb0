"""What a request costs more, by us and by others: CPU of all threads with the storing or sending, and median wall time.

`python -m tests.benchmarks.overhead [--only bare,verbs,otlp] [--doors asgi,wsgi] [--rounds N]`. Each variant runs in a
process of its own, in turn within a round; a figure is compared with bare and with OpenTelemetry of the same round.
A request takes five steps of about six attributes, one with 2 KB of prompt and 1 KB of completion. Nothing is asserted.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from typing import Any

from tests.benchmarks import figures, sink, venvs
from tests.benchmarks.subjects import VARIANTS

REFERENCE = "otlp"
Rounds = dict[str, list[dict[str, Any]]]


def run_one(name: str, door: str, address: str, blocks: int) -> dict[str, Any]:
    """Measure a variant in a fresh process; return what it says.

    Raises:
        RuntimeError: It failed; the last line of its errors.
    """
    with tempfile.TemporaryDirectory() as folder:
        command = [venvs.python(VARIANTS[name].venv), "-m", "tests.benchmarks.subjects", name]
        command += ["--door", door, "--folder", folder, "--sink", address, "--blocks", str(blocks)]
        path = f"{venvs.ROOT}:{venvs.ROOT / 'integrations'}"
        env = {**os.environ, "PYTHONPATH": path}
        done = subprocess.run(command, cwd=venvs.ROOT, env=env, capture_output=True, text=True, timeout=300)
    if done.returncode:
        raise RuntimeError((done.stderr.strip().splitlines() or ["no output"])[-1])
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def run(names: list[str], door: str, rounds: int, blocks: int, address: str) -> tuple[Rounds, dict[str, str]]:
    """Measure variants in turn; return their rounds, and why one that failed is not among them."""
    found: Rounds = {name: [] for name in names}
    failed: dict[str, str] = {}
    for number in range(rounds):
        for name in [*names[number % len(names) :], *names[: number % len(names)]]:
            if name in failed:
                continue
            try:
                found[name].append(run_one(name, door, address, blocks))
            except (RuntimeError, subprocess.SubprocessError, ValueError) as error:
                failed[name] = str(error)
        print(f"{door}: round {number + 1} of {rounds}", file=sys.stderr, flush=True)
    return {name: values for name, values in found.items() if name not in failed}, failed


def added(found: Rounds, name: str, key: str) -> list[float]:
    """Return what a variant costs more than bare, in each round."""
    return [one[key] - bare[key] for one, bare in zip(found[name], found["bare"], strict=True)]


def shares(found: Rounds, name: str, key: str) -> list[float]:
    """Return what a variant adds as a multiple of what the reference adds in the same round."""
    if REFERENCE not in found:
        return []
    return figures.ratios(added(found, name, key), added(found, REFERENCE, key))


def table(found: Rounds) -> str:
    """Return a Markdown table: medians, in brackets the least and the greatest round."""
    bare = {key: figures.spread((one[key] for one in found["bare"]), 1) for key in ("cpu", "p50")}
    lines = [
        f"Bare: CPU {bare['cpu']} µs, p50 {bare['p50']} µs a request.",
        "",
        "| variant | CPU added, µs | x OTel + OTLP | p50 added, µs | x OTel + OTLP | memory added, MB | lost |",
        "|---|---|---|---|---|---|---|",
    ]
    for name in found:
        if name == "bare":
            continue
        cells = [VARIANTS[name].title]
        for key in ("cpu", "p50"):
            cells += [figures.spread(added(found, name, key), 1), figures.spread(shares(found, name, key), 3)]
        cells += [figures.spread(added(found, name, "rss"), 1), str(sum(one["lost"] for one in found[name]))]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default=",".join(VARIANTS), help=f"of {', '.join(VARIANTS)}; bare is always there")
    parser.add_argument("--doors", default="asgi,wsgi")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--quick", action="store_true", help="--only bare,verbs,otlp --doors asgi --rounds 5")
    parser.add_argument("--blocks", type=int, default=5, help="of 100 requests, each with its flush")
    options = parser.parse_args()
    if options.quick:
        options.only, options.doors, options.rounds = "bare,verbs,otlp", "asgi", 5
    names = list(dict.fromkeys(["bare", *options.only.split(",")]))
    if unknown := set(names) - set(VARIANTS):
        parser.error(f"unknown: {', '.join(unknown)}; there are {', '.join(VARIANTS)}")
    for name in names:
        venvs.python(VARIANTS[name].venv)
    kept: dict[str, Any] = {"rounds": options.rounds, "doors": {}, "failed": {}, "versions": {}}
    with sink.running() as address:
        for door in options.doors.split(","):
            began = time.perf_counter()
            found, failed = run(names, door, options.rounds, options.blocks, address)
            kept["doors"][door], kept["failed"][door] = found, failed
            kept["versions"] |= {name: rounds[0]["versions"] for name, rounds in found.items()}
            print(f"\n## {door}, {options.rounds} rounds in {time.perf_counter() - began:.0f} s\n\n{table(found)}")
            complain(found, failed)
    for name, versions in kept["versions"].items():
        print(f"{name}: " + ", ".join(f"{package} {version}" for package, version in versions.items()))
    print(figures.keep("overhead", kept))


def complain(found: Rounds, failed: dict[str, str]) -> None:
    """Say what failed, and what the libraries warned of."""
    for name, why in failed.items():
        print(f"not measured: {name}: {why}")
    for name, rounds in found.items():
        for said in {line for one in rounds for line in one["said"]}:
            print(f"{name} warned: {said}")


if __name__ == "__main__":
    main()
