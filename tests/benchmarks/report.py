"""Writes what was measured into RESULTS.md, between its two marks, and draws it: `python -m tests.benchmarks.report`.

It reads the JSON of the parts in `.bench/`; what was not measured is said to be so. Text outside the marks is by hand.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.benchmarks import budgets, figures, footprint, ingest, overhead, paced, plot, queries, retention, size
from tests.benchmarks.subjects import VARIANTS

HERE = Path(__file__).parent
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"
PARTS = {
    # What a part measures, and its name as a command.
    "overhead": "A request",
    "paced": "A paced app",
    "ingest": "Ingest",
    "queries": "Reading",
    "sessions": "A million sessions",
    "size": "Bytes",
    "footprint": "Install and import",
    "retention": "Retention",
}


def read() -> dict[str, Any]:
    """Return the figures of every part that was run."""
    files = {part: figures.SCRATCH / f"{part}.json" for part in PARTS}
    return {part: json.loads(file.read_text()) for part, file in files.items() if file.exists()}


def machine(kept: dict[str, Any]) -> str:
    """Return when and where a part was measured."""
    facts = kept["machine"]
    where = f"{facts['cores']} cores ({facts['processor']}), load {facts['load'][0]} at the end"
    return f"{facts['day']}, {where}, CPython {facts['python']}, SQLite {facts['sqlite']}"


def budget_table(kept: dict[str, Any]) -> str:
    """Return the table of budgets, met or missed."""
    lines = [
        "| row | what | budget | measured: median (least-greatest) | verdict | command |",
        "|---|---|---|---|---|---|",
    ]
    found = budgets.verdicts(kept)
    for one in found:
        budget, measured = one.budget, figures.spread(one.values, one.budget.digits)
        lines.append(f"| {budget.row} | {budget.what} | {budget.text} | {measured} | {one.text} | `{budget.part}` |")
    missed = budgets.missed_rows(found)
    lines += ["", f"Rows missed: {', '.join(missed) or 'none'}."]
    return "\n".join(lines)


def section(part: str, kept: dict[str, Any]) -> str:
    """Return the figures of a part."""
    tables = {
        "overhead": lambda: _by_door(kept, overhead.table),
        "paced": lambda: _by_door(kept, paced.table),
        "ingest": lambda: ingest.table(kept["sizes"]),
        "queries": lambda: queries.table(kept["questions"]),
        "sessions": lambda: queries.table(kept["questions"], "sessions"),
        "size": lambda: size.table(kept),
        "footprint": lambda: footprint.table(kept),
        "retention": lambda: retention.table(kept),
    }
    rounds = f", {kept['rounds']} rounds" if "rounds" in kept else ""
    head = f"### {PARTS[part]}\n\n`python -m tests.benchmarks.{part}`{rounds}; {machine(kept)}."
    pictures = {"overhead": "![CPU and time added to a request](overhead.svg)\n\n", "paced": "![p99](paced.svg)\n\n"}
    return f"{head}\n\n{pictures.get(part, '')}{tables[part]()}\n{_versions(kept)}"


def _by_door(kept: dict[str, Any], table: Any) -> str:
    doors = {"asgi": "ASGI: Starlette", "wsgi": "WSGI: Flask"}
    return "\n\n".join(f"{doors[door]}. {table(found)}" for door, found in kept["doors"].items())


def _versions(kept: dict[str, Any]) -> str:
    known = kept.get("versions", {}).items()
    lines = [f"{VARIANTS[name].title}: {', '.join(map(' '.join, found.items()))}" for name, found in known if found]
    return f"\nVersions. {'; '.join(lines)}.\n" if lines else ""


def written(results: str, kept: dict[str, Any]) -> str:
    """Return RESULTS.md with what was measured between its marks; what stands outside them stays."""
    before, _, rest = results.partition(BEGIN)
    parts = [section(part, kept[part]) for part in PARTS if part in kept]
    text = "\n\n".join(["## Budgets", budget_table(kept), "## Figures", *parts])
    return f"{before}{BEGIN}\n\n{text}\n\n{END}{rest.partition(END)[2]}"


def main() -> None:
    kept, path = read(), HERE / "RESULTS.md"
    path.write_text(written(path.read_text(), kept))
    for name, drawn in plot.pictures(kept).items():
        (HERE / name).write_text(drawn)
    print(budget_table(kept))


if __name__ == "__main__":
    main()
