"""Draws figures as SVG: bars with their spread, legible on light and on dark paper."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from html import escape
from typing import Any

from tests.benchmarks import overhead, paced
from tests.benchmarks.subjects import VARIANTS

_STYLE = """
text { font: 12px system-ui, sans-serif; fill: #1f2328 } .title { font-weight: 600; font-size: 13px }
.bar { fill: #8c959f } .ours { fill: #1f6feb } .spread { stroke: #1f2328; stroke-width: 1.2 } .axis { stroke: #8c959f }
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3 } .bar { fill: #6e7681 } .ours { fill: #58a6ff } .spread { stroke: #e6edf3 } }
"""
_LABELS, _BARS, _VALUES, _ROW = 300, 360, 110, 22
_OURS = ("wrapped", "verbs", "api")
Bar = tuple[str, str, Sequence[float]]
"""Its class, its label, the values of its rounds."""


def panel(title: str, unit: str, bars: Sequence[Bar], top: int) -> tuple[list[str], int]:
    """Return the elements of one group of bars, and where the next begins."""
    longest = max(statistics.median(values) for _, _, values in bars)
    scale = _BARS / longest
    drawn = [f'<text class="title" x="0" y="{top + 14}">{escape(title)}</text>']
    y = top + 24
    for kind, label, values in bars:
        middle, low, high = statistics.median(values), min(values), max(values)
        width, shown = max(middle, 0) * scale, f"{middle:,.0f}" if middle >= 100 else f"{middle:.3g}"
        ends = [_LABELS + min(max(value, 0), longest * 1.05) * scale for value in (low, high)]
        drawn += [
            f'<text x="{_LABELS - 8}" y="{y + 13}" text-anchor="end">{escape(label)}</text>',
            f'<rect class="{kind}" x="{_LABELS}" y="{y + 3}" width="{width:.1f}" height="{_ROW - 8}"/>',
            f'<line class="spread" x1="{ends[0]:.1f}" x2="{ends[1]:.1f}" y1="{y + 10}" y2="{y + 10}"/>',
            f'<text x="{max(_LABELS + width, ends[1]) + 6:.1f}" y="{y + 14}">{shown} {escape(unit)}</text>',
        ]
        y += _ROW
    drawn.append(f'<line class="axis" x1="{_LABELS}" x2="{_LABELS}" y1="{top + 24}" y2="{y}"/>')
    return drawn, y + 16


def picture(panels: Sequence[tuple[str, str, Sequence[Bar]]], label: str) -> str:
    """Return a whole SVG."""
    drawn, top = [], 4
    for title, unit, bars in panels:
        elements, top = panel(title, unit, bars, top)
        drawn += elements
    width = _LABELS + _BARS + _VALUES
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {top}" width="{width}" role="img"'
    return f'{head} aria-label="{escape(label)}">\n<style>{_STYLE}</style>\n' + "\n".join(drawn) + "\n</svg>\n"


def pictures(kept: dict[str, Any]) -> dict[str, str]:
    """Return the file name and text of each picture for which there are figures."""
    found = {}
    if "asgi" in kept.get("overhead", {}).get("doors", {}):
        rounds = kept["overhead"]["doors"]["asgi"]
        names = [name for name in rounds if name != "bare"]
        panels = [
            (title, "µs", [(_kind(name), VARIANTS[name].title, overhead.added(rounds, name, key)) for name in names])
            for key, title in (
                ("cpu", "CPU of all threads added to a request"),
                ("p50", "Median time added to a request"),
            )
        ]
        found["overhead.svg"] = picture(panels, "What each observer adds to a request of five steps")
    if "asgi" in kept.get("paced", {}).get("doors", {}):
        by_rate = kept["paced"]["doors"]["asgi"]
        panels = [
            (f"p99 at {rate} requests a second, uvicorn", "ms",
             [(_kind(name), VARIANTS[name].title, paced.of(by_rate, rate, name)) for name in by_rate[rate]])
            for rate in by_rate
        ]  # fmt: skip
        found["paced.svg"] = picture(panels, "The p99 of a paced app, by observer")
    return found


def _kind(name: str) -> str:
    return "ours" if name in _OURS else "bar"
