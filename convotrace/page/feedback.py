"""What an end user thinks of a turn: taken from anybody who has its ticket, from any page, and told to nobody."""

from __future__ import annotations

import math
import secrets
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from threading import Lock
from typing import Any

import orjson

from convotrace.errors import BadRequest
from convotrace.model import Change, Lookup, Score, SessionFacts, Target
from convotrace.page.assets import assets
from convotrace.page.http import (
    MAX_BODY,
    PageRequest,
    PageResponse,
    first_of_each,
    for_any_site,
    not_found,
    plain,
    respond,
)
from convotrace.page.scores import type_of
from convotrace.page.visit import Unknown, Visit

LIMIT = 8 * 1024
_LONGEST_WORD, _LONGEST_COMMENT = 100, 4000
_MOST_PER_TICKET, _TICKETS_COUNTED = 20, 10_000


def receive(visit: Visit) -> PageResponse:
    """Store what somebody thinks of the turn of their ticket; a ticket that is none is answered like any wrong path."""
    fields = {} if visit.request.exceeds(MAX_BODY) else _fields(visit.request)
    ticket = fields.get("token")
    trace_id = visit.backend.trace_of_ticket(ticket) if isinstance(ticket, str) else None
    if trace_id is None:
        return not_found()
    if visit.request.exceeds(LIMIT):
        return plain(f"The body is over {LIMIT // 1024} kB; send less.\n", 413)
    if not _PACE.allows(trace_id):
        return plain("This turn was judged many times; let it be.\n", 429)
    score = _defined(_score(fields, trace_id), visit)
    visit.backend.drain()
    change = Change(SessionFacts(trace_id), decide=partial(_judged, score))
    return respond(204, "", b"") if visit.backend.put(change) else plain("The queue is full; send it again.\n", 503)


def _defined(score: Score, visit: Visit) -> Score:
    """Return a score as its definition takes it, where there is one."""
    known = visit.backend.store().score_definitions().get(score.name)
    if known is None:
        return score
    value = known.checked(score.value)
    return replace(score, type=known.type, value=value, passed=known.passed(value))


def script(visit: Visit) -> PageResponse:
    """Return the element `<convotrace-feedback token=…>`, where the app has given it an address of its own."""
    if visit.backend.settings.feedback_path is None:
        raise Unknown
    found = assets()["feedback.js"]
    return for_any_site(respond(200, found.kind, found.body))


def _judged(score: Score, lookup: Lookup) -> Change | None:
    """Return the change that adds a score to its turn, wherever that stands by now; None where it was deleted."""
    found = next(iter(lookup.traces(score.target.trace_id or "")), None)
    if found is None:
        return None
    home = found.trace.session_id
    return Change(SessionFacts(home, scores=(replace(score, target=Target(home, score.target.trace_id)),)))


def _fields(request: PageRequest) -> Mapping[str, Any]:
    """Return what was sent; nothing for what cannot be read, which is then no ticket either."""
    try:
        if request.is_form:
            return dict(first_of_each(request.body.decode("utf-8", "replace")))
        # Whatever the type says: `sendBeacon` sends a text as text/plain, which needs no leave of the browser.
        fields = orjson.loads(request.body)
    except (ValueError, BadRequest):
        return {}
    return fields if isinstance(fields, dict) else {}


def _score(fields: Mapping[str, Any], trace_id: str) -> Score:
    value, comment = _value(fields.get("value")), fields.get("comment") or None
    if comment is not None and not isinstance(comment, str):
        raise BadRequest(f"comment came as {type(comment).__name__}; send a text.")
    if comment is not None and len(comment) > _LONGEST_COMMENT:
        raise BadRequest(f"comment has {len(comment):,} characters; send at most {_LONGEST_COMMENT:,}.")
    return Score(
        secrets.token_hex(8),
        "feedback",
        type_of(value),
        value,
        time.time_ns(),
        Target("", trace_id),
        "end_user",
        comment,
    )


def _value(value: Any) -> bool | float | str:
    words = {"true": True, "up": True, "false": False, "down": False}
    if isinstance(value, str) and value in words:
        return words[value]
    if isinstance(value, (int, float)) and math.isfinite(value):
        return value
    if isinstance(value, str) and 0 < len(value) <= _LONGEST_WORD:
        return value
    came = "nothing" if value in (None, "") else type(value).__name__
    raise BadRequest(f"value came as {came}; send true or false, a number, or a word of {_LONGEST_WORD} characters.")


class _Pace:
    """Counts how often each turn was judged; the turns judged longest ago are forgotten first."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._counts: OrderedDict[str, int] = OrderedDict()

    def allows(self, trace_id: str) -> bool:
        with self._lock:
            count = self._counts[trace_id] = self._counts.pop(trace_id, 0) + 1
            if len(self._counts) > _TICKETS_COUNTED:
                self._counts.popitem(last=False)
        return count <= _MOST_PER_TICKET


_PACE = _Pace()
