"""What a plain install is: packages and MB, CPU and memory of the import, against others.

`python -m tests.benchmarks.footprint [--rounds N]`. A wheel of this tree is installed alone into a fresh venv; imports
are whole processes, in turn, less an empty one of the same round.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.benchmarks import figures, venvs

FLOOR = "import structlog, opentelemetry.trace"
IMPORTS = {
    "nothing": "", "structlog and OpenTelemetry API": FLOOR, "ASGI": "import convotrace.asgi",
    "WSGI": "import convotrace.wsgi",
}  # fmt: skip
PEERS = {
    "otel": ("opentelemetry-exporter-otlp-proto-http", "opentelemetry-instrumentation-asgi"),
    "maxim": ("maxim-py",),
    "langfuse": ("langfuse",),
}
_MEMORY = "\nprint(open('/proc/self/statm').read().split()[1])"
# Run in the venv: what the named packages bring with them, frameworks beside them not counted.
_INSTALLED = """
import json, sys
from importlib.metadata import distribution
from pip._vendor.packaging.requirements import Requirement
found, waiting = {}, sys.argv[1:]
while waiting:
    one = distribution(waiting.pop())
    if one.metadata["Name"] not in found:
        found[one.metadata["Name"]] = [file for file in one.files or () if file.locate().exists()]
        needs = map(Requirement, one.requires or ())
        waiting += [need.name for need in needs if not need.marker or need.marker.evaluate({"extra": ""})]
files = [(file.suffix == ".pyc", file.locate().stat().st_size) for files in found.values() for file in files]
sizes = {"bytes": sum(size for compiled, size in files if not compiled), "compiled": sum(size for _, size in files)}
print(json.dumps({"packages": len(found), "names": sorted(found), **sizes}))
"""


def plain() -> str:
    """Return the interpreter of a fresh venv that holds a wheel of this tree and what it needs."""
    with tempfile.TemporaryDirectory() as folder:
        pip = [sys.executable, "-m", "pip", "wheel", "-qq", "--disable-pip-version-check", "--no-deps", "-w", folder]
        subprocess.run([*pip, str(venvs.ROOT)], check=True)
        return venvs.fresh("plain", [str(next(Path(folder).glob("*.whl")))])


def installed(python: str, *packages: str) -> dict[str, Any]:
    """Return how many packages some packages are with all they need, and their bytes."""
    done = subprocess.run([python, "-c", _INSTALLED, *packages], capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def imported(python: str, code: str) -> dict[str, float]:
    """Return ms of CPU and MB of memory of a process that imports something and ends."""
    with tempfile.TemporaryDirectory() as folder:
        command = [python, "-I", "-c", code + _MEMORY]  # what is installed, whatever PYTHONPATH says, and compiled
        process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        pages = int(process.stdout.read())
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{code} ended with {process.returncode}")
    return {"cpu": (usage.ru_utime + usage.ru_stime) * 1000, "rss": pages * os.sysconf("SC_PAGESIZE") / 1e6}


def run(python: str, rounds: int) -> dict[str, list[dict[str, float]]]:
    """Import everything in turn; the first round writes the compiled files and is not counted."""
    found: dict[str, list[dict[str, float]]] = {name: [] for name in IMPORTS}
    for _ in range(rounds + 1):
        for name, code in IMPORTS.items():
            found[name].append(imported(python, code))
    return {name: values[1:] for name, values in found.items()}


def net(found: dict[str, list[dict[str, float]]], name: str, key: str = "cpu") -> list[float]:
    """Return what an import takes beside an empty process, in each round."""
    return [one[key] - empty[key] for one, empty in zip(found[name], found["nothing"], strict=True)]


def shares(found: dict[str, list[dict[str, float]]], name: str) -> list[float]:
    """Return the CPU of an import as a multiple of structlog's and the OpenTelemetry API's, in each round."""
    return figures.ratios(net(found, name), net(found, "structlog and OpenTelemetry API"))


def table(kept: dict[str, Any]) -> str:
    """Return Markdown."""
    lines = ["| import | CPU, ms | x structlog and OTel API | memory, MB |", "|---|---|---|---|"]
    for name in list(IMPORTS)[1:]:
        cells = [figures.spread(net(kept["imports"], name), 0), figures.spread(shares(kept["imports"], name))]
        lines.append("| " + " | ".join([name, *cells, figures.spread(net(kept["imports"], name, "rss"), 1)]) + " |")
    lines += ["", "| install | packages | MB | with compiled files, MB |", "|---|---|---|---|"]
    for name, one in kept["installs"].items():
        lines.append(f"| {name} | {one['packages']} | {one['bytes'] / 1e6:.1f} | {one['compiled'] / 1e6:.1f} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=12)
    options = parser.parse_args()
    python = plain()
    own = installed(python, "convotrace")
    kept: dict[str, Any] = {"imports": run(python, options.rounds), "installs": {"convotrace": own}}
    for venv, packages in PEERS.items():
        kept["installs"][" + ".join(packages)] = installed(venvs.python(venv), *packages)
    print(table(kept))
    print(figures.keep("footprint", kept))


if __name__ == "__main__":
    main()
