"""Medians and spread, the machine they were measured on, and the scratch folder that keeps them as JSON."""

from __future__ import annotations

import json
import os
import platform
import sqlite3
import statistics
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.benchmarks.venvs import ROOT

SCRATCH = ROOT / ".bench"
"""One file a part, `overhead.json` and so on; git ignores it."""


def spread(values: Iterable[float], digits: int = 2) -> str:
    """Return median, least and greatest in one cell of a table."""
    known = sorted(values)
    if not known:
        return "-"
    middle, least, most = (f"{value:,.{digits}f}" for value in (statistics.median(known), known[0], known[-1]))
    return f"{middle} ({least}-{most})"


def ratios(of: Iterable[float], to: Iterable[float]) -> list[float]:
    """Return each value as a multiple of its partner of the same round."""
    return [one / other for one, other in zip(of, to, strict=True) if other > 0]


def machine() -> dict[str, Any]:
    """Return what a figure depends on: the day, the processor, how busy it is, the versions."""
    models = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    return {
        "day": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC", "cores": os.cpu_count(),
        "processor": models[0].partition(":")[2].strip() if models else platform.processor(),
        "load": [round(load, 1) for load in os.getloadavg()],
        "python": platform.python_version(), "sqlite": sqlite3.sqlite_version,
    }  # fmt: skip


def keep(part: str, figures: dict[str, Any]) -> Path:
    """Write the figures of a part with the machine's facts; return the file."""
    SCRATCH.mkdir(exist_ok=True)
    path = SCRATCH / f"{part}.json"
    path.write_text(json.dumps({"machine": machine(), **figures}, indent=1))
    return path
