"""Datasets on the page: which there are, what is in one, how they are filled, corrected, kept and handed out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import islice
from typing import Any

from convotrace.errors import BadRequest
from convotrace.identity import session_key
from convotrace.insight.datasets import Dataset
from convotrace.insight.queues import checked_name
from convotrace.model import Json
from convotrace.page.http import PageResponse, as_data, redirect, respond
from convotrace.page.render import page as render
from convotrace.page.sent import sent, text_of, whole_of
from convotrace.page.visit import Unknown, Visit

_SHOWN = 50
_MOST, _MOST_AS_JSON = 1000, 10_000
_KINDS = {
    "jsonl": ("application/x-ndjson", "jsonl"), "openai": ("application/x-ndjson", "openai.jsonl"),
    "csv": ("text/csv; charset=utf-8", "csv"), "huggingface": ("application/zip", "zip"),
}  # fmt: skip
FORMATS = {"jsonl": "JSON Lines", "openai": "OpenAI fine-tuning", "csv": "CSV", "huggingface": "Hugging Face folder"}
"""What a dataset is handed out as, in words."""


def page(visit: Visit) -> PageResponse:
    """Return the datasets as a page, with the form that makes one."""
    reader, fields = visit.reader(), visit.request.fields()
    queues = [queue.name for queue in reader.queues()]
    view = {"datasets": reader.datasets(), "queues": queues, "most": _MOST}
    chosen = {"q": fields.get("q", ""), "queue": fields.get("queue", "")}
    return render("datasets.html", {**visit.frame("datasets"), **view, **chosen})


def data(visit: Visit) -> PageResponse:
    """Return the datasets as JSON."""
    told: list[Json] = [one.facts() for one in visit.reader().datasets()]
    return as_data({"datasets": told})


def save(visit: Visit) -> PageResponse:
    """Make a dataset and fill it, or delete it where `drop` says so; lead to it."""
    fields, reader = sent(visit), visit.reader()
    name = text_of(fields, "name")
    if fields.get("drop"):
        reader.drop_dataset(name)
        return redirect("datasets", 303) if visit.request.is_form else as_data({"name": name, "dropped": True})
    checked_name(name, "dataset")
    if q := text_of(fields, "q", 2000):
        reader.sessions(q, limit=1)
    reader.put_dataset(name, text_of(fields, "about", 500))
    wants_some = q or fields.get("fill") or text_of(fields, "queue")
    told = _fill(visit, name, fields) if wants_some else {"copied": 0}
    if visit.request.is_form:
        return redirect(f"datasets/{name}", 303)
    return as_data({**_known(visit, name).facts(), **told}, 201)


def one(visit: Visit) -> PageResponse:
    """Return what is in a dataset, in its working copy or a version, as a page."""
    dataset, version = _known(visit, visit.parts["dataset"]), _version(visit)
    start = whole_of(visit.request.fields(), "from", 0)
    items = visit.reader().items(dataset.name, version)
    found = list(islice(items, max(start, 0), max(start, 0) + _SHOWN + 1))
    shown = [{"it": item, "key": session_key(item.session_id)} for item in found[:_SHOWN]]
    view: dict[str, object] = {"dataset": dataset, "version": version, "items": shown, "start": start}
    view["formats"] = FORMATS
    more = start + _SHOWN if len(found) > _SHOWN else None
    queues = [queue.name for queue in visit.reader().queues()]
    view |= {"more": more, "may_export": visit.may("export"), "queues": queues}
    return render("dataset.html", {**visit.frame("datasets"), **view})


def one_data(visit: Visit) -> PageResponse:
    """Return a dataset with its items as JSON, 10,000 at most."""
    dataset, version = _known(visit, visit.parts["dataset"]), _version(visit)
    items = visit.reader().items(dataset.name, version)
    told: list[Json] = [item.facts() for item in islice(items, _MOST_AS_JSON)]
    return as_data({**dataset.facts(), "of_version": version, "of_items": told})


def act(visit: Visit) -> PageResponse:
    """Add, remove, correct, or keep as a version: what `do` says; lead back to the dataset."""
    fields = sent(visit)
    what, dataset = text_of(fields, "do") or "add", _known(visit, visit.parts["dataset"])
    if what not in _ACTS:
        raise BadRequest(f"do came as {what!r:.60}; send one of {', '.join(_ACTS)}.")
    told = _ACTS[what](visit, dataset.name, fields)
    return redirect(dataset.name, 303) if visit.request.is_form else as_data(told, 201)


def export(visit: Visit) -> PageResponse:
    """Hand out a dataset as a file."""
    dataset, version = _known(visit, visit.parts["dataset"]), _version(visit)
    format = visit.request.fields().get("format") or "jsonl"
    body = b"".join(visit.reader().export_dataset(dataset.name, format, version))
    kind, ending = _KINDS[format]
    name = f"{dataset.name}{f'-v{version}' if version else ''}.{ending}"
    return respond(200, kind, body, ("content-disposition", f'attachment; filename="{name}"'))


def _known(visit: Visit, name: str) -> Dataset:
    found = visit.reader().dataset(name)
    if found is None:
        raise Unknown
    return found


def _version(visit: Visit) -> int | None:
    return whole_of(visit.request.fields(), "version", 0) or None


def _fill(visit: Visit, name: str, fields: Mapping[str, Any]) -> dict[str, Json]:
    on, turns = text_of(fields, "on") or "turn", text_of(fields, "turns") or "all"
    q, queue = text_of(fields, "q", 2000) or None, text_of(fields, "queue") or None
    most = whole_of(fields, "most", _MOST)
    return {"copied": visit.reader().fill_dataset(name, q, on=on, turns=turns, most=most, queue=queue)}


def _add(visit: Visit, name: str, fields: Mapping[str, Any]) -> dict[str, Json]:
    key = text_of(fields, "session", 600)
    if not key:
        return _fill(visit, name, fields)
    found = visit.reader().excerpt_by_key(key, count=1, is_light=True)
    if found is None:
        raise BadRequest("session is the key of no session in the store.")
    trace_id = text_of(fields, "trace_id") or None
    added = visit.reader().add_to_dataset(name, found.conversation.session.id, trace_id)
    if not added:
        raise BadRequest("Nothing was said there that a dataset could hold; add a turn with a message.")
    return {"copied": 1}


def _remove(visit: Visit, name: str, fields: Mapping[str, Any]) -> dict[str, Json]:
    return {"removed": visit.reader().remove_from_dataset(name, text_of(fields, "item"))}


def _expect(visit: Visit, name: str, fields: Mapping[str, Any]) -> dict[str, Json]:
    expected, author = text_of(fields, "expected", 32_000) or None, text_of(fields, "as") or None
    visit.reader().expect(name, text_of(fields, "item"), expected, author)
    return {"item": text_of(fields, "item"), "expected": expected}


def _commit(visit: Visit, name: str, fields: Mapping[str, Any]) -> dict[str, Json]:
    made = visit.reader().commit_dataset(name, text_of(fields, "note", 500))
    return {"version": made.number}


_Act = Callable[[Visit, str, Mapping[str, Any]], dict[str, Json]]
_ACTS: dict[str, _Act] = {"add": _add, "remove": _remove, "expect": _expect, "commit": _commit}
