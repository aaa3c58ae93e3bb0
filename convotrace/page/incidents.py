"""Incidents of alert rules: which fired, when and why, with the sessions that show it; the rules, paused and tried."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import Any
from urllib.parse import urlencode

from convotrace.errors import BadRequest
from convotrace.export import as_json
from convotrace.export.records import iso
from convotrace.identity import session_key
from convotrace.insight.rehearsal import Rehearsal
from convotrace.model import Incident, Json
from convotrace.page.http import PageResponse, as_data, redirect
from convotrace.page.list import FIRST_ERROR, title
from convotrace.page.render import page as render
from convotrace.page.sent import sent, text_of
from convotrace.page.visit import Visit
from convotrace.query.values import read_duration

_SINCE, _MOST_NS = "24h", 30 * 86400 * 10**9
_SHOWN = 100
_NAMED = 10
"""Incidents, the newest, whose sessions are shown by what they are called."""


def page(visit: Visit) -> PageResponse:
    """Return the incidents and the rules as a page; with `test=` also what that rule would have told."""
    fields, found = visit.request.fields(), visit.reader().incidents()
    told = [
        {"it": one, "links": [_link(visit, id, at < _NAMED) for id in one.sessions]} for at, one in enumerate(found)
    ]
    name, since, wrong, tried = fields.get("test", ""), fields.get("since") or _SINCE, "", None
    try:
        tried = _tried(visit, name, since) if name else None
    except BadRequest as error:
        wrong = str(error)
    view = {
        "incidents": told, "rules": _shown(visit, found), "now_ns": time.time_ns(), "tried": tried, "since": since,
        "wrong": wrong, "shown": _SHOWN, "spans": ("6h", "24h", "7d"),
    }  # fmt: skip
    return render("incidents.html", {**visit.frame("incidents"), **view}, 400 if wrong else 200)


def act(visit: Visit) -> PageResponse:
    """Pause a rule, or let it go on where `resume` says so."""
    fields, reader = sent(visit), visit.reader()
    rule = _named(visit, text_of(fields, "rule"))
    if fields.get("resume"):
        reader.resume_rule(rule.name)
    else:
        reader.pause_rule(rule.name)
    is_paused = not fields.get("resume")
    return redirect("incidents", 303) if visit.request.is_form else as_data({"rule": rule.name, "paused": is_paused})


def data(visit: Visit) -> PageResponse:
    """Return the incidents as JSON."""
    found = visit.reader().incidents()
    told: list[Json] = [as_json(one) for one in found]
    return as_data({"incidents": told, "rules": _shown(visit, found)})


def test(visit: Visit) -> PageResponse:
    """Return as JSON what a rule would have told."""
    fields = visit.request.fields()
    tried = _tried(visit, fields.get("rule", ""), fields.get("since") or _SINCE)
    told: dict[str, Any] = asdict(tried)
    for notice in told["notices"]:
        notice["at"] = iso(notice.pop("at_ns"))
    every_ms = told.pop("every_ns") / 1e6
    return as_data({**told, "alerts": tried.alerts, "every_ms": every_ms})


def _link(visit: Visit, session_id: str, is_named: bool) -> dict[str, object]:
    """Return the way to the turn of a session that failed first, and what the session is called where it is read."""
    key = session_key(session_id)
    excerpt = visit.reader().excerpt_by_key(key, turn=1, count=1, is_light=True) if is_named else None
    session = excerpt.conversation.session if excerpt else None
    href = f"s/{key}" + (f"?at={FIRST_ERROR}#error" if session and session.errors else "")
    return {"id": session_id, "href": href, "session": session, "title": title(session) if session else ""}


def _tried(visit: Visit, name: str, since: str) -> Rehearsal:
    rule, now_ns, ago = _named(visit, name), time.time_ns(), read_duration(since)
    if ago is None or not 0 < ago <= _MOST_NS:
        raise BadRequest(f"since came as {since[:40]!r}; use 6h, 24h, 7d or the like, up to 30d.")
    visit.backend.drain()
    return visit.backend.rehearse(rule, now_ns - ago, now_ns)


def _named(visit: Visit, name: str) -> Any:
    found = next((rule for rule in _rules(visit) if rule.name == name), None)
    if found is None:
        raise BadRequest(f"There is no rule {name[:60]!r} in force.")
    return found


def _shown(visit: Visit, incidents: tuple[Incident, ...]) -> list[Json]:
    paused = visit.reader().paused_rules()
    return [
        {
            "name": rule.name, "words": rule.words(), "fires": _fires(rule, incidents), "paused": rule.name in paused,
            "tests": [[span, "incidents?" + urlencode({"test": rule.name, "since": span})] for span in ("24h", "7d")],
        }
        for rule in _rules(visit)
    ]  # fmt: skip


def _rules(visit: Visit) -> tuple[Any, ...]:
    return visit.backend.settings.alerts


def _fires(rule: Any, incidents: tuple[Incident, ...]) -> bool:
    return any(one.rule == rule.name and one.closed_ns is None for one in incidents)
