"""Metrics as JSON: with `metric=` one number of every point, without it all numbers."""

from __future__ import annotations

from convotrace.export import as_json
from convotrace.export.records import iso
from convotrace.insight.measures import Measure, measure
from convotrace.model import Json, MetricPoint, Metrics, MetricSeries, as_ms
from convotrace.page.http import PageResponse, as_data
from convotrace.page.list import limit_of
from convotrace.page.visit import Visit

_SERIES, _MOST = 20, 200


def data(visit: Visit) -> PageResponse:
    """Return the answer to one question."""
    fields = visit.request.fields()
    name = fields.get("metric", "")
    wanted = measure(name) if name else None
    found = visit.reader().metrics(
        fields.get("since") or None, fields.get("until") or None, by=fields.get("by") or None,
        q=fields.get("q") or None, width=fields.get("width") or None, most=limit_of(fields.get("most"), _SERIES, _MOST),
        sessions=wanted is None or wanted.is_of_sessions,
    )  # fmt: skip
    return as_data(as_json(found) if wanted is None else _one_measure(found, name, wanted))


def _one_measure(found: Metrics, name: str, wanted: Measure) -> dict[str, Json]:
    """Return of each group its key, its points as [moment, value], and its value over the whole range."""

    def value(one: MetricPoint | MetricSeries) -> Json:
        told = one.sessions if wanted.is_of_sessions else one.tally
        return None if told is None else wanted.of(told)

    total = found.sessions if wanted.is_of_sessions else found.total
    series = [
        {"key": one.key, "points": [[iso(point.at_ns), value(point)] for point in one.points], "total": value(one)}
        for one in found.series
    ]
    return {
        "metric": name, "unit": wanted.unit, "by": found.by, "since": iso(found.since_ns),
        "until": iso(found.until_ns), "width_ms": as_ms(found.width_ns), "tier": found.tier,
        "rolled_up": found.rolled_up, "sampled": found.sampled, "share": found.share, "series": series,
        "total": None if total is None else wanted.of(total),
    }  # fmt: skip
