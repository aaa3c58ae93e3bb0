"""Two groups of sessions side by side: each number with its interval, and what differs by more than chance."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from convotrace.errors import BadRequest, FilterError
from convotrace.export.records import iso
from convotrace.insight.arms import LEAST, Arms, Comparison, Side
from convotrace.model import Json
from convotrace.page import format
from convotrace.page.board import Place
from convotrace.page.format import UNKNOWN
from convotrace.page.http import PageResponse, as_data
from convotrace.page.render import page as render
from convotrace.page.visit import Visit

BY = ("release", "environment", "service", "tag", "user", "model", "tool")
_TERMS = {"environment": "env"}
_READ, _READ_AS_DATA = 1_000, 8_000
_HALF = 60


@dataclass(frozen=True)
class _Row:
    name: str
    a: str
    a_range: str
    b: str
    b_range: str
    difference: str
    difference_range: str
    verdict: str
    tone: str
    low: float
    high: float
    """Where the interval of the difference stands in a drawing 120 wide whose middle is no difference."""


def page(visit: Visit) -> PageResponse:
    """Return the comparison as a page; with a form where the two are not named."""
    fields = {**dict.fromkeys(("by", "a", "b", "since", "until", "q"), ""), **visit.request.fields()}
    view: dict[str, object] = {"asked": fields, "names": BY, "it": None, "wrong": None, "rows": (), "links": ()}
    status = 200
    if fields.get("a") and fields.get("b"):
        try:
            it = _arms(visit, fields, _READ)
        except (BadRequest, FilterError) as error:
            view["wrong"], status = str(error), 400
        else:
            view |= {"it": it, "rows": [_row(one) for one in it.comparisons], "links": _links(it, fields)}
            view["swapped"] = _address(fields, a=it.b, b=it.a)
    return render("arms.html", {**visit.frame("dashboard"), **view}, status)


def data(visit: Visit) -> PageResponse:
    """Return the same as JSON."""
    it = _arms(visit, visit.request.fields(), _READ_AS_DATA)
    return as_data({
        "by": it.by, "a": it.a, "b": it.b, "since": iso(it.since_ns), "until": iso(it.until_ns),
        "sessions": list(it.sessions), "level": it.level, "sampled": it.sampled,
        "comparisons": [_as_json(one) for one in it.comparisons],
    })  # fmt: skip


def _arms(visit: Visit, fields: Mapping[str, str], most: int) -> Arms:
    return visit.reader().arms(
        fields.get("by") or "release", fields.get("a", ""), fields.get("b", ""), fields.get("since") or None,
        fields.get("until") or None, fields.get("q") or None, most,
    )  # fmt: skip


def _as_json(one: Comparison) -> dict[str, Json]:
    return {
        "name": one.name, "unit": one.unit, "a": _side(one.a), "b": _side(one.b), "difference": one.difference,
        "interval": None if one.interval is None else list(one.interval), "differs": one.differs, "better": one.better,
    }  # fmt: skip


def _side(side: Side) -> dict[str, Json]:
    interval = None if side.interval is None else list(side.interval)
    return {"sessions": side.count, "value": side.value, "interval": interval}


def _row(one: Comparison) -> _Row:
    low, high = one.interval or (0.0, 0.0)
    most = max(abs(low), abs(high)) or 1.0
    tone = {"a": "err", "b": "ok"}.get(one.better or "", "") if one.differs else ""
    return _Row(
        one.name, _words(one.unit, one.a.value), _between(one.unit, one.a), _words(one.unit, one.b.value),
        _between(one.unit, one.b), _change(one.unit, one.difference),
        "" if one.interval is None else f"{_change(one.unit, low)} to {_change(one.unit, high)}",
        _verdict(one), tone,
        round(_HALF + _HALF * low / most, 1), round(_HALF + _HALF * high / most, 1),
    )  # fmt: skip


def _verdict(one: Comparison) -> str:
    if one.differs is not None:
        return _VERDICTS[one.better or ""] if one.differs else ""
    return "too few sessions" if min(one.a.count, one.b.count) < LEAST else "the same in all"


_VERDICTS = {"a": "worse", "b": "better", "neither": "differs", "": "differs"}


def _between(unit: str, side: Side) -> str:
    return "" if side.interval is None else " to ".join(_words(unit, value) for value in side.interval)


def _words(unit: str, value: float | None) -> str:
    if value is None:
        return UNKNOWN
    if unit == "share":
        return format.share(value)
    if unit == "ms":
        return format.duration(max(round(value * 1e6), 0))
    if unit == "USD":
        return format.cost(max(round(value * 1e9), 0))
    return f"{value:,.2f}" if abs(value) < 100 else f"{value:,.0f}"


def _change(unit: str, value: float | None) -> str:
    if value is None:
        return UNKNOWN
    sign = "−" if value < 0 else "+"
    if unit == "USD" and abs(value) < 0.00005:
        return "$0"
    return f"{sign}{abs(value) * 100:.1f} points" if unit == "share" else sign + _words(unit, abs(value))


def _links(it: Arms, fields: Mapping[str, str]) -> list[str]:
    place = Place(fields.get("q", ""), it.since_ns, it.until_ns)
    return [place.within("began", more=_term(it.by, value)) for value in (it.a, it.b)]


def _term(by: str, value: str) -> str:
    from convotrace.query import Match

    name = by.partition(".")[2] if by.startswith("meta.") else ""
    return str(Match("meta." if name else _TERMS.get(by, by), value, name=name))


def _address(fields: Mapping[str, str], **changed: str) -> str:
    given = {name: value for name, value in {**fields, **changed}.items() if value}
    return "arms?" + urlencode(given, errors="replace")
