"""Annotation queues: which there are, how far people are with them, and how they are made, filled and deleted."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from convotrace.errors import BadRequest
from convotrace.insight.queues import Queue, Task, queue_of
from convotrace.model import Json
from convotrace.page import criteria
from convotrace.page.http import PageResponse, as_data, redirect
from convotrace.page.render import page as render
from convotrace.page.sent import number_of, sent, text_of, whole_of
from convotrace.page.visit import Visit

_LONGEST_FILTER = 2000
_MOST = 200


def page(visit: Visit) -> PageResponse:
    """Return the queues as a page, with the form that makes one."""
    reader = visit.reader()
    found, fields = [], visit.request.fields()
    definitions = reader.score_definitions()
    for queue in reader.queues():
        asked = [one.name for one in criteria.asked(queue, definitions)]
        found.append({"it": queue, "asked": asked, **progress(queue, reader.tasks(queue.name, is_light=True))})
    view = {"queues": found, "definitions": list(definitions.values()), "q": fields.get("q", ""), "most": _MOST}
    return render("review.html", {**visit.frame("review"), **view})


def data(visit: Visit) -> PageResponse:
    """Return the queues as JSON."""
    reader = visit.reader()
    told: list[Json] = [
        {**queue.facts(), **progress(queue, reader.tasks(queue.name, is_light=True))} for queue in reader.queues()
    ]
    return as_data({"queues": told})


def save(visit: Visit) -> PageResponse:
    """Make a queue, or delete it where `drop` says so; fill it where `fill` does; lead to it."""
    fields, reader = sent(visit), visit.reader()
    name = text_of(fields, "name")
    if fields.get("drop"):
        reader.drop_queue(name)
        return redirect("review", 303) if visit.request.is_form else as_data({"name": name, "dropped": True})
    queue = queue_of(_asked_for(fields), time.time_ns())
    q = text_of(fields, "q", _LONGEST_FILTER)
    if q or fields.get("fill"):
        # A filter that cannot be read is refused before anything is made.
        reader.sessions(q or None, limit=1)
    reader.put_queue(queue)
    added = fill(visit, queue, fields, q) if q or fields.get("fill") else 0
    if visit.request.is_form:
        return redirect(f"review/{queue.name}" if added else "review", 303)
    return as_data({**queue.facts(), "added": added}, 201)


def fill(visit: Visit, queue: Queue, fields: Mapping[str, Any], q: str) -> int:
    """Add to a queue what a filter finds; return how many were new."""
    sample = number_of(fields, "sample", 1.0)
    if not 0 < sample <= 1:
        raise BadRequest(f"sample came as {sample:g}; send a share above 0 and up to 1, such as 0.1.")
    turns, most = text_of(fields, "turns") or "last", whole_of(fields, "most", _MOST)
    return visit.reader().fill_queue(queue.name, q or None, turns=turns, sample=sample, most=most)


def progress(queue: Queue, tasks: Sequence[Task]) -> dict[str, Json]:
    """Return how many items a queue has, and how many are done."""
    done = sum(task.is_done(queue.raters) for task in tasks)
    people: dict[str, Json] = {}
    for author in sorted({one.author for task in tasks for one in task.reviews if one.author}):
        people[author] = sum(any(one.author == author for one in task.reviews) for task in tasks)
    return {"items": len(tasks), "done": done, "people": people}


def _asked_for(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a queue is to be: from JSON as it came, from a form its boxes and texts."""
    boxes = [name.removeprefix("ask.") for name in fields if name.startswith("ask.")]
    scores = fields.get("scores") or boxes
    if isinstance(scores, str):
        scores = [one.strip() for one in scores.split(",") if one.strip()]
    told = {"name": text_of(fields, "name"), "on": text_of(fields, "on"), "about": text_of(fields, "about", 500)}
    return {**told, "scores": scores, "raters": whole_of(fields, "raters", 1)}
