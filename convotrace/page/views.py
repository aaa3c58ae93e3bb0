"""Saved views of the list: kept under a name for everybody who opens the page, and forgotten."""

from __future__ import annotations

import orjson

from convotrace.errors import BadRequest
from convotrace.model import Json, View
from convotrace.page import terms
from convotrace.page.http import PageResponse, as_data, first_of_each, redirect
from convotrace.page.visit import Visit
from convotrace.query import parse

_LONGEST = 60


def data(visit: Visit) -> PageResponse:
    """Return the saved views as JSON."""
    kept: list[Json] = [{"name": view.name, "q": view.q, "order": view.order} for view in visit.reader().views()]
    return as_data({"views": kept})


def save(visit: Visit) -> PageResponse:
    """Keep a filter under a name, or forget the name where the form says so; lead back to the list."""
    fields = _fields(visit)
    name, q, order = fields.get("name", "").strip(), fields.get("q", ""), fields.get("order") or "-last"
    if not 0 < len(name) <= _LONGEST:
        raise BadRequest(f"name came with {len(name)} characters; use 1 to {_LONGEST}.")
    if fields.get("drop"):
        visit.reader().drop_view(name)
    else:
        parse(q)
        # An order that no list has is refused before it is kept.
        visit.reader().sessions(None, order, 1)
        visit.reader().put_view(View(name, q, order))
    return redirect(terms.address(q, order), 303) if visit.request.is_form else data(visit)


def _fields(visit: Visit) -> dict[str, str]:
    if visit.request.is_form:
        return first_of_each(visit.request.body.decode("utf-8", "replace"))
    try:
        sent = orjson.loads(visit.request.body)
    except ValueError:
        sent = None
    if not isinstance(sent, dict) or not all(isinstance(value, str) for value in sent.values()):
        raise BadRequest("The body is no JSON object of texts; send name, q and order.")
    return sent
