"""Where conversations lose people, as a page: how far they go, the last step before they leave, and a funnel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from convotrace.errors import BadRequest, FilterError
from convotrace.export.records import iso
from convotrace.identity import session_key
from convotrace.insight.flow import Flow, FunnelStep, LastStep
from convotrace.model import as_ms
from convotrace.page import charts, format
from convotrace.page.board import Place
from convotrace.page.dashboard import RANGES
from convotrace.page.http import PageResponse, as_data
from convotrace.page.render import page as render
from convotrace.page.visit import Visit

_READ, _TRACES_READ, _READ_AS_DATA = 1_000, 250, 8_000
_WIDE = 200
_TITLES = {"tool": "called", "error": "failed with", "retrieval": "retrieval", "answer": "answer", "tag": "tagged"}


@dataclass(frozen=True)
class _Bar:
    kind: str
    name: str
    words: tuple[str, ...]
    width: float
    href: str
    lost_href: str | None = None
    is_now: bool = False


def page(visit: Visit) -> PageResponse:
    """Return where the sessions of a filter and a time lose people."""
    fields = {**dict.fromkeys(("q", "since", "until", "steps", "at"), ""), **visit.request.fields()}
    view: dict[str, object] = {"asked": fields, "wrong": None, "ranges": _ranges(fields), "it": None}
    try:
        it = _flow(visit, fields, _READ, _TRACES_READ)
    except (BadRequest, FilterError) as error:
        return render("flow.html", {**visit.frame("flow"), **view, "wrong": str(error)}, 400)
    return render("flow.html", {**visit.frame("flow"), **view, **_view(it, fields)})


def data(visit: Visit) -> PageResponse:
    """Return the same as JSON."""
    it = _flow(visit, visit.request.fields(), _READ_AS_DATA, _READ)
    return as_data({
        "since": iso(it.since_ns), "until": iso(it.until_ns), "share": it.share, "sampled": it.share < 1,
        "read": it.read, "told": it.told,
        "survival": [{"turn": one.turn, "sessions": one.sessions, "share": one.share} for one in it.survival],
        "last": [
            {"kind": one.kind, "name": one.name, "left": one.left, "had": one.had, "share": one.share}
            for one in it.last
        ],
        "funnel": [
            {"step": one.step, "sessions": one.sessions, "share": one.share, "of_before": one.of_before,
             "median_gap_ms": as_ms(one.gap_ns)}
            for one in it.funnel
        ],
        "chosen": list(it.chosen),
    })  # fmt: skip


def _flow(visit: Visit, fields: Mapping[str, str], most: int, most_read: int) -> Flow:
    return visit.reader().flow(
        fields.get("since") or None, fields.get("until") or None, fields.get("q") or None, fields.get("steps", ""),
        fields.get("at", ""), most, most_read,
    )  # fmt: skip


def _view(it: Flow, fields: Mapping[str, str]) -> dict[str, object]:
    place = Place(fields.get("q", ""), it.since_ns, it.until_ns)
    rows = [
        (one.turn, format.count(one.sessions), format.share(one.share),
         place.within("began", more=f"turns>={one.turn}"), place.within("began", more=f"turns:{one.turn}"))
        for one in it.survival
    ]  # fmt: skip
    most = max((one.left for one in it.last), default=1)
    total = it.survival[0].sessions if it.survival else 0
    return {
        "it": it, "rows": rows, "path": charts.stairs([one.share for one in it.survival]),
        "last": [_last(one, most, fields) for one in it.last],
        "funnel": [_funnel(n, one, it.funnel[0].sessions, fields) for n, one in enumerate(it.funnel, 1)],
        "chosen": [(one, f"s/{session_key(one)}") for one in it.chosen], "total": format.plural(total, "session"),
        "read": format.plural(it.read, "session"), "is_partial": it.read < total or 0 < it.told < total,
    }  # fmt: skip


def _last(one: LastStep, most: int, fields: Mapping[str, str]) -> _Bar:
    at = f"last:{one.kind}:{one.name}"
    words = (format.count(one.left), format.count(one.had), format.share(one.share))
    return _Bar(_TITLES[one.kind], one.name, words, round(_WIDE * one.left / max(most, 1), 1),
                _address(fields, at), None, fields.get("at") == at)  # fmt: skip


def _funnel(place: int, one: FunnelStep, first: int, fields: Mapping[str, str]) -> _Bar:
    words = (format.count(one.sessions), format.share(one.share), format.share(one.of_before),
             format.duration(one.gap_ns))  # fmt: skip
    lost = _address(fields, f"lost:{place}") if place > 1 and (one.of_before or 0) < 1 else None
    return _Bar("", one.step, words, round(_WIDE * one.sessions / max(first, 1), 1),
                _address(fields, f"step:{place}"), lost, fields.get("at") == f"step:{place}")  # fmt: skip


def _address(fields: Mapping[str, str], at: str) -> str:
    given = {name: fields.get(name, "") for name in ("q", "since", "until", "steps")} | {"at": at}
    return "flow?" + urlencode({name: value for name, value in given.items() if value}, errors="replace") + "#chosen"


def _ranges(fields: Mapping[str, str]) -> list[tuple[str, str, bool]]:
    kept = {name: fields.get(name, "") for name in ("q", "steps")}
    now = fields.get("since") or "24h"
    return [
        (words, "flow?" + urlencode({name: value for name, value in {**kept, "since": since}.items() if value},
                                    errors="replace"), since == now and not fields.get("until"))
        for words, since, _ in RANGES
    ]  # fmt: skip
