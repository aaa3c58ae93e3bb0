"""Branch coverage of the pure rooms, room by room: `make coverage`, or `python -m tests.coverage [pytest arguments]`.

Runs the rooms' own tests, prints how many of the branches of each room they take, and fails where it is too few.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[1]
ROOMS = (
    "model", "settings", "propagation", "query", "dialects", "pricing", "identity", "redaction", "exchange", "insight",
    "export", "recorder", "intake",
)  # fmt: skip
WANTED = 95.0
"""The share of the branches, in percent, that the tests of the pure rooms take in all of them together."""

Rooms = dict[str, Counter[str]]


def measure(arguments: list[str], folder: Path) -> dict[str, object]:
    """Run the tests of the pure rooms, or those that are named, and return coverage's report as JSON."""
    data, report = folder / "data", folder / "report.json"
    tests = arguments or [f"tests/{room}" for room in ROOMS]
    coverage = [sys.executable, "-m", "coverage"]
    run = [*coverage, "run", f"--data-file={data}", "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests]
    if subprocess.run(run, cwd=ROOT).returncode:
        raise SystemExit("the tests failed: nothing was measured")
    subprocess.run([*coverage, "json", "-q", f"--data-file={data}", f"-o{report}"], cwd=ROOT, check=True)
    found: dict[str, object] = json.loads(report.read_text())
    return found


def by_room(report: dict) -> Rooms:
    """Return branches and statements of each room, with how many of them were taken; and the missed ones by file."""
    rooms: Rooms = {}
    for path, found in sorted(report["files"].items()):
        room = Path(path).parts[Path(path).parts.index("convotrace") + 1].removesuffix(".py")
        summary, counts = found["summary"], rooms.setdefault(room, Counter())
        counts.update(taken=summary["covered_branches"], branches=summary["num_branches"])
        counts.update(lines=summary["covered_lines"], statements=summary["num_statements"])
        missed = ", ".join(f"{here}→{'end' if there < 0 else there}" for here, there in found["missing_branches"])
        if missed:
            print(f"{path}: {missed}")
    return rooms


def share(part: int, whole: int) -> float:
    """Return a share in percent; of nothing, all."""
    return 100 * part / whole if whole else 100.0


def main(arguments: list[str]) -> int:
    """Print what was missed and the table of the rooms; return 1 where too few branches were taken."""
    with tempfile.TemporaryDirectory() as folder:
        rooms = by_room(measure(arguments, Path(folder)))
    rooms["all"] = sum(rooms.values(), Counter())
    for room, counts in rooms.items():
        print(
            f"{room:12} {counts['taken']:5} of {counts['branches']:5} branches "
            f"{share(counts['taken'], counts['branches']):6.1f} %   lines "
            f"{share(counts['lines'], counts['statements']):6.1f} %"
        )
    return int(share(rooms["all"]["taken"], rooms["all"]["branches"]) < WANTED)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
