"""Measures everything and writes RESULTS.md: `make bench`, or `python -m tests.benchmarks [part …] [--rounds N]`.

The parts are processes of their own, one after the other; one that fails does not stop the next. Their figures stay in
`.bench/` as JSON, and a part that is run alone replaces its own. Nothing is asserted: figures are read, not tested.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time

from tests.benchmarks.report import PARTS
from tests.benchmarks.venvs import ROOT

_WITHOUT_ROUNDS = ("size", "retention")
_WHERE_NAMED = ("retention",)
"""It takes minutes, most of them rest between its transactions."""
_SMALL = {
    "overhead": ["--rounds", "1", "--blocks", "1"],
    "paced": ["--rounds", "1", "--seconds", "1"],
    "ingest": ["--rounds", "1", "--spans", "0,20000"],
    "queries": ["--rounds", "1", "--spans", "5000,20000"],
    "sessions": ["--rounds", "1", "--sessions", "20000"],
    "footprint": ["--rounds", "1"],
    "retention": ["--spans", "5000", "--calm"],
}


def _arguments(part: str, options: argparse.Namespace) -> list[str]:
    if options.small:
        return _SMALL.get(part, [])
    return ["--rounds", str(options.rounds)] if options.rounds and part not in _WITHOUT_ROUNDS else []


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="part", help=f"of {', '.join(PARTS)}; none is all but retention")
    parser.add_argument("--rounds", type=int, help="instead of each part's own number")
    parser.add_argument("--small", action="store_true", help="only see that all of it runs; RESULTS.md stays as it is")
    options = parser.parse_args()
    if unknown := set(options.parts) - set(PARTS):
        parser.error(f"unknown: {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    failed = []
    for part in options.parts or [part for part in PARTS if part not in _WHERE_NAMED]:
        print(f"\n# {PARTS[part]}\n", flush=True)
        began = time.perf_counter()
        command = [sys.executable, "-m", f"tests.benchmarks.{part}", *_arguments(part, options)]
        failed += [part] if subprocess.run(command, cwd=ROOT, check=False).returncode else []
        print(f"{part}: {time.perf_counter() - began:.0f} s", flush=True)
    if not options.small:
        subprocess.run([sys.executable, "-m", "tests.benchmarks.report"], cwd=ROOT, check=True)
    if failed:
        print(f"failed: {', '.join(failed)}")
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
