"""Drawings of numbers over time, made on the server: paths for SVG, the marks of their axes, what each point leads to.

Geometry and words only; a drawing is `len(values)` units wide and 100 high, and is stretched to its place.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil, floor, log10

from markupsafe import Markup, escape

from convotrace.export.records import iso
from convotrace.page import format

Value = float | int | None

HIGH = 100
_LINES = 3
_LABELS = 6


@dataclass(frozen=True)
class Drawn:
    """One series of a chart: its name, how it is drawn, its path."""

    name: str
    kind: str
    """`bar`, `bad`, `warn`, `faint`, `line`, `second` or `third`: the classes of the style sheet."""
    path: str


@dataclass(frozen=True)
class Chart:
    """One chart with the marks of its axes and the table of its numbers."""

    id: str
    title: str
    about: str
    series: Sequence[Drawn]
    marks: Sequence[str]
    """Labels of the grid, from the top down; the lowest is 0."""
    starts: range
    links: Sequence[str]
    """Where each point leads to."""
    heads: Sequence[str]
    rows: Sequence[Sequence[str]]
    """The numbers of each point, in words."""
    term: str
    """The term of the filter that names a stretch of its time: `active` or `began`."""

    @property
    def width(self) -> int:
        return len(self.starts)

    @property
    def ticks(self) -> list[int]:
        """Return a few moments under the chart, the first and the end of the last point among them."""
        first, last = self.starts.start, self.starts.stop
        number = min(_LABELS, len(self.starts) + 1)
        return [first + (last - first) * n // max(number - 1, 1) for n in range(number)]

    @property
    def places(self) -> Markup:
        """Return what can be pointed at: a link over each point."""
        # Written out: a page has hundreds, and a template takes ten times as long. Addresses are quoted already.
        hits = (
            f'<a href="{escape(link)}" tabindex="-1"><rect class="hit" x="{x}" width="1" height="100"/></a>'
            for x, link in enumerate(self.links)
        )
        return Markup("".join(hits))

    def numbers(self, times: Sequence[str]) -> Markup:
        """Return the rows of the table; `times` has the markup of the moment of each point."""
        rows = (
            f'<tr><th scope="row"><a href="{escape(link)}">{at}</a></th>'
            + "".join(f'<td class="n">{words.replace("<", "&lt;")}</td>' for words in row)
            + "</tr>"
            for link, at, row in zip(self.links, times, self.rows, strict=True)
        )
        return Markup("".join(rows))

    @property
    def is_empty(self) -> bool:
        """Whether nothing is drawn."""
        return not any(drawn.path for drawn in self.series)


def times(starts: range, now_ns: int) -> list[str]:
    """Return the markup of the moments at which points begin, once for all charts of a page."""
    whole = [(ns, iso(ns)) for ns in starts]
    return [f'<time datetime="{at}" data-as="list" title="{at}">{format.moment(ns, now_ns)}</time>' for ns, at in whole]


def top_of(values: Sequence[Value], least: float = 0) -> float:
    """Return a round number above all values, which can be parted into three steps that are round as well."""
    highest = max((value for value in values if value is not None), default=0)
    step = max(highest, least, 1e-12) / _LINES
    unit = 10.0 ** floor(log10(step))
    return float(next(unit * one for one in (1, 2, 3, 4, 5, 6, 8, 10) if unit * one >= step * 0.999999) * _LINES)


def marks(top: float, words: Callable[[float], str]) -> list[str]:
    """Return the labels of the grid, from the top down."""
    return [words(top * n / _LINES) for n in range(_LINES, -1, -1)]


def bars(values: Sequence[Value], top: float, below: Sequence[float] | None = None) -> str:
    """Return a path of bars; `below` is how high each stands on others."""
    drawn = []
    for place, value in enumerate(values):
        if value:
            foot = HIGH - HIGH * (below[place] if below else 0) / top
            height = max(HIGH * value / top, 1)
            drawn.append(f"M{place}.08 {foot:.4g}v-{height:.4g}h.84v{height:.4g}z")
    return "".join(drawn)


def line(values: Sequence[Value], top: float) -> str:
    """Return a path through the middles of the points, with gaps where nothing is known; one alone is a short dash."""
    drawn, is_open = [], False
    for place, value in enumerate(values):
        if value is None:
            is_open = False
            continue
        y = HIGH - HIGH * value / top
        alone = not is_open and (place + 1 == len(values) or values[place + 1] is None)
        drawn.append(f"M{place}.2 {y:.4g}h.6" if alone else f"{'L' if is_open else 'M'}{place}.5 {y:.4g}")
        is_open = True
    return "".join(drawn)


def area(values: Sequence[Value], top: float) -> str:
    """Return a path that fills what is below a line; what is unknown is 0."""
    if not any(values):
        return ""
    points = "".join(f"L{place}.5 {HIGH - HIGH * (value or 0) / top:.4g}" for place, value in enumerate(values))
    return f"M.5 {HIGH}{points}L{len(values) - 0.5:g} {HIGH}z"


def stairs(shares: Sequence[float]) -> str:
    """Return a path of falling stairs, a stair a point, from shares of one."""
    return "".join(f"{'M' if not n else 'L'}{n} {HIGH - HIGH * s:.4g}h1" for n, s in enumerate(shares))


def whole(value: float) -> str:
    """Return a number of an axis as short as it can be: 1.2k, 450k, 3."""
    for unit, factor in (("M", 1e6), ("k", 1e3)):
        if value >= factor:
            return f"{value / factor:.3g}{unit}"
    return f"{value:.3g}" if value < 10 else f"{ceil(value):d}"
