"""Answers that another request fetches: under what names a reply promises one, and what a GET brought.

Whether an id is awaited, and by which turn, is decided elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from urllib.parse import urlsplit

from convotrace.exchange.answer import Answer, Part, mapping
from convotrace.exchange.generic import Found, json_reply, last_answer
from convotrace.exchange.table import recognise
from convotrace.model import Json

Reader = Callable[[Json], Iterator[str]]
# The most specific first; the ids of conversations are none: every turn of one has the same.
_IDS = (
    "answerid", "replyid", "responseid", "streamid", "generationid", "completionid", "predictionid", "messageid",
    "eventid", "taskid", "jobid", "runid", "operationid", "executionid", "requestid", "queryid", "uuid", "id",
)  # fmt: skip
_URLS = (
    "streamurl", "eventsurl", "pollurl", "pollingurl", "resulturl", "statusurl", "responseurl", "location", "stream",
    "get", "href", "url",
)  # fmt: skip
_INSIDE = ("data", "result", "response", "message", "task", "job", "run", "urls", "links", "_links")
_MOST = 200
_PENDING = frozenset(
    {
        "pending", "running", "queued", "processing", "in_progress", "in-progress", "inprogress", "starting", "started",
        "submitted", "accepted", "created", "waiting", "scheduled", "working", "thinking", "generating", "streaming",
    }
)  # fmt: skip
_STATES = ("status", "state")
_DONE = ("done", "completed", "complete", "finished", "ready")


def answer_ids(body: Json) -> tuple[str, ...]:
    """Return under what names the answer may be fetched, the most specific first; of addresses their path and query."""
    places = [mapping(body), *(mapping(mapping(body).get(name)) for name in _INSIDE)]
    found = [*_named(places, _IDS, _plain_id), *_named(places, _URLS, _address)]
    return tuple(dict.fromkeys(value for value in found if 0 < len(value) <= _MOST))


def _named(places: Sequence[Mapping[str, Json]], names: tuple[str, ...], read: Reader) -> Iterator[str]:
    folded = [
        {name.replace("_", "").replace("-", "").lower(): value for name, value in place.items()} for place in places
    ]
    for name in names:
        for place in folded:
            if name in place:
                yield from read(place[name])


def _plain_id(value: Json) -> Iterator[str]:
    if isinstance(value, str) or (isinstance(value, int) and not isinstance(value, bool)):
        yield str(value)


def _address(value: Json) -> Iterator[str]:
    if not isinstance(value, str) or "/" not in value:
        return
    try:
        parts = urlsplit(value)
    except ValueError:
        return
    yield parts.path + ("?" + parts.query if parts.query else "")


def fetched(body: Json) -> Found:
    """Return what reads like an answer in the reply to a GET; nothing where it is still made."""
    parts = [Part("", item) for item in (body if isinstance(body, list) else [body])]
    dialect = recognise(parts)
    if dialect is not None:
        answer = Answer()
        if dialect.read is not None:
            dialect.read(parts, answer)
        found = Found(answer.text is not None, answer.text)
    else:
        found = last_answer(body) if isinstance(body, list) else json_reply(mapping(body), True)
    return Found() if found.text is None or (not found.text and _is_pending(mapping(body))) else found


def _is_pending(body: Mapping[str, Json]) -> bool:
    states = (body.get(name) for name in _STATES)
    return any(isinstance(state, str) and state.lower() in _PENDING for state in states) or any(
        body.get(name) is False for name in _DONE
    )
