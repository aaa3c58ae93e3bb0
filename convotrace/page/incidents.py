"""Incidents of alert rules: which fired, when and why, with the sessions that show it; and the rules in force."""

from __future__ import annotations

import time
from typing import Any

from convotrace.export import as_json
from convotrace.identity import session_key
from convotrace.model import Incident, Json
from convotrace.page.http import PageResponse, as_data
from convotrace.page.render import page as render
from convotrace.page.visit import Visit


def page(visit: Visit) -> PageResponse:
    """Return the incidents and the rules as a page."""
    found = visit.reader().incidents()
    rules = [{"name": rule.name, "words": rule.words(), "fires": _fires(rule, found)} for rule in _rules(visit)]
    told = [{"it": one, "links": [{"id": id, "key": session_key(id)} for id in one.sessions]} for one in found]
    return render(
        "incidents.html", {**visit.frame("incidents"), "incidents": told, "rules": rules, "now_ns": time.time_ns()}
    )


def data(visit: Visit) -> PageResponse:
    """Return the incidents as JSON."""
    found: list[Json] = [as_json(one) for one in visit.reader().incidents()]
    rules: list[Json] = [{"name": rule.name, "words": rule.words()} for rule in _rules(visit)]
    return as_data({"incidents": found, "rules": rules})


def _rules(visit: Visit) -> tuple[Any, ...]:
    return visit.backend.settings.alerts


def _fires(rule: Any, incidents: tuple[Incident, ...]) -> bool:
    return any(one.rule == rule.name and one.closed_ns is None for one in incidents)
