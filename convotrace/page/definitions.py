"""Scores by name: what is defined of each, what they come to, how far their raters agree; made and dropped here too."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from convotrace.errors import BadRequest, SettingsError
from convotrace.insight.definitions import ScoreDefinition, from_facts
from convotrace.model import Json
from convotrace.page.http import PageResponse, as_data, redirect
from convotrace.page.render import page as render
from convotrace.page.sent import number_of, sent, text_of
from convotrace.page.visit import Visit

_NUMBERS = ("min", "max", "pass_min", "pass_max")
_LISTS = ("labels", "pass_labels")


def page(visit: Visit) -> PageResponse:
    """Return what is defined of scores, with what they come to, as a page."""
    reader, q = visit.reader(), _filter(visit)
    in_code = {one.name for one in visit.backend.settings.score_definitions}
    found = [
        {
            "it": one,
            "in_code": name in in_code,
            "stats": reader.score_stats(name, q=q),
            "agreed": reader.agreement(name, q=q),
        }
        for name, one in reader.score_definitions().items()
    ]
    return render("scores.html", {**visit.frame("review"), "found": found, "q": q or ""})


def data(visit: Visit) -> PageResponse:
    """Return the same as JSON."""
    return as_data({"definitions": [_facts(visit, one) for one in visit.reader().score_definitions().values()]})


def save(visit: Visit) -> PageResponse:
    """Define a score, or forget the definition where `drop` says so; lead to the page of scores."""
    fields, reader = sent(visit), visit.reader()
    name = text_of(fields, "name", 100)
    if name in {one.name for one in visit.backend.settings.score_definitions}:
        raise BadRequest(f"{name} is defined in the app's own code; change it there.")
    if fields.get("drop"):
        reader.drop_score_definition(name)
        return redirect("scores", 303) if visit.request.is_form else as_data({"name": name, "dropped": True})
    try:
        made = from_facts(_of_form(fields) if visit.request.is_form else fields)
    except (SettingsError, TypeError) as error:
        raise BadRequest(str(error)) from None
    reader.put_score_definition(made)
    return redirect("scores", 303) if visit.request.is_form else as_data(_facts(visit, made), 201)


def _filter(visit: Visit) -> str | None:
    return text_of(visit.request.fields(), "q", 2000) or None


def _facts(visit: Visit, one: ScoreDefinition) -> dict[str, Json]:
    q = _filter(visit)
    stats = visit.reader().score_stats(one.name, q=q)
    told = {"count": stats.count, "mean": stats.mean, "passed": stats.passed, "judged": stats.judged}
    return {
        **one.facts(),
        **told,
        "pass_rate": stats.pass_rate,
        "agreement": visit.reader().agreement(one.name, q=q).facts(),
    }


def _of_form(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a form says: empty fields are left out, words with commas are lists."""
    kind = text_of(fields, "type")
    told: dict[str, Any] = {name: text_of(fields, name, 4000) for name in ("name", "type", "on", "rubric")}
    if kind == "numeric":
        told |= {name: number_of(fields, name, 0) for name in _NUMBERS if text_of(fields, name)}
    if kind == "categorical":
        lists = {name: text_of(fields, name, 4000).split(",") for name in _LISTS}
        told |= {name: [one.strip() for one in words if one.strip()] for name, words in lists.items()}
    if kind == "boolean":
        told["pass_value"] = {"yes": True, "no": False}.get(text_of(fields, "pass_value"))
    return {name: value for name, value in told.items() if value != ""}
